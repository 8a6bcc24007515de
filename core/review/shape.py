"""Outlines that people draw: made whole, cut, joined, fit to be edited by hand, and measured like detected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from rasterio.features import rasterize
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from core.errors import InputError
from core.grid import Grid
from core.measure import measure
from core.raster import open_raster, read_on
from core.redraw import MEASURED_PIXELS
from core.review.amalgam import amalgam
from core.review.taking import known
from core.scene import Scene, SceneSettings

MOST_CORNERS = 400
PROPOSED_PIXELS = 40_000
_DEGREES = 1e-9


def outline(drawn: Mapping[str, Any]) -> BaseGeometry:
    """Return a GeoJSON polygon from the map as a valid one.

    Raises:
        InputError: Nothing with an area is left of it.
    """
    made = shapely.make_valid(shapely.geometry.shape(drawn), method="structure", keep_collapsed=False)
    return _polygons([made])


def cut(whole: BaseGeometry, line: Mapping[str, Any]) -> list[BaseGeometry]:
    """Cut an outline along a GeoJSON line; return the parts, largest first.

    Raises:
        InputError: The line does not go right across.
    """
    blade = shapely.geometry.shape(line)
    faces = shapely.get_parts(shapely.polygonize([shapely.unary_union([whole.boundary, blade])]))
    parts = [face for face in faces if whole.contains(shapely.point_on_surface(face))]
    if len(parts) <= len(shapely.get_parts(whole)):
        raise InputError("line", got="one that leaves the outline whole", expected="a line right across it",
                         remedy="Begin outside the outline and end outside it, on the other side.")
    return sorted(parts, key=lambda part: -part.area)


def join(outlines: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return several outlines as one; those that do not touch become parts of it."""
    return _polygons([shapely.union_all(outlines)])


def editable(whole: BaseGeometry) -> tuple[BaseGeometry, BaseGeometry]:
    """Return an outline with few enough corners to drag, without holes; and the holes, to be cut out again.

    Douglas and Peucker's tolerance is doubled until at most 400 corners are left.
    """
    filled = shapely.union_all([shapely.Polygon(part.exterior) for part in shapely.get_parts(whole)])
    thinned, tolerance = filled, _DEGREES
    while shapely.get_num_coordinates(thinned) > MOST_CORNERS:
        tolerance *= 2
        thinned = filled.simplify(tolerance)
    return _polygons([thinned]), filled.difference(whole)


def measured(shape: BaseGeometry, settings: SceneSettings, probability: Path | None = None) -> dict[str, Any]:
    """Measure an outline in degrees on the image's pixels, or on every k-th of them where it is very large.

    Args:
        shape: Valid polygon.
        settings: Image and elevation.
        probability: A detection's probability raster; left out, probabilities stay unknown.

    Raises:
        InputError: It lies outside the image, or a raster cannot be read.
    """
    with ExitStack() as stack:
        scene = stack.enter_context(Scene(settings))
        placed, _ = _placed(shape, scene.grid)
        grid = _around(placed, scene.grid)
        mask = rasterize([placed], grid.shape, transform=grid.transform, dtype="uint8").astype(bool)
        if not mask.any():
            mask = rasterize([placed], grid.shape, transform=grid.transform, dtype="uint8", all_touched=True) > 0
        relief = scene.relief(grid)
        odds = None
        if probability is not None:
            stored, seen = read_on(stack.enter_context(open_raster(probability)), grid, [1], "nearest")
            odds = np.where(seen, stored[0] / np.float32(250), np.float32(np.nan))
        return known(asdict(measure(placed, mask, grid, elevation_m=relief.elevation_m, slope_deg=relief.slope_deg,
                                    aspect_deg=relief.aspect_deg, probability=odds)))


def proposal(shape: BaseGeometry, settings: SceneSettings) -> list[BaseGeometry]:
    """Return how an outline in degrees parts into several landslides, the largest first; none where it is one.

    Raises:
        InputError: It lies outside the image, or a raster cannot be read.
    """
    if settings.dem is None:
        return []
    with Scene(settings) as scene:
        placed, crs = _placed(shape, scene.grid)
        grid = _around(placed, scene.grid, PROPOSED_PIXELS)
        mask = rasterize([placed], grid.shape, transform=grid.transform, dtype="uint8").astype(bool)
        de, dn = scene.gradients(grid)
        found = amalgam(placed, mask, de, dn, grid, scene.relief(grid).elevation_m)
    if found is None:
        return []
    back = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    return [shapely.make_valid(shapely.transform(part, back.transform, interleaved=False)) for part in found.parts]


def _placed(shape: BaseGeometry, grid: Grid) -> tuple[BaseGeometry, pyproj.CRS]:
    crs = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    to = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    return shapely.make_valid(shapely.transform(shape, to.transform, interleaved=False)), crs


def _around(placed: BaseGeometry, whole: Grid, most: int = MEASURED_PIXELS) -> Grid:
    """Return the pixels around an outline."""
    corners = np.array([~whole.transform @ xy for xy in shapely.get_coordinates(shapely.box(*placed.bounds))])
    (left, top), (right, bottom) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    if right <= 0 or bottom <= 0 or left >= whole.width or top >= whole.height:
        raise InputError("outline", got="one outside the image", expected="one on it", remedy="Draw it on the image.")
    window = Window(left, top, max(1, right - left), max(1, bottom - top))
    local = whole.window(window)
    k = int(np.ceil(np.sqrt(window.width * window.height / most)))
    if k == 1:
        return local
    return Grid((-(-local.height // k), -(-local.width // k)), local.transform @ local.transform.scale(k), local.crs)


def _polygons(found: Sequence[BaseGeometry]) -> BaseGeometry:
    parts = [part for each in found for part in shapely.get_parts(each) if isinstance(part, shapely.Polygon)]
    if not (parts := [part for part in parts if part.area > 0]):
        raise InputError("outline", got="nothing with an area", expected="a polygon", remedy="Draw it again.")
    return shapely.union_all(parts)
