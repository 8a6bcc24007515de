"""Outlines to look at: a GeoPackage's landslides as a table, and as GeoJSON in WGS 84 that is made once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pyproj
import shapely

from core.change.codes import KIND_COLOURS
from core.errors import InputError
from core.export import LAYER
from core.files import write_atomic
from core.ingest import read_area

_WGS84 = pyproj.Geod(ellps="WGS84")


def read_outlines(source: Path) -> geopandas.GeoDataFrame:
    """Return the landslides of a GeoPackage, ``id`` and attributes, in the file's CRS.

    Raises:
        InputError: It is missing or damaged, or holds no such layer.
    """
    try:
        frame = geopandas.read_file(source, layer=LAYER, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise InputError(f"outlines {source.name}", got="a file that cannot be read",
                         expected=f"a GeoPackage with a layer {LAYER!r}", remedy="Run the detection again.") from error
    if "id" not in frame or frame.crs is None:
        raise InputError(f"outlines {source.name}", got="a layer without ids or without a CRS",
                         expected="outlines as a detection writes them", remedy="Run the detection again.")
    return frame


def map_geojson(source: Path, colour: str) -> Path:
    """Return the GeoJSON beside a GeoPackage; it is made when it is missing or the GeoPackage has changed.

    A feature has its ``id``, a ``label`` and a ``note`` for people and the ``colour`` it is drawn in, no more. Where
    an outline says what became of a landslide between two dates, the colour says it too.

    Args:
        source: GeoPackage as a detection writes it.
        colour: ``#rrggbb``.

    Raises:
        InputError: The GeoPackage cannot be read.
        StorageError: The GeoJSON cannot be written.
    """
    stamp = f"{source.stat().st_mtime_ns:x}" if source.is_file() else "missing"
    target = source.with_name(f".{source.stem}-{stamp}-{colour.lstrip('#')}.geojson")
    if target.is_file():
        return target
    frame = read_outlines(source).to_crs("EPSG:4326")
    places = shapely.set_precision(frame.geometry.values, 1e-7, mode="pointwise")
    chances = frame.get("probability_mean", [None] * len(frame))
    sizes = frame.get("area_m2", [None] * len(frame))
    changes = frame.get("change", [""] * len(frame))
    features = [
        {"type": "Feature", "geometry": shapely.geometry.mapping(place), "properties": {
            "id": int(number), "label": f"Landslide {number}{', ' * bool(change)}{change}",
            "note": _note(size, chance), "colour": KIND_COLOURS.get(change, colour)}}
        for number, place, size, chance, change in zip(frame["id"], places, sizes, chances, changes, strict=True)
        if place is not None and not place.is_empty
    ]
    for old in source.parent.glob(f".{source.stem}-*.geojson"):
        old.unlink(missing_ok=True)
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))
    write_atomic(target, text.encode())
    return target


def _note(area_m2: float | None, probability: float | None) -> str:
    """Say size and certainty in a few characters; an unknown one (None or NaN) is left out."""
    parts = []
    if area_m2 is not None and not math.isnan(area_m2):
        parts.append(f"{area_m2 / 1e4:,.2f} ha" if area_m2 >= 1e4 else f"{area_m2:,.0f} m²")
    if probability is not None and not math.isnan(probability):
        parts.append(f"probability {probability:.2f}")
    return ", ".join(parts)


def area_from_bounds(bounds: Sequence[float], crs: str = "EPSG:4326") -> dict[str, Any]:
    """Return a typed rectangle as a GeoJSON polygon in degrees; its sides are followed, as they may be curves there.

    Args:
        bounds: (west, south, east, north) in ``crs``.
        crs: Such as "EPSG:32648".

    Raises:
        InputError: It is empty, turned round, or outside what the CRS can say.
    """
    west, south, east, north = bounds
    if not (all(map(math.isfinite, bounds)) and west < east and south < north):
        raise InputError("area", got=f"west {west:g}, east {east:g}, south {south:g}, north {north:g}",
                         expected="west below east and south below north", remedy="Check the four sides.")
    rectangle = shapely.box(west, south, east, north)
    if crs != "EPSG:4326":
        rectangle = shapely.segmentize(rectangle, max(east - west, north - south) / 8)
    return _in_degrees(rectangle, pyproj.CRS.from_user_input(crs))


def area_from_file(path: Path) -> dict[str, Any]:
    """Return the polygons of an uploaded file as one GeoJSON geometry in degrees.

    Raises:
        InputError: It holds no polygon that can be used.
    """
    area, crs = read_area(path)
    return _in_degrees(area, pyproj.CRS.from_wkt(crs.to_wkt()))


def _in_degrees(area: shapely.geometry.base.BaseGeometry, crs: pyproj.CRS) -> dict[str, Any]:
    to = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    moved = shapely.transform(area, to.transform, interleaved=False)
    west, south, east, north = moved.bounds
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InputError("area", got="a place that is not on Earth", expected=f"coordinates in {crs.name}",
                         remedy="Check the coordinates and the coordinate system they are in.")
    geometry: dict[str, Any] = shapely.geometry.mapping(shapely.set_precision(moved, 1e-9, mode="pointwise"))
    return geometry


def area_m2(geometry: Mapping[str, Any]) -> float:
    """Return the area of a GeoJSON polygon in degrees (WGS 84), measured on the ellipsoid."""
    return abs(_WGS84.geometry_area_perimeter(shapely.geometry.shape(geometry))[0])
