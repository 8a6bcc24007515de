"""Commands that compare maps: change, of two dates; versus, of several models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.inputs import bands
from core.cli.progress import reporter, stages
from core.errors import InputError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
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


def _change(options: argparse.Namespace) -> None:
    from core.change import ChangeSettings, compare_dates, dated  # noqa: PLC0415

    sides = ("before", "after")
    given = [{name: getattr(options, f"{side}_{name}") for name in ("image", "bands", "title", "date", "source")}
             for side in sides]
    images = [each["image"] for each in given if each["image"]]
    if len(images) == 1:
        raise InputError("images", got="one of them", expected="both or neither",
                         remedy="Give --before-image and --after-image.")
    report = stages(reporter(options.progress_file, "comparison"), {
        "register": ("Laying the images on each other", 4 if images else 0), "pixels": ("Comparing the maps", 3),
        "objects": ("Comparing the landslides", 3)})
    dates = [dated(getattr(options, side), each["title"]) for side, each in zip(sides, given, strict=True)]
    record = compare_dates(
        ChangeSettings(dates[0], dates[1], (images[0], images[1]) if images else None,
                       (dict(bands(given[0]["bands"])), dict(bands(given[1]["bands"]))), options.correct,
                       options.tolerance, options.min_area, (_of_date(given[0]), _of_date(given[1]))),
        options.out, report)
    if record["shift"]:
        said = record["shift"]["warning"] or f"the images lie on each other ({record['shift']['length_px']:.2f} pixels)"
        print(f"{said}{' The shift was taken off.' if record['corrected'] else ''}")
    for kind, figures in record["changes"].items():
        print(f"{figures['count']:5} {kind:11} {figures['before_m2'] / 1e4:9.2f} ha -> "
              f"{figures['after_m2'] / 1e4:.2f} ha")
    print(f"results in {options.out}")


def _of_date(given: dict[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in ("date", "source") if given[name]}


def _versus(options: argparse.Namespace) -> None:
    from core.scene import FEET_M  # noqa: PLC0415
    from core.versus import versus  # noqa: PLC0415

    report = stages(reporter(options.progress_file, "comparison"), {
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
