"""Trees, one by one: where they stand, and the height field of their crowns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.landscape.noise import F32


@dataclass(frozen=True)
class Trees:
    """Trees of a scene, in pixels.

    Attributes:
        row: Of the stem.
        col: Of the stem.
        radius_m: Of the crown.
        height_m: Of the top.
        conifer: 1 for a cone, 0 for a dome.
        tone: -1 to 1, its own colour.
        chance: 0 to 1; it stands where the density is above this.
    """

    row: F32
    col: F32
    radius_m: F32
    height_m: F32
    conifer: NDArray[np.uint8]
    tone: F32
    chance: F32


def plant(size: int, gsd_m: float, conifer: F32, rng: np.random.Generator, *, spacing_m: float, radius_m: float,
          height_m: float) -> Trees:
    """Put a possible tree in every cell of a shaken grid.

    Args:
        size: Side of the scene in pixels.
        gsd_m: Pixel size.
        conifer: (size, size) float32 share of conifers.
        rng: Draws everything.
        spacing_m: Of the grid.
        radius_m: Middle crown radius.
        height_m: Middle height.
    """
    step = spacing_m / gsd_m
    count = math.ceil(size / step) + 1
    rows, cols = np.indices((count, count), np.float32)
    cols = cols + 0.5 * (rows % 2)
    spread = rng.uniform(-0.42, 0.42, (2, count, count)).astype(np.float32)
    row, col = ((rows + spread[0]) * step).ravel(), ((cols + spread[1]) * step).ravel()
    inside = (row >= 0) & (col >= 0) & (row < size) & (col < size)
    row, col = row[inside], col[inside]
    n = row.size
    cone = rng.random(n) < conifer[row.astype(int), col.astype(int)]
    grown = np.exp(rng.normal(0, 0.24, n))
    radius = radius_m * grown * np.where(cone, 0.78, 1.18)
    height = height_m * grown**0.8 * np.where(cone, 1.15, 0.85)
    return Trees(row.astype(np.float32), col.astype(np.float32), radius.astype(np.float32), height.astype(np.float32),
                 cone.astype(np.uint8), np.clip(rng.normal(0, 0.45, n), -1, 1).astype(np.float32),
                 rng.random(n, np.float32))


@njit(cache=True, nogil=True)
def _grow(crown: F32, tone: F32, kind: NDArray[np.uint8], density: F32, rough: F32, row: F32, col: F32, radius: F32,
          height: F32, conifer: NDArray[np.uint8], own: F32, chance: F32) -> None:
    rows, cols = crown.shape
    for k in range(len(row)):
        if density[int(row[k]), int(col[k])] <= chance[k]:
            continue
        reach = radius[k] * 1.25
        for r in range(max(0, int(row[k] - reach)), min(rows, int(row[k] + reach) + 1)):
            for c in range(max(0, int(col[k] - reach)), min(cols, int(col[k] + reach) + 1)):
                dy, dx = r + 0.5 - row[k], c + 0.5 - col[k]
                d = math.sqrt(dy * dy + dx * dx) / radius[k] * (1 + 0.16 * rough[r, c])
                if d >= 1:
                    continue
                form = 1 - 0.85 * d if conifer[k] == 1 else 0.35 + 0.65 * math.sqrt(1 - d * d)
                top = np.float32(height[k] * form)
                if top > crown[r, c]:
                    crown[r, c], tone[r, c], kind[r, c] = top, own[k], 1 + conifer[k]


def grow(trees: Trees, density: F32, rough: F32, gsd_m: float, crown: F32, tone: F32,
         kind: NDArray[np.uint8]) -> None:
    """Draw the crowns of the trees that stand.

    Args:
        trees: All possible trees.
        density: (size, size) float32, 0 to 1.
        rough: (size, size) float32 noise that frays the crowns.
        gsd_m: Pixel size.
        crown: Height of the canopy over ground, changed in place.
        tone: Colour of the tree seen at a pixel, changed in place.
        kind: 0 none, 1 broadleaf, 2 conifer, changed in place.
    """
    _grow(crown, tone, kind, density, rough, trees.row, trees.col, trees.radius_m / np.float32(gsd_m), trees.height_m,
          trees.conifer, trees.tone, trees.chance)
