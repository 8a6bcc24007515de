"""The project as a guided tour for an audience, over the whole window."""

import streamlit as st

from ui import nav, state
from ui.empty import no_project
from ui.presentation import shown

project = state.current_project()
run = state.current_run(project) if project else None
if project is None or not project.of("image"):
    no_project(project)
elif run is None:
    nav.go("report")
else:
    with st.container(key="present"):
        shown(project, run)
        nav.link("report", "Close", ":material/close:")
