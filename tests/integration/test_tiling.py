"""Tiling does not show: the shipped model maps a scene the same however it is cut."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from benchmarks.seams import probability_map, whole
from core.inference import Cuts, Parts, Whole
from core.registry import find_model, load_network
from core.scene import SceneSettings
from core.windows import Tiling

FEATURE_ROUNDING = 2e-3
"""Features wait on disk as float16; in a bare float32 network the difference of probabilities is below this."""


@pytest.fixture(scope="module")
def reference(place_files: dict[str, Path]) -> tuple[SceneSettings, Window, np.ndarray]:
    """A scene with a hole in it, and its map by one window that is wider than the network can see."""
    image = place_files["image"].with_name("hole.tif")
    with rasterio.open(place_files["image"]) as source:
        values, profile = source.read(), source.profile
    values[:, 200:260, 100:300] = 0
    with rasterio.open(image, "w", **profile | {"nodata": 0}) as out:
        out.write(values)
        out.descriptions = ("red", "green", "blue", "nir")
    settings, part = SceneSettings(image, place_files["dem"]), Window(0, 0, values.shape[2], values.shape[1])
    card = find_model("fstf_net_lite")
    one = Whole(load_network(card), whole(part), temperature=card.temperature, engine="torch")
    return settings, part, probability_map(one, card, settings, part)


@pytest.mark.parametrize(("core", "cores"), [(128, 2), (256, 1), (384, 1)])
def test_three_parts_give_the_map_of_one_window(reference, core: int, cores: int) -> None:
    settings, part, expected = reference
    card = find_model("fstf_net_lite")
    network = load_network(card)
    cuts = Cuts.of(network.reach, part, core, cores)
    parts = Parts(network, cuts, temperature=card.temperature, engine="torch")
    found = probability_map(parts, card, settings, part)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert 0.01 < np.nanmean(expected >= card.threshold) < 0.9
    np.testing.assert_allclose(found, expected, atol=FEATURE_ROUNDING)


def test_windows_through_the_whole_network_agree_where_the_halo_is_wide(reference) -> None:
    settings, part, expected = reference
    card = find_model("fstf_net_lite")
    network = load_network(card)
    tiling = Tiling(1024, 384, 32, (128, 64))
    found = probability_map(Whole(network, tiling, temperature=card.temperature, engine="torch"), card, settings, part)
    assert np.mean((found >= card.threshold) != (expected >= card.threshold)) <= 0.001
