"""Files that leave: landslide outlines as a GeoPackage with its style and units, and in formats made from that."""

from __future__ import annotations

import io
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter
from rasterio.shutil import copy as raster_copy
from shapely.geometry.base import BaseGeometry

from core.config import CLASS_NODATA, ClassScheme, scheme
from core.errors import InputError, StorageError, unknown_name
from core.grid import Grid
from core.ingest import check_readable, open_geotiff
from core.measure import Measured

LAYER = "landslides"
WGS84 = "EPSG:4326"

SHAPEFILE_NAMES = {
    "perimeter_m": "perim_m", "length_from": "len_from", "elevation_min_m": "elev_min_m",
    "elevation_max_m": "elev_max_m", "reach_angle_deg": "reach_deg", "slope_mean_deg": "slope_deg",
    "aspect_mean_deg": "aspect_deg", "probability_mean": "prob_mean", "probability_max": "prob_max",
}
"""A Shapefile's names have ten characters at most; what is not here keeps its name."""

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
    write_layer(path, _columns(sorted(records, key=_size_then_place), model, image_date), crs,
                f"Landslides found by {model}")


def write_layer(path: Path, columns: Mapping[str, NDArray[Any]], crs: CRS, description: str) -> None:
    """Write outlines with any attributes to a GeoPackage, layer "landslides", with its style; whole or not at all.

    Args:
        path: Ends in .gpkg; the folder exists.
        columns: ``geometry``, ``id`` and more, one value an outline; NaN and NaT stand for NULL.
        crs: CRS of the outlines.
        description: Of the layer, for people.

    Raises:
        StorageError: The file could not be written; nothing is left of it.
    """
    aside = path.with_name(f".{path.stem}.{os.getpid()}.part.gpkg")
    attributes = {name: values for name, values in columns.items() if name != "geometry"}
    try:
        aside.unlink(missing_ok=True)
        pyogrio.raw.write(
            aside, geometry=shapely.to_wkb(columns["geometry"]), fields=list(attributes),
            field_data=list(attributes.values()), nan_as_null=True, layer=LAYER, driver="GPKG",
            geometry_type="MultiPolygon", promote_to_multi=True, crs=crs.to_wkt(),
            layer_options={"DESCRIPTION": description})
        with closing(sqlite3.connect(aside)) as connection, connection:
            add_style(connection)
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


def publish_raster(source: Path, target: Path, resampling: str) -> None:
    """Turn a plain GeoTIFF into a cloud-optimised one, and see that it can be read.

    Args:
        source: Ours.
        target: Where to.
        resampling: GDAL's name of what makes overviews.
    """
    raster_copy(source, target, driver="COG", compress="DEFLATE", blocksize=512, overview_resampling=resampling,
                BIGTIFF="IF_SAFER")
    with open_geotiff(target) as dataset:
        check_readable(dataset)


def new_band(path: Path, grid: Grid, classes: ClassScheme | None = None) -> DatasetWriter:
    """Open a plain GeoTIFF of one uint8 band for writing, 255 where there is nothing; classes give it its colours."""
    dataset = rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=grid.height, width=grid.width, crs=grid.crs,
        transform=grid.transform, tiled=True, blockxsize=512, blockysize=512, compress="DEFLATE", zlevel=1,
        BIGTIFF="IF_SAFER", nodata=CLASS_NODATA)
    if classes:
        colours = {index: (*classes.rgb(index), 255) for index in range(len(classes.names))}
        dataset.write_colormap(1, colours | {CLASS_NODATA: (0, 0, 0, 0)})
        dataset.colorinterp = [ColorInterp.palette]
    return dataset


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


def renderer() -> str:
    """Return how QGIS draws outlines, as the part of a style that says so."""
    classes = scheme("binary")
    red, green, blue = classes.rgb(classes.landslide)
    options = {"color": f"{red},{green},{blue},70", "outline_color": f"{red},{green},{blue},255",
               "outline_width": "0.5", "outline_width_unit": "MM", "outline_style": "solid", "style": "solid"}
    settings = "".join(f'<Option name="{name}" value="{value}" type="QString"/>' for name, value in options.items())
    return ('<renderer-v2 type="singleSymbol"><symbols><symbol type="fill" name="0" alpha="1">'
            f'<layer class="SimpleFill" enabled="1" pass="0"><Option type="Map">{settings}</Option></layer>'
            '</symbol></symbols></renderer-v2>')


def add_style(connection: sqlite3.Connection, qml: str = "") -> None:
    """Store the layer's default style, or another, in the table of a GeoPackage where QGIS looks for it."""
    qml = qml or ('<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">'
                  f'<qgis version="3.28.0" styleCategories="Symbology">{renderer()}</qgis>')
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


@dataclass(frozen=True)
class Format:
    """A format that outlines can be had in.

    Attributes:
        title: For people.
        suffix: Of the file, with the dot.
        mime: Its media type.
        crs: What its coordinates are in, for people.
    """

    title: str
    suffix: str
    mime: str
    crs: str


FORMATS = {
    "gpkg": Format("GeoPackage", ".gpkg", "application/geopackage+sqlite3", "the image's CRS"),
    "geojson": Format("GeoJSON", ".geojson", "application/geo+json", "longitude and latitude"),
    "shp": Format("Shapefile, zipped", ".shp.zip", "application/zip", "the image's CRS"),
    "kml": Format("KML", ".kml", "application/vnd.google-earth.kml+xml", "longitude and latitude"),
    "csv": Format("Table, CSV", ".csv", "text/csv", "longitude and latitude of a point on each"),
}


def outlines_as(source: Path, kind: str) -> bytes:
    """Return the outlines of a GeoPackage in one of ``FORMATS``.

    Raises:
        UnknownNameError: There is no such format.
        InputError: The GeoPackage cannot be read.
    """
    if kind not in FORMATS:
        raise unknown_name("format", kind, list(FORMATS))
    try:
        if kind == "gpkg":
            return source.read_bytes()
        frame = geopandas.read_file(source, layer=LAYER, engine="pyogrio")
    except (OSError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(f"outlines {source.name}", got="a file that cannot be read",
                         expected=f"a GeoPackage with a layer {LAYER!r}", remedy="Run the detection again.") from error
    for name in frame.select_dtypes("datetime"):
        frame[name] = frame[name].dt.strftime("%Y-%m-%d")
    return frame_as(frame, kind)


def frame_as(frame: geopandas.GeoDataFrame, kind: str, short: Mapping[str, str] = SHAPEFILE_NAMES) -> bytes:
    """Return landslides, with a column ``id`` and dates as text, in one of ``FORMATS`` but GeoPackage.

    Args:
        frame: In any CRS.
        kind: A key of ``FORMATS``.
        short: Names of columns in a Shapefile, where they differ.
    """
    return _shapefile(frame, short) if kind == "shp" else _WRITERS[kind](frame)


def _geojson(frame: geopandas.GeoDataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{LAYER}.geojson"
        pyogrio.write_dataframe(frame.to_crs(WGS84), path, driver="GeoJSON", layer=LAYER, RFC7946="YES")
        return path.read_bytes()


def _shapefile(frame: geopandas.GeoDataFrame, short: Mapping[str, str]) -> bytes:
    """Zip a Shapefile, with a list of its names beside it."""
    names = {name: short.get(name, name) for name in frame.columns if name != "geometry"}
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        pyogrio.write_dataframe(frame.rename(columns=names), Path(folder) / f"{LAYER}.shp", driver="ESRI Shapefile",
                                geometry_type="Polygon", layer_options={"ENCODING": "UTF-8"})
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)
        archive.writestr("names.txt", "".join(f"{short:10}  {name}\n" for name, short in names.items()))
    return packed.getvalue()


def _csv(frame: geopandas.GeoDataFrame) -> bytes:
    return pd.DataFrame(frame.drop(columns="geometry")).to_csv(index=False).encode()


def _kml(frame: geopandas.GeoDataFrame) -> bytes:
    """Write KML 2.2: a table of attributes in each balloon, and the same as typed data; KML keeps "id" for itself."""
    frame = frame.rename(columns={"id": "number"}).to_crs(WGS84)
    known = scheme("binary")
    red, green, blue = (f"{value:02x}" for value in known.rgb(known.landslide))
    root = Xml.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = _add(root, "Document")
    _add(document, "name", LAYER)
    columns = {name: "double" if pd.api.types.is_float_dtype(frame[name]) else
               "int" if pd.api.types.is_integer_dtype(frame[name]) else "string"
               for name in frame.columns if name != "geometry"}
    schema = _add(document, "Schema", name=LAYER, id=LAYER)
    for name, kind in columns.items():
        _add(schema, "SimpleField", name=name, type=kind)
    style = _add(document, "Style", id="outline")
    line, fill = _add(style, "LineStyle"), _add(style, "PolyStyle")
    _add(line, "color", f"ff{blue}{green}{red}")
    _add(line, "width", "2")
    _add(fill, "color", f"46{blue}{green}{red}")
    folder = _add(document, "Folder")
    _add(folder, "name", LAYER)
    for row in frame.to_dict("records"):
        values = {name: row[name] for name in columns if not pd.isna(row[name])}
        place = _add(folder, "Placemark")
        _add(place, "name", f"Landslide {row['number']}")
        _add(place, "description", _balloon(values))
        _add(place, "styleUrl", "#outline")
        data = _add(_add(place, "ExtendedData"), "SchemaData", schemaUrl=f"#{LAYER}")
        for name, value in values.items():
            _add(data, "SimpleData", str(value), name=name)
        several = _add(place, "MultiGeometry")
        for part in shapely.get_parts(row["geometry"]):
            polygon = _add(several, "Polygon")
            for tag, ring in _rings(part):
                path = " ".join(f"{x:.7f},{y:.7f}" for x, y in shapely.get_coordinates(ring))
                _add(_add(_add(polygon, tag), "LinearRing"), "coordinates", path)
    return Xml.tostring(root, "utf-8", xml_declaration=True)


def _add(parent: Xml.Element, tag: str, text: str | None = None, **attributes: str) -> Xml.Element:
    child = Xml.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _rings(polygon: BaseGeometry) -> Iterator[tuple[str, BaseGeometry]]:
    yield "outerBoundaryIs", polygon.exterior
    yield from (("innerBoundaryIs", ring) for ring in polygon.interiors)


def _balloon(values: Mapping[str, Any]) -> str:
    """Return an HTML table; names and values cannot bring markup of their own."""
    table = Xml.Element("table")
    for name, value in values.items():
        row = _add(table, "tr")
        _add(row, "td", name)
        _add(row, "td", f"{value:,.6g}" if isinstance(value, float) else str(value))
    return Xml.tostring(table, "unicode")


_WRITERS: dict[str, Callable[[geopandas.GeoDataFrame], bytes]] = {"geojson": _geojson, "kml": _kml, "csv": _csv}
