"""Long work in worker processes that outlive the page and the server; a row in the project's database is the record."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert

from core.errors import InputError
from core.files import dated_name
from core.jobs.old import adopt
from core.jobs.process import forget, portable
from core.jobs.queue import limit, placed, standing, start_waiting
from core.jobs.record import ACTIVE, Job, Progress, State, change, load, reload
from core.store import jobs as table
from core.store import open_store

__all__ = ["ACTIVE", "Job", "Progress", "State", "cancel", "jobs", "limit", "read", "recover", "remove", "resume",
           "standing", "submit", "submit_detect"]

log = logging.getLogger(__name__)


def submit(folder: Path, kind: str, title: str, command: Sequence[object], params: Mapping[str, Any]) -> Job:
    """Put a job into the queue; it starts at once when there is room.

    Args:
        folder: Where a project's jobs are, ``<project>/jobs``; made when missing.
        kind: What sort of work it is.
        title: For people.
        command: Program and arguments. Paths inside the project are kept relative to it; ``{progress}`` stands for the
            file that the command reports to.
        params: What it was asked for, kept with it.

    Raises:
        ScarpError: The database cannot be used, or no process started.
    """
    folder, now = folder.resolve(), time.time()
    job = folder / dated_name()
    job.mkdir(parents=True)
    words = [job / "progress.json" if word == "{progress}" else word for word in command]
    with open_store(folder.parent).writing() as connection:
        connection.execute(insert(table).values(
            id=job.name, kind=kind, title=title, state=State.QUEUED, created=now, queued=now, params=dict(params),
            command=portable(words, folder.parent), error="", version=1))
    return read(job)


def submit_detect(project: Path, *, out: Path, image: Path, model: str, engine: str = "auto", dem: Path | None = None,
                  ndvi: Path | None = None, area: Path | None = None, models: Path | None = None,
                  title: str = "Detection", options: Sequence[object] = ()) -> Job:
    """Start a detection as a job of a project; the same ``out`` again goes on where it stopped.

    Args:
        project: Its folder; all other paths but ``models`` are inside.
        out: Where the results go.
        image: What is searched.
        model: Name of a model.
        engine: What the network runs on.
        dem: Elevation.
        ndvi: Vegetation index.
        area: Where to search.
        models: Folder of models, that of SCARP_MODELS; the program's own if left out.
        title: For people.
        options: Further words for ``scarp detect``.
    """
    command: list[object] = ["{python}", "-m", "core.cli", "detect", "--image", image, "--model", model,
                             "--engine", engine, "--out", out, "--progress-file", "{progress}", *options]
    for option, path in (("--dem", dem), ("--ndvi", ndvi), ("--aoi", area), ("--models", models)):
        command += [option, path] if path else []
    return submit(project / "jobs", "detect", title, command, {"run": out.name, "model": model, "engine": engine})


def read(folder: Path) -> Job:
    """Read one job.

    Raises:
        InputError: The folder holds no job.
        StorageError: The database cannot be used.
    """
    folder = folder.resolve()
    adopt(folder.parent.parent)
    return placed([reload(folder)])[0]


def jobs(folder: Path, *states: State) -> list[Job]:
    """Return the jobs of a project, ``<project>/jobs``, newest first; all of them, or those in some states.

    Raises:
        StorageError: The database cannot be used.
    """
    folder = folder.resolve()
    adopt(folder.parent)
    return placed(sorted(load(folder.parent, *states), key=lambda job: (job.created, job.id), reverse=True))


def cancel(job: Job) -> None:
    """Take a job out of the queue, or ask its worker to stop; what has not stopped after a grace is killed.

    Nothing is sent to a process that is not the one that was started.
    """
    while (now := reload(job)).active:
        if now.state is State.QUEUED:
            if change(now, state=State.CANCELLED, ended=time.time()):
                start_waiting(now.folder.parents[2])
                break
        elif now.state is State.STOPPING or change(now, state=State.STOPPING):
            if now.worker:
                with suppress(ProcessLookupError):
                    os.kill(now.worker[0], signal.SIGTERM)
            break


def resume(job: Job) -> Job:
    """Put a job that did not reach its end into the queue again, at the back; any other is returned as it is."""
    now = reload(job)
    if not now.active and now.state is not State.DONE:
        forget(now.folder)
        (now.folder / "progress.json").unlink(missing_ok=True)
        with suppress(OSError):
            (now.folder / "log.txt").replace(now.folder / "log.1.txt")
        # Last of all: once it waits, anybody may start it.
        change(now, state=State.QUEUED, queued=time.time(), started=None, ended=None, pid=None, pid_started=None,
               exit_code=None, error="")
    return read(job.folder)


def remove(job: Job) -> None:
    """Remove the record of a job that has ended, and what it left unfinished; finished results stay.

    Raises:
        InputError: It has not ended.
    """
    now = reload(job)
    if now.active:
        raise InputError(f"job {now.title!r}", got="one that is not over", expected="one that has ended",
                         remedy="Cancel it first.")
    with open_store(now.project).writing() as connection:
        connection.execute(delete(table).where(table.c.id == now.id))
    shutil.rmtree(now.folder, ignore_errors=True)
    runs = now.project / "runs"
    run = (runs / str(now.params.get("run", ""))).resolve()
    if run.parent == runs and not (run / "run.json").exists():
        shutil.rmtree(run, ignore_errors=True)


def recover(root: Path) -> None:
    """Find the jobs of all projects again when the server starts: mark those lost whose worker is gone; go on."""
    for folder in root.glob("*/jobs"):
        adopt(folder.parent)
    active, waiting = standing(root)
    if active or waiting:
        log.info("%d jobs at work, %d waiting", len(active), len(waiting))
        start_waiting(root)
