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
def _drain(z: F32, outlets: Mask, jitter: F32) -> tuple[Order, Order]:
    """Flood from the outlets upwards; return the cells in that order and each one's receiver."""
    rows, cols = z.shape
    level = z.copy().ravel()
    state = np.zeros(rows * cols, np.uint8)
    order = np.empty(rows * cols, np.int64)
    receiver = np.empty(rows * cols, np.int64)
    heap = [(np.float32(0), np.int64(0)) for _ in range(0)]
    for cell in range(rows * cols):
        receiver[cell] = cell
        if outlets[cell // cols, cell % cols]:
            state[cell] = 1
            heapq.heappush(heap, (level[cell], np.int64(cell)))
    count = 0
    while len(heap) > 0:
        _, cell = heapq.heappop(heap)
        order[count] = cell
        count += 1
        row, col = cell // cols, cell % cols
        for drow in range(-1, 2):
            for dcol in range(-1, 2):
                r, c = row + drow, col + dcol
                if r < 0 or c < 0 or r >= rows or c >= cols:
                    continue
                other = r * cols + c
                if state[other] == 0:
                    state[other] = 1
                    level[other] = max(level[other], level[cell] + np.float32(1e-3))
                    receiver[other] = cell
                    heapq.heappush(heap, (level[other], np.int64(other)))
    for k in range(count):
        cell = order[k]
        row, col = cell // cols, cell % cols
        if outlets[row, col]:
            continue
        best = np.float32(0)
        for drow in range(-1, 2):
            for dcol in range(-1, 2):
                r, c = row + drow, col + dcol
                if (drow == 0 and dcol == 0) or r < 0 or c < 0 or r >= rows or c >= cols:
                    continue
                fall = (level[cell] - level[r * cols + c]) / math.sqrt(drow * drow + dcol * dcol)
                fall *= 1 + np.float32(0.5) * jitter[r, c]
                if fall > best and level[r * cols + c] < level[cell]:
                    best = fall
                    receiver[cell] = r * cols + c
    return order[:count], receiver


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
