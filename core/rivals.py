"""Several models on one ground in a project: running them, comparing what they found, and what was compared.

A comparison is a folder, ``versus/<id>``, with the files of ``core.versus``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError, StorageError
from core.files import dated_name, read_json
from core.jobs import Job, submit
from core.layers import Layer
from core.project import Project, Run
from core.reference import scheme_of
from core.registry import ModelCard
from core.request import Request, source
from core.review import Ledger
from core.review.record import change
from core.runs import title_of
from core.vectors import read_outlines
from core.versus import APART, MAP, RECORD

FOLDER = "versus"


@dataclass(frozen=True)
class Contest:
    """One finished comparison of detections.

    Attributes:
        id: Name of its folder.
        folder: Where its files are.
        about: What versus.json says.
        runs: The detections, in their order; one that was removed is None.
    """

    id: str
    folder: Path
    about: Mapping[str, Any]
    runs: tuple[Run | None, ...]

    @property
    def map(self) -> Path:
        """Who says landslide where."""
        return self.folder / MAP

    @property
    def apart(self) -> Path:
        """Ground that they do not agree on."""
        return self.folder / APART

    @property
    def names(self) -> list[str]:
        """What the detections are called, told apart by number where two are called the same."""
        titles = [title_of(run) if run else about["model"]
                  for run, about in zip(self.runs, self.about["runs"], strict=True)]
        marks = [f"{title}, {about['threshold']:.2f}" if titles.count(title) > 1 and about.get("threshold") else title
                 for title, about in zip(titles, self.about["runs"], strict=True)]
        return [f"{mark} ({number})" if marks.count(mark) > 1 else mark for number, mark in enumerate(marks, start=1)]


def contests(project: Project) -> list[Contest]:
    """Return the finished comparisons, newest first; a damaged one is left out."""
    runs, found = {run.id: run for run in project.runs()}, []
    for file in (project.folder / FOLDER).glob(f"*/{RECORD}"):
        try:
            about = read_json(file)
            some = tuple(runs.get(each["id"]) for each in about["runs"])
            found.append((file.stat().st_mtime_ns, Contest(file.parent.name, file.parent, about, some)))
        except (InputError, OSError, KeyError, TypeError):
            continue
    return [each for _, each in sorted(found, key=lambda pair: pair[0], reverse=True)]


def compare(project: Project, runs: Sequence[Run], labels: Layer | None, *, min_area_m2: float = 50.0) -> Job:
    """Put a comparison of detections into the queue; a reference scores each of them too."""
    out = project.folder / FOLDER / dated_name()
    command: list[object] = ["{python}", "-m", "core.cli", "versus", "--out", out, "--min-area", min_area_m2,
                             "--progress-file", "{progress}", "--runs", *(run.folder for run in runs)]
    if labels:
        path = project.path(labels)
        own = {run.classes for run in runs}
        same = scheme_of(path) == "paper" and len(own) == 1 and len(next(iter(own))) == 6  # noqa: PLR2004
        command += ["--labels", path, "--scheme", "paper" if same else "binary"]
    if dem := source(project, runs[0], "dem") or next(iter(project.of("dem")), None):
        command += ["--dem", project.path(dem), "--dem-unit", dem.unit or "m"]
    names = ", ".join(title_of(run) for run in runs)
    return submit(project.folder / "jobs", "versus", f"Comparison of {names}", command, {"versus": out.name})


def detect_each(project: Project, request: Request, cards: Sequence[ModelCard], models: Path | None) -> Job:
    """Put one job into the queue that runs several models on the same ground, one after another.

    Args:
        project: Where it goes.
        request: What is searched; its model does not count.
        cards: The models.
        models: Their folder, unless it is the program's own.
    """
    pairs = [(card, project.new_run()) for card in cards]
    area = project.save_area(request.area) if request.area else None
    command: list[object] = ["{python}", "-m", "core.cli", "detect-each", "--image", project.path(request.image),
                             "--engine", request.engine, "--min-area", request.min_area_m2,
                             "--progress-file", "{progress}"]
    for option, value in (
            ("--dem", project.path(request.dem) if request.dem else None),
            ("--dem-unit", request.dem.unit if request.dem else None), ("--date", request.image.date),
            ("--bands", ",".join(f"{name}={index}" for name, index in request.image.bands)), ("--aoi", area),
            ("--models", models)):
        command += [option, value] if value else []
    for card, folder in pairs:
        command += ["--with", card.name, folder]
    names = ", ".join(card.title for card in cards)
    return submit(project.folder / "jobs", "detect-each", f"{len(pairs)} models: {names}", command,
                  {"runs": [folder.name for _, folder in pairs]})


def send_apart(project: Project, contest: Contest, number: int, who: str) -> int:
    """Put the outlines that reach into a place of ``apart`` up for review, with a note; return how many.

    The detections' outlines are taken into the ledger, if they are not in it yet. What somebody has noted stays.

    Args:
        project: Where the detections are.
        contest: The comparison.
        number: Id of the place.
        who: Who sends it.

    Raises:
        InputError: There is no such place.
    """
    frame = read_outlines(contest.apart).to_crs("EPSG:4326")
    place = frame.loc[frame["id"] == number].geometry
    if place.empty:
        raise InputError("place", got=number, expected="one that is listed", remedy="Choose it from the list.")
    ledger, sent, edits = Ledger(project), 0, []
    note = f"Not agreed on by {' and '.join(contest.names)}."
    for run in contest.runs:
        if run:
            ledger.take(run)
            known = ledger.detections(run=run.id)
            here = known[known.intersects(place.iloc[0])]
            sent += len(here)
            edits += [edit for row in here[here["note"] == ""].itertuples()
                      for edit in change(row.id, row.version, note=note)]
    if edits:
        ledger.apply(edits, who)
    return sent


def remove(contest: Contest) -> None:
    """Remove a comparison with its files; the detections stay.

    Raises:
        StorageError: It cannot be removed.
    """
    try:
        (contest.folder / RECORD).unlink()
        shutil.rmtree(contest.folder)
    except OSError as error:
        raise StorageError("removing a comparison", got=error.strerror or "an error",
                           expected="permission to change the project", remedy="Check who owns the folder.") from error
