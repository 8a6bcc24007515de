"""The layers of the map: what they are called, where their tiles are, and what their colours mean."""

import json
import math
from pathlib import Path
from typing import Any

import rasterio
import streamlit as st

from core.config import SCHEMES
from core.display import relief
from core.grid import Grid
from core.project import Project, Run
from core.styles import PROBABILITY_RAMP, SLOPE_RAMP, SLOPE_TOP_DEG, Style, image_style
from core.tiles import tile_url, vector_url
from core.tokens import signer
from ui.settings import projects_root

Bounds = tuple[float, float, float, float]
_EQUATOR_M = 156_543.034
_MAX_ZOOM = 23


@st.cache_data(max_entries=256, show_spinner=False)
def _place(path: Path, changed: int) -> tuple[Bounds, int]:
    """Return a raster's bounds in degrees and the zoom at which its pixels are all there."""
    with rasterio.open(path, driver="GTiff") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
    west, south, east, north = grid.bounds_lonlat
    zoom = math.log2(_EQUATOR_M * math.cos(math.radians((south + north) / 2)) / grid.gsd_m)
    return (west, south, east, north), max(0, min(_MAX_ZOOM, math.ceil(zoom)))


@st.cache_data(max_entries=256, show_spinner=False)
def _image_style(path: Path, changed: int) -> Style:
    return image_style(path)


def bounds_of(path: Path) -> Bounds:
    """Return a raster's (west, south, east, north) in degrees."""
    return _place(path, path.stat().st_mtime_ns)[0]


def map_layers(project: Project, run: Run | None) -> list[dict[str, Any]]:
    """Return the layers of a project and of one of its detections, top first."""
    layers = _run_layers(run) if run else []
    for layer in project.of("truth"):
        path = project.path(layer)
        scheme = _scheme(path, path.stat().st_mtime_ns)
        layers.append(_raster(path, f"truth-{layer.id}", layer.title, Style(f"classes:{scheme}"), visible=False,
                              opacity=0.7, legend=_classes(scheme)))
    for layer in project.of("dem")[:1]:
        made = relief(project.path(layer), project.folder / "derived")
        layers.append(_raster(made["slope"], "slope", "Slope", Style("slope"), visible=False, opacity=0.75,
                              legend={"ramp": SLOPE_RAMP, "low": "0°", "high": f"{SLOPE_TOP_DEG:.0f}° and more"}))
        layers.append(_raster(made["hillshade"], "hillshade", "Hillshade", Style(), visible=False, opacity=1.0))
    for number, layer in enumerate(project.of("image")):
        path = project.path(layer)
        title = f"{layer.title}, {layer.date}" if layer.date else layer.title
        layers.append(_raster(path, f"image-{layer.id}", title, _image_style(path, path.stat().st_mtime_ns),
                              visible=number == 0, opacity=1.0, kind="webp"))
    return layers


def _run_layers(run: Run) -> list[dict[str, Any]]:
    """Return the outlines, classes and probability of a detection."""
    scheme = next((name for name, known in SCHEMES.items() if known.names == run.classes), "binary")
    known = SCHEMES[scheme]
    colour = known.colours[known.landslide]
    layers: list[dict[str, Any]] = []
    outlines, classes = run.folder / "landslides.gpkg", run.folder / "classes.tif"
    probability = run.folder / "probability.tif"
    if outlines.is_file():
        layers.append({"kind": "outlines", "slot": "outlines", "id": f"outlines-{run.id}",
                       "title": "Landslide outlines", "visible": True, "opacity": 1.0,
                       "url": vector_url(signer(projects_root()), outlines, colour),
                       "legend": {"classes": [{"name": "detected landslide", "colour": colour}]}})
    if classes.is_file():
        layers.append(_raster(classes, "classes", "Class map", Style(f"classes:{scheme}"), visible=True, opacity=0.45,
                              legend=_classes(scheme), name=f"classes-{run.id}"))
    if probability.is_file():
        layers.append(_raster(probability, "probability", "Landslide probability", Style("probability"), visible=False,
                              opacity=0.8, name=f"probability-{run.id}",
                              legend={"ramp": PROBABILITY_RAMP, "low": "0", "high": "1"}))
    return layers


def _raster(path: Path, slot: str, title: str, style: Style, *, visible: bool, opacity: float, kind: str = "png",
            legend: dict[str, Any] | None = None, name: str = "") -> dict[str, Any]:
    """Describe one raster layer; ``slot`` is what the browser remembers its visibility by."""
    bounds, zoom = _place(path, path.stat().st_mtime_ns)
    return {"kind": "raster", "slot": slot, "id": name or slot, "title": title, "bounds": bounds, "minzoom": 0,
            "maxzoom": zoom, "url": tile_url(signer(projects_root()), path, style, kind), "visible": visible,
            "opacity": opacity, "nearest": style.name.startswith("classes"), "legend": legend}


def _classes(scheme: str) -> dict[str, Any]:
    known = SCHEMES[scheme]
    pairs = zip(known.names, known.colours, strict=True)
    return {"classes": [{"name": name, "colour": colour} for name, colour in pairs if name != "other"]}


@st.cache_data(max_entries=64, show_spinner=False)
def _scheme(path: Path, changed: int) -> str:
    """Return the class scheme that a reference's tag names; two classes by default."""
    with rasterio.open(path, driver="GTiff") as dataset:
        tag = dataset.tags().get("classes", "")
    return next((name for name, known in SCHEMES.items() if json.dumps(known.names) == tag), "binary")
