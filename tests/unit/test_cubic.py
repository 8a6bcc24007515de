"""Cubic convolution on grids: exact on smooth ground, GDAL's equal inside, careful beside holes."""

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject

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


def test_equal_to_gdal_inside():
    z = np.random.default_rng(0).random(SOURCE.shape, dtype=np.float32)
    theirs = np.empty(FINE.shape, np.float32)
    reproject(z, theirs, src_transform=SOURCE.transform, src_crs=UTM48, dst_transform=FINE.transform, dst_crs=UTM48,
              resampling=Resampling.cubic)
    np.testing.assert_allclose(resample_cubic(z[None], SOURCE, FINE)[0], theirs, atol=1e-5)


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
