"""The heart: a project on the map, a detection to run, and what it found."""

import streamlit as st

from ui import state
from ui.detect_panel import detect_panel
from ui.empty import no_project
from ui.landslides_panel import landslides_panel
from ui.layers import bounds_of, map_layers
from ui.map.component import area_from_map, draw_map, picked_from_map
from ui.project_head import project_head

TABS = ("Detect", "Landslides")


def on_pick() -> None:
    """Remember the outline that was clicked, and turn to its attributes."""
    state.select(picked_from_map())
    if state.get(state.SELECTED) is not None:
        st.session_state[state.TAB] = "Landslides"


project = state.current_project()
if project is None or not project.of("image"):
    no_project(project)
    st.stop()


def on_area() -> None:
    """Remember the area that was drawn."""
    state.set_area(project, area_from_map())


run = state.current_run(project)
with st.sidebar:
    project_head(project)
    st.session_state[state.TAB] = st.session_state.pop(state.NEXT_TAB, None) or state.get(state.TAB, TABS[0])
    tab = st.segmented_control("Panel", TABS, key=state.TAB, required=True, width="stretch",
                               label_visibility="collapsed")
    if tab == "Detect":
        detect_panel(project)
    else:
        landslides_panel(project, run)
    with st.spinner("Preparing the layers ..."):
        layers = map_layers(project, run)

draw_map(project=project.id, bounds=bounds_of(project.path(project.of("image")[0])), layers=layers,
         area=state.current_area(project), selected=state.get(state.SELECTED), fly=state.get(state.FLY),
         on_area=on_area, on_pick=on_pick)
