"""Files that leave: landslide outlines as a GeoPackage that opens in QGIS with its style and units."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from core.config import scheme
from core.errors import StorageError
from core.measure import Measured

LAYER = "landslides"

OutlineRecord = tuple[BaseGeometry, Measured]
"""An outline in the layer's CRS, and what was measured of it."""


def write_outlines(path: Path, records: Sequence[OutlineRecord], crs: CRS, *, model: str,
                   image_date: date | None = None) -> None:
    """Write outlines to a GeoPackage, layer "landslides"; the file at ``path`` is the old one or the whole new one.

    Columns: ``id`` from 1, the largest landslide first (then west to east, so that the order does not depend
    on the records'); every attribute of ``Measured``, NULL where unknown; ``model``; ``image_date``. Without
    records the layer is empty and has all its columns.

    Args:
        path: Ends in .gpkg; the folder exists.
        records: Outlines and their attributes, in any order.
        crs: CRS of the outlines.
        model: Name of the model that found them.
        image_date: Day the image was taken.

    Raises:
        StorageError: The file could not be written; nothing is left of it.
    """
    aside = path.with_name(f".{path.stem}.{os.getpid()}.part.gpkg")
    columns = _columns(sorted(records, key=_size_then_place), model, image_date)
    try:
        aside.unlink(missing_ok=True)
        pyogrio.raw.write(
            aside, geometry=shapely.to_wkb(columns.pop("geometry")), fields=list(columns),
            field_data=list(columns.values()), nan_as_null=True, layer=LAYER, driver="GPKG",
            geometry_type="MultiPolygon", promote_to_multi=True, crs=crs.to_wkt(),
            layer_options={"DESCRIPTION": f"Landslides found by {model}"})
        with closing(sqlite3.connect(aside)) as connection, connection:
            _add_style(connection)
        _fsync(aside)
        aside.replace(path)
        _fsync(path.parent)
    except (OSError, sqlite3.Error, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError,
            pyogrio.errors.FeatureError) as error:
        raise StorageError(f"outlines file {path.name}", got=str(error).replace(f"{path.parent}/", ""),
                           expected="a folder with space to write in",
                           remedy="Free some space or choose another folder, then run this again.") from error
    finally:
        for rest in (aside, aside.with_name(f"{aside.name}-journal")):
            rest.unlink(missing_ok=True)


def _size_then_place(record: OutlineRecord) -> tuple[float, float, float]:
    measured = record[1]
    return -measured.area_m2, measured.lon, measured.lat


def _columns(records: list[OutlineRecord], model: str, image_date: date | None) -> dict[str, NDArray[Any]]:
    """Return the columns, typed also where there is no record, the geometry first; NaN and NaT stand for NULL."""
    count = len(records)
    geometry = np.empty(count, object)
    geometry[:] = [polygon for polygon, _ in records]
    measured = {f.name: np.array([getattr(m, f.name) for _, m in records],
                                 object if f.name == "length_from" else np.float64) for f in fields(Measured)}
    return {"geometry": geometry, "id": np.arange(1, count + 1, dtype=np.int32), **measured,
            "model": np.full(count, model, object), "image_date": np.full(count, image_date or "NaT", "datetime64[D]")}


def _fsync(path: Path) -> None:
    """Make a file's content, or a folder's entries, survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _add_style(connection: sqlite3.Connection) -> None:
    """Store the layer's default style in the table where QGIS looks for it."""
    classes = scheme("binary")
    red, green, blue = classes.rgb(classes.landslide)
    options = {"color": f"{red},{green},{blue},70", "outline_color": f"{red},{green},{blue},255",
               "outline_width": "0.5", "outline_width_unit": "MM", "outline_style": "solid", "style": "solid"}
    settings = "".join(f'<Option name="{name}" value="{value}" type="QString"/>' for name, value in options.items())
    qml = ('<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">'
           '<qgis version="3.28.0" styleCategories="Symbology"><renderer-v2 type="singleSymbol"><symbols>'
           '<symbol type="fill" name="0" alpha="1"><layer class="SimpleFill" enabled="1" pass="0">'
           f'<Option type="Map">{settings}</Option></layer></symbol></symbols></renderer-v2></qgis>')
    connection.execute(
        "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),"
        " f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30),"
        " styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),"
        " update_time DATETIME DEFAULT CURRENT_TIMESTAMP)")
    connection.execute(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,"
        " styleQML, useAsDefault, description) VALUES ('', '', ?, 'geom', ?, ?, 1, 'Landslide outlines')",
        (LAYER, LAYER, qml))
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('layer_styles', 'attributes',"
        " 'layer_styles')")
