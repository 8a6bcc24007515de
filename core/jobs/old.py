"""Jobs of the first versions, which kept a job.json in the job's folder and no database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from core.errors import InputError
from core.files import read_json
from core.jobs.process import alive, portable
from core.jobs.record import State
from core.store import jobs as table
from core.store import open_store


def adopt(project: Path) -> None:
    """Take such jobs into the database once they have ended; a damaged record stays as it is, and is not shown."""
    for file in (project / "jobs").glob("*/job.json"):
        folder = file.parent
        try:
            row = _row(project, folder)
        except (InputError, KeyError, TypeError, ValueError, IndexError):
            continue
        if row is None:
            continue
        with open_store(project).writing() as connection:
            if connection.execute(select(table.c.id).where(table.c.id == folder.name)).one_or_none() is None:
                connection.execute(insert(table).values(**row))
        for name in ("job.json", "exit.json", "stop"):
            (folder / name).unlink(missing_ok=True)


def _row(project: Path, folder: Path) -> dict[str, object] | None:
    about = read_json(folder / "job.json")
    if (worker := about["worker"]) and alive(int(worker["pid"]), float(worker["started"])):
        return None
    command = [str(word) for word in about["command"]]
    there = Path(command[command.index("--progress-file") + 1]).parents[2] if "--progress-file" in command else project
    stopped = (folder / "stop").exists()
    try:
        end = read_json(folder / "exit.json")
        code, ended = int(end["code"]), float(end["at"])
        state = State.DONE if code == 0 else State.CANCELLED if stopped or code == 130 else State.FAILED
    except InputError:
        code, ended, state = None, None, State.CANCELLED if stopped else State.LOST
    return {
        "id": folder.name, "kind": str(about["kind"]), "title": str(about["title"]), "state": state,
        "created": float(about["created"]), "queued": float(about["created"]), "started": float(about["started"]),
        "ended": ended, "params": dict(about["params"]), "command": ["{python}", *portable(command[1:], there)],
        "exit_code": code, "error": "", "version": 1}
