"""Commands that train: train, examine, finetune, study."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.inputs import bands
from core.cli.progress import reporter
from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    train = commands.add_parser("train", help="train a model; the same call goes on where it stopped")
    train.add_argument("config", help="a configuration file, or the name of a recipe that comes with Scarp")
    train.add_argument("--data", type=Path, required=True, help="folder of the training data")
    train.add_argument("--runs", type=Path, default=Path("runs"), help="folder of training runs")
    train.add_argument("--models", type=Path, help="folder of models")
    train.set_defaults(run=_train)

    again = commands.add_parser("examine", help="choose a model's thresholds and score it anew on what is held out")
    again.add_argument("model", help="a model whose recipe comes with Scarp")
    again.add_argument("--data", type=Path, required=True, help="folder of its training data")
    again.add_argument("--models", type=Path, help="folder of models")
    again.set_defaults(run=_examine)

    tune = commands.add_parser("finetune", help="teach a model a new image from a few outlined landslides; "
                               "the same call goes on")
    tune.add_argument("--from", dest="model", default="fstf_net_lite", help="the model to start from")
    tune.add_argument("--image", type=Path, required=True, help="GeoTIFF that the outlines were drawn on")
    tune.add_argument("--dem", type=Path, help="GeoTIFF of elevation")
    tune.add_argument("--labels", type=Path, required=True, help="polygons of landslides: GeoPackage or GeoJSON")
    tune.add_argument("--area", type=Path, help="polygons of the area that was searched; without it only a ring around "
                      "each landslide counts as ground without")
    tune.add_argument("--test", type=Path, help="polygons of the ground that is held out for the comparison; "
                      "without it two blocks are chosen")
    tune.add_argument("--bands", default="", metavar="red=1,green=2,...", help="bands that are not to be guessed")
    tune.add_argument("--dem-unit", choices=("m", "ft"), default="m")
    tune.add_argument("--into", type=Path, help="folder for the new model, in the place of one among the models")
    tune.add_argument("--progress-file", type=Path, help="write progress there as JSON")
    tune.add_argument("--attribute", default="", help="the attribute that tells what a polygon is")
    tune.add_argument("--classes", default="", metavar="accepted=landslide,rejected=other",
                      help="the class for each of its values")
    tune.add_argument("--mode", choices=("decoder", "full"), default="full",
                      help="'decoder' leaves the encoder as it is")
    tune.add_argument("--name", help="of the new model")
    length = tune.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=5.0, help="time for training")
    length.add_argument("--steps", type=int, default=0)
    tune.add_argument("--data", type=Path, help="folder of the model's own training data, against forgetting; "
                      "without it generated scenes are used")
    tune.add_argument("--models", type=Path, help="folder of models")
    tune.add_argument("--out", type=Path, default=Path("runs"), help="folder of training runs")
    tune.set_defaults(run=_finetune)

    study = commands.add_parser("study", help="train networks on the same data and score them; the same call goes on")
    study.add_argument("study", help="a study that comes with Scarp, or its file")
    study.add_argument("--data", type=Path, help="folder of the training data; left out, nothing is trained")
    study.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the study's runs")
    study.add_argument("--logs", type=Path, default=Path("docs/studies"), help="folder of its logs")
    study.add_argument("--page", type=Path, help="make the page of what is finished there")
    study.set_defaults(run=_study)


def _train(options: argparse.Namespace) -> None:
    from core.training.publish import train_model  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    card = train_model(options.config, options.data, options.runs, options.models)
    print(f"model {card.name} is in {card.folder}")


def _examine(options: argparse.Namespace) -> None:
    from core.training.publish import examine_model  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    card = examine_model(options.model, options.data, options.models)
    by_size = "".join(f", {each:.2f} at {size_m:g} m" for size_m, each in card.thresholds)
    print(f"model {card.name}: threshold {card.threshold:g}{by_size}; temperature {card.temperature:g}")


def _finetune(options: argparse.Namespace) -> None:
    from core.training.finetune import FineTune, fine_tune, table  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    card = fine_tune(FineTune(
        options.model, options.name or f"{options.model}_{options.labels.stem}", options.image, options.labels,
        options.dem, options.area, options.attribute, _classes(options.classes), options.mode, options.steps,
        options.minutes, data=options.data, test=options.test, bands=bands(options.bands), dem_unit=options.dem_unit),
        options.out, options.models, _lines(options.progress_file), into=options.into)
    print(table(card.metrics["fine-tuning"]), end="")
    gain = card.metrics["fine-tuning"][0]["scores"]["IoU"]
    if not gain["interval"] or gain["interval"][0] <= 0:
        print("note: a gain is not certain on the ground that was held out; the first model may be the better one")
    print(f"model {card.name} is in {card.folder}")


def _lines(file: Path | None) -> Callable[[dict[str, Any]], None] | None:
    """Return a report of the training log's lines as progress, if there is a file for it."""
    if file is None:
        return None
    from core.importing import Progress  # noqa: PLC0415

    report = reporter(file, "fine-tuning")
    report(Progress("ground", 0, 1, "reading the ground, making scenes to practise on"))

    def tell(line: dict[str, Any]) -> None:
        report(Progress(line.get("stage", "train"), line.get("step", 1), line.get("steps", 1), "",
                        eta_s=line.get("left_s")))

    return tell


def _classes(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part]
    if bad := [value for value, _, name in pairs if not name]:
        raise InputError("--classes", got=", ".join(bad), expected="a class for each value",
                         remedy="Write for example --classes accepted=landslide,rejected=other.")
    return {value.strip(): name.strip() for value, _, name in pairs}


def _study(options: argparse.Namespace) -> None:
    from core.study import Study, page, results, work_through  # noqa: PLC0415

    study = Study.read(options.study)
    logs = options.logs / study.name
    if options.data:
        for name in work_through(study, options.data, options.runs / study.name, logs, print):
            print(f"{name}: finished")
    if options.page:
        options.page.write_text(page(results(study, logs)))
