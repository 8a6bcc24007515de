"""What is in this project, and which projects there are."""

import streamlit as st

from core.project import Project
from ui import html, state
from ui.empty import no_project
from ui.outlines import size, table_of
from ui.project_head import describe
from ui.settings import ROOT

ROLES = {"image": "Image", "dem": "Elevation", "ndvi": "Vegetation index", "truth": "Reference"}


def project_page(project: Project) -> None:
    """Show key figures, layers and detections."""
    html.title("Project", project.name, f"Made on {project.created[:10]}")
    runs = project.runs()
    tables = [(run, table_of(run)) for run in runs]
    newest = next((table for _, table in tables if table is not None), None)
    html.figures({
        "Layers": f"{len(project.layers)}", "Detections": f"{len(runs)}",
        "Landslides in the newest": "none yet" if newest is None else f"{len(newest):,}",
        "Their area": "none yet" if newest is None else size(newest["area_m2"].sum())})
    st.subheader("Layers", anchor=False)
    st.dataframe([{"Layer": layer.title, "What it is": ROLES[layer.role], "Date": layer.date or "not given",
                   "Raster": describe(path, path.stat().st_mtime_ns)}
                  for layer in project.layers for path in [project.path(layer)]], hide_index=True)
    st.subheader("Detections", anchor=False)
    if not runs:
        html.empty("No detection yet", "Open the map and press Detect landslides.")
        st.page_link(ROOT / "pages" / "detect.py", label="Open the map", icon=":material/map:")
        return
    st.dataframe([{"Detection": run.id, "Model": run.model,
                   "Landslides": None if table is None else len(table),
                   "Area": "" if table is None else size(table["area_m2"].sum())} for run, table in tables],
                 hide_index=True)


def others(project: Project) -> None:
    """List the other projects, each with a button to open it."""
    rest = [each for each in state.projects() if each.id != project.id]
    if not rest:
        return
    st.subheader("Other projects", anchor=False)
    for each in rest:
        left, right = st.columns([5, 1], vertical_alignment="center")
        with left:
            html.labelled(each.name, f"{len(each.layers)} layers, {len(each.runs())} detections")
        right.button("Open", key=f"open-{each.id}", on_click=state.choose, args=[each.id], width="stretch")


current = state.current_project()
if current is None:
    no_project(None)
else:
    project_page(current)
    others(current)
