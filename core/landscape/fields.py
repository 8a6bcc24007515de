"""Farmland: parcels on gentle ground, terraces on slopes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.landscape.noise import F32, smoothstep

Ids = NDArray[np.int32]


def parcels(shape: tuple[int, int], cell_m: float, bend: tuple[F32, F32], rng: np.random.Generator,
            long_m: float = 46.0) -> tuple[Ids, F32]:
    """Divide land into bent rectangles of uneven size.

    Args:
        shape: (rows, columns).
        cell_m: Cell size.
        bend: Metres by which places are moved, down and right, so that edges are not straight.
        rng: Draws the cuts and the direction.
        long_m: Longest side of a parcel.

    Returns:
        Parcel numbers (int32, from 0), and the direction of each parcel's rows in radians (one a parcel).
    """
    side_m = 1.5 * max(shape) * cell_m
    unit = max(cell_m, 0.5)
    cells = int(side_m / unit) + 1
    board = np.zeros((cells, cells), np.int32)
    angles: list[float] = []
    angle = rng.uniform(0, np.pi)
    stack = [(0.0, 0.0, side_m, side_m)]
    while stack:
        y, x, h, w = stack.pop()
        if max(h, w) > long_m * rng.uniform(0.55, 1.6) or min(h, w) > 0.55 * long_m:
            cut = rng.uniform(0.36, 0.64)
            stack += [(y, x, h * cut, w), (y + h * cut, x, h * (1 - cut), w)] if h > w else [
                (y, x, h, w * cut), (y, x + w * cut, h, w * (1 - cut))]
            continue
        board[int(y / unit):int((y + h) / unit) + 1, int(x / unit):int((x + w) / unit) + 1] = len(angles)
        angles.append(angle + (0 if w > h else np.pi / 2))
    rows, cols = (np.indices(shape, np.float32) + 0.5) * np.float32(cell_m)
    rows, cols = rows + bend[0] - shape[0] * cell_m / 2, cols + bend[1] - shape[1] * cell_m / 2
    u = (rows * np.cos(angle) - cols * np.sin(angle) + side_m / 2) / unit
    v = (rows * np.sin(angle) + cols * np.cos(angle) + side_m / 2) / unit
    inside = [np.clip(p, 0, cells - 1).astype(np.int32) for p in (u, v)]
    return board[inside[0], inside[1]], np.array(angles, np.float32)


def terrace(z: F32, where: F32, rise_m: float) -> F32:
    """Step the land.

    Args:
        z: Elevation.
        where: 0 to 1, how much of it is stepped.
        rise_m: Height of a step.
    """
    level = z / np.float32(rise_m)
    step = np.floor(level)
    flat = (step + smoothstep(0.72, 1.0, level - step) * 0.9 + 0.1 * (level - step)) * np.float32(rise_m)
    return (z + where * (flat - z)).astype(np.float32)
