"""Commands that map landslides: detect, check, detect-each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.inputs import add_inputs, settings
from core.cli.progress import reporter
from core.errors import InputError

if TYPE_CHECKING:
    from core.detect import Progress


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    detect = commands.add_parser("detect", help="map the landslides of an image")
    add_inputs(detect)
    detect.add_argument("--out", type=Path, required=True, help="folder of the results")
    detect.add_argument("--overwrite", action="store_true", help="replace finished results in that folder")
    detect.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    detect.set_defaults(run=_detect)

    check = commands.add_parser("check", help="look at the inputs, and estimate time, memory and disk")
    add_inputs(check)
    check.add_argument("--out", type=Path, default=Path(), help="where the results would go")
    check.set_defaults(run=_check, overwrite=True)

    each = commands.add_parser("detect-each", help="map the landslides of an image with several models")
    add_inputs(each)
    each.add_argument("--with", dest="pairs", action="append", nargs=2, required=True, metavar=("MODEL", "DIR"),
                      help="a model and the folder of its results; again for each model")
    each.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    each.set_defaults(run=_detect_each, overwrite=False, out=Path())


def _detect(options: argparse.Namespace) -> None:
    from core.detect import detect  # noqa: PLC0415

    record = detect(settings(options), reporter(options.progress_file))
    say_result(record, options.out)


def _detect_each(options: argparse.Namespace) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from core.detect import detect  # noqa: PLC0415
    from core.peak import forget_peak  # noqa: PLC0415

    report = reporter(options.progress_file)
    for number, (model, folder) in enumerate(options.pairs, start=1):
        def tell(progress: Progress, before: str = f"{model}, {number} of {len(options.pairs)}: ") -> None:
            report(replace(progress, message=before + progress.message))

        forget_peak()
        out = Path(folder)
        say_result(detect(replace(settings(options), model=model, out=out), tell), out)


def say_result(record: dict[str, Any], out: Path) -> None:
    """Print what a detection found."""
    print(f"{record['landslides']} landslides, {record['landslides_m2'] / 1e4:.2f} ha, on "
          f"{record['observed_m2'] / 1e6:.3f} km2 observed; {record['pixels_per_s'] / 1e6:.2f} million pixels/s "
          f"({record['engine']['name']})")
    for warning in record["warnings"]:
        print(f"note: {warning}")
    print(f"results in {out}")


def _check(options: argparse.Namespace) -> None:
    from core.preflight import check  # noqa: PLC0415

    findings, estimate = check(settings(options))
    stop = next((finding for finding in findings if finding.level == "stop"), None)
    for finding in findings:
        print(f"{finding.level:8} {finding.what:18} {finding.found}{'. ' if finding.meaning else ''}{finding.meaning}")
    if estimate:
        print(f"estimate {'':18} about {estimate.seconds:,.0f} s, "
              f"{estimate.memory_mb:,.0f} MB of memory, {estimate.disk_mb:,.0f} MB of disk")
    if stop:
        raise InputError(stop.what, got=stop.found.removeprefix("found "), expected="inputs that can be used",
                         remedy=stop.meaning)
