"""Landslides with all their attributes out of a GeoPackage that came back from somewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon

from core.errors import InputError
from core.ingest.area import check_rings
from core.ingest.files import inspect, looks_like
from core.ingest.geopackage import SQLITE_MAGIC, read_table

_WAL = b"\x02\x02"
"""Bytes 18 and 19 of a database that keeps what was written last in a file beside it."""


@dataclass(frozen=True)
class Table:
    """Rows of polygons.

    Attributes:
        shapes: One a row, valid; None where the row has no geometry, or one without an area.
        repaired: Rows whose outline crossed itself and was repaired.
        columns: The values of each attribute, in the order of the rows: None, numbers, text or bytes.
        crs: Of the shapes.
        journal: Whether the file was written by a program that keeps its last changes in a second file.
    """

    shapes: list[Polygon | MultiPolygon | None]
    repaired: frozenset[int]
    columns: dict[str, list[Any]]
    crs: CRS
    journal: bool


def read_features(path: str | Path, layer: str) -> Table:
    """Read a layer of polygons with their attributes.

    Args:
        path: A GeoPackage that may come from anyone.
        layer: Its name; a single layer may have any.

    Raises:
        InputError: The file is of another kind, damaged or too large, or holds something that is not a polygon.
    """
    full, size, head = inspect(path)
    if not head.startswith(SQLITE_MAGIC):
        raise InputError(full.name, got=looks_like(head), expected="a GeoPackage (.gpkg)",
                         remedy="Export the layer as a GeoPackage.")
    rows, columns, crs = read_table(full, size, layer)
    if every := [polygon for row in rows for polygon in row if polygon]:
        check_rings(full.name, every, crs)
    shapes = [_shape([Polygon(rings[0], rings[1:]) for rings in row if rings]) for row in rows]
    broken = frozenset(at for at, shape in enumerate(shapes) if shape is not None and not shape.is_valid)
    for at in broken:
        mended = shapely.make_valid(shapes[at], method="structure", keep_collapsed=False)
        shapes[at] = None if mended.is_empty else mended
    return Table(shapes, broken, columns, crs, head[18:20] == _WAL)


def _shape(parts: list[Polygon]) -> Polygon | MultiPolygon | None:
    return (parts[0] if len(parts) == 1 else MultiPolygon(parts)) if parts else None
