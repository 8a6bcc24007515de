"""What a session remembers, under one name each; the project is also in the address."""

import time
from typing import Any

import streamlit as st

from core.project import Project, list_projects
from ui.settings import first_project, projects_root

AREA, SELECTED, FLY, TAB, NEXT_TAB, RUN, TURN = "area", "selected", "fly", "tab", "next_tab", "run", "turn"
_OF_PROJECT = (AREA, SELECTED, FLY, RUN)


def projects() -> list[Project]:
    """Return all projects."""
    return list_projects(projects_root())


def current_project() -> Project | None:
    """Return the project of this session: the one chosen, else the one to open first, else any."""
    known = {project.id: project for project in projects()}
    for name in (st.session_state.get("project"), st.query_params.get("project"), first_project()):
        if name in known:
            st.session_state["project"] = name
            return known[name]
    return next(iter(known.values()), None)


def choose(project: str) -> None:
    """Make another project the current one; what belonged to the last one is forgotten."""
    if project != st.session_state.get("project"):
        for name in _OF_PROJECT:
            st.session_state.pop(name, None)
    st.session_state["project"] = project


def keep_in_address() -> None:
    """Put the project into the address, so that a refresh or a link opens it again."""
    project = current_project()
    if project and st.query_params.get("project") != project.id:
        st.query_params["project"] = project.id


def select(outline: int | None, bounds: tuple[float, float, float, float] | None = None) -> None:
    """Select an outline; with bounds the map goes there."""
    st.session_state[SELECTED] = outline
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    if bounds:
        st.session_state[FLY] = {"bounds": bounds, "turn": time.time_ns()}


def get(name: str, default: object = None) -> Any:  # noqa: ANN401 - a session holds values of any type
    """Return a remembered value."""
    return st.session_state.get(name, default)
