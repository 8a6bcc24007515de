"""Tiling does not show: the shipped model maps a scene the same however it is cut."""

import numpy as np
from rasterio.windows import Window

from benchmarks.seams import ORIGINS, probability_maps, whole
from core.landscape import landscape
from core.registry import find_model
from core.scene import SceneSettings
from core.windows import Tiling

SIZES = ((896, 320), (1024, 320), (1024, 384))
FAR_SHARE = 0.25
"""Share of pixels that may be off by more than 0.001; docs/detection.md has what was measured on a real scene."""


def test_twelve_tilings_give_one_map(make_raster) -> None:
    scene = landscape(7, 384, gsd_m=0.5, landslides=True)
    size = scene.dem.shape[0]
    coarse = scene.dem.reshape(size // 4, 4, size // 4, 4).mean((1, 3)).astype(np.float32)
    settings = SceneSettings(make_raster("image.tif", scene.after.image[:3]),
                             make_raster("dem.tif", coarse, gsd=2.0, nodata=-9999))
    card, part = find_model("fstf_net_lite"), Window(0, 0, size, size)
    reference = probability_maps(card, settings, part, [whole(part)])[0]
    mask = reference >= card.threshold
    assert 0.01 < mask.mean() < 0.9
    far, unequal = [], []
    for window, halo in SIZES:
        for found in probability_maps(card, settings, part, [Tiling(window, halo, 32, origin) for origin in ORIGINS]):
            far.append(float((np.abs(found - reference) > 1e-3).mean()))
            unequal.append(float(((found >= card.threshold) != mask).mean()))
    assert len(far) == 12
    assert max(unequal) <= 0.001, unequal
    assert max(far) <= FAR_SHARE, far
