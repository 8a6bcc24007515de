"""Where things are, from the environment."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAP_ASSETS = ROOT / "ui" / "map" / "assets"


def projects_root() -> Path:
    """Return the folder of projects: SCARP_PROJECTS, or ``projects`` beside the app."""
    return Path(os.environ.get("SCARP_PROJECTS") or ROOT / "projects").resolve()


def models_root() -> Path | None:
    """Return the folder of models: SCARP_MODELS, or None for the project's own."""
    folder = os.environ.get("SCARP_MODELS")
    return Path(folder).resolve() if folder else None


def first_project() -> str:
    """Return the folder name of the project to open first: SCARP_PROJECT, or nothing."""
    return os.environ.get("SCARP_PROJECT", "")
