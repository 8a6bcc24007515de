"""Vegetation indices keep their sign, their range and their gaps."""

import doctest

import numpy as np
import pytest

import core.indices
from core.indices import ndvi, visible_index


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_ndvi_of_every_type(dtype):
    nir, red = np.array([50, 200, 120, 0], dtype), np.array([200, 50, 120, 0], dtype)
    index = ndvi(nir, red)
    np.testing.assert_allclose(index, [-0.6, 0.6, 0, np.nan], rtol=1e-6)
    assert index.dtype == np.float32


def test_large_integers_do_not_wrap():
    assert ndvi(np.uint8([255]), np.uint8([255]))[0] == 0
    assert ndvi(np.uint16([65535]), np.uint16([1]))[0] == pytest.approx(65534 / 65536)
    assert ndvi(np.uint32([2**32 - 1]), np.uint32([0]))[0] == 1
    assert visible_index(np.uint8([255]), np.uint8([0]), np.uint8([255]))[0] == -1
    assert visible_index(np.uint8([200]), np.uint8([250]), np.uint8([100]))[0] == pytest.approx(0.25)


def test_missing_stays_missing():
    nir = np.array([[0.4, np.nan, 0.4, np.inf]])
    index = ndvi(nir, np.full((1, 4), 0.1), valid=np.array([[True, True, False, True]]))
    np.testing.assert_allclose(index, [[0.6, np.nan, np.nan, np.nan]], rtol=1e-6)
    assert np.isnan(visible_index([0.1], [np.nan], [0.1])[0])
    assert np.isnan(visible_index([0], [0], [0])[0])
    assert np.isnan(visible_index([0.1], [0.2], [0.1], valid=[False])[0])


def test_negative_reflectance_stays_in_range():
    index = ndvi(np.array([0.3, 0.02, 0.01]), np.array([-0.02, -0.01, -0.01]))
    np.testing.assert_allclose(index, [1, 1, np.nan])


def test_visible_index_tells_leaf_from_soil():
    leaf, soil, grey = visible_index([60, 150, 90], [120, 110, 90], [50, 80, 90])
    assert leaf > 0.3
    assert soil < 0
    assert grey == 0


def test_the_documented_example_runs():
    assert doctest.testmod(core.indices) == (0, 1)
