"""A job as people see it: what it does, how far it is, how it ended, and what can be done about it."""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Literal

import streamlit as st

from core.jobs import Job, State, cancel, read, remove, resume
from ui import html, nav, state
from ui.words import errors_in_words

STATES: dict[State, tuple[str, str, Literal["gray", "primary", "green", "red", "orange"]]] = {
    State.QUEUED: ("Waiting", ":material/hourglass_top:", "gray"),
    State.RUNNING: ("Running", ":material/play_circle:", "primary"),
    State.STOPPING: ("Stopping", ":material/stop_circle:", "gray"),
    State.DONE: ("Done", ":material/check_circle:", "green"),
    State.FAILED: ("Failed", ":material/error:", "red"),
    State.CANCELLED: ("Cancelled", ":material/cancel:", "gray"),
    State.LOST: ("Interrupted", ":material/power_off:", "orange"),
}
STAGES = {"prepare": "Preparing", "predict": "Searching", "write": "Writing maps", "outline": "Drawing outlines",
          "ground": "Reading the ground", "train": "Learning", "compare": "Comparing with the first model",
          "register": "Laying the images on each other", "pixels": "Comparing the maps",
          "objects": "Comparing the landslides", "scores": "Scoring", "reference": "Drawing the reference",
          "terrain": "By slope and aspect"}
COUNTED = ("predict", "train", "compare", "register", "pixels", "objects", "scores", "reference", "terrain")
"""Stages that know how far they are."""

ANEW = ("evaluate", "change", "versus")
"""Jobs that keep nothing that is unfinished."""


@st.fragment(run_every=1.0)
def live_job(job: Job) -> None:
    """Show an active job and follow it; when it ends the whole page is drawn again, with what it made."""
    now = read(job.folder)
    if not now.active:
        if now.state is State.DONE:
            state.show_run(None)
            st.session_state[state.NEXT_TAB] = "Landslides"
        st.rerun()
    job_card(now)


def job_card(job: Job, *, log: bool | None = None) -> None:
    """Show a job's state, progress and buttons; with its log, open or not, unless ``log`` is left out."""
    label, icon, colour = STATES[job.state]
    with st.container(border=True, key=f"job-{job.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(gap="xsmall"):
                st.html(f'<p class="scarp-job">{escape(job.title)}</p>')
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    st.badge(label, icon=icon, color=colour)
                    html.note(_times(job))
            with st.container(horizontal=True, width="content", gap="xsmall", vertical_alignment="center"):
                _buttons(job)
        if job.state is State.FAILED:
            st.html(f'<p class="scarp-job-error">{escape(job.error[:1].upper() + job.error[1:])}</p>')
        elif job.state in (State.RUNNING, State.STOPPING):
            st.progress(job.progress.share, text=_stage(job))
            html.note(_speed(job))
        if log is not None and job.started:
            _log(job, shown=log)


def mark(job: str) -> None:
    """Mark the card of a job."""
    st.html(f"<style>.st-key-job-{job} {{ border-color: var(--st-primary-color) !important; }}</style>")


def _log(job: Job, *, shown: bool) -> None:
    """Show what a job printed, once it is asked for."""
    log = st.expander("Log", expanded=shown, key=f"log-{job.id}", on_change="rerun", type="compact")
    if log.open:
        text = job.log_tail(200) or "Nothing was printed."
        with log.container(height=240 if text.count("\n") > 10 else "content", border=False, autoscroll=True):
            st.code(text, language=None, wrap_lines=True)


def _buttons(job: Job) -> None:
    """Show what can be done about a job."""
    if job.active:
        st.button("Cancel", key=f"cancel-{job.id}", icon=":material/stop_circle:", on_click=_do, args=[cancel, job],
                  disabled=job.state is State.STOPPING)
        return
    run = str(job.params.get("run", ""))
    if job.state is not State.DONE:
        anew = job.kind in ANEW
        st.button("Start again" if anew else "Go on where it stopped", key=f"resume-{job.id}",
                  icon=":material/restart_alt:" if anew else ":material/resume:", on_click=_do, args=[resume, job])
    elif (job.project / "runs" / run / "run.json").is_file():
        nav.link("detect", "Show on the map", ":material/map:", run=run)
    with st.popover("", icon=":material/delete:", help="Remove from the list", key=f"ask-{job.id}", type="tertiary"):
        html.note("Its results stay." if job.state is State.DONE else "What it left unfinished goes with it.")
        st.button("Remove", key=f"remove-{job.id}", on_click=_do, args=[remove, job])


def _do(action: Callable[[Job], object], job: Job) -> None:
    with errors_in_words():
        action(job)


def _stage(job: Job) -> str:
    if job.state is State.STOPPING:
        return "Stopping ..."
    name = STAGES.get(job.progress.stage, "Starting")
    return f"{name} · {job.progress.share:.0%}" if job.progress.stage in COUNTED else name


def _speed(job: Job) -> str:
    """Say how fast it is and how long it still takes, as far as it knows."""
    progress = job.progress
    parts = []
    if progress.pixels_per_s:
        parts.append(f"{progress.pixels_per_s / 1e6:.2f} million pixels a second")
    if progress.eta_s is not None:
        parts.append(f"{_duration(progress.eta_s)} left")
    return ", ".join(parts) or {"": "The worker gets ready", "prepare": "The network is loaded"}.get(
        progress.stage, progress.message)


def _times(job: Job) -> str:
    """Say when a job was started and how long it took, or when its turn is."""
    if job.state is State.QUEUED:
        turn = {0: "Starts now", 1: "Next in the queue"}.get(job.position or 0, f"Number {job.position} in the queue")
        return f"{turn}, since {_day(job.queued)}"
    if not job.started:
        return f"Never started, made on {_day(job.created)}"
    started = f"Started on {_day(job.started)}"
    return f"{started}, took {_duration(job.ended - job.started)}" if job.ended else started


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%d %b %Y at %H:%M}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
