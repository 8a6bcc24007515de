"""What a session remembers. What is looked at is in the address, which counts: project, run, outline, area and so on.

A refresh, a link, another tab, back and forward so show the same thing. The browser itself keeps the map's view.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from shapely.geometry import mapping

from core.errors import ScarpError
from core.ingest import read_area
from core.project import Project, Run, list_projects
from ui.settings import first_project, projects_root

ADDRESS = ("project", "run", "outline", "area", "job", "cut", "panel")
FLY, TAB, NEXT_TAB, TURN = "fly", "tab", "next_tab", "turn"
_PROJECT, _LAST = "project", "last_address"


def projects() -> list[Project]:
    """Return all projects."""
    return list_projects(projects_root())


def current_project() -> Project | None:
    """Return the project that the address names, else the session's, else the one to open first, else any."""
    known = {project.id: project for project in projects()}
    asked = (st.query_params.get("project"), st.session_state.get(_PROJECT), first_project())
    return next((known[name] for name in asked if name in known), None) or next(iter(known.values()), None)


def choose(project: str) -> None:
    """Make another project the current one; what belonged to the last one is forgotten."""
    st.query_params.from_dict({"project": project})
    _enter(project)


def current_run(project: Project) -> Run | None:
    """Return the detection that the address names, else the newest."""
    runs = {run.id: run for run in project.runs()}
    return runs.get(st.query_params.get("run", "")) or next(iter(runs.values()), None)


def show_run(run: str | None) -> None:
    """Turn to a detection; None is the newest, whichever that will be."""
    _put("run", run)
    _put("cut", None)
    select(None)


def show_cut(run: str, cut: tuple[float, float] | None) -> None:
    """Look at a detection at another threshold and smallest area (m²); None is its own."""
    _put("run", run)
    _put("cut", "_".join(f"{value:.10g}" for value in cut) if cut else None)
    select(None)


def current_cut() -> tuple[float, float] | None:
    """Return the threshold and the smallest area that the address names, if it names two numbers."""
    try:
        threshold, smallest = map(float, st.query_params.get("cut", "").split("_"))
    except ValueError:
        return None
    return threshold, smallest


def turn_to(panel: str | None) -> None:
    """Turn to a panel of the map's page; None is the first."""
    _put("panel", panel)


def current_area(project: Project) -> Mapping[str, Any] | None:
    """Return the area that the address names, as a GeoJSON geometry in degrees."""
    file = _areas(project).get(st.query_params.get("area", ""))
    if file is None:
        return None
    try:
        return _geometry(file, file.stat().st_mtime_ns)
    except (ScarpError, OSError):
        _put("area", None)
        note("The area in the address could not be read, so none is chosen.")
        return None


def set_area(project: Project, geometry: Mapping[str, Any] | None) -> None:
    """Keep an area that was drawn and put it into the address; None takes it away."""
    _put("area", project.save_area(geometry).stem if geometry else None)


def current_job() -> str | None:
    """Return the id of the job that the address names; the page of jobs knows whether there is such a job."""
    return st.query_params.get("job")


def show_job(job: str | None) -> None:
    """Turn to a job."""
    _put("job", job)


def select(outline: int | None, bounds: tuple[float, float, float, float] | None = None) -> None:
    """Select an outline; with bounds the map goes there."""
    _put("outline", None if outline is None else str(outline))
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    if bounds:
        st.session_state[FLY] = {"bounds": bounds, "turn": time.time_ns()}


def selected() -> int | None:
    """Return the number of the outline that the address names, if it names one."""
    asked = st.query_params.get("outline", "")
    return int(asked) if asked.isdecimal() else None


def get(name: str, default: object = None) -> Any:  # noqa: ANN401 - a session holds values of any type
    """Return a remembered value."""
    return st.session_state.get(name, default)


def note(text: str) -> None:
    """Tell something in passing."""
    st.toast(text, icon=":material/info:", duration="long")


def address(**changes: str) -> dict[str, str]:
    """Return what the address holds of the state, with changes, for a link; another project starts afresh."""
    kept = {} if "project" in changes else {name: st.query_params.get(name, "") for name in ADDRESS}
    if "run" in changes:
        kept = {name: value for name, value in kept.items() if name not in ("cut", "outline")}
    return {name: value for name, value in (kept | changes).items() if value}


def settle_address() -> None:
    """Bring address and session together, at the start of each run.

    An address without a project comes from a bare link: what the session knows is put in. What it names and is not
    there is taken out, with a note.
    """
    if "project" not in st.query_params:
        for name, value in st.session_state.get(_LAST, {}).items():
            st.query_params.setdefault(name, value)
    project = current_project()
    asked = st.query_params.get("project")
    if project is None:
        for name in ADDRESS:
            _put(name, None)
    else:
        if asked != project.id:
            st.query_params.from_dict({"project": project.id})
        if asked and asked != project.id:
            note("The project in the address is not here, so another one is shown.")
        _enter(project.id)
        for name, kept in (("run", _runs(project)), ("area", _areas(project))):
            if name in st.query_params and st.query_params[name] not in kept:
                _put(name, None)
                note(f"The {_WORDS[name]} in the address is not in this project any more.")
    st.session_state[_LAST] = address()


_WORDS = {"run": "detection", "area": "area"}


def _enter(project: str) -> None:
    if st.session_state.get(_PROJECT) != project:
        st.session_state.pop(FLY, None)
        st.session_state[_PROJECT] = project


def _put(name: str, value: str | None) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
    st.session_state[_LAST] = address()


def _runs(project: Project) -> set[str]:
    return {file.parent.name for file in (project.folder / "runs").glob("*/run.json")}


def _areas(project: Project) -> dict[str, Path]:
    return {file.stem: file for file in (project.folder / "areas").glob("*.geojson")}


@st.cache_data(max_entries=64, show_spinner=False)
def _geometry(file: Path, changed: int) -> dict[str, Any]:
    return mapping(read_area(file)[0])
