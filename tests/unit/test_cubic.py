"""Cubic convolution on grids: exact on smooth ground, GDAL's equal inside, careful beside holes."""

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from core import compiled
from core.cubic import apply, resample_cubic, transform
from core.grid import Grid

UTM48 = CRS.from_epsg(32648)
SOURCE = Grid((30, 40), Affine(10, 0, 500_000, 0, -10, 3_500_000), UTM48)
FINE = Grid((133, 207), Affine(1.1, 0, 500_080, 0, -1.3, 3_499_920), UTM48)


def positions(source, target):
    """Source pixel coordinates, from centres, of every pixel of the target."""
    cols, rows = np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5)
    col, row = apply(~source.transform, *transform(target, source, *apply(target.transform, cols, rows)))
    return col - 0.5, row - 0.5


def quadratic(col, row):
    return 100 + 3 * col - 2 * row + 0.05 * col**2 - 0.1 * row**2 + 0.02 * col * row


def on_source(formula):
    cols, rows = np.meshgrid(np.arange(SOURCE.width), np.arange(SOURCE.height))
    return formula(cols, rows).astype(np.float32)


def image_in(crs, size=150, step=None):
    x, y = pyproj.Transformer.from_crs(UTM48.to_wkt(), crs.to_wkt(), always_xy=True).transform(*SOURCE.centre)
    step = step or (1e-5 if crs.is_geographic else 1.0)
    return Grid((size, size), Affine(step, 0, x - step * size / 2, 0, -step, y + step * size / 2), crs)


@pytest.mark.parametrize("target", [
    FINE, Grid((50, 50), Affine.translation(500_200, 3_499_800) @ Affine.rotation(40) @ Affine.scale(2, -2), UTM48),
    image_in(CRS.from_epsg(32647)), image_in(CRS.from_epsg(4326)), image_in(CRS.from_epsg(3857)),
], ids=["same CRS", "rotated", "next zone", "degrees", "Web Mercator"])
def test_quadratic_ground_comes_back(target):
    got = resample_cubic(on_source(quadratic)[None], SOURCE, target)[0]
    np.testing.assert_allclose(got, quadratic(*positions(SOURCE, target)), atol=1e-3)


def gdals(z, target):
    """What GDAL's warp makes of elevations on SOURCE, NaN where it has none."""
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", height=z.shape[0], width=z.shape[1], count=1, dtype="float32",
                         crs=SOURCE.crs, transform=SOURCE.transform, nodata=-9999) as out:
            out.write(z, 1)
        with memory.open() as dataset, WarpedVRT(
                dataset, crs=target.crs, transform=target.transform, width=target.width, height=target.height,
                resampling=Resampling.cubic, tolerance=1e-4) as warped:
            return warped.read(1, masked=True).filled(np.nan)


@pytest.mark.parametrize("target", [
    FINE, Grid((150, 160), Affine(2.5, 0, 500_000, 0, 1.9, 3_499_700), UTM48),
    Grid((50, 50), Affine.translation(500_200, 3_499_800) @ Affine.rotation(40) @ Affine.scale(2, -2), UTM48),
    image_in(CRS.from_epsg(32647)),
], ids=["finer", "south-up, to the edge", "rotated", "next zone"])
def test_equal_to_gdal_inside(target):
    z = np.random.default_rng(0).random(SOURCE.shape, dtype=np.float32)
    col, row = positions(SOURCE, target)
    inside = (col >= 1) & (col < SOURCE.width - 2) & (row >= 1) & (row < SOURCE.height - 2)
    assert inside.mean() > 0.8
    np.testing.assert_allclose(resample_cubic(z[None], SOURCE, target)[0][inside], gdals(z, target)[inside], atol=2e-5)


@pytest.mark.parametrize("flip", [False, True])
def test_columns_and_rows_in_turn_equal_both_at_once(monkeypatch, flip):
    layers = np.random.default_rng(3).random((3, *SOURCE.shape), dtype=np.float32)
    layers[0, 10:14, 5:9], layers[1, 20], layers[1, 3, 3], layers[2, :, ::7] = np.nan, np.inf, np.nan, np.nan
    wide = Grid((361, 477), Affine(0.9, 0, 499_990, 0, -0.87, 3_500_007), UTM48)  # over every edge
    if flip:
        wide = Grid(wide.shape, Affine(-0.9, 0, 500_415, 0, 0.87, 3_499_693), UTM48)
    in_turn = resample_cubic(layers, SOURCE, wide)
    a = wide.transform
    askew = Grid(wide.shape, Affine(a.a, 1e-12, a.c, 0, a.e, a.f), UTM48)
    monkeypatch.setattr(compiled, "PARALLEL_FROM", 1)
    for at_once in (resample_cubic(layers, SOURCE, askew), resample_cubic(layers, SOURCE, wide)):
        np.testing.assert_array_equal(np.isnan(in_turn), np.isnan(at_once))
        np.testing.assert_allclose(in_turn, at_once, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (40, 3)])
def test_less_than_a_kernel_is_linear(shape):
    small = Grid(shape, SOURCE.transform, UTM48)
    tilt = (np.arange(shape[1]) + 10.0 * np.arange(shape[0])[:, None]).astype(np.float32)
    target = Grid((shape[0] * 4, shape[1] * 4), SOURCE.transform @ Affine.scale(0.25), UTM48)
    got = resample_cubic(tilt[None], small, target)[0]
    col, row = positions(small, target)
    wanted = np.clip(col, 0, shape[1] - 1) + 10 * np.clip(row, 0, shape[0] - 1)
    np.testing.assert_allclose(got, wanted, atol=1e-3)


def test_each_layer_misses_its_own():
    tilt = on_source(lambda col, row: 2.0 * col + row)
    holed = tilt.copy()
    holed[12:15, 15:17] = np.nan
    holed[18, 10] = np.inf
    whole, got = resample_cubic(np.stack([tilt, holed]), SOURCE, FINE)
    col, row = positions(SOURCE, FINE)
    missing = (np.abs(row - 13) < 1.5) & (np.abs(col - 15.5) < 1)
    missing |= (np.abs(row - 18) < 0.5) & (np.abs(col - 10) < 0.5)
    np.testing.assert_array_equal(np.isnan(got), missing)
    np.testing.assert_allclose(whole, 2 * col + row, atol=1e-3)
    np.testing.assert_allclose(got[~missing], whole[~missing], atol=1.6)  # at most half a pixel's rise in each axis
    far = (np.abs(row - 13) > 2.5) | (np.abs(col - 15.5) > 2)
    far &= (np.abs(row - 18) > 1.5) | (np.abs(col - 10) > 1.5)
    np.testing.assert_allclose(got[far], whole[far], atol=1e-3)


def test_outside_is_missing_and_the_edge_is_there():
    step = Grid((40, 60), Affine(10, 0, 499_900, 0, -10, 3_500_050), UTM48)  # whole pixels apart
    z = np.random.default_rng(1).random(SOURCE.shape, dtype=np.float32)
    got = resample_cubic(z[None], SOURCE, step)[0]
    np.testing.assert_allclose(got[5:35, 10:50], z, atol=1e-5)
    got[5:35, 10:50] = np.nan
    assert np.isnan(got).all()


def test_one_pixel_and_places_without_coordinates():
    one = Grid((1, 1), Affine(1, 0, 500_200, 0, -1, 3_499_800), UTM48)
    assert resample_cubic(np.ones((2, *SOURCE.shape), np.float32), SOURCE, one).tolist() == [[[1]], [[1]]]
    pole = Grid((20, 20), Affine(10, 0, 0, 0, -10, 95), CRS.from_epsg(4326))  # latitudes over 90
    assert np.isnan(resample_cubic(np.ones((1, *SOURCE.shape), np.float32), SOURCE, pole)).all()
