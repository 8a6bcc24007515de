"""Cubic convolution from one grid onto another, with holes.

GDAL's warp does this too, but it takes several times as long once values are missing, and a layer's
NaN spreads where another layer of the stack is there.

Source: Keys, R. G. (1981), Cubic convolution interpolation for digital image processing, IEEE
Transactions on Acoustics, Speech, and Signal Processing 29(6), with a = -1/2.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import pyproj
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from core.grid import Grid

Points = tuple[NDArray[np.float64], NDArray[np.float64]]

# Coordinates are transformed at every so many pixels and run linearly between.
LATTICE = 16


def resample_cubic(layers: NDArray[np.float32], source: Grid, target: Grid) -> NDArray[np.float32]:
    """Resample layers onto another grid.

    A pixel is missing when the source pixel it falls in is missing or outside; each layer by itself.
    Where some of the 4 x 4 source pixels about it are missing, those of the 2 x 2 that are there
    count, by their linear weights.

    Args:
        layers: (n, h, w) float32 on ``source``; NaN where missing.
        source: Their grid.
        target: The wanted grid; its pixels should not be much larger than the source's.

    Returns:
        (n, *target.shape) float32; NaN where missing.
    """
    rows = np.arange(-(-target.height // LATTICE) + 1) * LATTICE + 0.5
    cols = np.arange(-(-target.width // LATTICE) + 1) * LATTICE + 0.5
    x, y = apply(target.transform, *np.meshgrid(cols, rows))
    col, row = apply(~source.transform, *transform(target, source, x, y))
    out = np.empty((len(layers), *target.shape), np.float32)
    _convolve(np.ascontiguousarray(layers, np.float32), col - 0.5, row - 0.5, out)
    return out


def apply(affine: Affine, x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Apply an affine to arrays of coordinates."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def transform(source: Grid, target: Grid, x: ArrayLike, y: ArrayLike) -> Points:
    """Bring coordinates from one grid's CRS to another's; NaN where there are none."""
    if source.crs == target.crs:
        return np.asarray(x, np.float64), np.asarray(y, np.float64)
    to_target = pyproj.Transformer.from_crs(source.crs.to_wkt(), target.crs.to_wkt(), always_xy=True)
    tx, ty = np.asarray(to_target.transform(x, y), np.float64)
    there = np.isfinite(tx) & np.isfinite(ty)
    return np.where(there, tx, np.nan), np.where(there, ty, np.nan)


@nb.njit(cache=True, nogil=True)
def _convolve(layers, col, row, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fill ``out`` from source positions on the lattice, counted from the first pixel's centre."""
    height, width = layers.shape[1:]
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            px, py = _between(col, y, x), _between(row, y, x)
            inside = -0.5 <= px < width - 0.5 and -0.5 <= py < height - 0.5
            c, r = int(np.floor(px)) if inside else 0, int(np.floor(py)) if inside else 0
            whole = inside and 1 <= c < width - 2 and 1 <= r < height - 2
            across, down = _keys(px - c), _keys(py - r)
            for n in range(out.shape[0]):
                value = np.nan
                if whole:
                    value = 0.0
                    for k in range(4):
                        line = layers[n, r - 1 + k]
                        value += down[k] * (across[0] * line[c - 1] + across[1] * line[c]
                                            + across[2] * line[c + 1] + across[3] * line[c + 2])
                if inside and not np.isfinite(value):
                    value = _linear(layers[n], c, r, px - c, py - r)
                out[n, y, x] = value


@nb.njit(cache=True, inline="always")
def _between(lattice, y, x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return a lattice's value at a pixel, bilinear."""
    j, i, v, u = y // LATTICE, x // LATTICE, (y % LATTICE) / LATTICE, (x % LATTICE) / LATTICE
    above = lattice[j, i] * (1 - u) + lattice[j, i + 1] * u
    below = lattice[j + 1, i] * (1 - u) + lattice[j + 1, i + 1] * u
    return above * (1 - v) + below * v


@nb.njit(cache=True, inline="always")
def _keys(t):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Weights of the samples at -1, 0, 1 and 2 for a point at ``t`` in 0..1."""
    u = 1 - t
    return -t * u * u / 2, 1 + t * t * (3 * t - 5) / 2, 1 + u * u * (3 * u - 5) / 2, -u * t * t / 2


@nb.njit(cache=True)
def _linear(layer, c, r, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mean of the 2 x 2 samples that are there, by linear weights; missing where the nearest is."""
    total, weights = 0.0, 0.0
    for j in range(2):
        for i in range(2):
            row, col = r + j, c + i
            there = 0 <= row < layer.shape[0] and 0 <= col < layer.shape[1] and np.isfinite(layer[row, col])
            if there:
                weight = (a if i else 1 - a) * (b if j else 1 - b)
                total, weights = total + weight * layer[row, col], weights + weight
            elif i == (a >= 0.5) and j == (b >= 0.5):
                return np.nan
    return total / weights
