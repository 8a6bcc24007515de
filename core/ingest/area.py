"""Polygons from outside, valid, and their CRS: each by itself, or as one area of interest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon

from core.errors import InputError
from core.ingest.files import inspect, looks_like
from core.ingest.geojson import read_geojson
from core.ingest.geopackage import SQLITE_MAGIC, read_geopackage
from core.ingest.shapefile import ZIP_MAGIC, read_shapefile

MAX_VERTICES = 1_000_000

MAX_CROSSINGS = 5_000_000
"""Pairs of edges whose boxes meet, beyond a few for each edge; repairing and merging cost at least so much."""

_SMALL = 5_000  # vertices; polygons of so few are repaired and merged without a look at their edges

_EXPECTED = "polygons as GeoJSON (.geojson, .json), GeoPackage (.gpkg) or zipped Shapefile (.zip)"


def read_area(path: str | Path) -> tuple[Polygon | MultiPolygon, CRS]:
    """Read an area of interest; overlapping polygons are merged, and rings that touch or cross themselves repaired.

    Args:
        path: A GeoJSON, GeoPackage or zipped Shapefile that may come from anyone.

    Returns:
        The area, valid and not empty, in the CRS beside it.

    Raises:
        InputError: The file is of another kind, damaged or too large, or holds no valid polygon.
    """
    polygons, crs = read_polygons(path)
    return polygons[0] if len(polygons) == 1 else shapely.union_all(polygons), crs


def read_polygons(path: str | Path) -> tuple[list[Polygon | MultiPolygon], CRS]:
    """Read polygons; each is repaired where its rings touch or cross themselves, and stays itself.

    Args:
        path: As for ``read_area``.

    Returns:
        At least one, all valid and not empty, in the CRS beside them.

    Raises:
        InputError: As for ``read_area``.
    """
    polygons, crs = read_attributed(path)
    return [polygon for polygon, _ in polygons], crs


def read_attributed(path: str | Path, attribute: str = "") -> tuple[list[tuple[Polygon | MultiPolygon, str]], CRS]:
    """Read polygons, as ``read_polygons`` does, each with what one of its attributes says.

    Args:
        path: As for ``read_area``.
        attribute: Its name. A polygon without it says "".

    Raises:
        InputError: As for ``read_area``.
    """
    name, polygons, values, crs = _rings(path, attribute)
    valid = _valid(name, polygons, crs)
    return [(part, value) for part, value in zip(valid, values, strict=True) if not part.is_empty], crs


def read_said(path: str | Path) -> dict[str, list[str]]:
    """Return what each polygon of a zipped Shapefile says, by attribute; nothing of a file of another kind.

    Raises:
        InputError: As for ``read_area``.
    """
    full, size, head = inspect(path)
    return read_shapefile(full, size)[1] if head.startswith(ZIP_MAGIC) else {}


def count_repaired(path: str | Path) -> int:
    """Return how many polygons touch or cross themselves, which ``read_attributed`` repairs.

    Raises:
        InputError: As for ``read_area``.
    """
    name, polygons, _, crs = _rings(path, "")
    if polygons:
        check_rings(name, polygons, crs)
    return sum(not Polygon(rings[0], rings[1:]).is_valid for rings in polygons)


def _rings(path: str | Path, attribute: str) -> tuple[str, list[list[NDArray[np.float64]]], list[str], CRS]:
    """Return the file's name, the rings of each polygon, (vertices, 2), what each says, and the CRS."""
    full, size, head = inspect(path)
    name, suffix = full.name, Path(path).suffix.lower()
    if suffix in {".geojson", ".json"} and head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        polygons, values, crs = read_geojson(full, size, attribute)
    elif suffix == ".gpkg" and head.startswith(SQLITE_MAGIC):
        polygons, values, crs = read_geopackage(full, size, attribute)
    elif suffix == ".zip" and head.startswith(ZIP_MAGIC):
        polygons, said, crs = read_shapefile(full, size)
        values = said.get(attribute, [""] * len(polygons))
    else:
        raise InputError(name, got=looks_like(head), expected=_EXPECTED,
                         remedy="Export the layer as GeoJSON or as a GeoPackage.")
    values = [value for value, rings in zip(values, polygons, strict=True) if rings]
    return name, [rings for rings in polygons if rings], values, crs


def _valid(name: str, polygons: list[list[NDArray[np.float64]]], crs: CRS) -> list[Polygon | MultiPolygon]:
    """Build one polygon, which may be empty, out of the rings of each, refusing what cannot be any."""
    if not polygons:
        raise _refuse(name, "no polygon", "at least one polygon", "Draw the area as a polygon and export it.")
    check_rings(name, polygons, crs)
    parts = [Polygon(polygon[0], polygon[1:]) for polygon in polygons]
    if len(parts) == 1 and parts[0].is_valid:
        return parts
    valid = list(shapely.make_valid(parts, method="structure", keep_collapsed=False))
    if all(part.is_empty for part in valid):
        raise _refuse(name, "polygons without any area", "at least one polygon", "Draw the area again.")
    return valid


def check_rings(name: str, polygons: list[list[NDArray[np.float64]]], crs: CRS) -> None:
    """Refuse rings that no polygon can have, are nowhere, or would take forever to repair.

    Args:
        name: Of the file.
        polygons: At least one; the rings of each, (vertices, 2).
        crs: Of the coordinates.

    Raises:
        InputError: They are such.
    """
    rings = [ring for polygon in polygons for ring in polygon]
    vertices = sum(len(ring) for ring in rings)
    if vertices > MAX_VERTICES:
        raise _refuse(name, f"{vertices:,} vertices", f"at most {MAX_VERTICES:,}", "Simplify the outline of the area.")
    if min(len(ring) for ring in rings) < 4:
        raise _refuse(name, "a ring of fewer than 4 positions", "closed rings", "Draw the area again.")
    coordinates = np.concatenate(rings)
    limit = np.array([180.0, 90.0]) if crs.is_geographic else np.array([1e8, 1e8])
    if not (np.abs(coordinates) <= limit).all():
        raise _refuse(name, "coordinates outside what the CRS allows", f"coordinates in {crs.to_string()[:60]}",
                      "Export the area again with the CRS its coordinates are in.")
    if vertices > _SMALL:
        _check_crossings(name, rings)


def _check_crossings(name: str, rings: list[NDArray[np.float64]]) -> None:
    """Refuse rings that cross so often that repairing and merging them would never end."""
    edges = shapely.linestrings(np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings]))
    tree = shapely.STRtree(edges)
    allowed = MAX_CROSSINGS + 20 * len(edges)
    for start in range(0, len(edges), 32):
        allowed -= tree.query(edges[start : start + 32]).shape[1]
        if allowed < 0:
            raise _refuse(name, "polygons that cross each other too often", "few overlaps",
                          "Dissolve the polygons into one and simplify it.")


def _refuse(name: str, got: str, expected: str, remedy: str) -> InputError:
    return InputError(name, got=got, expected=expected, remedy=remedy)
