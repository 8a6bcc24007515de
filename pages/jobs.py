"""The jobs of this project: what runs, what waits, what ended and how."""

from collections.abc import Iterable

import streamlit as st

from core.jobs import ACTIVE, jobs, standing
from core.project import Project
from ui import html, nav, state
from ui.empty import no_project
from ui.job_card import job_card, mark
from ui.settings import projects_root

PORTION = 20


def jobs_page(project: Project) -> None:
    """Show every job, the active ones live."""
    html.title("Jobs", project.name, "A job goes on when this page is closed, and when the server stops.")
    found = jobs(project.folder / "jobs")
    named = _named(job.id for job in found)
    st.space("small")
    at_work(project, [job.id for job in found if job.active], named)
    ended = sorted((job for job in found if not job.active), key=lambda job: job.id != named)
    if not found:
        html.empty("No jobs yet", "A detection that is started on the map is listed here, with its progress.")
        nav.link("detect", "Open the map", ":material/map:")
    elif ended:
        st.subheader("Ended", anchor=False)
    count = st.session_state.get("jobs_shown", PORTION)
    for job in ended[:count]:
        job_card(job, log=job.id == named)
    if len(ended) > count:
        st.button(f"Show {min(PORTION, len(ended) - count)} older", on_click=st.session_state.update,
                  kwargs={"jobs_shown": count + PORTION})
    if named:
        mark(named)


@st.fragment(run_every=1.0)
def at_work(project: Project, shown: list[str], named: str | None) -> None:
    """Show what runs and what waits, and follow it; when that changes the whole page is drawn again."""
    active = jobs(project.folder / "jobs", *ACTIVE)
    if [job.id for job in active] != shown:
        st.rerun()
    others = [job for group in standing(projects_root()) for job in group if job.project != project.folder]
    for job in reversed(active):
        job_card(job, log=job.id == named)
    if others:
        html.note("In other projects")
        for job in others:
            nav.link("jobs", f"{job.project.name}: {job.title}", ":material/pending_actions:", project=job.project.name,
                     job=job.id)


def _named(known: Iterable[str]) -> str | None:
    """Return the job that the address names, if it is here."""
    named = state.current_job()
    if named and named not in set(known):
        state.show_job(None)
        state.note("The job in the address is not in this project any more.")
        return None
    return named


current = state.current_project()
if current is None:
    no_project(None)
else:
    jobs_page(current)
