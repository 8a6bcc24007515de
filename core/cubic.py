"""Cubic convolution from one grid onto another, with holes.

GDAL's warp does this too, but it takes several times as long, more so once values are missing, and a layer's NaN
spreads where another layer of the stack is there.

Source: Keys, R. G. (1981), Cubic convolution interpolation for digital image processing, IEEE
Transactions on Acoustics, Speech, and Signal Processing 29(6), with a = -1/2.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS

from core.compiled import in_rows
from core.cubic_kernels import LATTICE, parallel, turned
from core.grid import Grid

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def resample_cubic(layers: NDArray[np.float32], source: Grid, target: Grid) -> NDArray[np.float32]:
    """Resample layers onto another grid.

    A pixel is missing when the source pixel it falls in is missing or outside; each layer by itself.
    Where some of the 4 x 4 source pixels about it are missing, those of the 2 x 2 that are there
    count, by their linear weights.

    Weights and sums are single precision: a value is true to 1e-6 of the largest about it. Grids of one CRS whose
    rows and columns are parallel are resampled by columns, then by rows, some twenty times as fast as others.

    Args:
        layers: (n, h, w) float32 on ``source``; NaN where missing.
        source: Their grid.
        target: The wanted grid; its pixels should not be much larger than the source's.

    Returns:
        (n, *target.shape) float32; NaN where missing.
    """
    short = [(0, max(0, 4 - size)) for size in layers.shape[1:]]  # the kernels take 4 x 4 pixels for granted
    whole = np.ascontiguousarray(np.pad(layers, [(0, 0), *short], constant_values=np.nan), np.float32)
    out = np.empty((len(layers), *target.shape), np.float32)
    to_source = ~source.transform @ target.transform
    if source.crs == target.crs and to_source.b == to_source.d == 0:
        px = to_source.a * (np.arange(target.width) + 0.5) + to_source.c - 0.5
        py = to_source.e * (np.arange(target.height) + 0.5) + to_source.f - 0.5
        in_rows(lambda rows: parallel(whole, px, py[rows], out[:, rows]), target.height, out[0].size)
        return out
    rows = np.arange(-(-target.height // LATTICE) + 1) * LATTICE + 0.5
    cols = np.arange(-(-target.width // LATTICE) + 1) * LATTICE + 0.5
    x, y = apply(target.transform, *np.meshgrid(cols, rows))
    col, row = apply(~source.transform, *transform(target, source, x, y))
    in_rows(lambda rows: turned(whole, col - 0.5, row - 0.5, rows.start, out[:, rows]), target.height, out[0].size)
    return out


def apply(affine: Affine, x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Apply an affine to arrays of coordinates."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def transform(source: Grid, target: Grid, x: ArrayLike, y: ArrayLike) -> Points:
    """Bring coordinates from one grid's CRS to another's; NaN where there are none."""
    if source.crs == target.crs:
        return np.asarray(x, np.float64), np.asarray(y, np.float64)
    tx, ty = np.asarray(_between(source.crs, target.crs).transform(x, y), np.float64)
    there = np.isfinite(tx) & np.isfinite(ty)
    return np.where(there, tx, np.nan), np.where(there, ty, np.nan)


@lru_cache(maxsize=64)
def _between(source: CRS, target: CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source.to_wkt(), target.to_wkt(), always_xy=True)
