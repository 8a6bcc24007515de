"""Outlines to look at: a GeoPackage's landslides as a table, and as GeoJSON in WGS 84 that is made once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pyproj
import shapely

from core.errors import InputError
from core.export import LAYER
from core.files import write_atomic

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

    A feature has its ``id``, a ``label`` and a ``note`` for people and the ``colour`` it is drawn in, nothing else.

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
    features = [
        {"type": "Feature", "geometry": shapely.geometry.mapping(place), "properties": {
            "id": int(number), "label": f"Landslide {number}", "note": _note(size, chance), "colour": colour}}
        for number, place, size, chance in zip(frame["id"], places, sizes, chances, strict=True)
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


def area_m2(geometry: Mapping[str, Any]) -> float:
    """Return the area of a GeoJSON polygon in degrees (WGS 84), measured on the ellipsoid."""
    return abs(_WGS84.geometry_area_perimeter(shapely.geometry.shape(geometry))[0])
