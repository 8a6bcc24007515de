"""Roads and tracks: least-cost ways over the land, smoothed, and cut into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from core.landscape.noise import F32, smoothstep

Line = NDArray[np.float64]
"""(points, 2) rows and columns on the base grid."""

STEPS = [(0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1), (1, 3), (3, 1), (1, -3), (3, -1)]


@dataclass(frozen=True)
class Route:
    """A road or track.

    Attributes:
        line: Its middle, on the base grid.
        width_m: Of its surface.
        paved: Asphalt or concrete, or else earth.
    """

    line: Line
    width_m: float
    paved: bool


class Network:
    """The ways one can go over a piece of land.

    Args:
        z: (rows, columns) float32 base elevation.
        toll: Extra cost of each cell (1 is as dear again as plain ground).
        cell_m: Cell size.
        grade: Steepness along the way that is gone unwillingly.
        stride: Base cells in a node.
    """

    def __init__(self, z: F32, toll: F32, cell_m: float, grade: float = 0.09, stride: int = 3) -> None:
        half = stride // 2
        height = gaussian_filter(z, stride / 2)[half::stride, half::stride]
        dear = toll[half::stride, half::stride]
        self.shape, self.stride, step_m = height.shape, stride, stride * cell_m
        node = np.arange(height.size).reshape(self.shape)
        starts, ends, costs = [], [], []
        for dr, dc in STEPS:
            a = (slice(0, -dr or None), slice(max(0, -dc), -dc if dc > 0 else None))
            b = (slice(dr, None), slice(max(0, dc), dc if dc < 0 else None))
            length = step_m * np.hypot(dr, dc)
            climb = np.abs(height[b] - height[a]) / length
            starts.append(node[a].ravel())
            ends.append(node[b].ravel())
            costs.append((length * (1 + (climb / grade) ** 2 + 0.5 * (dear[a] + dear[b]))).ravel())
        rows, cols, data = map(np.concatenate, (starts, ends, costs))
        self.graph = csr_array((data, (rows, cols)), shape=(node.size, node.size))

    def way(self, start: tuple[float, float], end: tuple[float, float]) -> Line:
        """Return the cheapest way between two places on the base grid, as a smooth line."""
        first, last = (self._node(p) for p in (start, end))
        _, before = dijkstra(self.graph, directed=False, indices=first, return_predecessors=True)
        nodes = [last]
        while nodes[-1] != first and before[nodes[-1]] >= 0:
            nodes.append(int(before[nodes[-1]]))
        points = np.stack(np.divmod(np.array(nodes[::-1]), self.shape[1]), 1) * self.stride + self.stride / 2
        return smooth(points, 1.0, 7.0)

    def _node(self, place: tuple[float, float]) -> int:
        row, col = (int(np.clip(p // self.stride, 0, n - 1)) for p, n in zip(place, self.shape, strict=True))
        return row * self.shape[1] + col


def smooth(points: Line, spacing: float, sigma: float) -> Line:
    """Resample a line evenly and round its corners; its ends stay."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    if along[-1] < 2 * spacing:
        return points
    even = np.linspace(0, along[-1], int(along[-1] / spacing) + 1)
    line = np.stack([np.interp(even, along, points[:, k]) for k in range(2)], 1)
    return gaussian_filter1d(line, sigma / spacing, axis=0, mode="nearest")


@njit(cache=True, nogil=True)
def stamp(distance: F32, value: F32, line: Line, values: F32, reach: float) -> None:
    """Write the distance to a line, and its value at the nearest place, where nearer than before.

    Args:
        distance: (rows, columns) float32 pixels, changed in place.
        value: Alike; the line's value.
        line: (points, 2) rows and columns.
        values: (points,) float32.
        reach: Distance beyond which nothing is written.
    """
    rows, cols = distance.shape
    for k in range(len(line) - 1):
        y0, x0, y1, x1 = line[k, 0], line[k, 1], line[k + 1, 0], line[k + 1, 1]
        dy, dx = y1 - y0, x1 - x0
        square = dy * dy + dx * dx
        for r in range(max(0, int(min(y0, y1) - reach)), min(rows, int(max(y0, y1) + reach) + 1)):
            for c in range(max(0, int(min(x0, x1) - reach)), min(cols, int(max(x0, x1) + reach) + 1)):
                py, px = r + 0.5 - y0, c + 0.5 - x0
                t = 0.0 if square == 0 else min(max((py * dy + px * dx) / square, 0.0), 1.0)
                d = np.float32(((py - t * dy) ** 2 + (px - t * dx) ** 2) ** 0.5)
                if d < distance[r, c] and d <= reach:
                    distance[r, c] = d
                    value[r, c] = values[k] + np.float32(t) * (values[k + 1] - values[k])


def bench(z: F32, routes: list[Route], cell_m: float) -> F32:
    """Cut and fill the land under roads: level across, even along, with banks."""
    for route in routes:
        r, c = np.clip(route.line.astype(int), 0, np.array(z.shape) - 1).T
        grade = gaussian_filter1d(z[r, c].astype(np.float64), 10, mode="nearest").astype(np.float32)
        distance, level = np.full(z.shape, 1e6, np.float32), np.zeros(z.shape, np.float32)
        half = route.width_m / 2 / cell_m
        bank = (7.0 if route.paved else 3.0) / cell_m
        stamp(distance, level, route.line, grade, half + bank + 2)
        weight = 1 - smoothstep(half + 0.5, half + bank + 1.5, distance)
        z = z + weight * (level - z)
    return z.astype(np.float32)
