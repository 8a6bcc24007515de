"""Finished detections in a project: their names, what each was made with, and taking one away."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from datetime import datetime
from pathlib import Path

from core.errors import InputError, StorageError
from core.files import write_atomic
from core.project import RUN_FILE, Project, Run

TITLE_FILE = "title.txt"
TITLE_LENGTH = 80


def title_of(run: Run) -> str:
    """Return the name that a detection was given, else what made it."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if given := (run.folder / TITLE_FILE).read_text("utf-8")[:TITLE_LENGTH].strip():
            return given
    kept = run.about.get("redrawn_from")
    return f"{run.model or run.id} from {run.about['threshold']:.2f}" if kept else run.model or run.id


def when(run: Run) -> str:
    """Return when a detection was finished, for people, in local time; nothing where that is not known."""
    try:
        return f"{datetime.fromisoformat(run.about['finished']).astimezone():%d %b %Y, %H:%M}"
    except (KeyError, TypeError, ValueError):
        return ""


def rename(run: Run, title: str) -> None:
    """Give a detection a name; an empty one gives its own back.

    Raises:
        StorageError: It cannot be written.
    """
    write_atomic(run.folder / TITLE_FILE, " ".join(title.split())[:TITLE_LENGTH].encode())


def remove(project: Project, run: str) -> None:
    """Remove a detection with all its files; it is gone at once, its files soon after.

    Raises:
        InputError: There is no such detection in the project.
        StorageError: It cannot be removed.
    """
    folder = project.folder / "runs" / run
    if Path(run).name != run or not (folder / RUN_FILE).is_file() or folder.is_symlink():
        raise InputError("detection", got=f"{run!r}, which is not there", expected="a detection of this project",
                         remedy="Open the project again.")
    aside = project.folder / "derived" / f".gone-{secrets.token_hex(6)}"
    try:
        folder.rename(aside)
    except OSError as error:
        raise StorageError("removing a detection", got=error.strerror or "an error",
                           expected="permission to change the project", remedy="Check who owns the folder.") from error
    shutil.rmtree(aside, ignore_errors=True)


def made_with(run: Run) -> dict[str, str]:
    """Return what a detection was made with, in words, as far as its record says."""
    about, inputs = run.about, run.about.get("inputs") or {}
    given = {role: (inputs.get(role) or {}).get("file") for role in ("image", "dem", "ndvi")}
    kept, engine = about.get("redrawn_from"), about.get("engine") or {}
    facts = {
        "Model": run.model, "Image": given["image"], "Taken on": about.get("image_date"),
        "Elevation": given["dem"] or "none", "Vegetation index": given["ndvi"],
        "Threshold": _number(about.get("threshold")),
        "Smallest": _number((about.get("outlines") or {}).get("min_area_m2"), " m²"),
        "Redrawn from": f"{kept['run']}, at {kept['threshold']:g}" if kept else None,
        "Pixel size": _number(about.get("gsd_m"), " m"), "Engine": engine.get("name"), "Finished": when(run),
    }
    return {name: str(value) for name, value in facts.items() if value}


def _number(value: object, unit: str = "") -> str | None:
    return f"{value:g}{unit}" if isinstance(value, int | float) else None
