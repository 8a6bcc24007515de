"""The process around one job's command: it takes up the job, runs the command, and writes down how it ended.

Run as ``python -m core.jobs.worker FOLDER`` in a session of its own. The command has a process group of its own, at low
priority. A guard, which is a second process, sees the worker's end however it comes: it kills what is left of the
command and starts the next job. So nothing outlives a worker that was killed, and the queue needs no server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from core.jobs.process import alive, resolved
from core.jobs.queue import SHORT, claim, start_waiting
from core.jobs.record import Job, State, change, reload

GRACE_S = 4.0
"""How long a command may take to stop by itself before its group is killed; SCARP_GRACE_S overrides it."""

INTERRUPTED = 130
"""Exit code of a command that stopped because it was asked to."""

NICE = 10
"""How much a command steps back behind the server; SCARP_NICE overrides it."""

LOG_BYTES = 1_000_000
"""A longer log is put aside, in place of the one put aside before."""

ENDED = b"."


def work(folder: Path) -> None:
    """Do the job of a folder, if it is its turn."""
    asked: list[float] = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: asked.append(time.monotonic()))
    job = claim(folder)
    if job is None:
        return
    pipe = _guard(job)
    code = _run(job, pipe, asked)
    guarded = _tell(pipe, ENDED)
    _record(job, code, asked=bool(asked))
    if not guarded:
        start_waiting(job.folder.parents[2])


def _run(job: Job, pipe: int, asked: list[float]) -> int:
    """Run the command, tell the guard its group, and pass on a request to stop."""
    grace = float(os.environ.get("SCARP_GRACE_S") or GRACE_S)
    try:
        command = subprocess.Popen(resolved(job.command, job.project), stdin=subprocess.DEVNULL, process_group=0,
                                   env=_environment())
    except OSError as error:
        print(f"The command could not start: {error.strerror}.", file=sys.stderr)  # noqa: T201 - into the job's log
        return 127
    _tell(pipe, str(command.pid).encode())
    if job.kind not in SHORT:
        _step_back(command.pid)
    told = False
    while (code := command.poll()) is None:
        if asked and not told:
            told = True
            _session_steps_back(command.pid, 0)  # ending takes time as well
            _signal_group(command.pid, signal.SIGTERM)
        if asked and time.monotonic() - asked[0] > grace:
            _signal_group(command.pid, signal.SIGKILL)
        _cap(job.folder / "log.txt")
        time.sleep(0.1)
    _signal_group(command.pid, signal.SIGKILL)  # what it left behind
    return code


def _record(job: Job, code: int, *, asked: bool) -> None:
    """Write down how a job ended."""
    while True:
        now = reload(job)
        if code == 0:
            state = State.DONE
        elif now.state is State.STOPPING:
            state = State.CANCELLED
        else:
            state = State.LOST if asked or code == INTERRUPTED else State.FAILED
        if change(now, state=state, ended=time.time(), exit_code=code,
                  error=_reason(now, code) if state is State.FAILED else ""):
            return


def _reason(job: Job, code: int) -> str:
    if code == -signal.SIGKILL:
        return "The system ended it. Most often memory has run out: close other programs, and go on."
    if code < 0:
        return f"It broke down ({signal.Signals(-code).name})."
    return job.log_tail(1).removeprefix("error: ") or f"It ended with code {code}, without a word."


def _guard(job: Job) -> int:
    """Start the guard; return the pipe that tells it which group to kill should this process end without a word."""
    reading, writing = os.pipe()
    me = (os.getpid(), psutil.Process().create_time())
    if os.fork():
        os.close(reading)
        return writing
    os.setsid()  # a signal to the worker's group does not reach it
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        group = pipe.read()
    if group and not group.endswith(ENDED):
        _signal_group(int(group), signal.SIGKILL)
    while alive(*me):
        time.sleep(0.02)
    start_waiting(job.folder.parents[2])
    sys.exit()


def _tell(pipe: int, text: bytes) -> bool:
    """Tell the guard; return False when it is gone."""
    try:
        return bool(os.write(pipe, text))
    except BrokenPipeError:
        return False


def _environment() -> dict[str, str]:
    """Return what the command sees: as many threads as it may use processors, which sleep while they wait."""
    threads = str(len(os.sched_getaffinity(0)))
    theirs = {name: value for name, value in os.environ.items() if name != "GDAL_SKIP"}
    return {"OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1", **theirs}


def _step_back(pid: int) -> None:
    """Let the server go first, at the processor and at the disk."""
    step = min(19, int(os.environ.get("SCARP_NICE") or NICE))
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        process.nice(min(19, process.nice() + step))
        process.ionice(psutil.IOPRIO_CLASS_BE, 7)
        _session_steps_back(pid, step)


def _session_steps_back(pid: int, step: int) -> None:
    """Where the system shares out time among sessions first, it is the session that has to step back."""
    with suppress(OSError):
        (Path("/proc") / str(pid) / "autogroup").write_text(str(step))


def _cap(log: Path) -> None:
    """Put a long log aside; the command goes on writing to the same file, at its new end."""
    with suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_name("log.1.txt"))
            os.truncate(log, 0)


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
