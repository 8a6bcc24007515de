"""Long work in worker processes that outlive the page and the server; a folder is the record of each.

    job.json        kind, title, command, what it was asked for, pid and start time of its worker
    progress.json   written by the command: stage, done, total, pixels_per_s, eta_s, message
    log.txt         what the command printed
    stop            there when the job was asked to stop
    exit.json       how it ended, written by the worker

The state is not stored but found: a job whose worker is gone without an exit.json is lost.
"""

from __future__ import annotations

import math
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from core.errors import InputError
from core.files import read_json, write_json

INTERRUPTED = 130
"""Exit code of a command that stopped because it was asked to."""

START_TOLERANCE_S = 2.0
"""The system's idea of when a process started moves with corrections of the clock."""

_ROOT = Path(__file__).resolve().parent.parent
_children: dict[int, subprocess.Popen[bytes]] = {}


class State(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


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
        folder: Its record.
        kind: "detect".
        title: For people.
        state: Found from the files and the processes.
        created: Seconds since 1970.
        ended: The same, or None.
        params: What it was asked for, as JSON.
        progress: How far it is.
    """

    id: str
    folder: Path
    kind: str
    title: str
    state: State
    created: float
    ended: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)

    @property
    def active(self) -> bool:
        """Whether it still has a worker."""
        return self.state in (State.RUNNING, State.STOPPING)

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the command printed, without the places of the project and of the program."""
        try:
            with (self.folder / "log.txt").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        for place in (self.folder.parent.parent, _ROOT):
            text = text.replace(f"{place}/", "")
        return "\n".join(text.splitlines()[-lines:])


def submit(folder: Path, kind: str, title: str, command: Sequence[str], params: Mapping[str, Any]) -> Job:
    """Start a job.

    Args:
        folder: Where the records of jobs are; made when missing.
        kind: What sort of work it is.
        title: For people.
        command: Program and arguments; ``{progress}`` stands for the file that it reports to.
        params: What it was asked for, kept with it.
    """
    job = folder / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    job.mkdir(parents=True)
    words = [str(job / "progress.json") if word == "{progress}" else str(word) for word in command]
    return _start(job, {"kind": kind, "title": title, "command": words, "params": dict(params), "created": time.time()})


def submit_detect(project: Path, *, out: Path, image: Path, model: str, engine: str = "auto", dem: Path | None = None,
                  ndvi: Path | None = None, area: Path | None = None, models: Path | None = None,
                  title: str = "Detection") -> Job:
    """Start a detection as a job of a project; the same ``out`` again goes on where it stopped."""
    command = [sys.executable, "-m", "core.cli", "detect", "--image", str(image), "--model", model, "--engine", engine,
               "--out", str(out), "--progress-file", "{progress}"]
    for option, path in (("--dem", dem), ("--ndvi", ndvi), ("--aoi", area), ("--models", models)):
        command += [option, str(path)] if path else []
    return submit(project / "jobs", "detect", title, command, {"run": out.name, "model": model, "engine": engine})


def resume(job: Job) -> Job:
    """Start the same command again; a job that is still active is returned as it is."""
    if read(job.folder).active:
        return read(job.folder)
    for name in ("exit.json", "stop", "progress.json"):
        (job.folder / name).unlink(missing_ok=True)
    return _start(job.folder, read_json(job.folder / "job.json"))


def read(folder: Path) -> Job:
    """Read one job.

    Raises:
        InputError: The folder holds no job.
    """
    about = read_json(folder / "job.json")
    try:
        state, ended = _state(folder, about)
        return Job(folder.name, folder, about["kind"], about["title"], state, float(about["created"]), ended,
                   about["params"], _progress(folder))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("job record", got="missing or damaged fields", expected="kind, title, created, params, worker",
                         remedy="Remove the job's folder.") from error


def jobs(folder: Path) -> list[Job]:
    """Return the jobs in a folder, newest first; a damaged record is left out."""
    found = []
    for file in folder.glob("*/job.json"):
        try:
            found.append(read(file.parent))
        except InputError:
            continue
    return sorted(found, key=lambda job: (job.created, job.id), reverse=True)


def cancel(job: Job) -> None:
    """Ask a job to stop; its worker kills the whole group when it has not stopped after its grace.

    Nothing is sent to a process that is not the one that was started: pid and start time must agree. When the
    worker itself is gone, what is left of its job is killed at once.
    """
    about = read_json(job.folder / "job.json")
    (job.folder / "stop").touch()
    if worker := _worker(about):
        os.killpg(worker.pid, signal.SIGTERM)
        return
    for orphan in _orphans(job.id):
        try:
            orphan.kill()
        except psutil.Error:
            continue


def _start(folder: Path, about: dict[str, Any]) -> Job:
    about = {**about, "worker": None, "started": time.time()}
    write_json(folder / "job.json", about)
    process = subprocess.Popen(
        [sys.executable, "-m", "core.worker", str(folder)], cwd=_ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "SCARP_JOB": folder.name})
    _children[process.pid] = process
    try:
        started = psutil.Process(process.pid).create_time()
    except psutil.Error:
        started = time.time()
    write_json(folder / "job.json", {**about, "worker": {"pid": process.pid, "started": started}})
    return read(folder)


def _state(folder: Path, about: Mapping[str, Any]) -> tuple[State, float | None]:
    """Find a job's state. The worker writes exit.json before it goes, so it is looked for first."""
    starting = about["worker"] is None and time.time() - about["started"] < START_TOLERANCE_S
    alive = starting or _worker(about) is not None
    stop = (folder / "stop").exists()
    if alive and not (folder / "exit.json").exists():
        return (State.STOPPING if stop else State.RUNNING), None
    try:
        end = read_json(folder / "exit.json")
    except InputError:
        return (State.CANCELLED if stop else State.LOST), None
    code, at = int(end["code"]), float(end["at"])
    if code == 0:
        return State.DONE, at
    return (State.CANCELLED if stop or code == INTERRUPTED else State.FAILED), at


def _worker(about: Mapping[str, Any]) -> psutil.Process | None:
    """Return a job's worker if it is alive and no other process that got its number."""
    worker = about["worker"]
    if not worker:
        return None
    if child := _children.get(worker["pid"]):
        child.poll()  # else it stays in the table as a zombie
    try:
        process = psutil.Process(worker["pid"])
        same = abs(process.create_time() - worker["started"]) < START_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _orphans(job: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCARP_JOB") == job:
                found.append(process)
        except psutil.Error:
            continue
    return found


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
