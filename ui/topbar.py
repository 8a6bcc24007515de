"""The bar at the top of every page: where one is, which project, and what is running."""

import streamlit as st

from core.jobs import standing
from ui import nav, state
from ui.settings import projects_root

_SWITCH = "switch-"


def topbar() -> None:
    """Show the bar."""
    with st.container(key="topbar", horizontal=True, vertical_alignment="center", gap=None):
        with st.container(key="nav", horizontal=True, gap=None, vertical_alignment="center"):
            for name in nav.PAGES:
                nav.link(name)
        with st.container(key="topbar-right", horizontal=True, gap="small", vertical_alignment="center",
                          horizontal_alignment="right"):
            _running()
            _project()


def _running() -> None:
    """Show how many jobs there are, in all projects, and how far the first is; only then is it looked at again."""
    if any(standing(projects_root())):
        st.fragment(_jobs, run_every=3.0)()


def _jobs() -> None:
    at_work, waiting = standing(projects_root())
    if not (first := next(iter([*at_work, *waiting]), None)):
        return
    count = len(at_work) + len(waiting)
    share = f", {first.progress.share:.0%}" if first.progress.total else ""
    with st.container(key="running"):
        nav.link("jobs", f"{count} job{'s' * (count > 1)}{share}", ":material/progress_activity:",
                 project=first.project.name, job=first.id)


def _project() -> None:
    """Show the choice of the project."""
    project = state.current_project()
    if project is None:
        return
    known = {each.id: each.name for each in state.projects()}
    st.selectbox("Project", list(known), index=list(known).index(project.id), format_func=known.get,
                 key=_SWITCH + project.id, label_visibility="collapsed", width=240, on_change=_turn, args=[project.id])


def _turn(shown: str) -> None:
    """Turn to the project that was chosen; a box that only tells again what it showed turns nothing."""
    if (chosen := st.session_state[_SWITCH + shown]) != shown:
        state.choose(chosen)
