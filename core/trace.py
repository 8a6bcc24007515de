"""The outline of a mask, walked along its pixels' edges: tens of bytes a corner, where a GeoJSON detour takes hundreds.

A ring is walked with the mask on its right (down the screen from an edge that leads east), so that an outer ring
has a positive area in pixel coordinates and a hole a negative one. Where two pixels touch by a corner only (a pinch),
the walk turns right and keeps them apart: parts are 4-connected. A ring that comes back to a pinch is cut there in
two, which leaves an outer ring and a hole that touch in one point: valid without repair.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon


def polygonise(mask: NDArray[np.bool_]) -> Polygon | MultiPolygon:
    """Return the outline of a mask's True pixels along their edges, in pixel coordinates (column, row).

    Args:
        mask: bool (height, width) with at least one True.

    Returns:
        A valid Polygon, or a MultiPolygon where the mask has more than one 4-connected part.
    """
    corners = list(_rings(np.ascontiguousarray(mask)))
    ends = np.cumsum([len(ring) for ring in corners])
    starts, points = np.concatenate([[0], ends[:-1]]), np.concatenate(corners)
    x, y = points.T.astype(np.int64)
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = starts
    outer = np.add.reduceat(x * y[following] - x[following] * y, starts) > 0
    rings = shapely.linearrings(points, indices=np.repeat(np.arange(len(ends)), ends - starts))
    parent = np.where(outer, np.cumsum(outer) - 1, 0)
    if np.count_nonzero(outer) > 1 and not outer.all():
        first, second = points[starts[~outer]], points[starts[~outer] + 1]
        along = np.sign(second - first)
        inside = first + (along + np.column_stack([-along[:, 1], along[:, 0]])) / 2  # centre of a pixel beside the hole
        parent[~outer] = _smallest_around(shapely.points(inside), shapely.polygons(rings[outer]))
    order = np.lexsort((~outer, parent))
    parts = shapely.polygons(rings[order], indices=parent[order])
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _smallest_around(points: NDArray[np.object_], solids: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return for each point the number of the smallest solid that holds it; every point is in one."""
    order = np.argsort(-shapely.area(solids), kind="stable")
    which, point = shapely.STRtree(points).query(solids[order], predicate="contains")
    smallest = np.zeros(len(points), np.intp)
    np.maximum.at(smallest, point, which)
    return order[smallest]


@numba.njit(cache=True)
def _rings(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.int32]]:
    """Yield the corners (column, row) of each ring, int32 (corners, 2), the first not repeated at the end."""
    height, width = mask.shape
    walked = np.zeros((height * width >> 3) + 1, np.uint8)  # a bit a pixel: its upper edge was walked
    pinched = np.zeros(((height + 1) * (width + 1) >> 3) + 1, np.uint8)  # a bit a corner: the path holds it as a pinch
    path = np.empty((64, 2), np.int32)
    for row in range(height):
        for column in range(width):
            if not mask[row, column] or _at(mask, row - 1, column) or _bit(walked, row * width + column):
                continue
            x, y, dx, dy, size, closed = column, row, 1, 0, 0, False
            while not closed:
                if dx == 1:
                    _flip(walked, y * width + x)
                x, y = x + dx, y + dy
                left = _at(mask, y + (dy - dx - 1) // 2, x + (dx + dy - 1) // 2)
                right = _at(mask, y + (dy + dx - 1) // 2, x + (dx - dy - 1) // 2)
                if right and not left:
                    continue
                dx, dy = (dy, -dx) if right else (-dy, dx)
                if left and not right:
                    if _bit(pinched, y * (width + 1) + x):
                        start = _last(path[:size], x, y)
                        yield _taken(path[start:size], pinched, width + 1)
                        size = start
                    else:
                        _flip(pinched, y * (width + 1) + x)
                if size == len(path):
                    path = np.concatenate((path, np.empty_like(path)))
                path[size, 0], path[size, 1] = x, y
                size += 1
                closed = x == column and y == row and dx == 1
            yield _taken(path[:size], pinched, width + 1)


@numba.njit(cache=True)
def _at(mask: NDArray[np.bool_], row: int, column: int) -> bool:
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and mask[row, column]


@numba.njit(cache=True)
def _last(path: NDArray[np.int32], x: int, y: int) -> int:
    """Return where a path was at a corner; what lies between is cut off, so all searches together are one walk."""
    place = len(path) - 1
    while path[place, 0] != x or path[place, 1] != y:
        place -= 1
    return place


@numba.njit(cache=True)
def _bit(bits: NDArray[np.uint8], place: int) -> bool:
    return bits[place >> 3] >> (place & 7) & 1 == 1


@numba.njit(cache=True)
def _flip(bits: NDArray[np.uint8], place: int) -> None:
    bits[place >> 3] ^= 1 << (place & 7)


@numba.njit(cache=True)
def _taken(path: NDArray[np.int32], pinched: NDArray[np.uint8], stride: int) -> NDArray[np.int32]:
    """Return a finished ring; another ring that comes to its pinches finds them unmarked."""
    for x, y in path:
        if _bit(pinched, y * stride + x):
            _flip(pinched, y * stride + x)
    return path.copy()
