"""Polygons out of GeoJSON text, parsed as JSON: no driver of GDAL sees the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from core.errors import InputError
from core.ingest.attributes import as_text

MAX_BYTES = 64 * 2**20
MAX_BRACKETS = 2_500_000
"""Every vertex opens one; counted before parsing, as each parsed list takes over 100 bytes."""

_WGS84 = re.compile(r"urn:ogc:def:crs:OGC:(1\.3|):CRS84")
_EPSG = re.compile(r"(?:urn:ogc:def:crs:EPSG:[\d.]*:|EPSG:)(\d{4,6})")


def read_geojson(path: Path, size: int, attribute: str = "") -> tuple[
        list[list[NDArray[np.float64]]], list[str], CRS]:
    """Read every polygon of a geometry, a feature or a feature collection.

    Args:
        path: The file.
        size: Its size in bytes.
        attribute: A property to read along.

    Returns:
        One list of rings a polygon, the outer ring first, each (vertices, 2) float64 in x, y order; the attribute's
        value for each, "" where there is none; and their CRS: WGS 84 unless a ``crs`` member, as older software
        writes it, names another.

    Raises:
        InputError: The text is not GeoJSON, is too large or too deep, or holds something that is
            not a polygon.
    """
    name = path.name
    if size > MAX_BYTES:
        raise _refuse(name, f"{size / 2**20:,.0f} MiB of text", f"at most {MAX_BYTES / 2**20:,.0f} MiB",
                      "Keep only the outline of the area, and simplify it.")
    data = path.read_bytes()
    if data.count(b"[") + data.count(b"{") > MAX_BRACKETS:
        raise _refuse(name, "too many coordinates", "at most 1,000,000 vertices", "Simplify the outline of the area.")
    try:
        root = json.loads(data, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as error:
        raise _refuse(name, "text that is not well-formed JSON, or nested too deeply", "GeoJSON") from error
    if not isinstance(root, dict):
        raise _refuse(name, f"a JSON {type(root).__name__}", "a GeoJSON object")
    found = [(_rings(name, polygon), as_text(properties.get(attribute)))
             for geometry, properties in _geometries(name, root) for polygon in _parts(name, geometry)]
    return [rings for rings, _ in found], [value for _, value in found], _crs(name, root.get("crs"))


def _geometries(name: str, root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the geometries of an object and their properties; a feature without a geometry counts for nothing."""
    if root.get("type") == "FeatureCollection":
        features = root.get("features")
        if not isinstance(features, list):
            raise _refuse(name, "a feature collection without features", "a list of features")
    else:
        features = [root]
    for feature in features:
        if not isinstance(feature, dict):
            raise _refuse(name, f"a {type(feature).__name__} in place of a feature", "features")
        geometry = feature.get("geometry") if feature.get("type") == "Feature" else feature
        properties = feature.get("properties")
        if isinstance(geometry, dict):
            yield geometry, properties if isinstance(properties, dict) else {}
        elif geometry is not None:
            raise _refuse(name, f"a {type(geometry).__name__} in place of a geometry", "a geometry")


def _parts(name: str, geometry: dict[str, Any]) -> list[Any]:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in {"Polygon", "MultiPolygon"}:
        raise _refuse(name, f"a geometry of type {str(kind)[:40]!r}", "Polygon or MultiPolygon",
                      "Draw the area as a polygon and export only that layer.")
    if not isinstance(coordinates, list):
        raise _refuse(name, f"a {kind} without coordinates", "a list of rings")
    return [coordinates] if kind == "Polygon" else coordinates


def _rings(name: str, polygon: object) -> list[NDArray[np.float64]]:
    if not isinstance(polygon, list):
        raise _refuse(name, f"a {type(polygon).__name__} in place of a polygon", "a list of rings")
    rings = []
    for ring in polygon:
        try:
            values = np.array(ring)
        except ValueError as error:
            raise _refuse(name, "a ring of uneven positions", "positions of two or three numbers each") from error
        if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "iuf":
            raise _refuse(name, "a ring that is not made of positions", "positions of two or three numbers each")
        rings.append(values[:, :2].astype(np.float64))
    return rings


def _crs(name: str, member: object) -> CRS:
    """Return the CRS that a ``crs`` member names."""
    if member is None:
        return CRS.from_epsg(4326)
    properties = member.get("properties") if isinstance(member, dict) else None
    code = properties.get("name") if isinstance(properties, dict) else None
    if isinstance(code, str):
        if _WGS84.fullmatch(code):
            return CRS.from_epsg(4326)
        if match := _EPSG.fullmatch(code):
            try:
                return CRS.from_epsg(int(match[1]))
            except CRSError as error:
                raise _refuse(name, f"EPSG:{match[1]}, which is not known", "a known CRS") from error
    raise _refuse(name, "a 'crs' member that names no CRS", "no 'crs' member (WGS 84), or a name such as EPSG:32648")


def _not_a_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _refuse(name: str, got: str, expected: str,
            remedy: str = "Export the area as GeoJSON in WGS 84, or as a GeoPackage.") -> InputError:
    return InputError(name, got=got, expected=expected, remedy=remedy)
