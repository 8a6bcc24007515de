"""The queue: so many jobs at once over all projects of a folder, the rest in the order they came.

Nobody keeps the queue. Who submits a job, ends one or looks at one starts a worker for the next that may run, and this
worker takes up its job under the folder's lock, so that two can never take the same place. Whatever is killed on the
way, nothing is left that would have to be undone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from core.errors import InputError, StorageError
from core.jobs.process import start_worker
from core.jobs.record import ACTIVE, WORKING, Job, State, change, load, reload
from core.store import locked

log = logging.getLogger(__name__)

SHORT = frozenset({"import"})
"""Kinds that a person waits for: they neither wait for a place in the queue nor take one."""


def limit() -> int:
    """Return how many jobs run at once: SCARP_JOBS, or one.

    Raises:
        InputError: SCARP_JOBS is no number of jobs.
    """
    text = os.environ.get("SCARP_JOBS") or "1"
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InputError("SCARP_JOBS", got=repr(text), expected="how many jobs run at once, 1 or more",
                         remedy="Set SCARP_JOBS to a number such as 1, or unset it.")
    return int(text)


def standing(root: Path) -> tuple[list[Job], list[Job]]:
    """Return the jobs at work and those that wait, in their order, of all projects in a folder.

    A project whose database cannot be used is left out.
    """
    found: list[Job] = []
    for jobs in sorted(root.glob("*/jobs")):
        try:
            found += load(jobs.parent, *ACTIVE)
        except StorageError as error:
            log.warning("Jobs of %s: %s", jobs.parent.name, error)
    waiting = [job for job in found if job.state is State.QUEUED]
    return ([job for job in found if job.state in WORKING],
            sorted(waiting, key=lambda job: (job.queued, job.project.name, job.id)))


def _next(active: Sequence[Job], waiting: Sequence[Job]) -> list[Job]:
    """Return the waiting jobs whose turn it is; short ones go beside the others."""
    short = [job for job in waiting if job.kind in SHORT]
    free = limit() - sum(job.kind not in SHORT for job in active)
    return short + [job for job in waiting if job.kind not in SHORT][:max(0, free)]


def start_waiting(root: Path) -> None:
    """Start workers for the jobs whose turn it is.

    Raises:
        ScarpError: None can be started, or SCARP_JOBS is no number.
    """
    for job in _next(*standing(root)):
        start_worker(job.folder)


def claim(folder: Path) -> Job | None:
    """Make this process the worker of the job in a folder, if it is the job's turn."""
    root = folder.parents[2]
    with locked(root):
        for job in _next(*standing(root)):
            if job.folder == folder and change(
                    job, state=State.RUNNING, started=time.time(), ended=None, pid=os.getpid(),
                    pid_started=psutil.Process().create_time(), exit_code=None, error=""):
                return reload(job)
    return None


def placed(jobs: Sequence[Job]) -> list[Job]:
    """Return jobs of one project with their positions in the queue; workers are started for those whose turn it is."""
    if not any(job.state is State.QUEUED for job in jobs):
        return list(jobs)
    root = jobs[0].folder.parents[2]
    active, waiting = standing(root)
    turn = _next(active, waiting)
    for job in turn:
        start_worker(job.folder)
    position = {job.folder: index for index, job in enumerate((j for j in waiting if j not in turn), start=1)}
    position |= {job.folder: 0 for job in turn}
    return [replace(job, position=position.get(job.folder)) for job in jobs]
