"""The data of a project: ways in, what came in, and whether it will do."""

import streamlit as st

from core.project import Project
from ui import html, state
from ui.data_folder import folder
from ui.data_import import imports
from ui.data_layers import layers
from ui.data_upload import upload
from ui.empty import no_project
from ui.preflight_panel import preflight


def data_page(project: Project) -> None:
    """Show all of it; an empty project shows the ways in alone."""
    html.title("Data", project.name, "Imagery, and elevation of the same ground where there is any.")
    with st.expander("Add data", expanded=not project.layers, icon=":material/add:", key=f"add-{project.id}"):
        way = st.segmented_control("Where the files are", ("On this computer", "In a data folder"), required=True,
                                   default="On this computer", label_visibility="collapsed")
        (upload if way == "On this computer" else folder)(project)
    imports(project)
    if project.layers:
        preflight(project)
        layers(project)


current = state.current_project()
if current is None:
    no_project(None)
else:
    data_page(current)
