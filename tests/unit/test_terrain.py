"""Terrain on planes whose slope and aspect are known, and its way onto an image's grid."""

import doctest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

import core.terrain as terrain_module
from core import compiled
from core.errors import InputError, UnknownNameError
from core.grid import Grid, axes_m
from core.terrain import aspect_deg, aspect_sin_cos, gradients, hillshade, rotate, slope_aspect_deg, slope_deg, turn
from core.terrain_on import dem_window, terrain_on

UTM47, UTM48 = CRS.from_epsg(32647), CRS.from_epsg(32648)


def pixel_centres(grid):
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    t = grid.transform
    return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f


def plane(grid, slope, aspect, at=None):
    """Elevations of a plane that faces ``aspect`` (degrees from true north) at lon, lat ``at``."""
    to_wgs84 = pyproj.Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    lon, lat = at or to_wgs84.transform(*grid.centre)
    local = pyproj.Transformer.from_crs(
        grid.crs.to_wkt(), f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m", always_xy=True)
    e, n = local.transform(*pixel_centres(grid))
    a = np.radians(aspect)
    return (1000 - np.tan(np.radians(slope)) * (np.sin(a) * e + np.cos(a) * n)).astype(np.float32)


def at_centre(values, grid):
    return float(values[grid.height // 2, grid.width // 2])


def angle(a, b):
    """Degrees between two directions."""
    return np.abs((np.asarray(a) - b + 180) % 360 - 180)


def measure(dem, grid, **options):
    de, dn = gradients(dem, grid.frame_m(), **options)
    return at_centre(slope_deg(de, dn), grid), at_centre(aspect_deg(de, dn), grid)


def test_the_documented_example_runs():
    assert doctest.testmod(terrain_module) == (0, 4)


# --- metres and angles are true ---

@pytest.mark.parametrize("lat", [0.0, 33.0, 60.0])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
@pytest.mark.parametrize("aspect", [0, 45, 200, 315])
def test_a_45_degree_plane_measures_45(crs, lat, aspect):
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(103.0, lat)
    step = 2e-4 if crs == "EPSG:4326" else 20.0
    grid = Grid((21, 21), Affine(step, 0, x - 10.5 * step, 0, -step, y + 10.5 * step), CRS.from_string(crs))
    slope, facing = measure(plane(grid, 45, aspect), grid)
    assert slope == pytest.approx(45, abs=0.1)
    assert angle(facing, aspect) < 0.1


@pytest.mark.parametrize("transform", [
    Affine(5, 0, 0, 0, 5, 0), Affine(-5, 0, 0, 0, -5, 0), Affine.rotation(20) @ Affine.scale(5, -5),
    Affine(0, 5, 0, 5, 0, 0), Affine(5, 2, 0, 0, -5, 0), Affine(8, 0, 0, 0, -2, 0),
], ids=["south-up", "east-left", "rotated", "transposed", "sheared", "oblong"])
def test_the_array_s_orientation_does_not_matter(transform):
    grid = Grid((15, 15), Affine.translation(500_000, 3_500_000) @ transform, UTM48)
    slope, facing = measure(plane(grid, 30, 130), grid)
    assert slope == pytest.approx(30, abs=0.05)
    assert angle(facing, 130) < 0.05


def test_feet():
    grid = Grid((15, 15), Affine(10, 0, 500_000, 0, -10, 3_500_000), UTM48)
    slope, _ = measure(plane(grid, 30, 130) / 0.3048, grid, vertical_unit_m=0.3048)
    assert slope == pytest.approx(30, abs=0.05)
    feet = CRS.from_epsg(2263)  # New York, US survey feet
    grid = Grid((15, 15), Affine(30, 0, 985_000, 0, -30, 200_000), feet)
    slope, facing = measure(plane(grid, 30, 130), grid)
    assert slope == pytest.approx(30, abs=0.05)
    assert angle(facing, 130 - axes_m(feet, *grid.centre)[1]) < 0.05


# --- missing values, flats, edges ---

def test_missing_neighbours_make_a_pixel_missing():
    dem = np.tile(np.arange(9, dtype=np.float32), (9, 1))
    dem[4, 4], dem[1, 7] = np.nan, np.inf
    de, dn = gradients(dem, np.eye(2))
    expected = np.zeros((9, 9), bool)
    expected[[0, -1]] = expected[:, [0, -1]] = True
    expected[3:6, 3:6] = expected[0:3, 6:9] = True
    np.testing.assert_array_equal(np.isnan(de), expected)
    np.testing.assert_array_equal(np.isnan(dn), expected)
    assert (de[~expected] == 1).all()


def test_edges_go_on_straight_and_holes_take_the_centre():
    dem = np.tile(np.arange(9, dtype=np.float32), (7, 1))
    dem[3, 4] = np.nan
    de, dn = gradients(dem, np.eye(2), edges=True)
    assert np.isnan(de).sum() == np.isnan(dn).sum() == 1
    np.testing.assert_array_equal(de[1:-1, 0], 1)  # a plane to its last column
    np.testing.assert_array_equal(de[0, 1:-1], 1)
    assert de[0, 0] == 0.5  # gdaldem's corners
    assert de[3, 3] == 0.75  # (1 + 2*0 + 1 + 1 + 2*1 + 1) / 8
    assert not np.isinf(gradients(np.where(np.isnan(dem), np.inf, dem), np.eye(2), edges=True)[0]).any()


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (5, 2)])
def test_too_small_to_measure(shape):
    de, dn = gradients(np.zeros(shape), np.eye(2))
    assert de.shape == dn.shape == shape
    assert np.isnan(de).all()
    assert np.isnan(dn).all()
    assert (gradients(np.zeros(shape), np.eye(2), edges=True)[0] == 0).all()


@pytest.mark.parametrize("height", [0.0, 312.37, 8848.86])
def test_flats_have_no_aspect(height):
    de, dn = gradients(np.full((5, 5), height), np.eye(2) * 0.5)
    inner = np.s_[1:-1, 1:-1]
    assert (slope_deg(de, dn)[inner] == 0).all()
    assert np.isnan(aspect_deg(de, dn)).all()
    for part in aspect_sin_cos(de, dn):
        assert (part[inner] == 0).all()
        assert np.isnan(part[0]).all()


def test_flat_threshold():
    de = np.tan(np.radians([0.4, 0.6])).astype(np.float32)
    aspect = aspect_deg(de, np.zeros(2), flat_deg=0.5)
    assert np.isnan(aspect[0])
    assert aspect[1] == 270


@pytest.mark.parametrize("transform", [
    Affine(5, 0, 0, 0, -5, 0), Affine(5, 0, 0, 0, 5, 0), Affine.rotation(20) @ Affine.scale(5, -3),
], ids=["north-up", "south-up", "rotated, oblong"])
@pytest.mark.parametrize("edges", [False, True])
def test_one_pass_equals_two(transform, edges):
    dem = (np.random.default_rng(7).random((40, 33)) * 40).astype(np.float32)
    dem[5:9, 10:20], dem[20, 20], dem[0, 3], dem[30, 32] = 12, np.nan, np.inf, np.nan
    frame = Grid((1, 1), Affine.translation(500_000, 3_500_000) @ transform, UTM48).frame_m()
    out = np.empty((2, *dem.shape), np.float32)
    given = slope_aspect_deg(dem, frame, vertical_unit_m=0.3048, edges=edges, out=tuple(out))
    de, dn = gradients(dem, frame, vertical_unit_m=0.3048, edges=edges)
    for one, two in zip(given, (slope_deg(de, dn), aspect_deg(de, dn)), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-5)
        assert one.base is out
    assert np.isnan(given[1][6:8, 11:19]).all()


# --- from gradients ---

def test_angles_equal_the_textbook_s():
    rng = np.random.default_rng(0)
    de, dn = (rng.standard_normal((2, 20_000)) * 10 ** rng.uniform(-6, 3, (2, 20_000))).astype(np.float32)
    wide = de.astype(np.float64), dn.astype(np.float64)
    np.testing.assert_allclose(slope_deg(de, dn), np.degrees(np.arctan(np.hypot(*wide))), rtol=1e-5, atol=2e-5)
    true = np.degrees(np.arctan2(-wide[0], -wide[1]))
    aspect = aspect_deg(de, dn)
    assert angle(aspect, true).max() < 5e-5
    assert aspect.min() >= 0
    assert aspect.max() < 360
    sine, cosine = aspect_sin_cos(de, dn, soft_deg=0)
    np.testing.assert_allclose(sine, np.sin(np.radians(true)), atol=1e-6)
    np.testing.assert_allclose(cosine, np.cos(np.radians(true)), atol=1e-6)


def test_the_eight_directions():
    a = np.radians(np.arange(0, 360, 45))
    np.testing.assert_allclose(aspect_deg(-np.sin(a), -np.cos(a)), np.arange(0, 360, 45), atol=1e-5)


def test_a_hair_west_of_north_is_not_360():
    assert aspect_deg(np.float32([1e-9]), np.float32([-1.0]))[0] == 0


def test_aspect_fades_without_a_jump():
    g = np.tan(np.radians(np.linspace(0, 3, 301)))
    sine, cosine = aspect_sin_cos(g * 0.6, g * -0.8)
    length = np.hypot(sine, cosine)
    assert length[0] == 0
    np.testing.assert_allclose(length[100:], 1, atol=1e-6)
    assert (np.diff(length) > -1e-6).all()
    assert np.diff(length).max() < 0.011
    np.testing.assert_allclose(sine[1:] / length[1:], -0.6, atol=1e-5)


def test_rotate_is_clockwise():
    de, dn = rotate(0.0, -1.0, 30)  # faces north; then 30 degrees
    assert aspect_deg(de, dn) == pytest.approx(30, abs=1e-4)


def test_turn_takes_the_rise_along_other_axes():
    first, second = turn(np.full((2, 3), 0.3), np.full((2, 3), 0.4), [[0, -1], [0.6, 0.8]])
    np.testing.assert_allclose(first, -0.4, rtol=1e-6)
    np.testing.assert_allclose(second, 0.5, rtol=1e-6)
    assert first.shape == (2, 3)


def test_where_one_gradient_is_missing_all_is():
    for de, dn in ((np.nan, 0.5), (0.5, np.nan)):
        assert np.isnan([slope_deg(de, dn), aspect_deg(de, dn), *aspect_sin_cos(de, dn)][:2]).all()
        assert hillshade(de, dn) == 0


def test_scalars_and_shapes():
    assert slope_deg(1.0, 0.0) == 45
    assert slope_deg(np.ones((2, 3, 4)), 0.0).shape == (2, 3, 4)
    assert slope_deg(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)
    assert slope_deg(np.nan, 1.0).dtype == np.float32


def test_hillshade_is_the_cosine_to_the_light():
    facing = -np.sin(np.radians(315)), -np.cos(np.radians(315))  # 45 degrees, facing the light
    assert hillshade(*facing) == 255
    assert hillshade(-facing[0] * 2, -facing[1] * 2) == 1
    assert hillshade(0.0, 0.0) == round(1 + 254 * np.sqrt(0.5))
    assert hillshade(0.0, 0.0, multidirectional=True) == round(1 + 254 * np.sqrt(0.5))
    assert hillshade(np.nan, 0.0) == hillshade(np.nan, 0.0, multidirectional=True) == 0
    assert hillshade(facing[0] / 2, facing[1] / 2, z_factor=2) == 255
    assert hillshade(0.0, 0.0, altitude_deg=90).dtype == np.uint8


def test_many_rows_in_blocks_give_the_same(monkeypatch):
    dem = np.random.default_rng(1).random((67, 41)).astype(np.float32)
    whole = [*gradients(dem, np.eye(2), edges=True), slope_deg(dem, -dem), hillshade(dem, -dem)]
    monkeypatch.setattr(compiled, "PARALLEL_FROM", 1)
    blocks = [*gradients(dem, np.eye(2), edges=True), slope_deg(dem, -dem), hillshade(dem, -dem)]
    for a, b in zip(whole, blocks, strict=True):
        np.testing.assert_array_equal(a, b)
    with ThreadPoolExecutor(8) as pool:
        for de, _ in pool.map(lambda _: gradients(dem, np.eye(2), edges=True), range(32)):
            np.testing.assert_array_equal(de, whole[0])


@pytest.mark.parametrize("call", [
    lambda: gradients(np.zeros((2, 3, 3)), np.eye(2)),
    lambda: gradients(np.zeros((3, 3)), np.zeros((2, 2))),
    lambda: gradients(np.zeros((3, 3)), [[np.nan, 0], [0, 1]]),
    lambda: gradients(np.zeros((3, 3)), np.eye(2), vertical_unit_m=0),
    lambda: slope_aspect_deg(np.zeros((3, 3)), np.eye(2), out=(np.zeros((3, 3)), np.zeros((3, 3)))),
    lambda: hillshade(0.0, 0.0, altitude_deg=-5),
    lambda: hillshade(0.0, 0.0, z_factor=0),
])
def test_impossible_input_is_refused(call):
    with pytest.raises(InputError, match=r"got .*expected"):
        call()


# --- onto the image's grid ---

def image_over(dem_grid, crs, gsd, size, shift=(0.0, 0.0)):
    x, y = pyproj.Transformer.from_crs(dem_grid.crs.to_wkt(), crs.to_wkt(), always_xy=True).transform(*dem_grid.centre)
    x, y = x + shift[0], y + shift[1]
    return Grid((size, size), Affine(gsd, 0, x - size * gsd / 2, 0, -gsd, y + size * gsd / 2), crs)


DEM47 = Grid((60, 60), Affine(10, 0, 784_000, 0, -10, 3_544_000), UTM47)  # by the border with zone 48


@pytest.mark.parametrize("order", ["gradients", "dem"])
@pytest.mark.parametrize("gsd", [1.0, 10.0, 40.0], ids=["finer", "equal", "coarser"])
def test_gradients_turn_to_the_image_s_north(order, gsd):
    image = image_over(DEM47, UTM48, gsd, int(320 / gsd))
    terrain = terrain_on(plane(DEM47, 25, 80), DEM47, image, order=order)
    north = axes_m(UTM48, *image.centre)[1]
    assert abs(north - axes_m(UTM47, *DEM47.centre)[1]) > 3
    assert terrain.present.all()
    # Means of heights lie where the heights are, not quite at the middle of the pixel.
    within = 0.3 if (order, gsd) == ("dem", 40.0) else 0.05
    np.testing.assert_allclose(slope_deg(terrain.de, terrain.dn), 25, atol=within)
    assert angle(aspect_deg(terrain.de, terrain.dn), 80 - north).max() < within
    at = pyproj.Transformer.from_crs(32647, 4326, always_xy=True).transform(*DEM47.centre)
    np.testing.assert_allclose(terrain.elevation_m, plane(image, 25, 80, at), atol=0.5)
    assert terrain.de.shape == terrain.dn.shape == terrain.present.shape == image.shape
    assert terrain.de.dtype == terrain.dn.dtype == terrain.elevation_m.dtype == np.float32


def test_degrees_and_feet_onto_metres():
    dem_grid = Grid((80, 80), Affine(1e-4, 0, 103.0, 0, -1e-4, 33.008), CRS.from_epsg(4326))
    image = image_over(dem_grid, UTM48, 2.0, 100)
    terrain = terrain_on(plane(dem_grid, 45, 10) / 0.3048, dem_grid, image, vertical_unit_m=0.3048)
    np.testing.assert_allclose(slope_deg(terrain.de, terrain.dn), 45, atol=0.1)
    assert angle(aspect_deg(terrain.de, terrain.dn), 10 - axes_m(UTM48, *image.centre)[1]).max() < 0.1
    assert at_centre(terrain.elevation_m, image) == pytest.approx(1000, abs=2)


def test_scale_is_taken_at_the_image_not_at_the_dem_s_middle():
    dem_grid = Grid((500, 60), Affine(1e-3, 0, 103.0, 0, -1e-2, 63.0), CRS.from_epsg(4326))  # 58 to 63 degrees north
    x, y = pyproj.Transformer.from_crs(4326, 32648, always_xy=True).transform(103.03, 62.9)
    image = Grid((20, 20), Affine(20, 0, x - 200, 0, -20, y + 200), UTM48)
    dem = np.tile(np.arange(60, dtype=np.float32) * 50, (500, 1))  # rises to the east
    terrain = terrain_on(dem, dem_grid, image)
    lat = np.radians(62.9)
    step_m = 1e-3 * np.radians(6_378_137.0) * np.cos(lat) / np.sqrt(1 - 0.00669438 * np.sin(lat) ** 2)
    np.testing.assert_allclose(np.hypot(terrain.de, terrain.dn), 50 / step_m, rtol=1e-3)


@pytest.mark.parametrize("order", ["gradients", "dem"])
def test_far_from_the_dem_nothing_is_there(order):
    terrain = terrain_on(plane(DEM47, 25, 80), DEM47, DEM47.window(Window(5000, 0, 40, 30)), order=order)
    assert terrain.present.shape == (30, 40)
    assert not terrain.present.any()


@pytest.mark.parametrize("order", ["gradients", "dem"])
def test_where_the_dem_is_missing_all_is_missing(order):
    dem = plane(DEM47, 25, 80)
    dem[28:31, 30:33] = np.nan
    image = Grid((400, 800), Affine(1, 0, 784_100, 0, -1, 3_543_900), UTM47)  # 30 DEM pixels reach out to the east
    terrain = terrain_on(dem, DEM47, image, order=order)
    expected = np.ones(image.shape, bool)
    expected[:, 490:] = False  # the DEM's last column has no neighbour
    expected[170:220, 190:240] = False  # the hole with its ring
    np.testing.assert_array_equal(terrain.present, expected)
    for layer in (terrain.de, terrain.dn, terrain.elevation_m):
        np.testing.assert_array_equal(np.isfinite(layer), expected)
    np.testing.assert_allclose(slope_deg(terrain.de, terrain.dn)[expected], 25, atol=0.05)  # also beside the hole
    at = pyproj.Transformer.from_crs(32647, 4326, always_xy=True).transform(*DEM47.centre)
    np.testing.assert_allclose(terrain.elevation_m[expected], plane(image, 25, 80, at)[expected], atol=0.05)


@pytest.mark.parametrize("order", ["gradients", "dem"])
def test_a_finer_dem_is_averaged_not_skipped(order):
    grid = Grid((60, 60), Affine(1, 0, 500_000, 0, -1, 3_500_000), UTM48)
    dem = np.random.default_rng(2).random((60, 60), dtype=np.float32)
    image = Grid((5, 4), Affine(10, 0, 500_010, 0, -10, 3_499_990), UTM48)
    terrain = terrain_on(dem, grid, image, order=order)

    def mean(layer):
        return np.nanmean(layer[10:60, 10:50].reshape(5, 10, 4, 10), axis=(1, 3))

    inner = np.s_[:-1] if order == "dem" else np.s_[:]  # below the last row there are no elevations
    assert terrain.present[inner].all()
    np.testing.assert_allclose(terrain.elevation_m[inner], mean(dem)[inner], atol=1e-5)
    if order == "gradients":
        np.testing.assert_allclose(terrain.de, mean(gradients(dem, grid.frame_m())[0]), atol=1e-5)


def test_windows_agree_with_the_whole():
    rng = np.random.default_rng(4)
    dem = rng.random(DEM47.shape).astype(np.float32).cumsum(0).cumsum(1)
    image = image_over(DEM47, UTM48, 2.0, 120)
    whole = terrain_on(dem, DEM47, image)
    part = image.window(Window(30, 50, 64, 48))
    need = dem_window(DEM47, part)
    piece = dem[need.row_off:need.row_off + need.height, need.col_off:need.col_off + need.width]
    assert piece.size < dem.size / 4
    terrain = terrain_on(piece, DEM47.window(need), part)
    scale = np.abs(whole.de).max()
    np.testing.assert_allclose(terrain.de, whole.de[50:98, 30:94], atol=1e-3 * scale)
    np.testing.assert_allclose(terrain.elevation_m, whole.elevation_m[50:98, 30:94], rtol=1e-4)


@pytest.mark.parametrize("order", ["gradients", "dem"])
@pytest.mark.parametrize("gsd", [2.0, 40.0])
def test_without_heights_the_rest_is_the_same(order, gsd):
    dem = plane(DEM47, 25, 80)
    dem[28:31, 30:33] = np.nan
    image = image_over(DEM47, UTM48, gsd, int(320 / gsd))
    full, bare = (terrain_on(dem, DEM47, image, order=order, heights=heights) for heights in (True, False))
    for name in ("de", "dn", "present"):
        np.testing.assert_array_equal(getattr(full, name), getattr(bare, name))
    assert np.isfinite(full.elevation_m).any()
    assert np.isnan(bare.elevation_m).all()


def test_an_unknown_order_lists_the_known():
    with pytest.raises(UnknownNameError, match="gradients, dem"):
        terrain_on(np.zeros(DEM47.shape), DEM47, DEM47, order="slope")


# --- which elevations a window needs ---

def test_dem_window_covers_with_a_margin():
    image = Grid((100, 100), Affine(1, 0, 784_200, 0, -1, 3_543_800), UTM47)
    window = dem_window(DEM47, image, margin=3)
    assert (window.col_off, window.row_off, window.width, window.height) == (16, 16, 18, 18)
    assert dem_window(DEM47, image, margin=0).width == 12  # one image pixel besides
    assert (dem_window(DEM47, DEM47).width, dem_window(DEM47, DEM47).height) == (60, 60)  # clipped


def test_dem_window_is_none_where_they_do_not_touch():
    far = Grid((100, 100), Affine(1, 0, 790_200, 0, -1, 3_543_800), UTM47)
    assert dem_window(DEM47, far) is None
    assert dem_window(DEM47, Grid((9, 9), Affine(1e-5, 0, 0, 0, -1e-5, 0), CRS.from_epsg(4326))) is None


def test_dem_window_stays_on_its_side_of_the_antimeridian():
    world = Grid((1800, 3600), Affine(0.1, 0, -180, 0, -0.1, 90), CRS.from_epsg(4326))
    utm60 = CRS.from_epsg(32660)
    x, y = pyproj.Transformer.from_crs(4326, 32660, always_xy=True).transform(179.99, 65.0)
    image = Grid((200, 200), Affine(10, 0, x - 1000, 0, -10, y + 1000), utm60)
    window = dem_window(world, image)
    assert window.width < 10
    assert window.col_off + window.width == 3600


def test_dem_window_on_a_rotated_dem():
    turned = Grid((200, 200), Affine.translation(500_000, 3_500_000) @ Affine.rotation(30) @ Affine.scale(5, -5), UTM48)
    image = image_over(turned, UTM48, 1.0, 100)
    window = dem_window(turned, image)
    terrain = terrain_on(plane(turned.window(window), 30, 60), turned.window(window), image)
    assert terrain.present.all()
    np.testing.assert_allclose(slope_deg(terrain.de, terrain.dn), 30, atol=0.05)
