"""The area of interest beside the map: what it is, where it is, another one typed or uploaded, or none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import shapely
import streamlit as st

from core.errors import ScarpError
from core.project import Project
from core.raster import grid_of, open_raster
from core.vectors import area_from_bounds, area_from_file, area_m2
from ui import html, state
from ui.outlines import size
from ui.words import say

DEGREES = "EPSG:4326"
_SIDES = ("West", "South", "East", "North")
_TURN = "area-turn"


def area_tools(project: Project) -> Mapping[str, Any] | None:
    """Show and change the area of interest; return it, a GeoJSON geometry in degrees, or None for the whole image."""
    area = state.current_area(project)
    if area is None:
        html.labelled("Area", "The whole image. Draw a rectangle or a polygon on the map to detect in a part of it.")
    else:
        html.labelled("Area", f"{size(area_m2(area))}, outlined on the map.")
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        with st.popover("Type", width="stretch", help="Give the area by its four sides"):
            _type(project, area)
        with st.popover("Upload", width="stretch", help="GeoJSON, GeoPackage or zipped Shapefile"):
            upload_area(project, lambda area: _take(project, area))
        if area is not None:
            if st.button("", icon=":material/center_focus_strong:", help="Go to the area on the map", key="area-show"):
                state.select(state.selected(), shapely.geometry.shape(area).bounds)
                st.rerun()
            if st.button("", icon=":material/close:", help="Take the whole image instead", key="area-clear"):
                state.set_area(project, None)
                st.rerun()
    return area


def _type(project: Project, area: Mapping[str, Any] | None) -> None:
    """Take four sides in degrees or in the image's CRS."""
    bounds, own = _image(project)
    systems = {"Longitude and latitude": DEGREES} | ({f"The image's, {own}": own} if own and own != DEGREES else {})
    chosen = systems[st.radio("Coordinates", list(systems), horizontal=True, label_visibility="collapsed")]
    start = bounds[chosen] if area is None or chosen != DEGREES else shapely.geometry.shape(area).bounds
    form, step = ("%.6f", 0.0005) if chosen == DEGREES else ("%.1f", 10.0)
    with st.form("typed-area", border=False):
        places = st.columns(2)
        values = [places[at % 2].number_input(side, value=float(start[at]), step=step, format=form,
                                              key=f"side-{project.id}-{chosen}-{side}-{start[at]:.6f}")
                  for at, side in enumerate(_SIDES)]
        if st.form_submit_button("Use this area", type="primary", width="stretch"):
            _use(lambda: area_from_bounds(values, chosen), bounds[DEGREES], lambda area: _take(project, area))


def upload_area(project: Project, take: Callable[[Mapping[str, Any]], None], name: str = "area") -> None:
    """Ask for polygons in a file; what is wrong with them is said in place.

    Args:
        project: Whose image they have to lie on.
        take: Called with the area, a GeoJSON geometry in degrees; then the page is drawn again.
        name: Of the area, for the widgets' keys.
    """
    given = st.file_uploader("Polygons", ["geojson", "json", "gpkg", "zip"], max_upload_size=50,
                             key=f"{name}-file-{project.id}-{st.session_state.get(_TURN, 0)}",
                             help="Polygons that overlap are merged. Any coordinate system that the file names.")
    if given and st.button("Use this area", type="primary", width="stretch", key=f"use-file-{name}"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(given.name).name
            file.write_bytes(given.getbuffer())
            _use(lambda: area_from_file(file), _image(project)[0][DEGREES], take)


def _take(project: Project, area: Mapping[str, Any]) -> None:
    state.set_area(project, area)
    state.select(state.selected(), shapely.geometry.shape(area).bounds)


def _use(make: Callable[[], Mapping[str, Any]], image: tuple[float, float, float, float],
         take: Callable[[Mapping[str, Any]], None]) -> None:
    """Make an area and hand it on; what is wrong with it is said in place."""
    try:
        area = make()
    except ScarpError as error:
        say(error)
        return
    if not shapely.geometry.shape(area).intersects(shapely.box(*image)):
        st.error("This area lies outside the image.", icon=":material/error:")
        return
    take(area)
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    st.rerun()


def _image(project: Project) -> tuple[dict[str, tuple[float, float, float, float]], str]:
    """Return the first image's bounds in degrees and in its own CRS, and that CRS's name, empty where it has none."""
    with open_raster(project.path(project.of("image")[0])) as dataset:
        grid = grid_of(dataset)
    code = grid.crs.to_epsg()
    own = f"EPSG:{code}" if code else ""
    return {own: grid.bounds, DEGREES: grid.bounds_lonlat}, own
