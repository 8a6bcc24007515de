"""Polygons out of a GeoPackage, by SQLite alone: no driver of GDAL, no view and no virtual table is asked."""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from core.errors import InputError
from core.ingest.attributes import as_text

MAX_BYTES = 256 * 2**20
MAX_GEOMETRY_BYTES = 64 * 2**20
MAX_SECONDS = 10.0

SQLITE_MAGIC = b"SQLite format 3\x00"

_LAYERS = """
SELECT c.table_name, g.column_name, s.organization, s.organization_coordsys_id, s.definition
FROM gpkg_contents c JOIN gpkg_geometry_columns g USING (table_name) JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id
WHERE c.data_type = 'features'
  AND EXISTS (SELECT 1 FROM sqlite_master m WHERE m.name = c.table_name AND m.type = 'table' AND m.rootpage > 0)
ORDER BY c.table_name <> ? LIMIT 2
"""

_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
_POLYGON, _MULTIPOLYGON = 3, 6


def read_geopackage(path: Path, size: int, attribute: str = "") -> tuple[
        list[list[NDArray[np.float64]]], list[str], CRS]:
    """Read every polygon of a GeoPackage that holds one layer.

    Args:
        path: The file; a journal beside it does not count.
        size: Its size in bytes.
        attribute: A column to read along.

    Returns:
        One list of rings a polygon, the outer ring first, each (vertices, 2) float64 in x, y order; the attribute's
        value for each, "" where there is none; and their CRS.

    Raises:
        InputError: The file is not a GeoPackage, is damaged, has not exactly one layer with
            features, or holds something that is not a polygon.
    """
    name = path.name
    with _opened(path, size) as database:
        table, column, *reference = _layer(name, database)
        quoted = ['"{}"'.format(str(part).replace('"', '""')) for part in (column, attribute, table)]
        if attribute not in _columns(database, table):
            quoted[1] = "NULL"
        rows = database.execute("SELECT {}, {} FROM {}".format(*quoted))  # identifiers, quoted above
        found = [(polygon, as_text(value))
                 for blob, value in rows if blob is not None for polygon in _polygons(name, blob)]
    return [rings for rings, _ in found], [value for _, value in found], _crs(name, *reference)


def read_table(path: Path, size: int, layer: str) -> tuple[
        list[list[list[NDArray[np.float64]]]], dict[str, list[Any]], CRS]:
    """Read every row of one layer of a GeoPackage, with its attributes.

    Args:
        path: The file; a journal beside it does not count.
        size: Its size in bytes.
        layer: The layer to take where there are several; a single one may have any name.

    Returns:
        The polygons of each row, none where it has no geometry; each attribute's values in the order of the rows, as
        SQLite has them, without the table's own key; and their CRS.

    Raises:
        InputError: As for ``read_geopackage``.
    """
    with _opened(path, size) as database:
        table, column, *reference = _layer(path.name, database, layer)
        names = [name for name in _columns(database, table, keys=False) if name != column]
        wanted = ['"{}"'.format(str(part).replace('"', '""')) for part in (column, *names, table)]
        rows = database.execute("SELECT {} FROM {}".format(", ".join(wanted[:-1]), wanted[-1])).fetchall()
        shapes = [_polygons(path.name, row[0]) if row[0] is not None else [] for row in rows]
    return shapes, {name: [row[at] for row in rows] for at, name in enumerate(names, start=1)}, _crs(
        path.name, *reference)


@contextmanager
def _opened(path: Path, size: int) -> Iterator[sqlite3.Connection]:
    """Give a GeoPackage of anyone, to read with limits; damage is said in words."""
    if size > MAX_BYTES:
        raise _refuse(path.name, f"{size / 2**20:,.0f} MiB", f"at most {MAX_BYTES / 2**20:,.0f} MiB")
    deadline = time.monotonic() + MAX_SECONDS
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_GEOMETRY_BYTES)
            database.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            database.execute("PRAGMA trusted_schema = OFF")
            yield database
    except (sqlite3.Error, struct.error, UnicodeDecodeError) as error:
        raise _refuse(path.name, "a damaged GeoPackage, or one that takes too long to read",
                      "a whole GeoPackage") from error


def _layer(name: str, database: sqlite3.Connection, wanted: str = "") -> tuple[Any, ...]:
    """Return the only layer's table, geometry column, and three fields that tell its CRS; or those of a wanted one."""
    layers = database.execute(_LAYERS, (wanted,)).fetchall()
    if len(layers) == 1 or (layers and layers[0][0] == wanted):
        return layers[0]
    raise _refuse(name, "several layers" if layers else "no layer with features", "one layer of polygons")


def _columns(database: sqlite3.Connection, table: object, *, keys: bool = True) -> list[str]:
    rows = database.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    return [str(name) for name, key in rows if keys or not key]


def _polygons(name: str, blob: object) -> list[list[NDArray[np.float64]]]:
    """Decode a GeoPackage geometry: a header of 8 bytes, an envelope, then well-known binary (ISO 13249-3)."""
    if not isinstance(blob, bytes) or blob[:2] != b"GP":
        raise _refuse(name, "a geometry that is not in GeoPackage's format", "a whole GeoPackage")
    envelope = struct.unpack_from("B", blob, 3)[0] >> 1 & 7
    if envelope not in _ENVELOPE_BYTES:
        raise _refuse(name, "a geometry with an unknown envelope", "a whole GeoPackage")
    kind, order, dimensions, at = _wkb_head(name, blob, 8 + _ENVELOPE_BYTES[envelope])
    if kind == _POLYGON:
        return [_rings(blob, order, dimensions, at)[0]]
    polygons = []
    (count,) = struct.unpack_from(order + "I", blob, at)
    at += 4
    for _ in range(count):
        kind, order, dimensions, at = _wkb_head(name, blob, at)
        if kind != _POLYGON:
            raise _refuse(name, "something else inside a multipolygon", "polygons")
        rings, at = _rings(blob, order, dimensions, at)
        polygons.append(rings)
    return polygons


def _wkb_head(name: str, blob: bytes, at: int) -> tuple[int, str, int, int]:
    """Return the kind, byte order, coordinates a vertex and the position after the head."""
    order = "<" if struct.unpack_from("B", blob, at)[0] else ">"
    (code,) = struct.unpack_from(order + "I", blob, at + 1)
    kind, extra = code % 1000, code // 1000
    if kind not in {_POLYGON, _MULTIPOLYGON} or extra > 3:
        raise _refuse(name, f"a geometry of kind {code}", "polygons or multipolygons (kind 3 or 6)")
    return kind, order, (2, 3, 3, 4)[extra], at + 5


def _rings(blob: bytes, order: str, dimensions: int, at: int) -> tuple[list[NDArray[np.float64]], int]:
    (count,) = struct.unpack_from(order + "I", blob, at)
    at += 4
    rings = []
    for _ in range(count):
        (vertices,) = struct.unpack_from(order + "I", blob, at)
        at += 4
        size = vertices * dimensions * 8
        if at + size > len(blob):
            raise struct.error("a ring reaches past the end of its geometry")
        values = np.frombuffer(blob, dtype=order + "f8", count=vertices * dimensions, offset=at)
        rings.append(values.reshape(vertices, dimensions)[:, :2].astype(np.float64))
        at += size
    return rings, at


def _crs(name: str, organization: object, code: object, definition: object) -> CRS:
    try:
        if str(organization).upper() == "EPSG" and isinstance(code, int):
            return CRS.from_epsg(code)
        return CRS.from_wkt(str(definition))
    except CRSError as error:
        raise _refuse(name, "a layer without a known CRS", "a layer with a CRS",
                      "Assign the layer's CRS in QGIS and export it again.") from error


def _refuse(name: str, got: str, expected: str,
            remedy: str = "Export only the area's layer as a new GeoPackage, or as GeoJSON.") -> InputError:
    return InputError(name, got=got, expected=expected, remedy=remedy)
