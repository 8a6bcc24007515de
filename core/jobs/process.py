"""Processes: starting one, knowing it again, and commands that do not depend on where a project is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from core.errors import StorageError

SCARP = Path(__file__).resolve().parents[2]
"""Where the program is."""

START_TOLERANCE_S = 2.0
"""The system's idea of when a process started moves with corrections of the clock."""

PATIENCE_S = 10.0
"""How long a worker may take to take up its job before another is started for it."""

_started: dict[Path, float] = {}


def alive(pid: int, started: float) -> bool:
    """Return whether a process still runs, and is no other that got its number."""
    try:
        process = psutil.Process(pid)
        return (abs(process.create_time() - started) < START_TOLERANCE_S
                and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def start_worker(folder: Path) -> None:
    """Start a worker for the job of a folder, in a session of its own; it outlives this process.

    A second call soon after does nothing: the worker needs a moment to take up its job.

    Raises:
        StorageError: The system does not start another process, or the folder is gone.
    """
    now = time.monotonic()
    if now - _started.get(folder, -PATIENCE_S) < PATIENCE_S:
        return
    _started[folder] = now
    try:
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.worker", str(folder)], cwd=SCARP, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, env={**os.environ, "SCARP_JOB": folder.name})
    except OSError as error:
        raise StorageError("worker", got=error.strerror or "an error", expected="another process",
                           remedy="Free some memory or disk space, and try again.") from error
    threading.Thread(target=process.wait, daemon=True).start()  # else it would stay in the table once it has ended


def forget(folder: Path) -> None:
    """Let the next worker of a job start at once."""
    _started.pop(folder, None)


def portable(command: Sequence[object], project: Path) -> list[str]:
    """Return a command's words with names in place of places, so that it still means the same when these have moved.

    ``{python}`` is this Python, ``{project}`` the project's folder and ``{models}`` the folder of models.
    """
    return [_moved(str(word), [(place, name) for name, place in _places(project)]) for word in command]


def resolved(command: Sequence[str], project: Path) -> list[str]:
    """Return a portable command's words with today's places."""
    return [_moved(word, _places(project)) for word in command]


def _places(project: Path) -> list[tuple[str, str]]:
    return [("{python}", sys.executable), ("{project}", str(project)),
            ("{models}", os.environ.get("SCARP_MODELS") or str(SCARP / "models"))]


def _moved(word: str, places: Sequence[tuple[str, str]]) -> str:
    for old, new in places:
        if word == old or word.startswith(f"{old}/"):
            return new + word[len(old):]
    return word
