"""Bringing in what came to a project: a job takes the waiting files one by one, and says what became of each.

A way in is whatever records a file with ``core.incoming.add``: an upload, a file in a data folder; one by address would
do the same once it has the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core import incoming
from core.errors import CancelledError, ScarpError
from core.importing import NO_CRS, Progress, Report, import_file
from core.incoming import Incoming
from core.jobs import Job, jobs, submit
from core.layers import Layer
from core.project import open_project

KIND = "import"

__all__ = ["KIND", "NO_CRS", "bring_in", "running", "start", "start_again", "stopped"]


def start(project: Path) -> Job | None:
    """Start an import of everything that waits; None when nothing does."""
    taken = incoming.take(project)
    return _submit(project, taken) if taken else None


def start_again(project: Path, name: str, crs: str = "") -> Job:
    """Start the import of one file once more, with a CRS for a raster that names none.

    Raises:
        InputError: The file is gone.
    """
    incoming.put_back(project, name)
    return _submit(project, incoming.take(project, name), crs)


def running(project: Path) -> list[Job]:
    """Return the imports that are not over, newest first."""
    return [job for job in jobs(project / "jobs") if job.kind == KIND and job.active]


def stopped(project: Path) -> list[Incoming]:
    """Return the files whose import was stopped before it came to them."""
    at_work = {name for job in running(project) for name in job.params.get("files", [])}
    return [each for each in incoming.records(project) if each.state == "taken" and each.id not in at_work]


def bring_in(folder: Path, names: Sequence[str], report: Report, *, crs: str = "",
             ) -> tuple[list[Layer], list[ScarpError]]:
    """Import recorded files; what is refused is recorded as that, and the next one follows.

    Args:
        folder: Of the project.
        names: Ids of records; one that has ended meanwhile is passed over.
        report: Told how far all of it is.
        crs: For rasters that name none.

    Returns:
        The new layers, and why the other files were refused.

    Raises:
        CancelledError: ``report`` raised it; what is imported stays.
    """
    layers, errors = [], []
    waiting = [each for each in incoming.records(folder) if each.id in names and each.state != "refused"]
    for number, each in enumerate(waiting):
        def tell(now: Progress, number: int = number, name: str = each.name) -> None:
            report(Progress(now.stage, number + now.done / now.total, len(waiting), f"{name}: {now.message}"))

        try:
            layers.append(import_file(open_project(folder), each.file, each.name, tell, crs=crs))
            incoming.end(folder, each.id)
        except CancelledError:
            raise
        except ScarpError as error:
            incoming.refuse(folder, each.id, error)
            errors.append(error)
    return layers, errors


def _submit(project: Path, files: Sequence[Incoming], crs: str = "") -> Job:
    names = [each.id for each in files]
    title = f"Import of {files[0].name}" if len(files) == 1 else f"Import of {len(files)} files"
    command = ["{python}", "-m", "core.cli", "import", "--project", project, "--progress-file", "{progress}"]
    command += ["--crs", crs] if crs else []
    return submit(project / "jobs", KIND, title, [*command, "--incoming", *names], {"files": names})
