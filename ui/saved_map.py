"""A project's map as one HTML file: made by leafmap, with everything in it, so that it opens anywhere and offline."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import geopandas
import shapely
import streamlit as st

from core.config import SCHEMES
from core.project import Project, Run
from core.request import source
from core.styles import Style, imagery
from core.tiles import draw_whole
from core.vectors import read_outlines
from ui.leaflet import add_legend, add_outlines, add_picture, html_of, new_map
from ui.outlines import facts_of

SIDE_PX = 1600
MAX_VERTICES = 150_000
MAX_OUTLINES = 5_000
"""The largest ones are kept: the file stays below some 20 MB."""


def save_button(project: Project, run: Run | None) -> None:
    """Offer the map of a project and of one of its detections as a file; it is made when it is asked for."""
    name = "-".join(filter(None, (project.id, run.id if run else "", "map"))) + ".html"
    st.download_button("Map as one HTML file", lambda: saved_map(project, run).encode(), file_name=name,
                       mime="text/html", icon=":material/map:", on_click="ignore", width=250,
                       help="Image, classes and outlines. It opens in any browser, without a network.")


def saved_map(project: Project, run: Run | None, outlines: geopandas.GeoDataFrame | None = None) -> str:
    """Return the page: image and class map as reduced pictures, outlines with their attributes, legend and scale.

    Args:
        project: What is shown.
        run: The detection whose classes and outlines are shown.
        outlines: To be shown in the place of the detection's own.

    Raises:
        InputError: A file of the project is missing or damaged.
        rasterio.errors.RasterioError: A raster cannot be read to the end.
    """
    pictures, colours = [], {}
    searched = source(project, run, "image") if run else None
    images = sorted(project.of("image"), key=lambda layer: layer != searched)[:2]  # what was searched lies on top
    for number, layer in enumerate(reversed(images)):
        path = project.path(layer)
        style = imagery(path, dict(layer.bands)).style() or Style()
        title = f"{layer.title}, {layer.date}" if layer.date else layer.title
        pictures.append((title, *_picture(path, style, "webp"), 1.0, number == len(images) - 1))
    note = ""
    scheme = SCHEMES[next((name for name, known in SCHEMES.items() if run and known.names == run.classes), "binary")]
    if run and (run.folder / "classes.tif").is_file():
        picture = _picture(run.folder / "classes.tif", Style(f"classes:{scheme.name}"), "png")
        pictures.append(("Class map", *picture, 0.35, True))
        colours |= {name: colour for name, colour in zip(scheme.names, scheme.colours, strict=True) if name != "other"}
    made = new_map(pictures[-1][2] if pictures else (-180, -60, 180, 70))
    for title, url, bounds, opacity, visible in pictures:
        add_picture(made, title, url, bounds, opacity, visible=visible)
    if outlines is None and run and (run.folder / "landslides.gpkg").is_file():
        outlines = read_outlines(run.folder / "landslides.gpkg")
    if outlines is not None:
        frame, note = _reduced(outlines)
        frame = frame.to_crs("EPSG:4326")
        facts = [{"": f"Landslide {row['id']}"} | facts_of(row) for _, row in frame.drop(columns="geometry").iterrows()]
        colour = scheme.colours[scheme.landslide]
        add_outlines(made, json.loads(shapely_json(frame)), "Landslide outlines", facts, colour=colour)
        colours |= {"landslide": colour}
    add_legend(made, project.name, colours, note)
    return html_of(made, project.name, embed=True)


def shapely_json(frame: geopandas.GeoDataFrame) -> str:
    """Return a frame's shapes alone as GeoJSON, to a centimetre."""
    shapes = shapely.set_precision(frame.geometry.values, 1e-7, mode="pointwise")
    return geopandas.GeoSeries(shapes, crs=frame.crs).to_json(drop_id=True)


def _picture(path: Path, style: Style, kind: str) -> tuple[str, tuple[float, float, float, float]]:
    """Return a raster as a data address, and where it lies."""
    drawn, bounds = draw_whole(path, style, SIDE_PX, kind)
    return f"data:image/{kind};base64,{base64.b64encode(drawn).decode()}", bounds


def _reduced(frame: geopandas.GeoDataFrame) -> tuple[geopandas.GeoDataFrame, str]:
    """Return outlines few and simple enough for a file, and what was left out, in words."""
    kept, said = frame, []
    if len(kept) > MAX_OUTLINES:
        kept = kept.nlargest(MAX_OUTLINES, "area_m2")
        said.append(f"The {MAX_OUTLINES:,} largest of {len(frame):,} outlines.")
    vertices = int(shapely.get_num_coordinates(kept.geometry.values).sum())
    if vertices > MAX_VERTICES:
        west, south, east, north = kept.total_bounds
        step = max(east - west, north - south) / SIDE_PX / 4
        while vertices > MAX_VERTICES and step < max(east - west, north - south):
            kept = kept.assign(geometry=shapely.simplify(kept.geometry.values, step))
            vertices = int(shapely.get_num_coordinates(kept.geometry.values).sum())
            step *= 2
        said.append("Outlines are simplified.")
    return kept, " ".join(said)
