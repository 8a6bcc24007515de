"""The loops of ``core.cubic``, in single precision.

Positions are counted in source pixels from the first one's centre. Where one of the 4 x 4 samples is outside or
missing their sum is NaN, through its weight or itself, and the row is mended from the 2 x 2.
"""
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from core.compiled import inlined, kernel

LATTICE = 16
"""``turned`` is given positions at every so many pixels; they run linearly between."""

F = np.float32
# Unsigned places need no look at whether they count from the end, so that samples are fetched many at a time.
U = np.uintp
ONE, TWO, THREE = U(1), U(2), U(3)


@kernel
def parallel(layers, px, py, out):
    """Resample where rows lie along rows, first across, then down.

    Args:
        layers: (n, h, w) float32, at least 4 x 4.
        px: (columns of ``out``,) positions.
        py: (rows of ``out``,) positions.
        out: (n, rows, columns) float32, filled.
    """
    height, width = layers.shape[1:]
    first, across = np.empty(len(px), U), np.empty((4, len(px)), F)
    for x in range(len(px)):
        first[x], across[0, x], across[1, x], across[2, x], across[3, x] = _taps(px[x], width)
    lines, level = np.empty((height, len(px)), F), np.empty(len(px))
    for n in range(len(layers)):
        layer, ready = layers[n], np.zeros(height, np.bool_)
        for y in range(len(py)):
            top, a, b, c, d = _taps(py[y], height)
            for r in range(top, top + 4):
                if not ready[r]:
                    _across(layer[r], first, across, lines[r])
                    ready[r] = True
            for x in range(len(px)):
                out[n, y, x] = (a * lines[top, x] + b * lines[top + 1, x] + c * lines[top + 2, x]
                                + d * lines[top + 3, x])
            level[:] = py[y]
            _mend(layer, px, level, out[n, y])


@kernel
def turned(layers, col, row, start, out):
    """Resample where nothing lies along anything.

    Args:
        layers: (n, h, w) float32, at least 4 x 4.
        col: Positions on the lattice of the whole target, NaN where there are none.
        row: See ``col``.
        start: Which row of the target the first of ``out`` is.
        out: (n, rows, columns) float32, filled.
    """
    height, width = layers.shape[1:]
    columns = out.shape[2]
    px, py = np.empty(columns), np.empty(columns)
    first, across, down = np.empty(columns, U), np.empty((4, columns), F), np.empty((4, columns), F)
    for y in range(out.shape[1]):
        _along(col, start + y, px)
        _along(row, start + y, py)
        for x in range(columns):
            left, across[0, x], across[1, x], across[2, x], across[3, x] = _taps(px[x], width)
            top, down[0, x], down[1, x], down[2, x], down[3, x] = _taps(py[x], height)
            first[x] = U(top * width + left)
        for n in range(len(layers)):
            flat = layers[n].reshape(-1)
            for x in range(columns):
                a, b, c, d = across[0, x], across[1, x], across[2, x], across[3, x]
                i = first[x]
                total = down[0, x] * (a * flat[i] + b * flat[i + ONE] + c * flat[i + TWO] + d * flat[i + THREE])
                i += U(width)
                total += down[1, x] * (a * flat[i] + b * flat[i + ONE] + c * flat[i + TWO] + d * flat[i + THREE])
                i += U(width)
                total += down[2, x] * (a * flat[i] + b * flat[i + ONE] + c * flat[i + TWO] + d * flat[i + THREE])
                i += U(width)
                total += down[3, x] * (a * flat[i] + b * flat[i + ONE] + c * flat[i + TWO] + d * flat[i + THREE])
                out[n, y, x] = total
            _mend(layers[n], px, py, out[n, y])


@inlined
def _taps(position, size):
    """Return the first of four samples along an axis and their weights: 0 and NaN where one of them is outside."""
    below = np.floor(position)
    inside = (below >= 1) & (below < size - 2)
    t = F(position - below if inside else np.nan)
    u, half = F(1) - t, F(0.5)
    return (int(below) - 1 if inside else 0, -t * u * u * half, F(1) + t * t * (F(3) * t - F(5)) * half,
            F(1) + u * u * (F(3) * u - F(5)) * half, -u * t * t * half)


@kernel
def _across(line, first, weights, out):
    for x in range(len(out)):
        i = first[x]
        out[x] = (weights[0, x] * line[i] + weights[1, x] * line[i + ONE] + weights[2, x] * line[i + TWO]
                  + weights[3, x] * line[i + THREE])


@kernel
def _along(lattice, y, out):
    """Fill a row of positions from the lattice, bilinear."""
    j, v = y // LATTICE, (y % LATTICE) / LATTICE
    for i in range(lattice.shape[1] - 1):
        here = lattice[j, i] * (1 - v) + lattice[j + 1, i] * v
        step = (lattice[j, i + 1] * (1 - v) + lattice[j + 1, i + 1] * v - here) / LATTICE
        for x in range(i * LATTICE, min((i + 1) * LATTICE, len(out))):
            out[x] = here + (x - i * LATTICE) * step


@kernel
def _mend(layer, px, py, out):
    """Fill what is NaN in a row from the 2 x 2 samples that are there; it stays so where the nearest is not."""
    height, width = layer.shape
    missing = 0
    for x in range(len(out)):
        missing += not np.isfinite(out[x])
    if missing == 0:
        return
    for x in range(len(out)):
        if not np.isfinite(out[x]):
            out[x] = F(np.nan)
            inside = (px[x] >= -0.5) & (px[x] < width - 0.5) & (py[x] >= -0.5) & (py[x] < height - 0.5)
            if inside and np.isfinite(layer[U(py[x] + 0.5), U(px[x] + 0.5)]):
                out[x] = _linear(layer, px[x], py[x])


@kernel
def _linear(layer, px, py):
    """Mean of the 2 x 2 samples that are there, by linear weights."""
    c, r = int(np.floor(px)), int(np.floor(py))
    total, weights = 0.0, 0.0
    for j in range(max(r, 0), min(r + 2, layer.shape[0])):
        for i in range(max(c, 0), min(c + 2, layer.shape[1])):
            if np.isfinite(layer[j, i]):
                weight = (1 - abs(px - i)) * (1 - abs(py - j))
                total, weights = total + weight * layer[j, i], weights + weight
    return F(total / weights)
