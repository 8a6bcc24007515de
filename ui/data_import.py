"""What is being imported, what was refused and why, and what waits for a word."""

import streamlit as st

from core import incoming, intake
from core.errors import ScarpError
from core.incoming import Incoming
from core.jobs import State, cancel, read
from core.project import Project
from ui import html
from ui.words import errors_in_words, plain, say


def imports(project: Project) -> None:
    """Start an import of what has come, and show how each stands."""
    with errors_in_words():
        intake.start(project.folder)
    at_work = intake.running(project.folder)
    if at_work:
        _live(project, tuple(job.id for job in at_work))
    for each in intake.stopped(project.folder):
        _stopped(project, each)
    for each in incoming.records(project.folder):
        if each.state == "refused":
            _refused(project, each)


@st.fragment(run_every=0.5)
def _live(project: Project, ids: tuple[str, ...]) -> None:
    """Follow the imports; when one ends the whole page is drawn again, with what it brought."""
    jobs = [read(project.folder / "jobs" / name) for name in ids]
    if not all(job.active for job in jobs):
        st.rerun()
    for job in jobs:
        with st.container(border=True, key=f"importing-{job.id}"):
            words = job.progress.message or "starting"
            left, right = st.columns([5, 1], vertical_alignment="center")
            with left:
                html.title("Importing", job.title.removeprefix("Import of "))
            if right.button("Cancel", key=f"stop-{job.id}", disabled=job.state is State.STOPPING, width="stretch"):
                cancel(job)
            st.progress(job.progress.share, text=plain("Stopping ..." if job.state is State.STOPPING else words))


def _stopped(project: Project, each: Incoming) -> None:
    with st.container(border=True, key=f"stopped-{each.id}"):
        html.title("Not imported", each.name, "The import was stopped before it came to this file.")
        with st.container(horizontal=True):
            if st.button("Import again", key=f"again-{each.id}", icon=":material/refresh:"):
                with errors_in_words():
                    intake.start_again(project.folder, each.id)
                    st.rerun()
            _dismiss(project, each)


def _refused(project: Project, each: Incoming) -> None:
    error = each.error
    with st.container(border=True, key=f"refused-{each.id}"):
        html.title("Refused", each.name)
        say(ScarpError(error.get("what", each.name), got=error.get("got", ""), expected=error.get("expected", ""),
                       remedy=error.get("remedy", "")))
        if error.get("got") == intake.NO_CRS:
            crs = st.text_input("CRS of its coordinates", placeholder="EPSG:32648", key=f"crs-{each.id}")
            if st.button("Import with this CRS", key=f"with-crs-{each.id}", type="primary", disabled=not crs):
                with errors_in_words():
                    intake.start_again(project.folder, each.id, crs)
                    st.rerun()
        _dismiss(project, each)


def _dismiss(project: Project, each: Incoming) -> None:
    if st.button("Dismiss", key=f"dismiss-{each.id}", type="tertiary"):
        incoming.end(project.folder, each.id)
        st.rerun()
