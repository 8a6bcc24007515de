"""Outlines that are likely several landslides grown together, and where to part them.

A landslide has one crown. Seen along the fall of the ground, an outline whose upslope rim rises to several crowns, with
ground between them where the rim comes well down, is several landslides that share a runout: amalgamated, as maps from
images often are (Marc and Hovius 2015, doi:10.5194/nhess-15-723-2015). A crown counts by its prominence: how far one
has to go down from it, inside the outline, before a higher crown can be reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes as polygons_of
from scipy import ndimage
from shapely.geometry.base import BaseGeometry
from skimage.segmentation import watershed

from core.grid import Grid

Floats = NDArray[np.float32]

PROMINENCE = 0.25
"""Of a crown, as a share of the drop of the whole outline."""

LEAST_SHARE = 0.08
"""Of a crown's own ground, above where it meets the next, in the outline's area."""

LEAST_PIXELS = 60
LEVELS = 48
_SMOOTH_PX = 1.5


@dataclass(frozen=True)
class Amalgam:
    """A proposal.

    Attributes:
        parts: Polygons in the grid's CRS, the largest first; together they are the outline.
        prominence_m: Of the lowest crown that counted.
    """

    parts: tuple[BaseGeometry, ...]
    prominence_m: float


def amalgam(outline: BaseGeometry, mask: NDArray[np.bool_], de: Floats, dn: Floats, grid: Grid,
            elevation_m: Floats | None = None) -> Amalgam | None:
    """Return how an outline parts into landslides with a crown each; None when it has one, or when nobody can tell.

    Args:
        outline: Polygon in the grid's CRS.
        mask: bool (height, width), True on its pixels.
        de: float32 (height, width), dz/de; NaN where missing.
        dn: Same shape, dz/dn.
        grid: Grid of the arrays.
        elevation_m: Same shape, metres. Left out, height is taken along the mean gradient, which cannot tell slopes
            that face each other.
    """
    known = mask & np.isfinite(de) & np.isfinite(dn)
    if mask.sum() < LEAST_PIXELS or known.sum() < 0.9 * mask.sum():
        return None
    height = _height(mask, known, de, dn, grid) if elevation_m is None else _filled(elevation_m, mask)
    drop = float(np.ptp(height[mask]))
    crowns, prominence = _crowns(mask, height, PROMINENCE * drop)
    if crowns.max() < 2:
        return None
    basins = watershed(-ndimage.distance_transform_edt(mask), crowns, mask=mask)  # type: ignore[no-untyped-call]
    parts = _parts(outline, basins, grid)
    return Amalgam(tuple(parts), prominence) if len(parts) > 1 else None


def _height(mask: NDArray[np.bool_], known: NDArray[np.bool_], de: Floats, dn: Floats, grid: Grid) -> Floats:
    """Return heights on the plane of the mean gradient, in metres."""
    east, north = float(de[known].mean()), float(dn[known].mean())
    rows, columns = np.indices(mask.shape)
    frame = grid.frame_m()
    x, y = frame[0, 0] * columns + frame[0, 1] * rows, frame[1, 0] * columns + frame[1, 1] * rows
    return np.asarray(east * x + north * y, np.float32)


def _filled(elevation_m: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return elevations smoothed inside the outline alone, the nearest where one is missing."""
    missing = ~np.isfinite(elevation_m)
    if missing.any():
        nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        elevation_m = elevation_m[tuple(nearest)]
    weight = ndimage.gaussian_filter(mask.astype(np.float32), _SMOOTH_PX)
    smooth = ndimage.gaussian_filter(np.where(mask, elevation_m, 0).astype(np.float32), _SMOOTH_PX)
    return np.asarray(np.where(mask, smooth / np.maximum(weight, 1e-6), elevation_m), np.float32)


def _crowns(mask: NDArray[np.bool_], height: Floats, least: float) -> tuple[NDArray[np.int32], float]:
    """Return each crown's own ground as a number from 1, and the smallest prominence among those that count.

    From the top down, level by level, grounds appear, grow and meet. When two meet, the one with the lower top is done:
    it counts if it rises far enough above the meeting and is not a mere spur.
    """
    top, bottom = float(height[mask].max()), float(height[mask].min())
    grounds: list[tuple[float, NDArray[np.bool_]]] = []  # height of the top, pixels at the last level
    found: list[tuple[float, NDArray[np.bool_]]] = []  # prominence, pixels where it met another
    for level in np.linspace(top, bottom, LEVELS + 1)[1:]:
        pieces, count = ndimage.label(mask & (height >= level), np.ones((3, 3)))
        inside: list[list[tuple[float, NDArray[np.bool_]]]] = [[] for _ in range(count + 1)]
        for ground in grounds:
            inside[int(pieces[ground[1]][0])].append(ground)
        grounds = []
        for number in range(1, count + 1):
            piece = pieces == number
            several = sorted(inside[number], key=lambda ground: ground[0], reverse=True)
            if not several:
                grounds.append((float(height[piece].max()), piece))
                continue
            lower = [(highest - float(level), ground) for highest, ground in several[1:]
                     if highest - level >= least and ground.sum() >= LEAST_SHARE * mask.sum()]
            if lower:
                found += [each for each in (*lower, (np.inf, several[0][1])) if not _covered(found, each[1])]
            grounds.append((several[0][0], piece))
    crowns = np.zeros(mask.shape, np.int32)
    for number, (_, own) in enumerate(found, 1):
        crowns[own & (crowns == 0)] = number
    return crowns, min((prominence for prominence, _ in found), default=0.0)


def _covered(found: list[tuple[float, NDArray[np.bool_]]], ground: NDArray[np.bool_]) -> bool:
    """Tell whether a ground holds one that counted already."""
    return any(ground[other].all() for _, other in found)


def _parts(outline: BaseGeometry, labels: NDArray[np.int32], grid: Grid) -> list[BaseGeometry]:
    """Return the outline cut along the borders of labelled pixels; its own edge stays as it was."""
    traced = {int(value): shapely.geometry.shape(shape) for shape, value in polygons_of(
        labels.astype(np.int32), mask=labels > 0, transform=grid.transform)}
    step = 1.5 * float(np.hypot(grid.transform.a, grid.transform.d))
    parts, rest = [], outline
    for number in sorted(traced, key=lambda each: traced[each].area):
        others = [shape for other, shape in traced.items() if other != number]
        last = number == max(traced, key=lambda each: traced[each].area)
        part = rest if last else rest.intersection(traced[number].buffer(step).difference(shapely.union_all(others)))
        part = shapely.union_all([each for each in shapely.get_parts(part) if isinstance(each, shapely.Polygon)])
        if not part.is_empty:
            parts.append(part)
            rest = rest.difference(part)
    return sorted(parts, key=lambda part: -part.area)
