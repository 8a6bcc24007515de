"""What is shown when there is nothing yet: an explanation and one action."""

import streamlit as st

from core.project import Project
from ui import html, nav
from ui.demo import demo_button
from ui.projects_panel import add_projects


def no_project(project: Project | None) -> None:
    """Say that there is no project, or no image in this one, and offer the way out."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.space("large")
        if project is None:
            html.title("Scarp", "Map landslides from imagery and terrain",
                       "No project is here yet. The demo is a small made-up valley with landslides, an image before "
                       "and after, and elevation; it needs no network.")
            st.space("small")
            demo_button("primary")
            st.space("medium")
            add_projects(demo=False)
            return
        html.title("Project", project.name, "There is no image in this project yet. Add one, and elevation of the "
                   "same ground where there is any.")
        st.space("small")
        with st.container(key="next"):
            nav.link("data" if "data" in nav.PAGES else "overview")
