"""Water over a surface: drainage order, catchment area, and erosion by streams and slopes."""

from __future__ import annotations

import heapq
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.landscape.noise import F32, Mask

Order = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _flood(z: F32, outlets: Mask) -> tuple[F32, Order, Order]:
    """Rise from the outlets; return the level without hollows, the cells in order, and how each was reached."""
    rows, cols = z.shape
    level = z.copy().ravel()
    seen = outlets.copy().ravel()
    order = np.empty(rows * cols, np.int64)
    receiver = np.arange(rows * cols)
    heap = [(level[cell], cell) for cell in receiver[seen]]
    heapq.heapify(heap)
    count = 0
    while len(heap) > 0:
        cell = heapq.heappop(heap)[1]
        order[count] = cell
        count += 1
        row, col = cell // cols, cell % cols
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(col - 1, 0), min(col + 2, cols)):
                other = r * cols + c
                if not seen[other]:
                    seen[other] = True
                    level[other] = max(level[other], level[cell] + np.float32(1e-3))
                    receiver[other] = cell
                    heapq.heappush(heap, (level[other], other))
    return level, order[:count], receiver


@njit(cache=True, nogil=True)
def _drain(z: F32, outlets: Mask, jitter: F32) -> tuple[Order, Order]:
    """Return the cells from the outlets upwards, and the steepest lower neighbour of each."""
    rows, cols = z.shape
    level, order, receiver = _flood(z, outlets)
    for cell in order:
        row, col = cell // cols, cell % cols
        best = 0.0
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(col - 1, 0), min(col + 2, cols)):
                fall = level[cell] - level[r * cols + c]
                if fall <= 0 or outlets[row, col]:
                    continue
                fall *= (1 + 0.5 * jitter[r, c]) / math.sqrt((r - row) ** 2 + (c - col) ** 2)
                if fall > best:
                    best = fall
                    receiver[cell] = r * cols + c
    return order, receiver


@njit(cache=True, nogil=True)
def _accumulate(order: Order, receiver: Order, area: F32) -> F32:
    for k in range(len(order) - 1, -1, -1):
        cell = order[k]
        if receiver[cell] != cell:
            area[receiver[cell]] += area[cell]
    return area


@njit(cache=True, nogil=True)
def _incise(z: F32, order: Order, receiver: Order, area: F32, uplift: float, k: float, cell_m: float,
            steepest: F32, outlets: Mask) -> None:
    cols = z.shape[1]
    flat, limit, still = z.ravel(), steepest.ravel(), outlets.ravel()
    for n in range(len(order)):
        cell = order[n]
        if still[cell]:
            continue
        to = receiver[cell]
        length = cell_m * math.sqrt((cell // cols - to // cols) ** 2 + (cell % cols - to % cols) ** 2)
        if length == 0:
            continue
        power = k * area[cell] ** 0.45 / length
        raised = flat[cell] + uplift
        cut = (raised + power * flat[to]) / (1 + power)
        flat[cell] = min(max(cut, flat[to]), flat[to] + limit[cell] * length)


@njit(cache=True, nogil=True)
def _diffuse(z: F32, outlets: Mask, rate: float) -> F32:
    out = z.copy()
    rows, cols = z.shape
    for r in range(1, rows - 1):
        for c in range(1, cols - 1):
            if not outlets[r, c]:
                near = z[r - 1, c] + z[r + 1, c] + z[r, c - 1] + z[r, c + 1]
                far = z[r - 1, c - 1] + z[r + 1, c + 1] + z[r - 1, c + 1] + z[r + 1, c - 1]
                out[r, c] = z[r, c] + rate * (near / 6 + far / 12 - z[r, c])
    return out


def erode(z: F32, outlets: Mask, cell_m: float, rng: np.random.Generator, *, steps: int, k: float,
          steepest: F32, uplift_m: float = 0.0, diffusion: float = 0.15) -> F32:
    """Let streams cut and slopes fail: implicit stream power (area exponent 0.45), a slope limit, and creep.

    After Braun and Willett (2013, 10.1016/j.geomorph.2012.10.008).

    Args:
        z: (rows, columns) float32, metres.
        outlets: Cells that keep their elevation and receive the water.
        cell_m: Cell size.
        rng: Breaks ties in flow direction, so that eight directions do not show.
        steps: How many rounds.
        k: Erodibility per round.
        steepest: Greatest slope (rise over run) that stands, per cell.
        uplift_m: Rise of the land per round.
        diffusion: Share of creep per round, 0 to 1.
    """
    z = z.astype(np.float32)
    for _ in range(steps):
        order, receiver = _drain(z, outlets, rng.random(z.shape, np.float32))
        area = _accumulate(order, receiver, np.full(z.size, cell_m * cell_m, np.float32))
        _incise(z, order, receiver, area, uplift_m, k, cell_m, steepest, outlets)
        z = _diffuse(z, outlets, diffusion)
    return z


def catchment_m2(z: F32, outlets: Mask, cell_m: float, rng: np.random.Generator) -> F32:
    """Return the area that drains through each cell, in square metres."""
    order, receiver = _drain(z, outlets, rng.random(z.shape, np.float32))
    return _accumulate(order, receiver, np.full(z.size, cell_m * cell_m, np.float32)).reshape(z.shape)
