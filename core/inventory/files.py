"""Records as files: a GeoPackage with its form and style inside, and the formats that others read."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray

from core.errors import StorageError, unknown_name
from core.export import FORMATS, LAYER, add_style, frame_as
from core.inventory.qgis import style
from core.inventory.schema import FIELDS

SHORT = {each.name: each.short for each in FIELDS if each.short}
_DTYPES = {"whole": "int64", "number": "float64", "date": "datetime64[D]"}


def write_inventory(path: Path, frame: geopandas.GeoDataFrame) -> None:
    """Write records to a GeoPackage, layer "landslides"; what is at ``path`` is the old file or the whole new one.

    Args:
        path: Ends in .gpkg; its folder exists.
        frame: Records as ``as_records`` gives them, with a CRS; unknown values become NULL.

    Raises:
        StorageError: It could not be written; nothing is left of it.
    """
    aside = path.with_name(f".{path.stem}.{os.getpid()}.part.gpkg")
    kinds = {each.name: _DTYPES.get(each.kind, "object") for each in FIELDS}
    columns = {name: frame[name] for name in frame if name != frame.geometry.name}
    missing = [column.isna().to_numpy(bool) for column in columns.values()]
    data = [_array(column, none, kinds.get(name, ""))
            for (name, column), none in zip(columns.items(), missing, strict=True)]
    try:
        pyogrio.raw.write(
            aside, geometry=shapely.to_wkb(frame.geometry.to_numpy()), fields=list(columns), field_data=data,
            field_mask=missing, layer=LAYER, driver="GPKG", geometry_type="MultiPolygon", promote_to_multi=True,
            crs=frame.crs.to_wkt(), layer_options={"DESCRIPTION": "Landslide inventory"})
        with closing(sqlite3.connect(aside)) as connection, connection:
            add_style(connection, style())
        aside.replace(path)
    except (OSError, sqlite3.Error, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError,
            pyogrio.errors.FeatureError) as error:
        raise StorageError(f"inventory {path.name}", got=str(error).replace(f"{path.parent}/", ""),
                           expected="a folder with space to write in",
                           remedy="Free some space or choose another folder.") from error
    finally:
        aside.unlink(missing_ok=True)


def inventory_as(frame: geopandas.GeoDataFrame, kind: str) -> bytes:
    """Return records in one of ``core.export.FORMATS``; a CSV has a point on each, no outlines.

    Raises:
        UnknownNameError: There is no such format.
        StorageError: There is no room for the temporary file that some formats need.
    """
    if kind not in FORMATS:
        raise unknown_name("format", kind, list(FORMATS))
    if kind == "gpkg":
        with tempfile.TemporaryDirectory() as folder:
            write_inventory(Path(folder) / "inventory.gpkg", frame)
            return (Path(folder) / "inventory.gpkg").read_bytes()
    plain = frame.copy()
    places = frame.geometry.to_crs("EPSG:4326").representative_point()
    for name, known in (("lon", places.x), ("lat", places.y)):
        plain[name] = plain[name].fillna(known)
    plain["scale"] = plain["scale"].astype("Int64")
    for name in plain.columns.difference([plain.geometry.name]):
        if plain[name].map(lambda value: isinstance(value, date)).any():
            plain[name] = plain[name].map(lambda value: value.isoformat() if isinstance(value, date) else None)
    return frame_as(plain, kind, SHORT)


def _array(column: pd.Series, missing: NDArray[np.bool_], dtype: str) -> NDArray[Any]:
    """Return a column as GDAL's writer takes it; what is missing has any value of the type."""
    if not dtype:
        dtype = column.dtype.name if column.dtype.kind in "biuf" else "object"
    if dtype == "object":
        return column.astype(object).where(~missing, None).map(lambda v: v if v is None else str(v)).to_numpy(object)
    zero = date(1970, 1, 1) if dtype.startswith("datetime") else 0
    return np.array(column.astype(object).where(~missing, zero).to_list(), dtype)
