"""A job as people see it: what it does, how far it is, how it ended."""

from datetime import datetime

import streamlit as st

from core.jobs import Job, State, cancel, read, resume
from ui import html, state
from ui.words import plain

LABELS = {State.RUNNING: "Running", State.STOPPING: "Stopping", State.DONE: "Done", State.FAILED: "Failed",
          State.CANCELLED: "Cancelled", State.LOST: "Interrupted"}
STAGES = {"prepare": "Preparing", "predict": "Searching", "write": "Writing maps", "outline": "Drawing outlines"}


@st.fragment(run_every=1.0)
def live_job(job: Job) -> None:
    """Show an active job and follow it; when it ends the whole page is drawn again, with what it made."""
    now = read(job.folder)
    if not now.active:
        if now.state is State.DONE:
            st.session_state[state.NEXT_TAB] = "Landslides"
            state.show_run(None)
        st.rerun()
    job_card(now)


def job_card(job: Job) -> None:
    """Show a job's state, progress and buttons."""
    with st.container(border=True):
        html.title(LABELS[job.state], job.title)
        if job.active:
            st.progress(job.progress.share, text=_stage(job))
            html.note(_speed(job))
            if st.button("Cancel", key=f"cancel-{job.id}", icon=":material/stop_circle:",
                         disabled=job.state is State.STOPPING):
                cancel(job)
                st.rerun(scope="fragment")
            return
        html.note(_times(job))
        if job.state is State.FAILED:
            st.error(plain(job.log_tail(1)) or "The worker ended without a word.", icon=":material/error:")
        if job.state is not State.DONE and st.button("Go on where it stopped", key=f"resume-{job.id}",
                                                     icon=":material/resume:"):
            resume(job)
            st.rerun()


def _stage(job: Job) -> str:
    if job.state is State.STOPPING:
        return "Stopping ..."
    name = STAGES.get(job.progress.stage, "Starting")
    return f"{name} · {job.progress.share:.0%}" if job.progress.stage == "predict" else name


def _speed(job: Job) -> str:
    """Say how fast it is and how long it still takes, as far as it knows."""
    progress = job.progress
    parts = []
    if progress.pixels_per_s:
        parts.append(f"{progress.pixels_per_s / 1e6:.2f} million pixels a second")
    if progress.eta_s is not None:
        minutes, seconds = divmod(round(progress.eta_s), 60)
        parts.append(f"{minutes} min {seconds:02d} s left" if minutes else f"{seconds} s left")
    return ", ".join(parts) or {"": "The worker gets ready", "prepare": "The network is loaded"}.get(
        progress.stage, progress.message)


def _times(job: Job) -> str:
    """Say when a job was started and how long it took, as far as that was written down."""
    started = f"Started on {datetime.fromtimestamp(job.created).astimezone():%d %b %Y at %H:%M}"
    return f"{started}, took {job.ended - job.created:,.0f} s" if job.ended else started
