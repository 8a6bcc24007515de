"""What this project is, what is in it, what to do next; and the other projects."""

import streamlit as st

from ui import state
from ui.empty import no_project
from ui.overview_head import draw, head
from ui.overview_lists import detections, layers
from ui.projects_panel import add_projects, others

project = state.current_project()
if project is None:
    no_project(None)
    st.stop()

run = state.current_run(project)
frame = head(project, run)
left, right = st.columns([8, 5], gap="large")
with left.container(gap=None):
    detections(project)
    st.space("medium")
    add_projects()
    others(project)
with right.container(gap=None):
    layers(project)
with frame:
    draw(project, run)
