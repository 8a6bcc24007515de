"""The two areas of a fine-tuning that is being set up: kept in the project, so that a refresh loses nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import InputError
from core.files import read_json, write_json
from core.project import Project

AREAS = {"area": "Training area", "test": "Test area"}
COLOURS = {"area": "#2f8a66", "test": "#8d5a97"}
DRAWS, MAP, SHOWN = "train-draws", "train-map", "train-shown"
_FILE = "setup.json"


def areas(project: Project) -> dict[str, Mapping[str, Any]]:
    """Return the areas that were drawn, GeoJSON geometries in degrees."""
    with contextlib.suppress(InputError):
        return {name: value for name, value in read_json(_path(project)).items() if name in AREAS and value}
    return {}


def set_area(project: Project, name: str, geometry: Mapping[str, Any] | None) -> None:
    """Keep an area, or take it away.

    Raises:
        StorageError: It cannot be written.
    """
    _path(project).parent.mkdir(exist_ok=True)
    write_json(_path(project), areas(project) | {name: geometry})


def drawn() -> str:
    """Return which of the areas the map draws now."""
    return st.session_state.get(DRAWS) or next(iter(AREAS))


def _path(project: Project) -> Path:
    return project.folder / "trainings" / _FILE
