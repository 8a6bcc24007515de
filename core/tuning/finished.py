"""The fine-tunings of a project: how far each is, what it changed, keeping its model, throwing it away."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError, StorageError
from core.files import read_json, write_json
from core.jobs import Job, jobs
from core.jobs import remove as remove_job
from core.project import Project
from core.registry import MODELS, ModelCard, read_card, sha256_of
from core.tuning.request import FOLDER, RECORD

STARTING_S = 600
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Tuning:
    """One fine-tuning.

    Attributes:
        folder: Where it is.
        about: What was asked for.
        job: The job that does it; None where it was removed from the list.
    """

    folder: Path
    about: Mapping[str, Any]
    job: Job | None

    @property
    def id(self) -> str:
        """Name of its folder."""
        return self.folder.name

    @property
    def kept(self) -> str:
        """Name under which its model was kept; "" where it was not."""
        return str(self.about.get("kept", ""))

    @property
    def left_over(self) -> bool:
        """Whether it never came to an end and its job was removed from the list; not while it may be starting."""
        with contextlib.suppress(KeyError, TypeError, ValueError):
            age = datetime.now(UTC) - datetime.fromisoformat(self.about["created"])
            return self.job is None and not self.rows and age.total_seconds() > STARTING_S
        return False

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The comparison, ground by ground, the test ground first; empty until it is there."""
        with contextlib.suppress(InputError):
            return list(read_json(self.folder / "run" / "scores.json")["ground"])
        return []

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Step, loss and, now and then, IoU on trained ground; of a step that was repeated, the last."""
        with contextlib.suppress(OSError, ValueError):
            lines = (self.folder / "run" / "curve.jsonl").read_text().splitlines()
            found = {line["step"]: line for line in map(json.loads, lines)}
            return [found[step] for step in sorted(found)]
        return []

    @property
    def pictures(self) -> list[Path]:
        """Image, before and after, side by side."""
        return sorted((self.folder / "run" / "pictures").glob("*.webp"), key=lambda path: int(path.stem))

    @property
    def card(self) -> ModelCard | None:
        """The new model's card; None until it is there."""
        return read_card(self.folder / "model") if (self.folder / "model" / "card.json").is_file() else None


def tunings(project: Project) -> list[Tuning]:
    """Return a project's fine-tunings, newest first; a damaged one is left out."""
    known = {job.id: job for job in jobs(project.folder / "jobs") if job.kind == "finetune"}
    found = []
    for file in sorted((project.folder / FOLDER).glob(f"*/{RECORD}"), reverse=True):
        with contextlib.suppress(InputError):
            about = read_json(file)
            found.append(Tuning(file.parent, about, known.get(str(about.get("job", "")))))
    return found


def admit(folder: Path) -> None:
    """Judge a finished fine-tuning of anyone; no job of this computer made it, and none of its models is kept here.

    Raises:
        ScarpError: It is damaged, or not what a fine-tuning leaves.
    """
    try:
        about = read_json(folder / RECORD)
        datetime.fromisoformat(about["created"])
        known = {name: about[name] for name in ("created", "model", "model_title", "image", "labels", "mode", "learns",
                                                "counts", "minutes", "steps", "test")}
        numbers = [known["minutes"], known["steps"], *known["counts"].values()]
        rows = read_json(folder / "run" / "scores.json")["ground"]
        for row in rows:
            numbers.append(row["blocks"])
            for score in row["scores"].values():
                numbers += [score[key] for key in ("before", "after", "difference") if score[key] is not None]
                numbers += [*score["interval"], *[0.0] * (2 - len(score["interval"]))] if score["interval"] else []
        texts = [*[known[name] for name in ("model", "model_title", "image", "labels", "mode", "learns")],
                 *known["counts"], *[row["ground"] for row in rows], *[name for row in rows for name in row["scores"]]]
        tuning = Tuning(folder, known, None)
        numbers += [line[name] for line in tuning.curve for name in ("step", "steps", "loss", "iou") if name in line]
        if not rows or not all(map(_is_number, numbers)) or not all(isinstance(text, str) for text in texts):
            raise ValueError
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(folder, "a record that is damaged") from error
    if (card := tuning.card) and (not card.has_weights or sha256_of(card.weights) != card.sha256):
        raise _damaged(folder, "weights that are not those of its card")
    write_json(folder / RECORD, known | {"job": "", "kept": ""})


def _damaged(folder: Path, got: str) -> InputError:
    return InputError(f"fine-tuning {folder.name}", got=got, expected="what a fine-tuning leaves",
                      remedy="Download the project again where it was made.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def keep(tuning: Tuning, name: str, models: Path | None, title: str = "") -> ModelCard:
    """Put a fine-tuned model into the registry.

    Args:
        tuning: One that is finished.
        name: Of the new model; it must not be there yet.
        models: Folder of models, unless it is the program's own.
        title: For people; the card's own if left out.

    Raises:
        InputError: The name is none, or the model is not there.
        StorageError: There is a model of that name, or no room.
    """
    card, target = tuning.card, (models or MODELS) / name
    if not NAME.fullmatch(name):
        raise InputError("name of the model", got=repr(name), expected="letters, digits, _ . and -",
                         remedy="Choose another name.")
    if card is None:
        raise InputError("fine-tuned model", got="none", expected="a fine-tuning that is finished",
                         remedy="Wait for its end, or let it go on.")
    if target.exists():
        raise StorageError(f"model {name}", got="a model of that name", expected="a new name",
                           remedy="Choose another name; a model is never overwritten.")
    aside = target.with_name(f".{name}.part")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(tuning.folder / "model", aside)
        kept = replace(card, name=name, title=title.strip() or card.title, folder=target)
        write_json(aside / "card.json", kept.as_dict())
        aside.rename(target)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise StorageError(f"model {name}", got=error.strerror or "an error", expected="room in the folder of models",
                           remedy="Free some space and try again.") from error
    write_json(tuning.folder / RECORD, dict(tuning.about) | {"kept": name})
    return kept


def remove(tuning: Tuning) -> None:
    """Throw a fine-tuning away, with its job; a model that was kept stays.

    Raises:
        InputError: It has not ended.
    """
    if tuning.job:
        remove_job(tuning.job)
    shutil.rmtree(tuning.folder, ignore_errors=True)
