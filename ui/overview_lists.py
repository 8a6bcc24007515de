"""The lists of the overview: a project's detections and its layers."""

import streamlit as st

from core.errors import ScarpError
from core.project import Project
from core.runs import title_of, when
from ui import html, nav
from ui.outlines import size, table_of
from ui.place import day, describe
from ui.words import plain, say

ROLES = {"image": "Image", "dem": "Elevation", "ndvi": "Vegetation index", "truth": "Reference",
         "unobserved": "Not observed"}
_SHOWN = 6


def detections(project: Project) -> None:
    """List the newest detections, each with a way to it."""
    st.subheader("Detections", anchor=False)
    runs = project.runs()
    if not runs:
        html.empty("No detection yet", "What a model finds in the image is listed here.")
    for run in runs[:_SHOWN]:
        with st.container(key=f"row-run-{run.id}", horizontal=True, vertical_alignment="center"):
            nav.link("detect", plain(title_of(run)), ":material/radar:", width="stretch", run=run.id,
                     panel="Landslides")
            try:
                table = table_of(run)
                found = "no outlines" if table is None else f"{len(table):,} landslides, {size(table['area_m2'].sum())}"
                html.note(f"{found} · {when(run)}".strip(" ·"))
            except ScarpError as error:
                say(error)
    if len(runs) > _SHOWN:
        with st.container(key="link-detections"):
            nav.link("detect", f"All {len(runs)} detections")


def layers(project: Project) -> None:
    """List the layers: what each is, when it was taken, how large it is."""
    st.subheader("Layers", anchor=False)
    if not project.layers:
        html.empty("No layers yet", "Imagery and elevation come in as GeoTIFF files.")
    for layer in project.layers:
        with st.container(key=f"row-layer-{layer.id}", gap=None):
            try:
                path = project.path(layer)
                raster = describe(path, path.stat().st_mtime_ns) if layer.kind == "raster" else "outlines"
            except ScarpError as error:
                say(error)
                continue
            taken = f", {day(layer.date)}" if layer.date else ""
            html.labelled(layer.title, f"{ROLES.get(layer.role, layer.role)}{taken} · {raster}")
    if "data" in nav.PAGES:
        with st.container(key="link-data"):
            nav.link("data", "Add or change data")
