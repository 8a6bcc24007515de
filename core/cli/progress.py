"""How far a command is: on the terminal and in a file; a signal stops it."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from core.detect import Progress

EXIT_STOPPED = 130
ANEW = ("comparison", "scores")
"""What keeps nothing that is unfinished: it takes seconds to minutes."""


def reporter(file: Path | None, what: str = "detection") -> Callable[[Any], None]:
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


def stages(report: Callable[[Any], None], parts: dict[str, tuple[str, float]]) -> Callable[[str, float], None]:
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
