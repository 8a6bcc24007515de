"""What is shown when there is nothing yet: an explanation and one action."""

import streamlit as st

from core.project import Project, register_demo
from ui import html, state
from ui.settings import projects_root
from ui.words import errors_in_words


def no_project(project: Project | None) -> None:
    """Say that there is no project to show, and offer to make the demo."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.space("large")
        html.title("Scarp", "Map landslides from imagery and terrain" if project is None else project.name,
                   "No project with an image is here yet. The demo is a small made-up valley with landslides, an image "
                   "before and after, and elevation; it needs no network.")
        st.space("small")
        if st.button("Make the demo project", type="primary", icon=":material/landscape:"):
            with errors_in_words(), st.spinner("Shaping a valley ..."):
                from core import demo  # noqa: PLC0415 - only needed here, and heavy

                folder = next(f for f in (projects_root() / name for name in _names()) if not f.exists())
                made = register_demo(folder, demo.build(folder))
                state.choose(made.id)
                st.rerun()


def _names() -> list[str]:
    return ["demo", *(f"demo-{number}" for number in range(2, 1000))]
