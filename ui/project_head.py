"""The top of the panel: which project this is, and what its image is like."""

from pathlib import Path

import rasterio
import streamlit as st

from core.grid import Grid
from core.project import Project
from ui import html, state


@st.cache_data(max_entries=64, show_spinner=False)
def describe(path: Path, changed: int) -> str:
    """Return a raster's size, pixel size and CRS in a line."""
    with rasterio.open(path, driver="GTiff") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        crs = dataset.crs.to_string() if dataset.crs.to_epsg() else "own CRS"
    return f"{grid.width:,} × {grid.height:,} px · {grid.gsd_m:.2g} m · {crs}"


def project_head(project: Project) -> None:
    """Show the project's name, or the choice of one when there are several."""
    known = {each.id: each.name for each in state.projects()}
    path = project.path(project.of("image")[0])
    about = describe(path, path.stat().st_mtime_ns)
    if len(known) == 1:
        html.title("Project", project.name, about)
        return
    chosen = st.selectbox("Project", list(known), index=list(known).index(project.id), format_func=known.get)
    html.note(about)
    if chosen != project.id:
        state.choose(chosen)
        st.rerun()
