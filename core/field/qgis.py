"""A QGIS project of the two layers of a field package, as QGIS, QField and Mergin Maps open it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

import pyproj

from core.export import LAYER
from core.inventory.qgis import style


def project(title: str, crs: pyproj.CRS, bounds: Sequence[float], geopackage: str, image: str | None) -> str:
    """Return a project file (.qgs).

    Args:
        title: For people.
        crs: Of both layers.
        bounds: (west, south, east, north) shown first, in that CRS.
        geopackage: Name of the file beside the project.
        image: Name of the image beside it, or None.
    """
    root = Xml.Element("qgis", projectname=title, version="3.22.0")
    Xml.SubElement(root, "title").text = title
    _crs(Xml.SubElement(root, "projectCrs"), crs)
    tree = Xml.SubElement(root, "layer-tree-group")
    canvas = Xml.SubElement(root, "mapcanvas", name="theMapCanvas")
    Xml.SubElement(canvas, "units").text = "degrees" if crs.is_geographic else "meters"
    _extent(canvas, bounds)
    _crs(Xml.SubElement(canvas, "destinationsrs"), crs)
    layers = Xml.SubElement(root, "projectlayers")
    _layer(tree, layers, "landslides_layer", "Landslides", "vector", "ogr", f"./{geopackage}|layername={LAYER}", crs)
    if image:
        _layer(tree, layers, "image_layer", "Image", "raster", "gdal", f"./{image}", crs)
    properties = Xml.SubElement(root, "properties")
    paths = Xml.SubElement(properties, "Paths")
    Xml.SubElement(paths, "Absolute", type="bool").text = "false"
    reference = Xml.SubElement(properties, "SpatialRefSys")
    Xml.SubElement(reference, "ProjectionsEnabled", type="int").text = "1"
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>" + Xml.tostring(root, "unicode")


def _layer(tree: Xml.Element, layers: Xml.Element, name: str, title: str, kind: str, provider: str, source: str,
           crs: pyproj.CRS) -> None:
    """Add a layer; QGIS takes no name of ten characters or less."""
    Xml.SubElement(tree, "layer-tree-layer", id=name, name=title, providerKey=provider, source=source,
                   checked="Qt::Checked", expanded="1")
    layer = Xml.SubElement(layers, "maplayer", type=kind)
    for tag, text in (("id", name), ("datasource", source), ("layername", title), ("provider", provider)):
        Xml.SubElement(layer, tag).text = text
    _crs(Xml.SubElement(layer, "srs"), crs)
    if kind == "vector":
        layer.extend(Xml.fromstring(style()))


def _crs(parent: Xml.Element, crs: pyproj.CRS) -> None:
    known = Xml.SubElement(parent, "spatialrefsys")
    Xml.SubElement(known, "wkt").text = crs.to_wkt()
    if code := crs.to_epsg():
        Xml.SubElement(known, "authid").text = f"EPSG:{code}"


def _extent(parent: Xml.Element, bounds: Sequence[float]) -> None:
    extent = Xml.SubElement(parent, "extent")
    for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True):
        Xml.SubElement(extent, tag).text = f"{value:.9g}" if abs(value) < 1000 else f"{value:.3f}"
