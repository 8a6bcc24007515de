"""The demonstration project, made in the app: a valley, and a detection in it."""

import streamlit as st

from core.project import Project, free_folder
from ui import state
from ui.settings import models_root, projects_root
from ui.words import errors_in_words


def demo_button(kind: str = "secondary") -> None:
    """Offer to make it; a detection in it starts at once, as a job."""
    if st.button("Make the demo project", type=kind, icon=":material/landscape:"):
        with errors_in_words(), st.spinner("Shaping a valley ..."):
            from core import demo  # noqa: PLC0415 - only needed here, and heavy, as what is below

            folder = free_folder(projects_root(), "demo")
            project = demo.register(folder, demo.build(folder))
            _detect(project)
            state.choose(project.id)
            st.rerun()


def _detect(project: Project) -> None:
    """Start a detection with the first model that has weights."""
    from core.registry import list_models  # noqa: PLC0415
    from core.request import Request  # noqa: PLC0415

    card = next((card for card in list_models(models_root()) if card.has_weights), None)
    if card:
        Request(project.of("image")[0], card, next(iter(project.of("dem")), None)).submit(project, models_root())
