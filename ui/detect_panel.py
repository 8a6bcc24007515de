"""The panel that starts a detection and follows it."""

import streamlit as st

from core.jobs import Job, State, cancel, jobs, resume, submit_detect
from core.project import Project
from core.registry import ModelCard, list_models
from core.vectors import area_m2
from ui import html, state
from ui.outlines import size
from ui.words import errors_in_words

ENGINES = {"auto": "Automatic", "openvino": "OpenVINO", "torch": "PyTorch"}


def detect_panel(project: Project) -> None:
    """Choose area, image, model and engine; run; follow."""
    _area()
    images = project.of("image")
    image = images[0]
    if len(images) > 1:
        image = st.selectbox("Image", images, format_func=lambda layer: layer.title)
    card = _model()
    with st.expander("More settings", icon=":material/tune:"):
        engine = st.selectbox("Engine", list(ENGINES), format_func=ENGINES.get, help="What the network runs on. Automatic "
                              "takes the fastest that this computer has.")
        dem = next(iter(project.of("dem")), None)
        use_dem = bool(dem) and st.toggle("Use elevation", value=True, help=f"{dem.title}: slope and aspect beside the image.")
    job = next(iter(jobs(project.folder / "jobs")), None)
    busy = bool(job and job.active)
    if st.button("Detect landslides", type="primary", icon=":material/radar:", width="stretch",
                 disabled=busy or card is None or not card.has_weights):
        with errors_in_words():
            drawn = state.get(state.AREA)
            job = submit_detect(
                project.folder, out=project.new_run(), image=project.path(image), model=card.name, engine=engine,
                dem=project.path(dem) if use_dem else None, area=project.save_area(drawn) if drawn else None,
                title=f"{card.title} on {image.title}")
            st.session_state[state.JOB] = job.id
            st.rerun()
    if job:
        follow(project, job)


def _area() -> None:
    drawn = state.get(state.AREA)
    st.markdown("Area")
    if drawn is None:
        html.note("The whole image. Draw a rectangle or a polygon on the map to detect in a part of it.")
        return
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.markdown(f":material/select: Drawn on the map, **{size(area_m2(drawn))}**")
    if right.button("Clear", type="tertiary"):
        st.session_state[state.AREA] = None
        st.rerun()


def _model() -> ModelCard | None:
    cards = list_models()
    if not cards:
        html.empty("No models here", "Put a model's folder into models/, or train one with: scarp train.")
        return None
    card = st.selectbox("Model", cards, format_func=lambda each: each.title if each.has_weights else f"{each.title} (no weights)")
    low, high = card.gsd_range_m
    classes = len(card.classes.names)
    html.note(f"{classes} classes, trained at {low:g} to {high:g} m a pixel. {card.summary}".strip())
    if not card.has_weights:
        st.info(f"This model has no trained weights here. Train it with `scarp train {card.name} --data DIR`, "
                f"or put its `{card.weights.name}` into `models/{card.name}`.", icon=":material/info:")
    return card


@st.fragment(run_every=1.0)
def _live(project: Project, job_id: str) -> None:
    job = next((each for each in jobs(project.folder / "jobs") if each.id == job_id), None)
    if job is None or not job.active:
        st.session_state.update({state.RUN: None, state.SELECTED: None})
        st.rerun()
    job_card(job)


def follow(project: Project, job: Job) -> None:
    """Show a job: live while it works, and how it ended."""
    if job.active:
        _live(project, job.id)
    else:
        job_card(job)


def job_card(job: Job) -> None:
    """Show one job's state, progress and buttons."""
    with st.container(border=True):
        html.title(LABELS[job.state], job.title)
        if job.active:
            progress = job.progress
            st.progress(progress.share, text=_stage(job))
            html.note(_speed(job))
            if st.button("Cancel", key=f"cancel-{job.id}", icon=":material/stop_circle:", width="stretch",
                         disabled=job.state is State.STOPPING):
                cancel(job)
                st.rerun(scope="fragment")
            return
        if job.state is State.FAILED:
            st.error(job.log_tail(1) or "The worker ended without a word.", icon=":material/error:")
        if job.state in (State.CANCELLED, State.LOST, State.FAILED) and st.button(
                "Go on where it stopped", key=f"resume-{job.id}", icon=":material/resume:", width="stretch"):
            resume(job)
            st.rerun()


LABELS = {State.RUNNING: "Running", State.STOPPING: "Stopping", State.DONE: "Done", State.FAILED: "Failed",
          State.CANCELLED: "Cancelled", State.LOST: "Interrupted"}


def _stage(job: Job) -> str:
    if job.state is State.STOPPING:
        return "Stopping ..."
    return f"{job.progress.stage or 'Starting'} · {job.progress.share:.0%}"


def _speed(job: Job) -> str:
    progress = job.progress
    parts = []
    if progress.pixels_per_s:
        parts.append(f"{progress.pixels_per_s / 1e6:.2f} million pixels a second")
    if progress.eta_s is not None:
        minutes, seconds = divmod(round(progress.eta_s), 60)
        parts.append(f"{minutes} min {seconds:02d} s left" if minutes else f"{seconds} s left")
    return ", ".join(parts) or progress.message or "Getting ready"
