"""The command line: the same jobs as the app, without a browser."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from core.errors import CancelledError, InputError, ScarpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.detect import DetectSettings, Progress
    from core.training.config import TrainConfig

EXIT_ERROR, EXIT_STOPPED = 2, 130
ANEW = ("comparison", "scores")
"""What keeps nothing that is unfinished: it takes seconds to minutes."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 2 after an error that was explained, or 130 after a stop."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    try:
        options.run(options)
    except CancelledError as error:
        print(error, file=sys.stderr)
        return EXIT_STOPPED
    except ScarpError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_STOPPED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scarp", description="Landslide mapping from imagery and terrain.")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    commands = parser.add_subparsers(required=True, metavar="command")

    detect = commands.add_parser("detect", help="map the landslides of an image")
    _add_inputs(detect)
    detect.add_argument("--out", type=Path, required=True, help="folder of the results")
    detect.add_argument("--overwrite", action="store_true", help="replace finished results in that folder")
    detect.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    detect.set_defaults(run=_detect)

    check = commands.add_parser("check", help="look at the inputs, and estimate time, memory and disk")
    _add_inputs(check)
    check.add_argument("--out", type=Path, default=Path(), help="where the results would go")
    check.set_defaults(run=_check, overwrite=True)

    _add_coming_in(commands)

    models = commands.add_parser("models", help="list the models")
    models.add_argument("--models", type=Path, help="folder of models")
    models.add_argument("--networks", action="store_true", help="count the networks' weights and operations instead")
    models.set_defaults(run=_models)

    weights = commands.add_parser("convert-weights", help="make encoder weights of an ImageNet checkpoint")
    weights.add_argument("checkpoint", type=Path, help="a .pth file that torchvision publishes")
    weights.add_argument("--architecture", required=True, help="resnet50, vgg16 or vgg16_bn")
    weights.add_argument("--out", type=Path, required=True, help="a .safetensors file")
    weights.set_defaults(run=_convert_weights)

    demo = commands.add_parser("demo", help="make the demo project and run detection on it")
    demo.add_argument("folder", type=Path)
    demo.set_defaults(run=_demo)

    _add_training(commands)

    data = commands.add_parser("data", help="list, check and divide training data")
    _add_data_steps(data)

    _add_scores(commands)
    _add_change(commands)
    _add_several(commands)
    return parser


def _add_scores(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser("evaluate", help="score a detection against labels")
    evaluate.add_argument("--run", dest="result", type=Path, required=True, help="folder of a detection")
    reference = evaluate.add_mutually_exclusive_group(required=True)
    reference.add_argument("--labels", type=Path, help="GeoTIFF: 1 landslide, 0 other, 255 unlabelled; or outlines")
    reference.add_argument("--reviews", action="store_true",
                           help="what was reviewed of this image's detections, in the project that the folder is in")
    evaluate.add_argument("--searched", type=Path,
                          help="with --reviews: GeoJSON of ground where all landslides were looked for")
    evaluate.add_argument("--dem", type=Path, help="GeoTIFF of elevation: scores by slope and by aspect too")
    evaluate.add_argument("--dem-unit", choices=("m", "ft"), default="m")
    _add_scoring(evaluate)
    evaluate.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    evaluate.set_defaults(run=_evaluate)

    compare = commands.add_parser("compare", help="score detections of the same ground, each against the first")
    compare.add_argument("--runs", type=Path, nargs="+", required=True,
                         help="folders of detections; without --labels, .npz files that 'evaluate --json' wrote")
    compare.add_argument("--labels", type=Path, help="GeoTIFF as for 'evaluate'")
    _add_scoring(compare)
    compare.set_defaults(run=_compare)


def _add_change(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    change = commands.add_parser("change", help="compare two dates: what changed, and which landslides are new")
    for side, day in (("before", "earlier"), ("after", "later")):
        change.add_argument(f"--{side}", type=Path, required=True, metavar="PATH",
                            help=f"the {day} date: folder of a detection, or GeoTIFF of classes")
        change.add_argument(f"--{side}-image", type=Path, help="its image, to see whether the two lie on each other")
        change.add_argument(f"--{side}-bands", default="", metavar="red=1,green=2,blue=3")
        change.add_argument(f"--{side}-title", default="", help="what the record calls it")
        change.add_argument(f"--{side}-date", default="", help="its day, YYYY-MM-DD")
        change.add_argument(f"--{side}-source", default="", help="its id in a project")
    change.add_argument("--out", type=Path, required=True, help="new folder of the results")
    change.add_argument("--correct", action="store_true", help="take the shift of the images off the later date")
    change.add_argument("--tolerance", type=float, metavar="M",
                        help="how far two maps of one edge may lie apart; three pixels by default")
    change.add_argument("--min-area", type=float, default=50.0, help="smallest change in square metres")
    change.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    change.set_defaults(run=_change)


def _add_several(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    each = commands.add_parser("detect-each", help="map the landslides of an image with several models")
    _add_inputs(each)
    each.add_argument("--with", dest="pairs", action="append", nargs=2, required=True, metavar=("MODEL", "DIR"),
                      help="a model and the folder of its results; again for each model")
    each.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    each.set_defaults(run=_detect_each, overwrite=False, out=Path())

    versus = commands.add_parser("versus", help="where several detections of one ground agree, and where not")
    versus.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of detections")
    versus.add_argument("--labels", type=Path, help="as for 'evaluate': then each is scored too")
    versus.add_argument("--scheme", default="binary", help="class scheme of the labels' values")
    versus.add_argument("--dem", type=Path, help="GeoTIFF of elevation: slope where they do not agree")
    versus.add_argument("--dem-unit", choices=("m", "ft"), default="m")
    versus.add_argument("--min-area", type=float, default=50.0, help="smallest disagreement in square metres")
    versus.add_argument("--out", type=Path, required=True, help="new folder of the results")
    versus.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    versus.set_defaults(run=_versus)


def _add_coming_in(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bring = commands.add_parser("import", help="bring rasters and outlines into a project")
    bring.add_argument("files", nargs="*", type=Path, help="GeoTIFF, GeoPackage, GeoJSON or zipped Shapefile")
    bring.add_argument("--project", type=Path, required=True, help="folder of the project; made when there is none")
    bring.add_argument("--crs", default="", help="for rasters that name none, such as EPSG:32648")
    bring.add_argument("--incoming", nargs="*", default=[], metavar="ID", help="files that wait in the project")
    bring.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    bring.set_defaults(run=_import)

    opened = commands.add_parser("unpack", help="open a zipped project, once every file in it was checked")
    opened.add_argument("file", type=Path, help="zip, as a project is downloaded")
    opened.add_argument("--projects", type=Path, default=Path(os.environ.get("SCARP_PROJECTS") or "projects"),
                        help="folder of projects")
    opened.set_defaults(run=_unpack)


def _add_training(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train", help="train a model; the same call goes on where it stopped")
    train.add_argument("config", help="a configuration file, or the name of a recipe that comes with Scarp")
    train.add_argument("--data", type=Path, required=True, help="folder of the training data")
    train.add_argument("--runs", type=Path, default=Path("runs"), help="folder of training runs")
    train.add_argument("--models", type=Path, help="folder of models")
    train.set_defaults(run=_train)

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
    study.add_argument("--folder", type=Path, default=Path("runs"), help="folder of the study's runs")
    study.add_argument("--json", type=Path, help="write the scores of what is finished there")
    study.add_argument("--page", type=Path, help="make the page of these scores (of --json) there")
    study.set_defaults(run=_study)


def _add_data_steps(data: argparse.ArgumentParser) -> None:
    steps = data.add_subparsers(required=True, metavar="step")
    for name, what, run in (("manifest", "list the files that a configuration uses, with checksums", _data_manifest),
                            ("check", "compare the files with a manifest", _data_check),
                            ("split", "decide what is held out of training", _data_split)):
        step = steps.add_parser(name, help=what)
        step.add_argument("folder", type=Path, help="folder of the training data")
        step.add_argument("--config", required=True, help="as for 'train'")
        file = {"check": "--manifest"}.get(name, "--out")
        step.add_argument(file, type=Path, required=True, metavar="FILE", help="JSON file of the manifest or split")
        step.set_defaults(run=run)


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scheme", default="binary", help="class scheme of the labels' values")
    parser.add_argument("--block", type=float, default=150.0, metavar="M",
                        help="side in metres of the blocks of ground that are drawn for the intervals")
    parser.add_argument("--json", type=Path, help="write the scores there")
    parser.add_argument("--markdown", type=Path, help="write the tables there")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", type=Path, required=True, help="GeoTIFF with red, green, blue (and near infrared)")
    parser.add_argument("--dem", type=Path, help="GeoTIFF of elevation")
    parser.add_argument("--dem-unit", choices=("m", "ft"), default="m")
    parser.add_argument("--terrain", choices=("gradients", "dem"), default="gradients",
                        help="what is resampled: gradients, or (as in the paper) the DEM itself")
    parser.add_argument("--ndvi", type=Path, help="GeoTIFF of NDVI")
    parser.add_argument("--vegetation", choices=("ndvi", "visible"), default="ndvi",
                        help="'visible' puts a visible-band index in the place of NDVI where there is no near infrared")
    parser.add_argument("--bands", default="", metavar="red=1,green=2,...", help="bands that are not to be guessed")
    parser.add_argument("--aoi", type=Path, help="GeoJSON or GeoPackage: predict inside only")
    parser.add_argument("--unobserved", type=Path, help="GeoJSON or GeoPackage of cloud, shadow or snow")
    parser.add_argument("--model", default="fstf_net_lite")
    parser.add_argument("--models", type=Path, help="folder of models")
    parser.add_argument("--engine", default="auto", help="auto, torch or openvino")
    parser.add_argument("--window", type=int, help="side in pixels of windows that each go through the whole network; "
                        "by default its parts have windows of their own, which is faster and shows no seam")
    parser.add_argument("--halo", type=int, default=320, help="margin of such a window that is predicted but not kept")
    parser.add_argument("--threshold", type=float, help="landslide probability; the model's own by default")
    parser.add_argument("--min-area", type=float, default=50.0, help="smallest landslide in square metres")
    parser.add_argument("--date", type=date.fromisoformat, help="day the image was taken, YYYY-MM-DD")


def _settings(options: argparse.Namespace) -> DetectSettings:
    from core.detect import DetectSettings  # noqa: PLC0415 - keeps 'scarp --help' fast
    from core.ingest import read_area  # noqa: PLC0415
    from core.scene import SceneSettings  # noqa: PLC0415
    from core.vectorize import OutlineSettings  # noqa: PLC0415
    from core.windows import Tiling  # noqa: PLC0415

    if options.threshold is not None and not 0 < options.threshold < 1:
        raise InputError("threshold", got=options.threshold, expected="a number between 0 and 1",
                         remedy="Give a landslide probability.")
    scene = SceneSettings(
        options.image, options.dem, options.ndvi,
        area=read_area(options.aoi) if options.aoi else None,
        unobserved=read_area(options.unobserved) if options.unobserved else None,
        bands=_bands(options.bands), dem_unit=options.dem_unit, terrain=options.terrain, vegetation=options.vegetation)
    tiling = Tiling(options.window, options.halo, min(32, options.halo)) if options.window else None
    return DetectSettings(scene, options.model, options.out, options.engine, tiling,
                          OutlineSettings(min_area_m2=options.min_area), options.threshold, options.date,
                          options.models, options.overwrite)


def _bands(text: str) -> tuple[tuple[str, int], ...]:
    from core.raster import BAND_ROLES  # noqa: PLC0415

    pairs = [part.partition("=") for part in text.split(",") if part]
    if bad := [role for role, _, index in pairs if role not in BAND_ROLES or not index.isdigit()]:
        raise InputError("--bands", got=", ".join(bad), expected=f"{', '.join(BAND_ROLES)} with a number each",
                         remedy="Write for example --bands red=3,green=2,blue=1,nir=4.")
    return tuple((role, int(index)) for role, _, index in pairs)


def _detect(options: argparse.Namespace) -> None:
    from core.detect import detect  # noqa: PLC0415

    record = detect(_settings(options), _reporter(options.progress_file))
    _say_result(record, options.out)


def _detect_each(options: argparse.Namespace) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from core.detect import detect  # noqa: PLC0415
    from core.peak import forget_peak  # noqa: PLC0415

    report = _reporter(options.progress_file)
    for number, (model, folder) in enumerate(options.pairs, start=1):
        def tell(progress: Progress, before: str = f"{model}, {number} of {len(options.pairs)}: ") -> None:
            report(replace(progress, message=before + progress.message))

        forget_peak()
        out = Path(folder)
        _say_result(detect(replace(_settings(options), model=model, out=out), tell), out)


def _say_result(record: dict, out: Path) -> None:  # type: ignore[type-arg]
    print(f"{record['landslides']} landslides, {record['landslides_m2'] / 1e4:.2f} ha, on "
          f"{record['observed_m2'] / 1e6:.3f} km2 observed; {record['pixels_per_s'] / 1e6:.2f} million pixels/s "
          f"({record['engine']['name']})")
    for warning in record["warnings"]:
        print(f"note: {warning}")
    print(f"results in {out}")


def _reporter(file: Path | None, what: str = "detection") -> Callable[[Any], None]:
    """Return a progress report for the terminal and a file; it stops the work once a signal has come."""
    from core.files import write_json  # noqa: PLC0415

    stopped: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        stopped.append(number)
        if last_stage == "prepare":  # nothing is written yet, and a network that is being compiled does not look up
            print("stopped", file=sys.stderr, flush=True)
            os._exit(EXIT_STOPPED)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, remember)
    terminal, last_time, last_stage, said = sys.stderr.isatty(), 0.0, "", ""

    def report(progress: Progress) -> None:
        nonlocal last_time, last_stage, said
        if stopped:
            raise CancelledError(what, got="a request to stop", expected="to finish",
                                 remedy="Run the same command again" + (
                                     ": it starts anew." if what in ANEW else " to go on from what is finished."))
        now, ended = time.monotonic(), progress.total and progress.done == progress.total
        if now - last_time < 0.5 and progress.stage == last_stage and not ended:
            return
        last_time, last_stage = now, progress.stage
        if file:
            write_json(file, asdict(progress))
        news, said = progress.message != said and progress.stage != "predict", progress.message
        if terminal or ended or news:
            left = f", {progress.eta_s:.0f} s left" if progress.eta_s else ""
            speed = f", {progress.pixels_per_s / 1e6:.2f} million pixels/s" if progress.pixels_per_s else ""
            end = "" if terminal and progress.stage == "predict" and not ended else "\n"
            start = "\r" if terminal else ""
            print(f"{start}{progress.message}{speed}{left}   ", end=end, file=sys.stderr, flush=True)

    return report


def _stages(report: Callable[[Any], None], parts: dict[str, tuple[str, float]]) -> Callable[[str, float], None]:
    """Return a progress over all stages of a job, with the time that is left.

    Args:
        report: Takes it.
        parts: Of each stage, in their order: what is said, and about what part of the time it takes.
    """
    from core.detect import Progress  # noqa: PLC0415

    began, whole = time.monotonic(), sum(weight for _, weight in parts.values())

    def tell(stage: str, share: float) -> None:
        before = sum(weight for _, weight in list(parts.values())[:list(parts).index(stage)])
        done = (before + share * parts[stage][1]) / whole
        left = (time.monotonic() - began) * (1 - done) / done if done else None
        report(Progress(stage, done, 1.0, 0.0, left, parts[stage][0]))

    return tell


def _check(options: argparse.Namespace) -> None:
    from core.preflight import check  # noqa: PLC0415

    findings, estimate = check(_settings(options))
    stop = next((finding for finding in findings if finding.level == "stop"), None)
    for finding in findings:
        print(f"{finding.level:8} {finding.what:18} {finding.found}{'. ' if finding.meaning else ''}{finding.meaning}")
    if estimate:
        print(f"estimate {'':18} about {estimate.seconds:,.0f} s, "
              f"{estimate.memory_mb:,.0f} MB of memory, {estimate.disk_mb:,.0f} MB of disk")
    if stop:
        raise InputError(stop.what, got=stop.found.removeprefix("found "), expected="inputs that can be used",
                         remedy=stop.meaning)


def _import(options: argparse.Namespace) -> None:
    from core import incoming  # noqa: PLC0415
    from core.intake import bring_in  # noqa: PLC0415
    from core.project import create  # noqa: PLC0415

    if not (options.project / "project.json").exists():
        create(options.project, options.project.resolve().name)
    folder = options.project.resolve()
    names = [incoming.add(folder, file.name, file.resolve(), ours=False).id for file in options.files]
    layers, errors = bring_in(folder, [*names, *options.incoming],
                              _reporter(options.progress_file, "import"), crs=options.crs)
    for name in names:
        incoming.end(folder, name)
    for layer in layers:
        print(f"{layer.source}: {layer.role}, in {layer.path}")
        for field, why in layer.guesses:
            print(f"  guessed {field}: {dict(layer.bands) if field == 'bands' else getattr(layer, field)} ({why})")
    for error in errors[:-1]:
        print(f"error: {error}", file=sys.stderr)
    if errors:
        raise errors[-1]


def _models(options: argparse.Namespace) -> None:
    from core.nets.cost import costs  # noqa: PLC0415
    from core.registry import list_models  # noqa: PLC0415

    if options.networks:
        for one in costs():
            arguments = ", ".join(f"{name} {value}" for name, value in one.arguments.items())
            print(f"{one.architecture:16} {arguments:40} {one.parameters / 1e6:7.2f} million weights "
                  f"{one.gflop:7.1f} GFLOP")
        return
    for card in list_models(options.models):
        low, high = card.gsd_range_m
        state = "" if card.has_weights else f"  [no weights: scarp train {card.name} --data DIR]"
        print(f"{card.name:16} {card.title}; {', '.join(card.classes.names)}; {low:g} to {high:g} m{state}")
        print(f"{'':16} {card.summary}")


def _convert_weights(options: argparse.Namespace) -> None:
    from core.convert import convert_weights  # noqa: PLC0415

    count = convert_weights(options.checkpoint, options.architecture, options.out)
    print(f"{count / 1e6:.1f} million weights of {options.architecture} are in {options.out}")


def _unpack(options: argparse.Namespace) -> None:
    from core.archive import unpack  # noqa: PLC0415

    try:
        with options.file.open("rb") as file:
            made = unpack(file, options.projects)
    except OSError as error:
        if isinstance(error, ScarpError):
            raise
        raise InputError(f"file {options.file.name}", got=error.strerror or "an error", expected="a zipped project",
                         remedy="Give its path.") from error
    print(f"project {made.name} is in {made.folder}")


def _demo(options: argparse.Namespace) -> None:
    from core.demo import build  # noqa: PLC0415
    from core.detect import DetectSettings, detect  # noqa: PLC0415
    from core.project import register_demo  # noqa: PLC0415
    from core.scene import SceneSettings  # noqa: PLC0415

    files = build(options.folder, progress=lambda stage, share: print(f"{share:4.0%}  {stage}", file=sys.stderr))
    project = register_demo(options.folder, files)
    if project.runs():
        print(f"the demo project is in {options.folder}")
        return
    out = options.folder / "runs" / "demo"
    scene = SceneSettings(files["image_after"], files["dem"])
    _say_result(detect(DetectSettings(scene, "fstf_net_lite", out), _reporter(None)), out)


def _train(options: argparse.Namespace) -> None:
    from core.training.publish import train_model  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    card = train_model(options.config, options.data, options.runs, options.models)
    print(f"model {card.name} is in {card.folder}")


def _finetune(options: argparse.Namespace) -> None:
    from core.training.finetune import FineTune, fine_tune, table  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    card = fine_tune(FineTune(
        options.model, options.name or f"{options.model}_{options.labels.stem}", options.image, options.labels,
        options.dem, options.area, options.attribute, _classes(options.classes), options.mode, options.steps,
        options.minutes, data=options.data, test=options.test, bands=_bands(options.bands), dem_unit=options.dem_unit),
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

    report = _reporter(file, "fine-tuning")
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


def _training_config(name: str) -> TrainConfig:
    from core.training.config import TrainConfig  # noqa: PLC0415
    from core.training.publish import RECIPES  # noqa: PLC0415

    return TrainConfig.read(Path(name) if name.endswith(".json") else RECIPES / f"{name}.json")


def _data_manifest(options: argparse.Namespace) -> None:
    from core.training.manifest import make_manifest  # noqa: PLC0415

    manifest = make_manifest(_training_config(options.config), options.folder)
    manifest.write(options.out)
    size = sum(entry.bytes for entry in manifest.files)
    print(f"{len(manifest.files)} files, {size / 1e6:.1f} MB, sha256 {manifest.sha256}; listed in {options.out}")


def _data_check(options: argparse.Namespace) -> None:
    from core.training.manifest import Manifest, check  # noqa: PLC0415

    manifest = Manifest.read(options.manifest)
    check(manifest, _training_config(options.config), options.folder)
    print(f"the files are those of the manifest, sha256 {manifest.sha256}")


def _data_split(options: argparse.Namespace) -> None:
    from core.training.split import make_split  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    split = make_split(_training_config(options.config), options.folder)
    split.write(options.out)
    for part in split.parts:
        print(f"{part.source}: {f'blocks {part.blocks}' if part.blocks else f'{len(part.files)} chips'}")
    print(f"held out as above, sha256 {split.sha256}; written to {options.out}")


def _study(options: argparse.Namespace) -> None:
    from core.files import read_json, write_json  # noqa: PLC0415
    from core.study import Study, page, results, work_through  # noqa: PLC0415

    study = Study.read(options.study)
    folder = options.folder / study.name
    if options.data:
        for _ in work_through(study, options.data, folder, print):
            if options.json:
                write_json(options.json, results(study, folder))
    if options.page:
        options.page.write_text(page(read_json(options.json)))


def _evaluate(options: argparse.Namespace) -> None:
    from core.evaluate import evaluate  # noqa: PLC0415
    from core.metrics import score_tables  # noqa: PLC0415
    from core.reviewed import FILE, write_reviews  # noqa: PLC0415
    from core.scene import FEET_M  # noqa: PLC0415
    from core.strata import by_terrain  # noqa: PLC0415

    counts = options.json.with_suffix(".npz") if options.json else None
    tell = _stages(_reporter(options.progress_file, "scores"), {
        "reference": ("Drawing the reference", 2 if options.reviews else 0), "pixels": ("Comparing the maps", 4),
        "objects": ("Comparing the landslides", 4), "scores": ("Scoring", 1),
        "terrain": ("By slope and aspect", 2 if options.dem else 0)})
    labels, found = options.labels, {}
    if options.reviews:
        tell("reference", 0.0)
        labels = options.result / FILE
        found["reference"] = write_reviews(options.result, labels, _polygon(options.searched))
    found = evaluate(options.result, labels, classes=options.scheme, block_m=options.block, counts=counts,
                     report=tell) | found
    if options.dem:
        found["terrain"] = by_terrain(options.result, labels, options.dem,
                                      FEET_M if options.dem_unit == "ft" else 1.0, lambda share: tell("terrain", share))
    _write_scores(options, found, score_tables(found))


def _polygon(file: Path | None) -> dict[str, Any] | None:
    """Return a file's polygon as GeoJSON in degrees."""
    import geopandas  # noqa: PLC0415

    from core.ingest import read_area  # noqa: PLC0415

    if file is None:
        return None
    shape, crs = read_area(file)
    return dict(geopandas.GeoSeries([shape], crs=crs.to_wkt()).to_crs(4326).iloc[0].__geo_interface__)


def _compare(options: argparse.Namespace) -> None:
    from core.evaluate import compare  # noqa: PLC0415
    from core.metrics import comparison_tables  # noqa: PLC0415

    report = compare(options.runs, options.labels, classes=options.scheme, block_m=options.block)
    _write_scores(options, report, comparison_tables(report))


def _change(options: argparse.Namespace) -> None:
    from core.change import ChangeSettings, compare_dates, dated  # noqa: PLC0415

    sides = ("before", "after")
    given = [{name: getattr(options, f"{side}_{name}") for name in ("image", "bands", "title", "date", "source")}
             for side in sides]
    images = [each["image"] for each in given if each["image"]]
    if len(images) == 1:
        raise InputError("images", got="one of them", expected="both or neither",
                         remedy="Give --before-image and --after-image.")
    report = _stages(_reporter(options.progress_file, "comparison"), {
        "register": ("Laying the images on each other", 4 if images else 0), "pixels": ("Comparing the maps", 3),
        "objects": ("Comparing the landslides", 3)})
    dates = [dated(getattr(options, side), each["title"]) for side, each in zip(sides, given, strict=True)]
    record = compare_dates(
        ChangeSettings(dates[0], dates[1], (images[0], images[1]) if images else None,
                       (dict(_bands(given[0]["bands"])), dict(_bands(given[1]["bands"]))), options.correct,
                       options.tolerance, options.min_area, (_of_date(given[0]), _of_date(given[1]))),
        options.out, report)
    if record["shift"]:
        said = record["shift"]["warning"] or f"the images lie on each other ({record['shift']['length_px']:.2f} pixels)"
        print(f"{said}{' The shift was taken off.' if record['corrected'] else ''}")
    for kind, figures in record["changes"].items():
        print(f"{figures['count']:5} {kind:11} {figures['before_m2'] / 1e4:9.2f} ha -> "
              f"{figures['after_m2'] / 1e4:.2f} ha")
    print(f"results in {options.out}")


def _versus(options: argparse.Namespace) -> None:
    from core.scene import FEET_M  # noqa: PLC0415
    from core.versus import versus  # noqa: PLC0415

    report = _stages(_reporter(options.progress_file, "comparison"), {
        "pixels": ("Comparing the maps", 3), "objects": ("Outlining where they differ", 3),
        "scores": ("Scoring", 6 if options.labels else 1)})
    record = versus(
        options.runs, options.out, min_area_m2=options.min_area, labels=options.labels, classes=options.scheme,
        dem=options.dem, unit_m=FEET_M if options.dem_unit == "ft" else 1.0, report=report)
    for pair in record["pairs"]:
        names = [record["runs"][pair[side]]["id"] for side in ("first", "second")]
        print(f"{' and '.join(names)}: {pair['agreement']:.1%} of the ground the same, "
              f"{pair['matched']} landslides match")
    print(f"{record['apart']} places where they differ; results in {options.out}")


def _of_date(given: dict[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in ("date", "source") if given[name]}


def _write_scores(options: argparse.Namespace, report: dict[str, Any], tables: str) -> None:
    from core.files import write_atomic, write_json  # noqa: PLC0415

    if options.json:
        write_json(options.json, report)
    if options.markdown:
        write_atomic(options.markdown, tables.encode())
    print(tables, end="")


if __name__ == "__main__":
    sys.exit(main())
