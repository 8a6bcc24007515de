"""The heart: a project on the map, a detection to run, and what it found."""

import streamlit as st

from ui import html, state
from ui.detect_job import followed_job, job_panel, preview_of, settle, watch
from ui.detect_layers import detect_layers
from ui.detect_panel import detect_panel, keep_choices
from ui.empty import no_project
from ui.landslides_figures import figures_panel
from ui.landslides_panel import landslides_panel
from ui.layers import bounds_of
from ui.map.component import area_from_map, draw_map, picked_from_map
from ui.outlines import shown_outlines

TABS = ("Detect", "Landslides", "Figures")


def on_pick() -> None:
    """Remember the outline that was clicked, and turn to its attributes."""
    state.select(picked_from_map())
    if state.selected() is not None:
        state.turn_to("Landslides")


project = state.current_project()
if project is None or not project.of("image"):
    no_project(project)
    st.stop()


def on_area() -> None:
    """Remember the area that was drawn."""
    state.set_area(project, area_from_map())


def panel() -> str:
    """Choose the panel; the address keeps it, the first one unsaid."""
    if (next_one := st.session_state.pop(state.NEXT_TAB, None)) in TABS:
        state.turn_to(next_one if next_one != TABS[0] else None)
    asked = st.query_params.get("panel")
    st.session_state[state.TAB] = asked if asked in TABS else TABS[0]
    return st.segmented_control("Panel", TABS, key=state.TAB, required=True, width="stretch",
                                label_visibility="collapsed", on_change=on_panel)


def on_panel() -> None:
    """Keep the panel that was chosen."""
    chosen = st.session_state[state.TAB]
    state.turn_to(chosen if chosen != TABS[0] else None)


keep_choices()
job = settle(project, followed_job(project))
run = state.current_run(project)
shown = shown_outlines(run) if run else None
with st.sidebar:
    tab = panel()
    if tab == "Detect" and job:
        job_panel(project, job)
    elif tab == "Detect":
        detect_panel(project)
    elif run is None and job and job.active:
        html.empty("The detection is under way", "What it finds comes here when it is done; its progress is in Detect.")
        watch(project, job)
    else:
        (landslides_panel if tab == "Landslides" else figures_panel)(project, run, shown)
        if job and job.active:
            watch(project, job)
    following = job if tab == "Detect" or run is None else None
    with st.spinner("Preparing the layers ..."):
        layers = detect_layers(project, None if following and following.active else run, shown,
                               preview_of(project, following))

draw_map(project=project.id, bounds=bounds_of(project.path(project.of("image")[0])), layers=layers,
         area=state.current_area(project), selected=state.selected(), fly=state.get(state.FLY),
         on_area=on_area, on_pick=on_pick)
