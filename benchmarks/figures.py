"""One figure, how it is timed, and how a part of the measurements is run by itself."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Figure:
    """One thing that was measured; where there is a target, more is better.

    Attributes:
        what: What was measured.
        value: How much; None: it could not be measured.
        unit: Of it.
        against: What it is compared with.
        other: The same of that, measured in the same run; None: there is none, or it could not be measured.
        target: What is to be reached at least: by the ratio where there is an ``against``, else by the value.
        note: What one must know to read it.
    """

    what: str
    value: float | None
    unit: str
    against: str = ""
    other: float | None = None
    target: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the other; None where either is missing."""
        return self.value / self.other if self.value is not None and self.other else None

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None where there is none or it was not measured."""
        reached = self.ratio if self.against else self.value
        return None if self.target is None or reached is None else reached >= self.target


def medians(functions: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """Return the median seconds of each function: all in turn, ``repeats`` times; a first turn does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in seconds.items()}


def optional(name: str) -> ModuleType | None:
    """Import a peer; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def table(figures: Sequence[Figure]) -> str:
    """Return figures as a Markdown table."""
    lines = ["| what | figure | against | ratio | target | |", "|---|--:|---|--:|--:|---|"]
    for f in figures:
        against = f"{f.against}: {_number(f.other, f.unit)}" if f.against else ""
        ratio = "" if f.ratio is None else f"{f.ratio:.2f}"
        target = "" if f.target is None else f"at least {f.target:g}"
        met = {True: "met", False: "**missed**", None: ""}[f.met]
        lines.append(f"| {f.what} | {_number(f.value, f.unit)} | {against} | {ratio} | {target} | "
                     f"{'; '.join(filter(None, (met, f.note)))} |")
    return "\n".join(lines)


def _number(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{float(f'{value:.3g}'):,.12g} {unit}"


def run(title: str, measure: Callable[[], Sequence[Figure]]) -> None:
    """Measure one part, print its table, and write it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    figures = measure()
    print(f"## {title}\n\n{table(figures)}\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"title": title, "figures": [asdict(f) for f in figures]}))
