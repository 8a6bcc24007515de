"""Outlines: whole objects from strips, holes, sieve, simplification, and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window
from scipy import ndimage

from core.errors import InputError
from core.grid import Grid
from core.vectorize import OutlineSettings, outlines, rows_of

ROOT = Path(__file__).resolve().parents[2]
PLAIN = OutlineSettings(min_area_m2=0, sieve_pixels=1, fill_holes_px=0, simplify_px=0)


def grid_of(array, gsd=1.0):
    return Grid(array.shape, Affine(gsd, 0, 388000, 0, -gsd, 3676000), CRS.from_epsg(32648))


def find(array, settings=PLAIN, value=1, strip_rows=None, gsd=1.0):
    classes = array.astype(np.uint8)
    return list(outlines(lambda a, b: classes[a:b], grid_of(classes, gsd), value, settings, strip_rows=strip_rows))


def blobs(shape=(300, 400), seed=3, sigma=4):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return field > np.quantile(field, 0.7)


def test_a_rectangle_lies_where_its_pixels_lie():
    array = np.zeros((40, 50))
    array[10:20, 5:35] = 1
    [outline] = find(array, gsd=0.5)
    assert outline.polygon.bounds == (388002.5, 3675990.0, 388017.5, 3675995.0)
    assert outline.polygon.area == 300 * 0.25
    assert outline.window == Window(5, 10, 30, 10)
    assert outline.mask.all() and outline.mask.shape == (10, 30)


def test_only_the_asked_class_is_outlined():
    array = np.zeros((20, 20))
    array[2:6, 2:6], array[10:15, 10:15], array[16:19, :5] = 3, 1, 255
    [outline] = find(array, value=3)
    assert outline.polygon.area == 16


@pytest.mark.parametrize("strip_rows", [1, 2, 7, 40, 100])
def test_one_object_across_many_strips_is_one_outline(strip_rows):
    array = np.zeros((100, 30))
    array[3:97, 10:14] = 1
    [outline] = find(array, strip_rows=strip_rows)
    assert outline.polygon.geom_type == "Polygon" and outline.polygon.area == 94 * 4


@pytest.mark.parametrize("strip_rows", [1, 2, 3, 5, 8])
def test_arms_that_meet_late_are_one_object(strip_rows):
    """A U, a W and a comb look like many objects until their last rows."""
    for arms in (2, 3, 9):
        array = np.zeros((21, 2 * arms + 2))
        array[1:20, 1:2 * arms:2] = 1
        array[19, 1:2 * arms] = 1
        [outline] = find(array, strip_rows=strip_rows)
        assert outline.polygon.area == array.sum()
        [outline] = find(array[::-1], strip_rows=strip_rows)
        assert outline.polygon.area == array.sum()


@pytest.mark.parametrize("strip_rows", [1, 2, 3, 64])
def test_a_spiral_is_one_object_and_what_it_winds_around_another(strip_rows):
    array = np.zeros((15, 15))
    array[0, :], array[:, 14], array[14, :], array[2:, 0], array[2, :13], array[2:13, 12] = 1, 1, 1, 1, 1, 1
    array[6:9, 5:8] = 1
    areas = sorted(o.polygon.area for o in find(array, strip_rows=strip_rows))
    assert areas == [9, array.sum() - 9]


@pytest.mark.parametrize(("step", "strip_rows"), [(1, 1), (-1, 1), (1, 3), (-1, 4)])
def test_pixels_that_touch_by_a_corner_are_one_valid_object(step, strip_rows):
    array = np.eye(9)[:, ::step]
    [outline] = find(array, strip_rows=strip_rows)
    assert outline.polygon.is_valid and outline.polygon.geom_type == "MultiPolygon" and outline.polygon.area == 9


def test_objects_a_pixel_apart_stay_apart_at_a_strip_border():
    array = np.zeros((20, 20))
    array[5:10, 2:8], array[11:15, 2:8] = 1, 1
    for strip_rows in (10, 11, 12):
        assert sorted(o.polygon.area for o in find(array, strip_rows=strip_rows)) == [24, 30]


def test_a_large_hole_is_kept_and_a_small_one_filled():
    array = np.zeros((30, 30))
    array[2:28, 2:28] = 1
    array[5:7, 5:9] = 0  # 8 pixels
    array[15:18, 15:18] = 0  # 9 pixels
    settings = OutlineSettings(min_area_m2=0, sieve_pixels=1, fill_holes_px=8, simplify_px=0)
    for strip_rows in (1, 6, 16, 30):
        [outline] = find(array, settings, strip_rows=strip_rows)
        assert outline.polygon.area == 26 * 26 - 9 == np.count_nonzero(outline.mask)
        [hole] = outline.polygon.interiors
        assert hole.bounds == (388015.0, 3675982.0, 388018.0, 3675985.0)


def test_a_hole_with_unobserved_ground_is_never_filled():
    array = np.ones((9, 9))
    array[4, 4:6] = 0, 255
    [outline] = find(array, OutlineSettings(0, 1, 8, 0))
    assert outline.polygon.area == 79


def test_a_bay_at_the_scenes_edge_is_not_a_hole():
    array = np.ones((9, 9))
    array[0, 4] = array[8, 4] = array[4, 0] = array[4, 8] = 0
    for strip_rows in (1, 4, 9):
        [outline] = find(array, OutlineSettings(0, 1, 8, 0), strip_rows=strip_rows)
        assert outline.polygon.area == 77


def test_an_object_inside_a_hole_is_its_own():
    array = np.zeros((30, 30))
    array[2:28, 2:28], array[6:24, 6:24], array[12:18, 12:18] = 1, 0, 1
    assert sorted(o.polygon.area for o in find(array, strip_rows=7)) == [36, 26 * 26 - 18 * 18]


def test_small_objects_are_dropped_by_area_and_by_pixels():
    array = np.zeros((40, 40))
    array[2:4, 2:4], array[10:13, 10:13], array[19:24, 19:24] = 1, 1, 1  # 4, 9 and 25 pixels
    for strip_rows in (1, 3, 20, 40):
        def pixels(settings, gsd, strip_rows=strip_rows):
            return sorted(int(o.mask.sum()) for o in find(array, settings, gsd=gsd, strip_rows=strip_rows))

        assert pixels(OutlineSettings(36, 1, 0, 0), gsd=2.0) == [9, 25]
        assert pixels(OutlineSettings(36.5, 1, 0, 0), gsd=2.0) == [25]
        assert pixels(OutlineSettings(1, 9, 0, 0), gsd=10.0) == [9, 25]
        assert pixels(OutlineSettings(0, 26, 0, 0), gsd=1.0) == []


def test_salt_noise_makes_no_outlines():
    array = np.random.default_rng(1).random((512, 512)) < 0.01
    array[100:140, 100:140] = True
    found = find(array, OutlineSettings(), gsd=0.5, strip_rows=64)
    assert len(found) == 1 and found[0].polygon.area == pytest.approx(400, rel=0.03)


def test_min_area_follows_the_ground_in_web_mercator_and_degrees():
    """A 10 x 10 block of pixels of one true metre is 100 m2 in any CRS."""
    array = np.zeros((20, 20), np.uint8)
    array[5:15, 5:15] = 1
    utm = Grid(array.shape, Affine(1, 0, 500000, 0, -1, 6650000), CRS.from_epsg(32648))
    east = 1 / np.cos(np.radians(59.98))
    mercator = Grid(array.shape, Affine(east, 0, 11688546, 0, -east, 8395000), CRS.from_epsg(3857))
    degrees = Grid(array.shape, Affine(east / 111320, 0, 105, 0, -1 / 111412, 59.98), CRS.from_epsg(4326))
    for grid in (utm, mercator, degrees):
        assert len(list(outlines(lambda a, b: array[a:b], grid, 1, OutlineSettings(97, 1, 0, 0)))) == 1
        assert not list(outlines(lambda a, b: array[a:b], grid, 1, OutlineSettings(103, 1, 0, 0)))


def test_simplification_keeps_area_holes_and_validity_and_saves_points():
    mask = blobs()
    rough, smooth = find(mask, OutlineSettings(50, 8, 8, 0)), find(mask, OutlineSettings(50, 8, 8, 1))
    assert len(rough) == len(smooth) > 20
    points = [0, 0]
    for before, after in zip(rough, smooth, strict=True):
        assert after.polygon.is_valid
        assert after.polygon.area == pytest.approx(before.polygon.area, rel=0.02)
        assert after.polygon.hausdorff_distance(before.polygon) <= 2  # pixels; GEOS may move a ring's first point too
        parts = [getattr(p.polygon, "geoms", [p.polygon]) for p in (before, after)]
        assert [sum(len(part.interiors) for part in ps) for ps in parts][0] == \
            [sum(len(part.interiors) for part in ps) for ps in parts][1]
        points[0] += sum(len(part.exterior.coords) for part in parts[0])
        points[1] += sum(len(part.exterior.coords) for part in parts[1])
    assert points[1] < points[0] / 2


def test_a_tight_area_bound_stops_simplification():
    mask = blobs()
    rough = find(mask, OutlineSettings(50, 8, 8, 0))
    exact = find(mask, OutlineSettings(50, 8, 8, 5, max_area_change=1e-9))
    for before, after in zip(rough, exact, strict=True):
        assert after.polygon.area == pytest.approx(before.polygon.area, rel=2e-9)


def test_rotated_and_south_up_grids_place_outlines_right():
    array = np.zeros((20, 30), np.uint8)
    array[4:9, 6:16] = 1
    corner = Affine.translation(388000, 3676000)
    for transform in (corner @ Affine.scale(0.5), corner @ Affine.rotation(30)):
        grid = Grid(array.shape, transform, CRS.from_epsg(32648))
        [outline] = outlines(lambda a, b: array[a:b], grid, 1, PLAIN)
        centre = transform @ (11, 6.5)
        assert outline.polygon.centroid.coords[0] == pytest.approx(centre)
        assert outline.polygon.area == pytest.approx(50 * abs(transform.determinant))


def test_reads_a_class_raster_from_disk(make_raster):
    mask = blobs()
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    path = make_raster("classes.tif", mask.astype(np.uint8), nodata=255, gsd=1.0, **tiles)
    with rasterio.open(path) as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        found = list(outlines(rows_of(dataset), grid, 1, PLAIN, strip_rows=50))
    assert sum(o.polygon.area for o in found) == mask.sum()
    assert len(found) == ndimage.label(mask, np.ones((3, 3)))[1]


def test_an_empty_raster_has_no_outlines():
    assert find(np.zeros((30, 30))) == []
    assert find(np.full((30, 30), 255)) == []


MEMORY = """
import tracemalloc
import numpy as np
from affine import Affine
from rasterio.crs import CRS
from core.grid import Grid
from core.vectorize import outlines

def read(start, stop):
    rows = np.arange(start, stop)[:, None]
    return ((rows % 400 < 40) & (np.arange(4000) < 60)).astype(np.uint8)

grid = Grid((8000, 4000), Affine(1, 0, 388000, 0, -1, 3676000), CRS.from_epsg(32648))
for _ in range(2):  # the first time also loads what it needs
    tracemalloc.start()
    count = sum(1 for _ in outlines(read, grid, 1, strip_rows=100))
    print(count, tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
"""


def test_memory_follows_the_strip_and_the_object_not_the_scene():
    """Twenty objects in a scene of 32 million pixels: no array of the scene's size is ever made.

    In a process of its own: what is counted is the memory of every thread, of other tests' too.
    """
    child = subprocess.run([sys.executable, "-c", MEMORY], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    count, peak = map(int, child.stdout.splitlines()[-1].split())
    assert count == 20
    assert peak < 20e6  # a strip is 0.4 million pixels; the scene's mask alone would be 32 MB


@pytest.mark.parametrize(("name", "value"), [("min_area_m2", -1), ("min_area_m2", float("nan")), ("sieve_pixels", -1),
                                             ("fill_holes_px", 5000), ("simplify_px", -0.5), ("max_area_change", 2)])
def test_settings_that_mean_nothing_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        OutlineSettings(**{name: value})
