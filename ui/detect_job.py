"""A detection that is under way: which one the page follows, its card, and its first finds on the map."""

from pathlib import Path

import streamlit as st

from core.detect import WORK
from core.jobs import Job, State, jobs, read
from core.project import Project
from ui import state
from ui.job_card import job_card

_LEFT = "left-job"


def followed_job(project: Project) -> Job | None:
    """Return the detection that the page follows: the one in the address, else one that is under way."""
    found = {job.id: job for job in jobs(project.folder / "jobs") if job.kind == "detect"}
    if state.current_job() not in found:
        under_way = (job.id for job in found.values() if job.active and job.id != state.get(_LEFT))
        state.show_job(next(under_way, None))
    return found.get(state.current_job())


def settle(project: Project, job: Job | None) -> Job | None:
    """Turn to what a job has made, if it has ended well; return the job if it is still to be followed."""
    if job is None or job.state is not State.DONE:
        return job
    state.show_job(None)
    run = str(job.params.get("run", ""))
    if (project.folder / "runs" / run / "run.json").is_file():
        state.show_run(run)
        st.session_state[state.NEXT_TAB] = "Landslides"
    return None


def preview_of(project: Project, job: Job | None) -> Path | None:
    """Return the raster of what an unfinished job has found so far, where there is one."""
    path = project.folder / "runs" / str(job.params.get("run", "")) / WORK / "preview.tif" if job else None
    return path if path and path.is_file() else None


def job_panel(project: Project, job: Job) -> None:
    """Show the job's card, live while it is under way, and a way back to the form."""
    if job.active:
        _live(project, job, _stamp(project, job))
    else:
        job_card(job)
    if st.button("Set up another detection", icon=":material/add:", type="tertiary"):
        st.session_state[_LEFT] = job.id
        state.show_job(None)
        st.rerun()


@st.fragment(run_every=1.0)
def watch(project: Project, job: Job) -> None:
    """Follow a job without showing it: the page is drawn again when it ends."""
    if not read(job.folder).active:
        st.rerun()


@st.fragment(run_every=1.0)
def _live(project: Project, job: Job, stamp: int) -> None:
    """Show an active job; when it ends, or has found more, the whole page is drawn again."""
    now = read(job.folder)
    if not now.active or _stamp(project, job) > stamp:
        st.rerun()
    job_card(now)


def _stamp(project: Project, job: Job) -> int:
    path = preview_of(project, job)
    return path.stat().st_mtime_ns if path else 0
