"""A grid's place and its true metres, against the ellipsoid's own formulas."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from core.errors import GridError
from core.grid import Grid, axes_m

AXIS, FLATTENING = 6378137.0, 1 / 298.257223563
ECCENTRICITY2 = FLATTENING * (2 - FLATTENING)


def radii_m(lat_deg: float) -> tuple[float, float]:
    """Return WGS 84's radii of curvature: of the parallel, and of the meridian."""
    w = 1 - ECCENTRICITY2 * math.sin(math.radians(lat_deg)) ** 2
    return AXIS / math.sqrt(w) * math.cos(math.radians(lat_deg)), AXIS * (1 - ECCENTRICITY2) / w**1.5


def grid(
    crs: str | int, x: float, y: float, step: float, *, size: int = 100, rotation: float = 0, south_up: bool = False,
) -> Grid:
    """Return a square grid about a centre."""
    transform = (Affine.translation(x, y) @ Affine.rotation(rotation) @ Affine.scale(step, step if south_up else -step)
                 @ Affine.translation(-size / 2, -size / 2))
    return Grid((size, size), transform, CRS.from_user_input(crs))


def mercator(lon: float, lat: float) -> tuple[float, float]:
    return pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)


@pytest.mark.parametrize(("crs", "x", "y"), [
    ("EPSG:32648", 388000, 3676000), ("EPSG:32733", 500000, 6000000), ("EPSG:2154", 7e5, 66e5),
    ("EPSG:2056", 26e5, 12e5), ("EPSG:3413", -1e6, -2e6), ("EPSG:32648+5773", 388000, 3676000),
])
def test_metric_crs_is_taken_as_metric(crs, x, y) -> None:
    np.testing.assert_array_equal(grid(crs, x, y, 0.5).frame_m(), [[0.5, 0], [0, -0.5]])
    np.testing.assert_array_equal(grid(crs, x, y, 0.5, south_up=True).frame_m(), [[0.5, 0], [0, 0.5]])


def test_rotated_frame_keeps_lengths_and_turns_steps() -> None:
    frame = grid("EPSG:32648", 388000, 3676000, 2, rotation=30).frame_m()
    np.testing.assert_allclose(frame, 2 * np.array([[math.cos(math.pi / 6), 0.5], [0.5, -math.cos(math.pi / 6)]]))
    assert grid("EPSG:32648", 388000, 3676000, 2, rotation=30).gsd_m == pytest.approx(2)


@pytest.mark.parametrize("lat", [-75, -33, 0, 33.2, 60, 80])
def test_web_mercator_units_are_not_metres(lat) -> None:
    lon = 103.9
    east, north = radii_m(lat)
    stretch = AXIS / math.cos(math.radians(lat))  # Web Mercator units to one radian of latitude
    frame = grid("EPSG:3857", *mercator(lon, lat), 1.0).frame_m()
    np.testing.assert_allclose(frame, [[east / AXIS, 0], [0, -north / stretch]], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4979"])
@pytest.mark.parametrize("lat", [-60, -33.2, 0, 33.2, 85])
def test_degrees_become_metres(crs, lat) -> None:
    east, north = radii_m(lat)
    frame = grid(crs, 103.9, lat, 1e-5).frame_m()
    np.testing.assert_allclose(frame, np.radians(1e-5) * np.diag([east, -north]), rtol=1e-6, atol=1e-9)


def test_the_frame_is_taken_where_it_is_asked_for() -> None:
    tall = grid("EPSG:4326", 10, 30, 0.1, size=200)
    assert tall.frame_m(10, 39)[0, 0] / tall.frame_m()[0, 0] == pytest.approx(radii_m(39)[0] / radii_m(30)[0], rel=1e-6)


def test_feet_become_metres() -> None:
    feet = grid("EPSG:2263", 980000, 200000, 1)
    np.testing.assert_allclose(feet.frame_m(), np.diag([1200 / 3937, -1200 / 3937]), rtol=1e-12)
    assert feet.pixel_area_m2 == pytest.approx((1200 / 3937) ** 2)


def test_equal_area_crs_keeps_areas_but_not_lengths() -> None:
    albers = grid("EPSG:5070", -1_500_000, 1_800_000, 1)
    assert albers.pixel_area_m2 == pytest.approx(1, abs=1e-5)
    assert albers.frame_m()[0, 0] > 1.005


@pytest.mark.parametrize("lon", [102, 105, 107.5])
def test_convergence_is_that_of_transverse_mercator(lon) -> None:
    lat = 33.2
    x, y = pyproj.Transformer.from_crs(4326, 32648, always_xy=True).transform(lon, lat)
    want = pyproj.Proj("EPSG:32648").get_factors(lon, lat).meridian_convergence
    assert axes_m(CRS.from_epsg(32648), x, y)[1] == pytest.approx(want, abs=1e-4)


def test_bounds_follow_a_turned_grid() -> None:
    turned = grid("EPSG:32648", 0, 0, 1, size=2, rotation=45)
    np.testing.assert_allclose(turned.bounds, np.array([-1, -1, 1, 1]) * math.sqrt(2))
    assert turned.centre == pytest.approx((0, 0))


def test_bounds_in_degrees() -> None:
    assert grid("EPSG:4326", 103.9, 33.2, 1e-4).bounds_lonlat == pytest.approx((103.895, 33.195, 103.905, 33.205))
    west, south, east, north = grid("EPSG:32648", 388000, 3676000, 10).bounds_lonlat
    assert 103.79 < west < east < 103.81
    assert 33.21 < south < north < 33.23


@pytest.mark.parametrize(("crs", "x", "y", "step"), [("EPSG:4326", 180, 10, 1e-4), ("EPSG:4326", -180, 10, 1e-4),
                                                     ("EPSG:32601", 166021.4, 0, 10)])
def test_west_is_greater_than_east_across_the_antimeridian(crs, x, y, step) -> None:
    west, south, east, north = grid(crs, x, y, step).bounds_lonlat
    assert 179.9 < west < 180
    assert -180 < east < -179.9
    assert south < north
    assert grid(crs, x, y, step).gsd_m == pytest.approx(grid(crs, x + 3 * step, y, step).gsd_m, rel=1e-6)


def test_a_window_lies_where_it_was_cut() -> None:
    whole = grid("EPSG:32648", 388000, 3676000, 0.5, rotation=20)
    part = whole.window(Window(10, 30, 7, 5))
    assert part.shape == (part.height, part.width) == (5, 7)
    assert part.transform @ (0, 0) == pytest.approx(whole.transform @ (10, 30))
    assert part.transform @ (7, 5) == pytest.approx(whole.transform @ (17, 35))
    assert whole.window(Window(-5, -5, 200, 200)).shape == (200, 200)


def test_local_crs_keeps_areas_in_metres() -> None:
    local = grid("EPSG:3857", *mercator(103.9, 33.2), 1.0)
    to_local = pyproj.Transformer.from_crs(3857, pyproj.CRS.from_wkt(local.local_metric_crs.to_wkt()), always_xy=True)
    left, bottom, right, top = local.bounds
    x, y = to_local.transform([left, right, right, left], [bottom, bottom, top, top])
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(local.pixel_area_m2 * 100 * 100, rel=1e-6)
    assert to_local.transform(*local.centre) == pytest.approx((0, 0), abs=0.2)


@pytest.mark.parametrize(("change", "named"), [
    ({"shape": (0, 5)}, "shape"),
    ({"shape": (5,)}, "shape"),
    ({"transform": Affine(1, 0, math.nan, 0, -1, 0)}, "transform"),
    ({"transform": Affine(1, 1, 0, 1, 1, 0)}, "transform"),
    ({"crs": None}, "got none"),
    ({"crs": CRS()}, "got none"),
    ({"crs": CRS.from_epsg(4978)}, "without a place"),
    ({"crs": CRS.from_epsg(5773)}, "without a place"),
    ({"crs": CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')}, "without a place"),
])
def test_a_grid_that_cannot_exist_is_refused(change, named) -> None:
    with pytest.raises(GridError, match=named):
        Grid(**{"shape": (5, 5), "transform": Affine(1, 0, 0, 0, -1, 0), "crs": CRS.from_epsg(32648), **change})


@pytest.mark.parametrize("where", [
    ("EPSG:32648", 1e9, 1e9, 1), ("EPSG:4326", 388000, 3676000, 0.5), ("EPSG:4326", 1000, 0, 1e-4),
])
@pytest.mark.parametrize("ask", ["gsd_m", "bounds_lonlat", "local_metric_crs", "pixel_area_m2"])
def test_coordinates_that_lie_nowhere_are_refused(where, ask) -> None:
    with pytest.raises(GridError, match="area of use"):
        getattr(grid(*where), ask)
