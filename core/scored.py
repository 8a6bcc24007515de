"""Evaluations of a project's detections against its references: asking for one, and what has been scored.

An evaluation is ``scores-<layer>.json`` in a detection's folder, with all that ``scarp evaluate`` says, and its counts
beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.config import SCHEMES
from core.errors import InputError
from core.files import read_json
from core.jobs import Job, submit
from core.layers import Layer
from core.metrics.basics import ratio
from core.project import Project, Run
from core.reference import scheme_of
from core.registry import ModelCard
from core.request import source
from core.reviewed import REVIEWED
from core.runs import title_of

PREFIX = "scores-"


@dataclass(frozen=True)
class Evaluation:
    """One stored evaluation.

    Attributes:
        path: Its file.
        layer: Id of the reference, or ``core.reviewed.REVIEWED``.
        about: What the file says; see ``core.metrics.scores``.
    """

    path: Path
    layer: str
    about: Mapping[str, Any]


def references(project: Project) -> list[Layer]:
    """Return the layers that a detection can be scored against."""
    return [*project.of("truth"), *project.of("truth", "vector")]


def suggested(project: Project, run: Run) -> Layer | None:
    """Return the reference of a detection's own day, else one without a day, else any."""
    known = references(project)
    day = str(run.about.get("image_date") or "")
    same = [layer for layer in known if day and layer.date == day]
    return next(iter([*same, *(layer for layer in known if not layer.date), *known]), None)


def score(project: Project, run: Run, layer: Layer | None, searched: Mapping[str, Any] | None = None) -> Job:
    """Put an evaluation into the queue; it takes the place of an earlier one of the same two.

    All classes are scored where detection and reference have the same; else landslides alone.

    Args:
        project: Where the detection is.
        run: The detection.
        layer: The reference; None: what was reviewed, see ``core.reviewed``.
        searched: With reviews: GeoJSON polygon in degrees in which all landslides were looked for.
    """
    name, title = (layer.id, layer.title) if layer else (REVIEWED, "reviewed detections")
    command: list[object] = ["{python}", "-m", "core.cli", "evaluate", "--run", run.folder,
                             "--json", run.folder / f"{PREFIX}{name}.json", "--progress-file", "{progress}"]
    if layer:
        labels = project.path(layer)
        own = next((name for name, known in SCHEMES.items() if known.names == run.classes), "binary")
        command += ["--labels", labels, "--scheme", own if own == scheme_of(labels) else "binary"]
    else:
        command += ["--reviews", *(("--searched", project.save_area(searched)) if searched else ())]
    if (dem := source(project, run, "dem")) or (dem := next(iter(project.of("dem")), None)):
        command += ["--dem", project.path(dem), "--dem-unit", dem.unit or "m"]
    return submit(project.folder / "jobs", "evaluate", f"Scores, {title_of(run)} against {title}", command,
                  {"scored": run.id, "labels": name})


def evaluations(run: Run) -> list[Evaluation]:
    """Return what a detection has been scored against, newest first; a damaged file is left out."""
    found = []
    for path in run.folder.glob(f"{PREFIX}*.json"):
        try:
            found.append((path.stat().st_mtime_ns, Evaluation(path, path.stem.removeprefix(PREFIX), read_json(path))))
        except (InputError, OSError):
            continue
    return [each for _, each in sorted(found, key=lambda pair: pair[0], reverse=True)]


def at_threshold(about: Mapping[str, Any], threshold: float) -> dict[str, float]:
    """Return landslides' scores by pixel as they would be at another threshold.

    Args:
        about: Of an evaluation.
        threshold: Landslide probability from which a pixel is called landslide.

    Returns:
        ``precision``, ``recall``, ``f1``, ``iou`` and ``called`` (share of the labelled ground); NaN where undefined.
    """
    other, slide = (np.asarray(about["odds"][name], np.float64) for name in ("other", "landslide"))
    first = round(threshold * (len(slide) - 1))
    hit, false = slide[first:].sum(), other[first:].sum()
    missed = slide[:first].sum()
    return {"precision": float(ratio(hit, hit + false)), "recall": float(ratio(hit, hit + missed)),
            "f1": float(ratio(2 * hit, 2 * hit + false + missed)), "iou": float(ratio(hit, hit + false + missed)),
            "called": float(ratio(hit + false, slide.sum() + other.sum()))}


def training_log(card: ModelCard) -> list[dict[str, Any]]:
    """Return the lines of a model's training log, if it lies beside the model as ``log.jsonl``."""
    return list(_lines(card.folder / "log.jsonl"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was cut off
        if isinstance(value, dict) and isinstance(value.get("step"), int):
            yield value
