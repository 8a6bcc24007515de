"""What a detection will take and what may spoil it, found in the background while the form is filled in."""

import logging
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from core.errors import ScarpError
from core.estimate import Estimate
from core.preflight import Finding, check, worst
from core.project import Project
from core.request import Request
from ui import html
from ui.preflight_panel import show
from ui.words import say

log = logging.getLogger(__name__)

Look = tuple[list[Finding], Estimate | None]
_KEPT = 32


def estimate(project: Project, request: Request) -> bool:
    """Show findings and cost of a request, as soon as they are known; return False if it cannot run."""
    look = _look(project, request)
    if not look.done():
        _wait(look)
        return True
    if error := look.exception():
        if isinstance(error, ScarpError):
            say(error)
            return False
        log.error("No estimate", exc_info=error)
        html.note("What it takes could not be estimated.")
        return True
    found, cost = look.result()
    if grave := [finding for finding in found if finding.level in ("stop", "warning")]:
        show(grave)
    if notes := [finding for finding in found if finding.level == "note"]:
        with st.expander(f"{len(notes)} thing{'s' * (len(notes) > 1)} to know", icon=":material/lightbulb:"):
            show(notes)
    if cost:
        html.note(f"About {_duration(cost.seconds)}, {cost.memory_mb / 1e3:.1f} GB of memory.")
    return worst(found) != "stop"


@st.fragment(run_every=0.5)
def _wait(look: Future[Look]) -> None:
    if look.done():
        st.rerun()
    html.note("Estimating time and memory ...")


def _look(project: Project, request: Request) -> Future[Look]:
    """Return the look at a request; one that nobody waits for any more is not begun."""
    looks = _looks()
    key = repr((project.folder, request.image, request.dem, request.area, request.model.sha256, request.model.name,
                request.engine, request.window, request.halo, request.single_look))
    if key not in looks or looks[key].cancelled():
        for old in looks.values():
            old.cancel()
        settings = request.settings(project)
        looks[key] = _worker().submit(check, settings)
        while len(looks) > _KEPT:
            looks.popitem(last=False)
    return looks[key]


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "preflight")


@st.cache_resource(show_spinner=False)
def _looks() -> OrderedDict[str, Future[Look]]:
    return OrderedDict()


def _duration(seconds: float) -> str:
    for limit, text in ((5400, f"{seconds / 3600:.1f} hours"), (90, f"{seconds / 60:.0f} minutes")):
        if seconds >= limit:
            return text
    return f"{max(1, seconds):.0f} seconds"
