"""Attributes of outlines with known size, fall and place, in metres, Web Mercator and degrees."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.ops import transform

from core.errors import InputError
from core.grid import Grid
from core.measure import measure

UTM = CRS.from_epsg(32648)
EAST, NORTH = 388000.0, 3676000.0


def ramp(bearing_deg=180.0, length=100, width=20, slope_deg=30.0, gsd=1.0, size=160):
    """A rectangle whose long axis falls towards a bearing, in the middle of a grid with a plane as its ground."""
    grid = Grid((size, size), Affine(gsd, 0, EAST, 0, -gsd, NORTH), UTM)
    rows, columns = np.mgrid[:size, :size] + 0.5
    dx, dy = (columns - size / 2) * gsd, (size / 2 - rows) * gsd
    b = math.radians(bearing_deg)
    along, across = dx * math.sin(b) + dy * math.cos(b), dx * math.cos(b) - dy * math.sin(b)
    mask = (abs(along) <= length / 2) & (abs(across) <= width / 2)
    elevation = (2000 - along * math.tan(math.radians(slope_deg))).astype(np.float32)
    cx, cy = EAST + size * gsd / 2, NORTH - size * gsd / 2
    around = ((-length / 2, -width / 2), (length / 2, -width / 2), (length / 2, width / 2), (-length / 2, width / 2))
    corners = [(u * math.sin(b) + v * math.cos(b) + cx, u * math.cos(b) - v * math.sin(b) + cy) for u, v in around]
    return Polygon(corners), mask, grid, elevation


@pytest.mark.parametrize("bearing_deg", [180, 0, 90, 225, 300])
def test_a_ramp_has_the_length_drop_and_reach_angle_it_was_made_with(bearing_deg):
    polygon, mask, grid, elevation = ramp(bearing_deg)
    m = measure(polygon, mask, grid, elevation_m=elevation)
    assert m.length_from == "fall"
    assert m.length_m == pytest.approx(100, abs=1)
    assert m.width_m == pytest.approx(20, abs=1.5)  # the axis is found from pixels: within a pixel over its length
    assert m.drop_m == pytest.approx(100 * math.tan(math.radians(30)), abs=1)
    assert m.reach_angle_deg == pytest.approx(30, abs=0.5)
    assert m.elevation_max_m - m.elevation_min_m == pytest.approx(m.drop_m)
    assert m.area_m2 == pytest.approx(2000, rel=0.001)
    assert m.perimeter_m == pytest.approx(240, rel=0.001)
    assert m.dem_share == 1.0


def test_a_slide_wider_than_long_is_measured_along_its_fall():
    m = measure(*ramp(180, length=20, width=100)[:3], elevation_m=ramp(180, length=20, width=100)[3])
    assert (m.length_from, round(m.length_m), round(m.width_m)) == ("fall", 20, 100)


def test_without_a_dem_the_shape_gives_the_length_and_the_rest_is_unknown():
    polygon, mask, grid, _ = ramp(225)
    m = measure(polygon, mask, grid)
    assert m.length_from == "shape"
    assert m.length_m == pytest.approx(100, rel=0.001) and m.width_m == pytest.approx(20, rel=0.001)
    assert m.dem_share == 0.0
    for name in ("elevation_min_m", "elevation_max_m", "drop_m", "reach_angle_deg", "slope_mean_deg", "aspect_mean_deg",
                 "probability_mean", "probability_max"):
        assert getattr(m, name) is None, name


def test_the_axis_of_a_bent_slide_leads_from_its_crown_to_its_toe():
    """Down a leg of 100 x 10 m, then along one of 60 x 10 m to the east: crown and toe are the legs' last 8 m."""
    grid = Grid((100, 70), Affine(1, 0, EAST, 0, -1, NORTH), UTM)
    rows, columns = np.mgrid[:100, :70]
    mask = (columns < 10) | (rows >= 90)
    elevation = (3000 - rows - columns.clip(min=9)).astype(np.float32)
    polygon = box(EAST, NORTH - 100, EAST + 10, NORTH).union(box(EAST, NORTH - 100, EAST + 70, NORTH - 90))
    m = measure(polygon, mask, grid, elevation_m=elevation)
    axis = np.array([66 - 5, -(95 - 4)]) / math.hypot(61, 91)
    corners = np.array([(0, 0), (10, 0), (10, -90), (70, -90), (70, -100), (0, -100)])
    assert m.length_from == "fall"
    assert m.length_m == pytest.approx(np.ptp(corners @ axis), abs=1)
    assert m.width_m == pytest.approx(np.ptp(corners @ np.array([91, 61])) / math.hypot(61, 91), abs=1)


def test_flat_ground_and_a_dome_have_no_fall():
    polygon, mask, grid, elevation = ramp()
    noise = np.random.default_rng(0).normal(0, 0.1, mask.shape)
    flat = measure(polygon, mask, grid, elevation_m=(1000 + noise).astype(np.float32))
    assert flat.length_from == "shape" and flat.reach_angle_deg is None and flat.drop_m < 1
    rows, columns = np.mgrid[:160, :160] - 79.5
    disc = np.hypot(rows, columns) < 50
    dome = (3000 - np.hypot(rows, columns)).astype(np.float32)
    ring = Polygon([(EAST + 80 + 50 * math.cos(t), NORTH - 80 + 50 * math.sin(t)) for t in np.linspace(0, 6.28, 90)])
    m = measure(ring, disc, grid, elevation_m=dome)
    assert m.length_from == "shape" and m.reach_angle_deg is None and m.drop_m == pytest.approx(49, abs=1)


def test_a_dem_that_covers_a_part_gives_what_it_has_and_says_how_much():
    polygon, mask, grid, elevation = ramp(180)
    elevation[100:] = np.nan  # rows 30 to 129 are the slide's
    m = measure(polygon, mask, grid, elevation_m=elevation)
    assert m.dem_share == pytest.approx(0.7) and m.length_from == "fall"
    assert m.drop_m == pytest.approx(70 * math.tan(math.radians(30)), abs=1)
    elevation[70:] = np.nan
    m = measure(polygon, mask, grid, elevation_m=elevation)
    assert m.dem_share == pytest.approx(0.4) and m.length_from == "shape" and m.drop_m is not None


def test_a_coarser_grid_gives_the_same_length_within_its_pixel():
    polygon, mask, grid, elevation = ramp(90)
    coarse = Grid((40, 40), grid.transform @ Affine.scale(4), UTM)
    m = measure(polygon, mask[2::4, 2::4], coarse, elevation_m=np.ascontiguousarray(elevation[2::4, 2::4]))
    assert m.length_from == "fall"
    assert m.length_m == pytest.approx(100, abs=4) and m.drop_m == pytest.approx(57.7, abs=4)


@pytest.mark.parametrize("epsg", [3857, 4326, 32649, 3035])
def test_metres_are_metres_in_any_crs(epsg):
    """The same ground in Web Mercator, degrees, a neighbouring zone and far outside a projection's own area."""
    polygon, mask, grid, elevation = ramp(180)
    truth = measure(polygon, mask, grid, elevation_m=elevation)
    to = pyproj.Transformer.from_crs(32648, epsg, always_xy=True).transform
    there = transform(to, polygon.segmentize(1))
    corners = [to(*(grid.transform @ corner)) for corner in ((0, 0), (160, 0), (0, 160))]
    (x0, y0), (x1, y1), (x2, y2) = corners
    affine = Affine((x1 - x0) / 160, (x2 - x0) / 160, x0, (y1 - y0) / 160, (y2 - y0) / 160, y0)
    m = measure(there, mask, Grid(grid.shape, affine, CRS.from_epsg(epsg)), elevation_m=elevation)
    for name in ("area_m2", "perimeter_m", "length_m", "width_m", "drop_m", "reach_angle_deg", "lon", "lat"):
        assert getattr(m, name) == pytest.approx(getattr(truth, name), rel=2e-3), name
    assert m.length_from == "fall"


def test_area_agrees_with_the_ellipsoid_for_a_scene_wide_polygon():
    polygon = box(100.0, 30.0, 104.0, 34.0)
    grid = Grid((10, 10), Affine(0.4, 0, 100, 0, -0.4, 34), CRS.from_epsg(4326))
    m = measure(polygon, np.ones((10, 10), bool), grid)
    area, perimeter = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(polygon.segmentize(0.001))
    assert m.area_m2 == pytest.approx(abs(area), rel=1e-4)
    assert m.perimeter_m == pytest.approx(perimeter, rel=1e-3)


def test_holes_do_not_count_as_area_and_the_point_lies_on_the_ground_that_moved():
    polygon = box(EAST, NORTH - 100, EAST + 100, NORTH).difference(box(EAST + 10, NORTH - 90, EAST + 90, NORTH - 10))
    grid = Grid((100, 100), Affine(1, 0, EAST, 0, -1, NORTH), UTM)
    mask = np.ones((100, 100), bool)
    mask[10:90, 10:90] = False
    m = measure(polygon, mask, grid)
    assert m.area_m2 == pytest.approx(3600, rel=0.001) and m.perimeter_m == pytest.approx(720, rel=0.001)
    x, y = pyproj.Transformer.from_crs(4326, 32648, always_xy=True).transform(m.lon, m.lat)
    assert polygon.buffer(-1e-3).contains(Point(x, y))


def test_a_multipolygon_is_measured_as_one():
    grid = Grid((30, 30), Affine(1, 0, EAST, 0, -1, NORTH), UTM)
    squares = [box(EAST + i, NORTH - i - 10, EAST + i + 10, NORTH - i) for i in (0, 10, 20)]
    m = measure(MultiPolygon(squares), np.kron(np.eye(3, dtype=bool), np.ones((10, 10), bool)), grid)
    assert m.area_m2 == pytest.approx(300, rel=0.001)
    assert m.length_m == pytest.approx(30 * math.sqrt(2), rel=0.001)
    assert m.width_m == pytest.approx(10 * math.sqrt(2), rel=0.001)


def test_aspect_is_averaged_on_the_circle_and_flats_have_no_say():
    polygon, mask, grid, _ = ramp()
    aspect = np.full(mask.shape, 350, np.float32)
    aspect[:, 80:] = 10
    slope = np.full(mask.shape, 20, np.float32)
    m = measure(polygon, mask, grid, slope_deg=slope, aspect_deg=aspect)
    assert min(m.aspect_mean_deg, 360 - m.aspect_mean_deg) < 1e-3
    slope[:, 80:] = 0
    assert measure(polygon, mask, grid, slope_deg=slope, aspect_deg=aspect).aspect_mean_deg == pytest.approx(350)
    assert measure(polygon, mask, grid, slope_deg=slope, aspect_deg=aspect).slope_mean_deg == pytest.approx(10)
    aspect[:, 80:], slope[:] = 170, 20
    assert measure(polygon, mask, grid, slope_deg=slope, aspect_deg=aspect).aspect_mean_deg is None
    aspect[:] = np.nan
    assert measure(polygon, mask, grid, slope_deg=slope, aspect_deg=aspect).aspect_mean_deg is None
    aspect[:] = 90
    assert measure(polygon, mask, grid, aspect_deg=aspect).aspect_mean_deg == pytest.approx(90)


def test_probability_is_that_of_the_outlines_own_pixels():
    polygon, mask, grid, _ = ramp()
    probability = np.where(mask, 0.6, 1.0).astype(np.float32)
    probability[80, 80], probability[81, 80] = 0.9, np.nan
    m = measure(polygon, mask, grid, probability=probability)
    assert m.probability_max == pytest.approx(0.9)
    assert m.probability_mean == pytest.approx((0.6 * 1998 + 0.9) / 1999)


def test_a_mask_without_pixels_leaves_the_pixels_attributes_unknown():
    polygon, mask, grid, elevation = ramp()
    m = measure(polygon, np.zeros_like(mask), grid, elevation_m=elevation, probability=elevation)
    assert m.drop_m is None and m.probability_mean is None and m.dem_share == 0 and m.area_m2 > 0


def test_wrong_shapes_and_empty_polygons_are_refused():
    polygon, mask, grid, elevation = ramp()
    with pytest.raises(InputError, match="elevation_m"):
        measure(polygon, mask, grid, elevation_m=elevation[1:])
    with pytest.raises(InputError, match="outline"):
        measure(Polygon(), mask, grid)
