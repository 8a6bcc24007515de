"""Outlines that are several landslides are flagged and parted; single ones of any honest shape are not."""

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from core.grid import Grid
from core.review.amalgam import amalgam

GRID = Grid((200, 160), Affine.translation(388_000, 3_676_000) @ Affine.scale(1, -1), CRS.from_epsg(32648))


def place(*points):
    """A polygon from columns and rows."""
    return shapely.Polygon([(388_000 + x, 3_676_000 - y) for x, y in points])


def disc(x, y, wide, high):
    turn = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    return place(*zip(x + wide * np.cos(turn), y + high * np.sin(turn), strict=True))


def look(outline, height=None, heights=True):
    rows, columns = np.indices(GRID.shape, dtype=np.float32)
    z = np.asarray(-0.5 * rows if height is None else height(rows, columns), np.float32)  # falls to the south
    dn, de = -np.gradient(z, axis=0), np.gradient(z, axis=1)
    mask = rasterize([outline], GRID.shape, transform=GRID.transform, dtype="uint8").astype(bool)
    return amalgam(outline, mask, de.astype(np.float32), dn.astype(np.float32), GRID, z if heights else None)


LEFT = place((20, 20), (50, 20), (75, 150), (60, 150))
RIGHT = place((130, 30), (100, 30), (70, 150), (85, 150))
THIRD = place((70, 25), (84, 25), (84, 150), (70, 150))
CHANNEL = shapely.union_all([disc(80, 40, 25, 25), place((76, 60), (84, 60), (84, 140), (76, 140)),
                             disc(80, 160, 35, 25)])
SINGLE = {
    "ellipse": disc(80, 90, 30, 60),
    "circle": disc(80, 90, 40, 40),
    "across the slope": disc(80, 90, 70, 25),
    "source, channel and fan": CHANNEL,
    "two toes": shapely.union_all([disc(80, 50, 30, 30), place((60, 60), (80, 60), (50, 170), (35, 170)),
                                   place((80, 60), (100, 60), (125, 170), (110, 170))]),
    "rough rim": place(*[(x, 40 + 5 * (x % 20 < 10)) for x in range(30, 131, 5)], (120, 150), (40, 150)),
    "askew": shapely.affinity.rotate(disc(80, 95, 20, 70), 35),
}


@pytest.mark.parametrize("heights", [True, False])
@pytest.mark.parametrize("parts", [[LEFT, RIGHT], [LEFT, THIRD, RIGHT]])
def test_crowns_above_a_shared_runout_are_parted(parts, heights):
    whole = shapely.union_all(parts)
    found = look(whole, heights=heights)
    assert found and len(found.parts) == len(parts) and found.prominence_m > 10
    assert shapely.union_all(found.parts).symmetric_difference(whole).area < 1e-6
    assert sum(part.area for part in found.parts) == pytest.approx(whole.area)
    for slide in parts:
        own = slide.difference(shapely.union_all([other for other in parts if other is not slide]))
        best = max(part.intersection(own).area / own.area for part in found.parts)
        assert best > 0.6, "what is one landslide's alone stays together"


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("heights", [True, False])
def test_a_single_landslide_is_left_alone(name, heights):
    assert look(SINGLE[name], heights=heights) is None


def test_slopes_that_face_each_other_are_told_by_their_heights():
    both = disc(80, 95, 25, 75)
    def valley(rows, _):
        return 0.6 * np.abs(rows - 95)
    found = look(both, valley)
    assert found and len(found.parts) == 2 and found.parts[1].area > 0.4 * both.area


def test_rough_ground_makes_no_crowns():
    random = np.random.default_rng(2).normal(0, 1.0, GRID.shape)
    assert look(SINGLE["ellipse"], lambda rows, _: -0.5 * rows + random) is None


def test_without_ground_or_on_few_pixels_nobody_can_tell():
    outline = shapely.union_all([LEFT, RIGHT])
    mask = rasterize([outline], GRID.shape, transform=GRID.transform, dtype="uint8").astype(bool)
    absent = np.full(GRID.shape, np.nan, np.float32)
    assert amalgam(outline, mask, absent, absent, GRID) is None
    assert look(disc(80, 90, 3, 3)) is None
