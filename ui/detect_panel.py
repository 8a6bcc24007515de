"""The panel that starts a detection and follows it."""

import streamlit as st

from core.jobs import State, jobs, submit_detect
from core.project import Project
from core.registry import ModelCard, list_models
from core.vectors import area_m2
from ui import html, state
from ui.job_card import job_card, live_job
from ui.outlines import size
from ui.settings import models_root
from ui.words import errors_in_words

ENGINES = {"auto": "Automatic", "openvino": "OpenVINO", "torch": "PyTorch"}


def detect_panel(project: Project) -> None:
    """Choose area, image, model and engine; run; follow."""
    _area(project)
    images = project.of("image")
    image = images[0]
    if len(images) > 1:
        image = st.selectbox("Image", images, format_func=lambda layer: layer.title)
    card = _model()
    with st.expander("More settings", icon=":material/tune:"):
        engine = st.selectbox("Engine", list(ENGINES), format_func=ENGINES.get,
                              help="What the network runs on. Automatic takes the fastest that this computer has.")
        dem = next(iter(project.of("dem")), None)
        use_dem = bool(dem) and st.toggle("Use elevation", value=True, help="Slope and aspect beside the image.")
    job = next(iter(jobs(project.folder / "jobs")), None)
    busy = bool(job and job.active)
    if st.button("Detect landslides", type="primary", icon=":material/radar:", width="stretch",
                 disabled=busy or card is None or not card.has_weights):
        with errors_in_words():
            drawn = state.current_area(project)
            submit_detect(
                project.folder, out=project.new_run(), image=project.path(image), model=card.name, engine=engine,
                dem=project.path(dem) if use_dem else None, area=project.save_area(drawn) if drawn else None,
                models=models_root(), title=f"{card.title}, {image.title[:1].lower()}{image.title[1:]}")
            st.rerun()
    if busy:
        live_job(job)
    elif job and job.state is not State.DONE:  # what it made is in the other panel
        job_card(job)


def _area(project: Project) -> None:
    drawn = state.current_area(project)
    if drawn is None:
        html.labelled("Area", "The whole image. Draw a rectangle or a polygon on the map to detect in a part of it.")
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        html.labelled("Area", f"Drawn on the map: {size(area_m2(drawn))}")
    if right.button("Clear", type="tertiary"):
        state.set_area(project, None)
        st.rerun()


def _model() -> ModelCard | None:
    cards = list_models(models_root())
    if not cards:
        html.empty("No models here", "Put a model's folder into models/, or train one with: scarp train.")
        return None
    card = st.selectbox("Model", cards,
                        format_func=lambda each: each.title if each.has_weights else f"{each.title} (no weights)")
    low, high = card.gsd_range_m
    classes = len(card.classes.names)
    html.note(f"{classes} classes, trained at {low:g} to {high:g} m a pixel. {card.summary}".strip())
    if not card.has_weights:
        html.empty("It has no weights yet", f"Train it with: scarp train {card.name} --data DIR. Or put its "
                   f"{card.weights.name} into models/{card.name}.")
    return card
