"""The layers of the map: what they are called, where their tiles are, and what their colours mean."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
import streamlit as st

from core.config import SCHEMES
from core.display import relief
from core.grid import Grid
from core.project import Layer, Project, Run
from core.styles import PROBABILITY_RAMP, SLOPE_RAMP, SLOPE_TOP_DEG, Style, imagery
from core.tiles import tile_url, vector_url
from core.tokens import signer
from ui.settings import projects_root

Bounds = tuple[float, float, float, float]
_EQUATOR_M = 156_543.034
_MAX_ZOOM = 23


@dataclass(frozen=True)
class Look:
    """How a raster appears in the list of layers and on the map, until the user changes it.

    Attributes:
        slot: What the browser remembers its visibility by; the same for every detection.
        group: Heading in the list.
        title: Name in the list.
        style: Bands and colours.
        visible: Whether it shows at first.
        opacity: 0 to 1.
        legend: Its classes, or a ramp with what its ends mean.
        kind: Format of its tiles.
    """

    slot: str
    group: str
    title: str
    style: Style
    visible: bool = False
    opacity: float = 1.0
    legend: dict[str, Any] | None = None
    kind: str = "png"


SLOPE = Look("slope", "Terrain", "Slope", Style("slope"), opacity=0.75,
             legend={"ramp": SLOPE_RAMP, "low": "0°", "high": f"{SLOPE_TOP_DEG:.0f}° and more"})
HILLSHADE = Look("hillshade", "Terrain", "Hillshade", Style())
PROBABILITY = Look("probability", "Detection", "Landslide probability", Style("probability"), opacity=0.8,
                   legend={"ramp": PROBABILITY_RAMP, "low": "0", "high": "1"})


def bounds_of(path: Path) -> Bounds:
    """Return a raster's (west, south, east, north) in degrees."""
    return _place(path, path.stat().st_mtime_ns)[0]


def map_layers(project: Project, run: Run | None) -> list[dict[str, Any]]:
    """Return the layers of a project and of one of its detections, top first."""
    layers = _detection(run) if run else []
    for layer in project.of("truth"):
        path = project.path(layer)
        scheme = _scheme_of(path, path.stat().st_mtime_ns)
        layers.append(_raster(path, _classes(f"truth-{layer.id}", "Reference", _title(layer), scheme, opacity=0.7)))
    for layer in project.of("dem")[:1]:
        made = relief(project.path(layer), project.folder / "derived")
        layers += [_raster(made["slope"], SLOPE), _raster(made["hillshade"], HILLSHADE)]
    for number, layer in enumerate(project.of("image")):
        path = project.path(layer)
        style = _style_of(path, path.stat().st_mtime_ns)
        look = Look(f"image-{layer.id}", "Imagery", _title(layer), style, visible=number == 0, kind="webp")
        layers.append(_raster(path, look))
    return layers


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
            "visible": True, "opacity": 1.0, "legend": {"classes": [{"name": "detected landslide", "colour": colour}]}})
    classes = _classes("classes", "Detection", "Class map", scheme, visible=True, opacity=0.35)
    for file, look in (("classes.tif", classes), ("probability.tif", PROBABILITY)):
        if (run.folder / file).is_file():
            layers.append(_raster(run.folder / file, look, f"{look.slot}-{run.id}"))
    return layers


def _classes(slot: str, group: str, title: str, scheme: str, *, visible: bool = False, opacity: float) -> Look:
    known = SCHEMES[scheme]
    legend = [{"name": name, "colour": colour} for name, colour in zip(known.names, known.colours, strict=True)
              if name != "other"]
    return Look(slot, group, title, Style(f"classes:{scheme}"), visible, opacity, {"classes": legend})


def _raster(path: Path, look: Look, name: str = "") -> dict[str, Any]:
    """Return what the map needs to know of a raster; another ``name`` is another source."""
    bounds, zoom = _place(path, path.stat().st_mtime_ns)
    return {"kind": "raster", "slot": look.slot, "id": name or look.slot, "group": look.group, "title": look.title,
            "url": tile_url(signer(projects_root()), path, look.style, look.kind), "bounds": bounds, "minzoom": 0,
            "maxzoom": zoom, "visible": look.visible, "opacity": look.opacity, "legend": look.legend,
            "nearest": look.style.name.startswith("classes")}


@st.cache_data(max_entries=256, show_spinner=False)
def _place(path: Path, changed: int) -> tuple[Bounds, int]:
    """Return a raster's bounds in degrees and the zoom at which its pixels are all there."""
    with rasterio.open(path, driver="GTiff") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
    west, south, east, north = grid.bounds_lonlat
    zoom = math.log2(_EQUATOR_M * math.cos(math.radians((south + north) / 2)) / grid.gsd_m)
    return (west, south, east, north), max(0, min(_MAX_ZOOM, math.ceil(zoom)))


@st.cache_data(max_entries=256, show_spinner=False)
def _style_of(path: Path, changed: int) -> Style:
    return imagery(path).style() or Style()


@st.cache_data(max_entries=64, show_spinner=False)
def _scheme_of(path: Path, changed: int) -> str:
    """Return the class scheme that a reference's tag names; two classes by default."""
    with rasterio.open(path, driver="GTiff") as dataset:
        tag = dataset.tags().get("classes", "")
    return next((name for name, known in SCHEMES.items() if json.dumps(known.names) == tag), "binary")
