"""Which detection is scored against which reference, and why that came to nothing."""

import streamlit as st

from core.jobs import jobs
from core.project import Layer, Project, Run
from core.runs import title_of, when
from core.scored import Evaluation, evaluations, references, score, suggested
from ui import html, state
from ui.place import day
from ui.words import errors_in_words


def choose(project: Project, run: Run) -> Evaluation | None:
    """Choose detection and reference; return their evaluation, if there is one."""
    runs, layers = {each.id: each for each in project.runs()}, {each.id: each for each in references(project)}
    first = suggested(project, run)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox("Detection", list(runs), list(runs).index(run.id), key=f"metrics-run-{run.id}",
                              width=420, format_func=lambda name: _run(runs[name]))
        if chosen != run.id:
            state.show_run(chosen)
            st.rerun()
        if not layers or first is None:
            return None
        name = st.selectbox("Reference", list(layers), list(layers).index(first.id), width=340,
                            key=f"metrics-reference-{run.id}", format_func=lambda name: _layer(layers[name]))
        found = next((each for each in evaluations(run) if each.layer == name), None)
        if st.button("Score again" if found else "Score", icon=":material/straighten:",
                     type="secondary" if found else "primary"):
            with errors_in_words():
                score(project, run, layers[name])
                st.rerun()
    return found


def failed(project: Project, run: Run) -> None:
    """Say why the newest evaluation of a detection came to nothing."""
    last = next((job for job in jobs(project.folder / "jobs") if job.params.get("scored") == run.id), None)
    if last and last.error:
        html.note(last.error)


def _run(run: Run) -> str:
    return " · ".join(filter(None, (title_of(run), when(run))))


def _layer(layer: Layer) -> str:
    return f"{layer.title}, {day(layer.date)}" if layer.date else layer.title
