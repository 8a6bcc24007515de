"""What is known of a job: its row in the project's database, and its folder.

    jobs/<id>/progress.json   written by the command: stage, done, total, pixels_per_s, eta_s, message
    jobs/<id>/log.txt         what the command printed; log.1.txt is what came before

A state is what the row says, but for workers that are gone: these are noticed when the row is read.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select, update

from core.errors import InputError
from core.files import read_json
from core.jobs.process import SCARP, alive
from core.store import exists, open_store
from core.store import jobs as table


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


WORKING = (State.RUNNING, State.STOPPING)
ACTIVE = (State.QUEUED, *WORKING)


@dataclass(frozen=True)
class Progress:
    """How far a job is; 0 of 0 until it knows."""

    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    pixels_per_s: float | None = None
    eta_s: float | None = None
    message: str = ""

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


@dataclass(frozen=True)
class Job:
    """One job, as it was when it was read.

    Attributes:
        id: Name of its folder.
        folder: Its progress and its log.
        kind: "detect".
        title: For people.
        state: Where it stands.
        created: Seconds since 1970, as all times here.
        queued: When it was last put into the queue.
        started: When its worker took it up, or None.
        ended: When it ended, or None.
        params: What it was asked for, as JSON.
        command: What its worker runs; see ``core.jobs.process.portable``.
        worker: Number of the worker's process and when that was started.
        exit_code: Of the command.
        error: What it failed of, in a sentence.
        version: How often the record was changed.
        progress: How far it is.
        position: In the queue: 1 is the next, 0 is being started; None outside of it.
    """

    id: str
    folder: Path
    kind: str
    title: str
    state: State
    created: float
    queued: float = 0.0
    started: float | None = None
    ended: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    worker: tuple[int, float] | None = None
    exit_code: int | None = None
    error: str = ""
    version: int = 0
    progress: Progress = field(default_factory=Progress)
    position: int | None = None

    @property
    def project(self) -> Path:
        """Folder of the project it belongs to."""
        return self.folder.parent.parent

    @property
    def active(self) -> bool:
        """Whether it runs or will run."""
        return self.state in ACTIVE

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the command printed, without the places of the project and of the program."""
        try:
            with (self.folder / "log.txt").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        for place in (self.project, SCARP):
            text = text.replace(f"{place}/", "")
        return "\n".join(text.rstrip().splitlines()[-lines:])


def load(project: Path, *states: State) -> list[Job]:
    """Return a project's jobs of some states, or all of them, in no order; workers that are gone are noticed.

    Raises:
        StorageError: The database cannot be used.
    """
    if not exists(project):
        return []
    query = select(table).where(table.c.state.in_(states)) if states else select(table)
    with open_store(project).reading() as connection:
        found = [_job(project, row) for row in connection.execute(query)]
    return [_settled(job) for job in found]


def reload(job: Job | Path) -> Job:
    """Read one job.

    Raises:
        InputError: There is none, or no longer.
        StorageError: The database cannot be used.
    """
    folder = job.folder if isinstance(job, Job) else job
    row = None
    if exists(folder.parent.parent):
        with open_store(folder.parent.parent).reading() as connection:
            row = connection.execute(select(table).where(table.c.id == folder.name)).one_or_none()
    if row is None:
        raise InputError("job", got=f"{folder.name!r}, which is not there", expected="a job of this project",
                         remedy="Choose one from the list of jobs.")
    return _settled(_job(folder.parent.parent, row))


def change(job: Job, **values: object) -> bool:
    """Change a job's record; return False, and change nothing, when somebody else has changed it since it was read."""
    same = (table.c.id == job.id) & (table.c.version == job.version)
    with open_store(job.project).writing() as connection:
        return connection.execute(update(table).where(same).values(version=job.version + 1, **values)).rowcount == 1


def _settled(job: Job) -> Job:
    """Note that a worker is gone which had no time to say how it ended."""
    if job.state not in WORKING or (job.worker and alive(*job.worker)):
        return job
    change(job, state=State.CANCELLED if job.state is State.STOPPING else State.LOST, ended=time.time())
    return reload(job)


def _job(project: Path, row: Row[Any]) -> Job:
    folder = project / "jobs" / row.id
    return Job(row.id, folder, row.kind, row.title, State(row.state), row.created, row.queued, row.started, row.ended,
               row.params, tuple(row.command), (row.pid, row.pid_started) if row.pid else None, row.exit_code,
               row.error, row.version, _progress(folder))


def _progress(folder: Path) -> Progress:
    try:
        value = read_json(folder / "progress.json")
    except InputError:
        return Progress()

    def number(name: str) -> float | None:
        found = value.get(name)
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None

    return Progress(str(value.get("stage", "")), number("done") or 0.0, number("total") or 0.0, number("pixels_per_s"),
                    number("eta_s"), str(value.get("message", "")))
