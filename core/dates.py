"""Comparisons of two dates in a project: what can be compared, asking for it, what is there, what is new to review.

A comparison is a folder, ``changes/<id>``, with the files of ``core.change``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.change import MAP, OBJECTS, RECORD
from core.errors import InputError, StorageError
from core.files import dated_name, read_json
from core.jobs import Job, submit
from core.layers import Layer
from core.project import Project, Run
from core.request import source
from core.review import Ledger
from core.review.record import change
from core.runs import title_of
from core.vectors import read_outlines

FOLDER = "changes"
_RUN, _LAYER = "run:", "layer:"


@dataclass(frozen=True)
class Side:
    """What a place was like on one date: a finished detection, or a reference.

    Attributes:
        id: ``run:`` or ``layer:`` and the id.
        title: For people.
        date: Day of its image, ISO 8601, or empty.
        path: A detection's folder, or a class raster.
        image: The image of that day, if it is in the project.
    """

    id: str
    title: str
    date: str
    path: Path
    image: Layer | None


@dataclass(frozen=True)
class Comparison:
    """One finished comparison.

    Attributes:
        id: Name of its folder.
        folder: Where its files are.
        about: What change.json says.
    """

    id: str
    folder: Path
    about: Mapping[str, Any]

    @property
    def map(self) -> Path:
        """The from-to raster."""
        return self.folder / MAP

    @property
    def objects(self) -> Path:
        """The landslides with what became of them."""
        return self.folder / OBJECTS

    @property
    def days(self) -> tuple[str, str]:
        """Day or title of each date."""
        first, second = (self.about[side].get("date") or self.about[side]["title"] for side in ("before", "after"))
        return str(first), str(second)

    def source(self, side: str) -> str:
        """Return the id of the ``Side`` that was ``before`` or ``after``."""
        return str(self.about[side].get("source", ""))


def sides(project: Project) -> list[Side]:
    """Return what can be compared, the earliest first; what has no date comes last."""
    found = []
    for run in project.runs():
        image = source(project, run, "image")
        day = str(run.about.get("image_date") or (image.date if image else ""))
        found.append(Side(_RUN + run.id, title_of(run), day, run.folder, image))
    found += [Side(_LAYER + layer.id, f"Reference, {layer.title[:1].lower()}{layer.title[1:]}", layer.date,
                   project.path(layer), _image_of(project, layer.date)) for layer in project.of("truth")]
    return sorted(found, key=lambda side: (side.date or "9999", side.id.startswith(_LAYER)))


def suggested(known: list[Side]) -> tuple[Side, Side] | None:
    """Return the two to compare first: of one kind, the first and the last day; None where there is one day only."""
    for kind in (_RUN, _LAYER):
        days = [side for side in known if side.id.startswith(kind) and side.date]
        if days and days[0].date < days[-1].date:
            return days[0], days[-1]
    return None


def undetected(project: Project) -> list[Layer]:
    """Return the images with a date that no detection of this project has searched."""
    seen = {side.image.id for side in sides(project) if side.image and side.id.startswith(_RUN)}
    return [image for image in project.of("image") if image.date and image.id not in seen]


def _image_of(project: Project, day: str) -> Layer | None:
    return next((layer for layer in project.of("image") if day and layer.date == day), None)


def compare(project: Project, before: Side, after: Side, *, correct: bool, tolerance_m: float | None,
            min_area_m2: float) -> Job:
    """Put a comparison into the queue.

    Args:
        project: Where it goes.
        before: The first date.
        after: The second.
        correct: See ``core.change.ChangeSettings``, as the others.
        tolerance_m: Three pixels if left out.
        min_area_m2: Smallest change.

    Raises:
        InputError: The two are one.
    """
    if before.id == after.id:
        raise InputError("comparison", got="one map twice", expected="two different ones", remedy="Choose another.")
    out = project.folder / FOLDER / dated_name()
    command: list[object] = ["{python}", "-m", "core.cli", "change", "--out", out, "--min-area", min_area_m2,
                             "--progress-file", "{progress}"]
    command += ["--tolerance", tolerance_m] if tolerance_m is not None else []
    command += ["--correct"] if correct else []
    for name, side in (("before", before), ("after", after)):
        command += [f"--{name}", side.path, f"--{name}-title", side.title, f"--{name}-source", side.id]
        command += [f"--{name}-date", side.date] if side.date else []
        if before.image and after.image and before.image.id != after.image.id and side.image:
            command += [f"--{name}-image", project.path(side.image)]
            if side.image.bands:
                command += [f"--{name}-bands", ",".join(f"{band}={index}" for band, index in side.image.bands)]
    title = " → ".join(_short(side) for side in (before, after))
    return submit(project.folder / "jobs", "change", f"Change, {title}", command, {"change": out.name})


def _short(side: Side) -> str:
    return f"{date.fromisoformat(side.date):%-d %b %Y}" if side.date else side.title


def comparisons(project: Project) -> list[Comparison]:
    """Return the finished comparisons, newest first; a damaged one is left out."""
    found = []
    for file in (project.folder / FOLDER).glob(f"*/{RECORD}"):
        try:
            found.append((file.stat().st_mtime_ns, Comparison(file.parent.name, file.parent, read_json(file))))
        except (InputError, OSError):
            continue
    return [each for _, each in sorted(found, key=lambda pair: pair[0], reverse=True)]


def remove(comparison: Comparison) -> None:
    """Remove a comparison with its files.

    Raises:
        StorageError: It cannot be removed.
    """
    try:
        comparison.folder.joinpath(RECORD).unlink()
        shutil.rmtree(comparison.folder)
    except OSError as error:
        raise StorageError("removing a comparison", got=error.strerror or "an error",
                           expected="permission to change the project", remedy="Check who owns the folder.") from error


def run_of(project: Project, comparison: Comparison, side: str = "after") -> Run | None:
    """Return the detection that was one of the two dates, if it is still there."""
    name = comparison.source(side)
    return next((run for run in project.runs() if name == _RUN + run.id), None)


def comparison_of(project: Project, run: Run) -> Comparison | None:
    """Return the newest comparison whose later date is a detection, if there is one."""
    return next((each for each in comparisons(project) if each.source("after") == _RUN + run.id), None)


def send_new(project: Project, comparison: Comparison, who: str) -> int:
    """Put the new landslides of a comparison up for review, each with a note since when; return how many.

    The later detection's outlines are taken into the ledger, if they are not in it yet. What somebody has noted of a
    landslide stays.

    Raises:
        InputError: The later date was no detection, or it is gone.
    """
    run = run_of(project, comparison)
    if run is None:
        raise InputError("later date", got="no detection of this project", expected="a detection",
                         remedy="Compare two detections.")
    frame = read_outlines(comparison.objects)
    wanted = {int(number) for ids in frame.loc[frame["change"] == "new", "after_ids"] for number in ids.split(",")}
    ledger = Ledger(project)
    ledger.take(run)
    known = ledger.detections(run=run.id)
    note = f"New since {comparison.days[0]}."
    fresh = known[known["outline"].isin(wanted)]
    silent = fresh[fresh["note"] == ""]
    edits = [edit for row in silent.itertuples() for edit in change(row.id, row.version, note=note)]
    if edits:
        ledger.apply(edits, who)
    return len(fresh)
