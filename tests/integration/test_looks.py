"""Detection with larger pixels averaged in: the same by hand, after a stop, and in a smaller area."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import torch
from rasterio.crs import CRS
from rasterio.windows import Window
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from core.detect import WORK, DetectSettings, detect
from core.errors import CancelledError
from core.estimate import estimate
from core.files import read_json, write_json
from core.inference import cuts
from core.raster import interpolated
from core.redraw import Cut, keep
from core.registry import find_model
from core.scene import Scene, SceneSettings
from tests.conftest import MASKS_IN_THREADS, write_raster

pytestmark = MASKS_IN_THREADS
SIDE = (208, 176)


@pytest.fixture
def twice(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return models of which ``random`` looks with pixels twice as wide too."""
    folder = tmp_path_factory.mktemp("looks") / "models"
    shutil.copytree(models, folder)
    card = folder / "random" / "card.json"
    write_json(card, read_json(card) | {"coarser": [2]})
    return folder


@pytest.fixture
def settings(place, place_files: dict[str, Path], twice: Path, tmp_path: Path, monkeypatch) -> DetectSettings:
    """Return a detection in an image of squares of 2 x 2 equal pixels, with a hole."""
    monkeypatch.setattr(cuts, "CORE_PX", 160)
    coarse = place.after.image[:3, :SIDE[0]:2, :SIDE[1]:2]
    hole = np.zeros(SIDE, bool)
    hole[40:60, 20:50] = True
    write_raster(tmp_path / "coarse.tif", coarse, gsd=2.0, mask=~hole[::2, ::2])
    image = write_raster(tmp_path / "image.tif", coarse.repeat(2, 1).repeat(2, 2), gsd=1.0, mask=~hole)
    return DetectSettings(SceneSettings(image, place_files["dem"]), "random", tmp_path / "out", "torch", models=twice)


def read(folder: Path, name: str = "probability.tif") -> np.ndarray:
    with rasterio.open(folder / name) as dataset:
        return dataset.read(1)


def log_odds(stored: np.ndarray) -> torch.Tensor:
    share = torch.from_numpy(stored / 250.0).clip(1 / 500, 1 - 1 / 500)
    return (share / (1 - share)).log()


def test_both_looks_count_alike(settings: DetectSettings, models: Path, tmp_path: Path) -> None:
    record = detect(settings)
    assert record["coarser"] == [2]
    alone = {}
    for name in ("image", "coarse"):
        scene = replace(settings.scene, image=tmp_path / f"{name}.tif")
        detect(replace(settings, scene=scene, out=tmp_path / f"{name}-alone", models=models))
        alone[name] = read(tmp_path / f"{name}-alone")
    found, seen = read(settings.out), alone["image"] != 255
    np.testing.assert_array_equal(found == 255, ~seen)
    spread = interpolate(log_odds(alone["coarse"])[None, None], scale_factor=2, mode="bilinear")[0, 0]
    mean = torch.sigmoid((log_odds(alone["image"]) + spread) / 2).numpy() * 250
    inside = seen & (np.abs(alone["image"].astype(int) - 125) < 115) & (spread.abs().numpy() < 3)
    inside[36:64, 16:54] = False  # beside the hole the larger pixels in it do not count
    assert inside.sum() > 2000
    assert np.abs(found - mean)[inside].max() < 4  # of 250: stored probabilities near 0 and 1 are coarse
    assert np.abs(found - mean)[inside].mean() < 0.5
    assert np.abs(found.astype(int) - alone["image"])[inside].max() > 20
    np.testing.assert_array_equal(read(settings.out, "classes.tif")[seen] == 1, found[seen] >= 125)


def test_one_look_is_the_model_without_its_others(settings: DetectSettings, models: Path, tmp_path: Path) -> None:
    record = detect(replace(settings, single_look=True))
    assert (record["finer"], record["coarser"], record["single_look"]) == (1, [], True)
    detect(replace(settings, out=tmp_path / "alone", models=models))
    assert (settings.out / "probability.tif").read_bytes() == (tmp_path / "alone" / "probability.tif").read_bytes()


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_stop_in_either_look_ends_in_the_same_bytes(settings: DetectSettings, tmp_path: Path, share: float) -> None:
    told = []

    def stop(progress) -> None:
        if progress.stage == "predict" and progress.done >= share * progress.total:
            raise CancelledError("detection", got="stop", expected="go", remedy="Again.")

    with pytest.raises(CancelledError):
        detect(settings, stop)
    assert (settings.out / WORK / "look_2.npy").exists() == (share > 0.5)
    detect(settings, told.append)
    last = [each for each in told if each.stage == "predict"][-1]
    assert last.done == pytest.approx(last.total)
    detect(replace(settings, out=tmp_path / "whole"))
    for name in ("classes.tif", "probability.tif"):
        assert (settings.out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_smaller_area_gives_the_same_map_there(settings: DetectSettings, tmp_path: Path) -> None:
    with rasterio.open(settings.scene.image) as image:
        left, top = image.transform @ (31, 45)
    area = (shapely.box(left, top - 101, left + 97, top), CRS.from_epsg(32648))
    detect(settings)
    detect(replace(settings, out=tmp_path / "part", scene=replace(settings.scene, area=area)))
    whole, part = read(settings.out), read(tmp_path / "part")
    assert part.shape == (101, 97)
    differs = np.abs(part.astype(int) - whole[45:146, 31:128])
    assert differs.max() <= 2
    assert (differs > 0).mean() < 0.02


def test_an_image_that_is_finer_than_the_model_knows_is_searched_with_larger_pixels(
        settings: DetectSettings, tmp_path: Path) -> None:
    card = settings.models / "random" / "card.json"
    write_json(card, read_json(card) | {"gsd_range_m": [2.0, 4.0]})
    record = detect(settings)
    detect(replace(settings, out=tmp_path / "own", scene=replace(settings.scene, image=tmp_path / "coarse.tif")))
    assert (record["image_pixels"], record["gsd_m"], record["warnings"]) == (2, 2.0, [])
    for name in ("classes.tif", "probability.tif"):
        np.testing.assert_array_equal(read(settings.out, name), read(tmp_path / "own", name))
    kept = keep(settings.out, tmp_path / "kept", Cut(record["threshold"], 200.0), settings.scene)
    assert 0 < kept["landslides"] <= record["landslides"]


def test_the_estimate_counts_every_look(settings: DetectSettings, models: Path, monkeypatch) -> None:
    monkeypatch.setattr("core.speeds.recall", lambda *_: 1e-3)
    with Scene(settings.scene) as scene:
        plain, both = (estimate(settings, scene, find_model("random", folder), 1.0).seconds
                       for folder in (models, settings.models))
    assert both > 1.2 * plain


def test_a_coarse_image_is_looked_at_with_smaller_pixels_too(settings: DetectSettings, models: Path,
                                                             tmp_path: Path) -> None:
    card = settings.models / "random" / "card.json"
    write_json(card, read_json(card) | {"looks_m": [1.0, 2.5], "thresholds": [[1.0, 0.7], [4.0, 0.5]]})
    with rasterio.open(tmp_path / "coarse.tif") as image:
        rough, mask = image.read() // 16 * 16, image.dataset_mask() > 0  # so that quarters of quarters are whole
    write_raster(tmp_path / "coarse.tif", rough, gsd=2.0, mask=mask)
    coarse = replace(settings, scene=replace(settings.scene, image=tmp_path / "coarse.tif"))
    record = detect(coarse)
    assert (record["finer"], record["coarser"], record["gsd_m"], record["threshold"]) == (2, [2], 2.0, 0.6)
    with Scene(coarse.scene) as scene:
        pixels, seen = interpolated(*scene._bands(scene.grid, scene.rgb_indexes), 2)
        finer = scene.finer(2)
        stack, own = finer.read(Window(0, 0, *reversed(SIDE))), finer.coarser(2).read(Window(0, 0, 88, 104))
        np.testing.assert_array_equal(stack.observed, seen)
        np.testing.assert_array_equal(own.image, scene.read(Window(0, 0, 88, 104)).image)
        piece = finer.read(Window(33, 51, 64, 48)).image
        np.testing.assert_allclose(piece, stack.image[:, 51:99, 33:97], atol=1e-5)
    write_raster(tmp_path / "fine.tif", pixels.round().astype(np.uint8), gsd=1.0, mask=seen)
    alone = {}
    for name in ("fine", "coarse"):
        scene = replace(settings.scene, image=tmp_path / f"{name}.tif")
        detect(replace(settings, scene=scene, out=tmp_path / f"{name}-alone", models=models))
        alone[name] = log_odds(read(tmp_path / f"{name}-alone"))
    found, mask = read(settings.out), read(tmp_path / "coarse-alone") != 255
    np.testing.assert_array_equal(found == 255, ~mask)
    spread = interpolate(alone["coarse"][None, None], scale_factor=2, mode="bilinear")
    mean = torch.sigmoid(avg_pool2d((alone["fine"] + spread) / 2, 2)[0, 0]).numpy() * 250
    extreme = max_pool2d(alone["fine"].abs()[None, None], 2)[0, 0].maximum(alone["coarse"].abs())
    inside = mask & (extreme.numpy() < 3)  # stored probabilities near 0 and 1 are coarse
    inside[17:33, 7:28] = False  # beside the hole larger pixels do not count
    assert inside.sum() > 500
    assert np.abs(found - mean)[inside].max() < 5
    assert np.abs(found - mean)[inside].mean() < 0.7
    kept = keep(settings.out, tmp_path / "kept", Cut(record["threshold"], 200.0), coarse.scene)
    assert 0 < kept["landslides"] <= record["landslides"]


def test_smaller_pixels_give_the_same_map_after_a_stop_and_in_a_smaller_area(settings: DetectSettings,
                                                                             tmp_path: Path) -> None:
    card = settings.models / "random" / "card.json"
    write_json(card, read_json(card) | {"looks_m": [0.2, 1.5]})
    told = []

    def stop(progress) -> None:
        if progress.stage == "predict" and progress.done >= 0.5 * progress.total:
            raise CancelledError("detection", got="stop", expected="go", remedy="Again.")

    with pytest.raises(CancelledError):
        detect(settings, stop)
    record = detect(settings, told.append)
    assert (record["finer"], record["coarser"]) == (2, [2])
    with rasterio.open(settings.scene.image) as image:
        left, top = image.transform @ (31, 45)
    area = (shapely.box(left, top - 101, left + 97, top), CRS.from_epsg(32648))
    detect(replace(settings, out=tmp_path / "part", scene=replace(settings.scene, area=area)))
    differs = np.abs(read(tmp_path / "part").astype(int) - read(settings.out)[45:146, 31:128])
    assert differs.shape == (101, 97) and differs.max() <= 2 and (differs > 0).mean() < 0.02
    last = [each for each in told if each.stage == "predict"][-1]
    assert last.done == pytest.approx(last.total)
