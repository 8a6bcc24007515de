"""Polygons out of a zipped Shapefile: nothing is unpacked to disk, and no driver of GDAL is asked.

Source of the format: ESRI (1998), ESRI Shapefile Technical Description.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from core.errors import InputError
from core.ingest.dbf import read_dbf

MAX_BYTES = 128 * 2**20
MAX_MEMBERS = 64
MAX_MEMBER_BYTES = 256 * 2**20
MAX_PRJ_BYTES = 64 * 2**10
MAX_CPG_BYTES = 64
MAX_RINGS = 200_000
"""Each may be a hole of any other, so they are compared."""

ZIP_MAGIC = b"PK\x03\x04"
_NULL, _POLYGONS = 0, {5, 15, 25}

Ring = NDArray[np.float64]


def read_shapefile(path: Path, size: int) -> tuple[list[list[Ring]], dict[str, list[str]], CRS]:
    """Read every polygon of the one Shapefile in an archive, and what its row says.

    Args:
        path: The archive.
        size: Its size in bytes.

    Returns:
        One list of rings a polygon, the outer ring first, each (vertices, 2) float64 in x, y order; of each attribute
        a text for each polygon, none where there is no .dbf; and their CRS.

    Raises:
        InputError: The archive is too large, damaged, encrypted or unpacks too far; it holds no Shapefile or several,
            one without a .prj, or something that is not a polygon.
    """
    name = path.name
    if size > MAX_BYTES:
        raise _refuse(name, f"{size / 2**20:,.0f} MiB", f"at most {MAX_BYTES / 2**20:,.0f} MiB")
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > MAX_MEMBERS:
                raise _refuse(name, f"{len(archive.infolist())} files in one archive", f"at most {MAX_MEMBERS}")
            shapes = [each for each in archive.infolist() if _is(each.filename, ".shp")]
            if len(shapes) != 1:
                raise _refuse(name, f"{len(shapes) or 'no'} .shp files", "one Shapefile")
            stem = shapes[0].filename[:-4]
            beside = {suffix: each for suffix in (".prj", ".dbf", ".cpg") for each in archive.infolist()
                      if _is(each.filename, suffix) and each.filename[:-4] == stem}
            if ".prj" not in beside:
                raise _refuse(name, "a Shapefile without its .prj", "one with a CRS",
                              "Add the .prj file to the archive, or export the layer as a GeoPackage.")
            crs = _crs(name, _member(name, archive, beside[".prj"], MAX_PRJ_BYTES))
            polygons, rows = _polygons(name, _member(name, archive, shapes[0], MAX_MEMBER_BYTES))
            table: dict[str, list[str]] = {}
            if ".dbf" in beside:
                code = _member(name, archive, beside[".cpg"], MAX_CPG_BYTES).decode("ascii", "replace").strip() if (
                    ".cpg" in beside) else "utf-8"
                table = read_dbf(_member(name, archive, beside[".dbf"], MAX_MEMBER_BYTES), code)
            if any(rows and len(column) <= rows[-1] for column in table.values()):
                raise _refuse(name, "a .dbf with fewer rows than the .shp", "one row for each shape")
            return polygons, {key: [column[row] for row in rows] for key, column in table.items()}, crs
    except (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _refuse(name, "a damaged or encrypted archive", "a whole zipped Shapefile") from error


def _is(member: str, suffix: str) -> bool:
    path = PurePosixPath(member)
    return path.suffix.lower() == suffix and not path.name.startswith(".") and "__MACOSX" not in path.parts


def _member(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Return a member's bytes; how long it is, is not believed but counted."""
    with archive.open(info) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _refuse(name, f"a member that unpacks to over {most / 2**20:,.2g} MiB", "a smaller Shapefile")
    return data


def _polygons(name: str, data: bytes) -> tuple[list[list[Ring]], list[int]]:
    """Return the polygons of a .shp, and the number of the record, from 0, that each comes from.

    A header of 100 bytes is followed by records: a length, a kind, a box, parts, points.
    """
    if len(data) < 100 or struct.unpack_from(">i", data)[0] != 9994:
        raise _refuse(name, "a .shp that is not one", "a whole Shapefile")
    polygons: list[list[Ring]] = []
    numbers: list[int] = []
    at, rings, number = 100, 0, 0
    while at < len(data):
        (words,) = struct.unpack_from(">i", data, at + 4)
        (kind,) = struct.unpack_from("<i", data, at + 8)
        if words < 2 or at + 8 + 2 * words > len(data) or kind not in {_NULL, *_POLYGONS}:
            raise _refuse(name, f"a record of kind {kind}, or one that is cut off", "polygons (kind 5)")
        if kind != _NULL:
            found = _rings(data[at + 8:at + 8 + 2 * words])
            rings += len(found)
            if rings > MAX_RINGS:
                raise _refuse(name, "too many rings", f"at most {MAX_RINGS:,}")
            polygons += _with_holes(found)
            numbers += [number] * (len(polygons) - len(numbers))
        at, number = at + 8 + 2 * words, number + 1
    return polygons, numbers


def _rings(record: bytes) -> list[Ring]:
    parts, points = struct.unpack_from("<ii", record, 36)
    if parts < 1 or points < 1 or 44 + 4 * parts + 16 * points > len(record):
        raise struct.error("a polygon reaches past the end of its record")
    starts = [*struct.unpack_from(f"<{parts}i", record, 44), points]
    if starts[0] != 0 or any(later <= earlier for earlier, later in zip(starts, starts[1:], strict=False)):
        raise struct.error("parts of a polygon are out of order")
    values = np.frombuffer(record, "<f8", 2 * points, 44 + 4 * parts).reshape(points, 2).astype(np.float64)
    if not np.isfinite(values).all():
        raise struct.error("a vertex is not a number")
    return [values[a:b] for a, b in zip(starts, starts[1:], strict=False)]


def _with_holes(rings: list[Ring]) -> list[list[Ring]]:
    """Return polygons of one record: rings that turn clockwise are outer ones, the others holes of what they lie in."""
    turns = [_doubled_area(ring) for ring in rings]
    outer = [[ring] for ring, turn in zip(rings, turns, strict=True) if turn <= 0]
    holes = [ring for ring, turn in zip(rings, turns, strict=True) if turn > 0]
    if not outer:
        return [[ring] for ring in holes]
    if not holes:
        return outer
    tree = shapely.STRtree([shapely.polygons(polygon[0]) for polygon in outer if len(polygon[0]) > 3])
    large = [polygon for polygon in outer if len(polygon[0]) > 3]
    for hole in holes:
        inside = tree.query(shapely.Point(hole[0]), predicate="intersects")
        if len(inside):
            large[int(inside[0])].append(hole)
        else:
            outer.append([hole])
    return outer


def _doubled_area(ring: Ring) -> float:
    """Return twice the signed area, positive where the ring turns counter-clockwise."""
    x, y = (ring - ring[0]).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def _crs(name: str, text: bytes) -> CRS:
    try:
        return CRS.from_wkt(text.decode("utf-8", "replace"), morph_from_esri_dialect=True)
    except CRSError as error:
        raise _refuse(name, "a .prj that names no known CRS", "a known CRS",
                      "Assign the layer's CRS in QGIS and export it again.") from error


def _refuse(name: str, got: str, expected: str,
            remedy: str = "Export the layer as a GeoPackage or as GeoJSON.") -> InputError:
    return InputError(name, got=got, expected=expected, remedy=remedy)
