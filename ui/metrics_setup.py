"""Which detection is scored against which reference, and why that came to nothing."""

import streamlit as st

from core.jobs import jobs
from core.layers import Layer
from core.project import Project, Run
from core.reviewed import REVIEWED
from core.runs import title_of, when
from core.scored import Evaluation, evaluations, references, score, suggested
from ui import html, state
from ui.metrics_reviews import reviews, searched_area
from ui.place import day
from ui.words import errors_in_words


def choose(project: Project, run: Run) -> tuple[Evaluation | None, bool]:
    """Choose detection and reference; return their evaluation if there is one, and whether there is a reference."""
    runs = {each.id: each for each in project.runs()}
    layers: dict[str, Layer | None] = {each.id: each for each in references(project)}
    known = reviews(project, run)
    if known.landslides + known.rejected:
        layers[REVIEWED] = None
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    chosen = row.selectbox("Detection", list(runs), list(runs).index(run.id), key=f"metrics-run-{run.id}", width=420,
                           format_func=lambda name: _run(runs[name]))
    if chosen != run.id:
        state.show_run(chosen)
        st.rerun()
    if not layers:
        return None, False
    first = suggested(project, run)
    name = row.selectbox("Reference", list(layers), list(layers).index(first.id if first else REVIEWED), width=340,
                         key=f"metrics-reference-{run.id}", format_func=lambda name: _layer(layers[name]))
    found = next((each for each in evaluations(run) if each.layer == name), None)
    again = row.button("Score again" if found else "Score", icon=":material/straighten:",
                       type="secondary" if found else "primary")
    searched = searched_area(project, run, scored=bool(found)) if name == REVIEWED else None
    if again:
        with errors_in_words():
            score(project, run, layers[name], searched)
            st.rerun()
    return found, True


def failed(project: Project, run: Run) -> None:
    """Say why the newest evaluation of a detection came to nothing."""
    last = next((job for job in jobs(project.folder / "jobs") if job.params.get("scored") == run.id), None)
    if last and last.error:
        html.note(last.error)


def _run(run: Run) -> str:
    return " · ".join(filter(None, (title_of(run), when(run))))


def _layer(layer: Layer | None) -> str:
    if layer is None:
        return "Reviewed detections"
    return f"{layer.title}, {day(layer.date)}" if layer.date else layer.title
