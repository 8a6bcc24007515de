"""Reviewing detections: one at a time beside the map, a key for each action, everything saved at once."""

import streamlit as st

from ui import state
from ui.accuracy_panel import accuracy_layers, accuracy_panel
from ui.empty import no_project
from ui.field_panel import field_layers, field_panel
from ui.layers import bounds_of
from ui.map.component import draw_map, picked_from_map
from ui.review_acts import merge_with, take_drawn
from ui.review_layers import colours_of, review_layers
from ui.review_list import list_panel
from ui.review_panel import no_run, review_panel
from ui.review_progress import progress_panel
from ui.review_state import AT, NEXT_TAB, TAB, map_task, review

PANELS = {"Review": review_panel, "List": list_panel, "Progress": progress_panel, "Field": field_panel,
          "Accuracy": accuracy_panel}

project = state.current_project()
if project is None or not project.of("image"):
    no_project(project)
    st.stop()
run = state.current_run(project)
if run is None:
    no_run()
    st.stop()
look = review(project, run)


def on_pick() -> None:
    """Turn to the outline that was clicked; or merge with it, if that was asked for."""
    picked = picked_from_map()
    if picked in look.frame.index and map_task("merge") and picked != look.at:
        merge_with(look, picked)
    elif picked in look.frame.index:
        st.session_state[AT] = picked


with st.sidebar:
    st.session_state[TAB] = st.session_state.pop(NEXT_TAB, None) or state.get(TAB, "Review")
    tab = st.segmented_control("Panel", list(PANELS), key=TAB, required=True, width="stretch",
                               label_visibility="collapsed")
    PANELS[tab](look)
    blind = tab == "Accuracy"  # nothing that was mapped is shown to who labels random points
    layers = accuracy_layers(look) if blind else [*(field_layers() if tab == "Field" else ()), *review_layers(look)]
draw_map(project=project.id, bounds=bounds_of(project.path(project.of("image")[0])), layers=layers,
         selected=None if blind else look.at, colours={} if blind else colours_of(look),
         fly=state.get(state.FLY), task=map_task("edit", "polygon", "linestring"),
         on_pick=on_pick, on_drawn=lambda: take_drawn(look), area=state.current_area(project))
