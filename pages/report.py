"""A report of a detection: what it will say, and the files to take away."""

import streamlit as st

from ui import state
from ui.empty import no_project
from ui.report_panel import choose_run, contents, files

project = state.current_project()
if project is None or not project.of("image"):
    no_project(project)
    st.stop()

run = choose_run(project)
if run is not None:
    files(project, run)
    contents(project, run)
