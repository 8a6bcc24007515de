"""The layers of the map: what they are called, where their tiles are, and what their colours mean."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyogrio
import pyproj
import shapely
import streamlit as st
from pyogrio.errors import DataSourceError

from core.config import SCHEMES
from core.display import relief, vegetation
from core.export import LAYER
from core.grid import Grid
from core.layers import Layer
from core.project import Project, Run
from core.raster import reading
from core.scene import FEET_M
from core.styles import (
    ASPECT_WHEEL,
    ELEVATION_RAMP,
    NDVI_ENDS,
    NDVI_RAMP,
    PROBABILITY_RAMP,
    SLOPE_RAMP,
    SLOPE_TOP_DEG,
    Imagery,
    Style,
    imagery,
)
from core.tiles import shapes_url, tile_url, value_url, vector_url
from core.tokens import signer
from ui.settings import projects_root

Bounds = tuple[float, float, float, float]
_EQUATOR_M = 156_543.034
_MAX_ZOOM = 23
_IN_VIEW = 1_500
_BANDS = {"natural": "Natural colour", "infrared": "Near infrared"}
_STRETCHES = {"asis": "As it is", "percent": "2 to 98 %", "extremes": "Min to max", "gamma": "Brightened"}
REFERENCE_COLOUR = "#1f78d1"
UNOBSERVED_COLOUR = "#5c6470"


@dataclass(frozen=True)
class Look:
    """How a raster appears in the list of layers and on the map, until the user changes it.

    Attributes:
        slot: What the browser remembers its visibility by; the same for every detection.
        group: Heading in the list.
        title: Name in the list.
        style: Bands and colours, or the choices that an image offers.
        visible: Whether it shows at first.
        opacity: 0 to 1.
        legend: Its classes, a ramp with what its ends mean, or a compass wheel.
        kind: Format of its tiles.
    """

    slot: str
    group: str
    title: str
    style: Style | Imagery
    visible: bool = False
    opacity: float = 1.0
    legend: dict[str, Any] | None = None
    kind: str = "png"


SLOPE = Look("slope", "Terrain", "Slope", Style("slope"), opacity=0.75,
             legend={"ramp": SLOPE_RAMP, "low": "0°", "high": f"{SLOPE_TOP_DEG:.0f}° and more"})
ASPECT = Look("aspect", "Terrain", "Aspect", Style("aspect"), opacity=0.75, legend={"wheel": ASPECT_WHEEL})
HILLSHADE = Look("hillshade", "Terrain", "Hillshade", Style())
NDVI = Look("ndvi", "Vegetation", "NDVI", Style("ndvi"), legend={
    "ramp": NDVI_RAMP, "low": f"{NDVI_ENDS[0]:g} and less".replace("-", "−"), "high": f"{NDVI_ENDS[1]:g} and more"})
PROBABILITY = Look("probability", "Detection", "Landslide probability", Style("probability"), opacity=0.8,
                   legend={"ramp": PROBABILITY_RAMP, "low": "0", "high": "1"})
PREVIEW = Look("preview", "Detection", "Found so far", Style("probability"), visible=True, opacity=0.8,
               legend=PROBABILITY.legend)


def bounds_of(path: Path) -> Bounds:
    """Return a raster's (west, south, east, north) in degrees."""
    return _place(path, _changed(path))[0]


def _changed(path: Path) -> int:
    """Return when a file was last written; 0 where it is gone, which reading it will tell."""
    return path.stat().st_mtime_ns if path.is_file() else 0


def map_layers(project: Project, run: Run | None = None, *, preview: Path | None = None) -> list[dict[str, Any]]:
    """Return the layers of a project and of one of its detections, top first, as ``draw_map`` takes them.

    Args:
        project: Its images, elevation, vegetation index, references and masks.
        run: Its outlines, classes and probability.
        preview: What a running detection has found so far; left out while there is no such file.
    """
    layers = [raster_layer(preview, PREVIEW)] if preview and preview.is_file() else []
    layers += _detection(run) if run else []
    for layer in project.of("truth"):
        layers.append(_reference(project.path(layer), layer))
    for layer in project.of("unobserved"):
        layers.append(_mask(project.path(layer), layer))
    layers.append(footprints(project))
    layers += _vegetation(project)
    for layer in project.of("dem")[:1]:
        layers += _terrain(project.path(layer), project.folder / "derived", layer.unit or "m")
    for number, layer in enumerate(project.of("image")):
        path = project.path(layer)
        look = Look(f"image-{layer.id}", "Imagery", _title(layer), _imagery(path, _changed(path), layer.bands),
                    visible=number == 0, kind="webp")
        layers.append(raster_layer(path, look))
    return layers


def footprints(project: Project) -> dict[str, Any]:
    """Return where a project's rasters lie, as one layer with their titles to hover on."""
    found = []
    for layer in project.layers:
        if layer.kind == "raster":
            west, south, east, north = bounds_of(project.path(layer))
            found.append((shapely.box(west, south, east, north), _title(layer)))
    return shapes("footprints", "Project", "Extent of the rasters", found, REFERENCE_COLOUR, visible=False)


def shapes(slot: str, group: str, title: str, found: Sequence[tuple[Any, str]], colour: str, *,
           visible: bool = True) -> dict[str, Any]:
    """Return a layer of a few shapes, sent whole at every rerun.

    Args:
        slot: What the browser remembers its visibility by.
        group: Heading in the list.
        title: Name in the list.
        found: Geometries in degrees (shapely, or GeoJSON), and what is said when the pointer is on one.
        colour: ``#rrggbb``.
        visible: Whether it shows at first.
    """
    places = [shapely.geometry.shape(place) if isinstance(place, Mapping) else place for place, _ in found]
    features = [{"type": "Feature", "geometry": shapely.geometry.mapping(place), "properties": {"label": label}}
                for place, (_, label) in zip(places, found, strict=True)]
    bounds = shapely.total_bounds(places).tolist() if places else None
    return _shape_layer(slot, group, title, colour, visible) | {
        "data": {"type": "FeatureCollection", "features": features}, "bounds": bounds}


def _shape_layer(slot: str, group: str, title: str, colour: str, visible: bool) -> dict[str, Any]:
    return {"kind": "shapes", "slot": slot, "id": slot, "group": group, "title": title, "colour": colour,
            "visible": visible, "opacity": 1.0, "legend": None}


def _title(layer: Layer) -> str:
    return f"{layer.title}, {layer.date}" if layer.date else layer.title


def _detection(run: Run) -> list[dict[str, Any]]:
    """Return the outlines, classes and probability of a detection, as far as they are there."""
    scheme = next((name for name, known in SCHEMES.items() if known.names == run.classes), "binary")
    colour = SCHEMES[scheme].colours[SCHEMES[scheme].landslide]
    layers: list[dict[str, Any]] = []
    outlines = run.folder / "landslides.gpkg"
    if outlines.is_file():
        layers.append({
            "kind": "outlines", "slot": "outlines", "id": f"outlines-{run.id}", "group": "Detection",
            "title": "Landslide outlines", "url": vector_url(signer(projects_root()), outlines, colour),
            "visible": True, "opacity": 1.0, "legend": {"classes": [{"name": "detected landslide", "colour": colour}]},
            "detail": _detail(outlines, _changed(outlines))})
    classes = _classes("classes", "Detection", "Class map", scheme, visible=True, opacity=0.35)
    for file, look in (("classes.tif", classes), ("probability.tif", PROBABILITY)):
        if (run.folder / file).is_file():
            layers.append(raster_layer(run.folder / file, look, f"{look.slot}-{run.id}"))
    return layers


def _reference(path: Path, layer: Layer) -> dict[str, Any]:
    slot = f"truth-{layer.id}"
    if layer.kind == "vector":
        return _shape_layer(slot, "Reference", _title(layer), REFERENCE_COLOUR, False) | {
            "url": shapes_url(signer(projects_root()), path)}
    scheme = _scheme_of(path, _changed(path))
    return raster_layer(path, _classes(slot, "Reference", _title(layer), scheme, opacity=0.7))


def _mask(path: Path, layer: Layer) -> dict[str, Any]:
    """Return ground that was not observed."""
    slot = f"unobserved-{layer.id}"
    if layer.kind == "vector":
        return _shape_layer(slot, "Reference", _title(layer), UNOBSERVED_COLOUR, False) | {
            "url": shapes_url(signer(projects_root()), path)}
    return raster_layer(path, Look(slot, "Reference", _title(layer), Style("image", (1,), (0.0,), (1.0,)), opacity=0.6))


def _vegetation(project: Project) -> list[dict[str, Any]]:
    """Return the vegetation index: the project's own, else that of its first image with near infrared."""
    for layer in project.of("ndvi")[:1]:
        return [raster_layer(vegetation(project.path(layer), project.folder / "derived"), NDVI)]
    for layer in project.of("image"):
        path = project.path(layer)
        infrared = _imagery(path, _changed(path), layer.bands).bands.get("infrared")
        if infrared:
            return [raster_layer(vegetation(path, project.folder / "derived", (infrared[0], infrared[1])), NDVI)]
    return []


def _terrain(dem: Path, folder: Path, unit: str) -> list[dict[str, Any]]:
    made = relief(dem, folder, FEET_M if unit == "ft" else 1.0)
    low, high = _tint_ends(made["elevation"], _changed(made["elevation"]))
    tint = Look("elevation", "Terrain", "Elevation", Style("elevation"), opacity=0.8,
                legend={"ramp": ELEVATION_RAMP, "low": f"{low:,.0f} {unit}", "high": f"{high:,.0f} {unit}"})
    values = value_url(signer(projects_root()), dem, Style("elevation-ft" if unit == "ft" else "elevation"))
    return [raster_layer(made["slope"], SLOPE), raster_layer(made["aspect"], ASPECT),
            raster_layer(made["elevation"], tint) | {"values": values},
            raster_layer(made["hillshade"], HILLSHADE) | {"values": ""}]


def _classes(slot: str, group: str, title: str, scheme: str, *, visible: bool = False, opacity: float) -> Look:
    known = SCHEMES[scheme]
    legend = [{"name": name, "colour": colour} for name, colour in zip(known.names, known.colours, strict=True)
              if name != "other"]
    return Look(slot, group, title, Style(f"classes:{scheme}"), visible, opacity, {"classes": legend})


def raster_layer(path: Path, look: Look, name: str = "") -> dict[str, Any]:
    """Return what the map needs to know of a raster; another ``name`` is another source."""
    bounds, zoom = _place(path, _changed(path))
    layer = {"kind": "raster", "slot": look.slot, "id": name or look.slot, "group": look.group, "title": look.title,
             "url": tile_url(signer(projects_root()), path, look.style, look.kind), "bounds": bounds, "minzoom": 0,
             "maxzoom": zoom, "visible": look.visible, "opacity": look.opacity, "legend": look.legend,
             "nearest": isinstance(look.style, Style) and look.style.categorical}
    return layer | {"choices": _choices(look.style)} if isinstance(look.style, Imagery) else layer


def _choices(ways: Imagery) -> dict[str, Any]:
    """Return the bands and stretches of an image with their names for people, and what is shown first."""
    named = {name: _BANDS.get(name) or f"Band {name[1:]}" for name in ways.bands}
    stretches = {name: title for name, title in _STRETCHES.items() if name in ways.ranges or name == "gamma"}
    return {"bands": named, "stretches": stretches, "default": ways.default}


@st.cache_data(max_entries=256, show_spinner=False)
def _place(path: Path, changed: int) -> tuple[Bounds, int]:
    """Return a raster's bounds in degrees and the zoom at which its pixels are all there."""
    with reading(path) as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
    west, south, east, north = grid.bounds_lonlat
    zoom = math.log2(_EQUATOR_M * math.cos(math.radians((south + north) / 2)) / grid.gsd_m)
    return (west, south, east, north), max(0, min(_MAX_ZOOM, math.ceil(zoom)))


@st.cache_data(max_entries=256, show_spinner=False)
def _imagery(path: Path, changed: int, bands: tuple[tuple[str, int], ...]) -> Imagery:
    return imagery(path, dict(bands))


@st.cache_data(max_entries=64, show_spinner=False)
def _detail(path: Path, changed: int) -> float:
    """Return the zoom from which some 1,500 outlines or fewer are in view, 0 where they always are.

    Below it only their fill is drawn: in software, thousands of lines in view take most of a second a picture.
    """
    try:
        about = pyogrio.read_info(path, layer=LAYER, force_total_bounds=True)
    except DataSourceError:  # the panel beside the map tells of a damaged file
        return 0.0
    if about["features"] <= _IN_VIEW:
        return 0.0
    to = pyproj.Transformer.from_crs(about["crs"], "EPSG:3857", always_xy=True)
    west, south, east, north = to.transform_bounds(*about["total_bounds"])
    whole = math.log2(512 * _EQUATOR_M / max(east - west, north - south, 1.0))  # the zoom at which all fit into 1024 px
    return round(whole + math.log(about["features"] / _IN_VIEW, 4), 1)


@st.cache_data(max_entries=64, show_spinner=False)
def _tint_ends(path: Path, changed: int) -> tuple[float, float]:
    with reading(path) as dataset:
        return float(dataset.tags()["low"]), float(dataset.tags()["high"])


@st.cache_data(max_entries=64, show_spinner=False)
def _scheme_of(path: Path, changed: int) -> str:
    """Return the class scheme that a reference's tag names; two classes by default."""
    with reading(path) as dataset:
        tag = dataset.tags().get("classes", "")
    return next((name for name, known in SCHEMES.items() if json.dumps(known.names) == tag), "binary")
