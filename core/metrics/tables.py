"""Scores as Markdown, laid out as in Tables 3 and 4 of Xia et al. (2021): classes and averages, then landslides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Place = tuple[str | int, ...]
"""Where a score is in the tree that ``scores`` returns."""

OBJECTS: list[tuple[str, Place]] = [
    ("DP", ("object", "dp")), ("QP", ("object", "qp")), ("OE", ("object", "oe")), ("CE", ("object", "ce")),
    ("DP by area", ("object", "dp_by_area")), ("CE by area", ("object", "ce_by_area")),
]


def comparison_tables(report: dict[str, Any]) -> str:
    """Return Markdown of what ``comparison`` returns: scores of each model, then differences to the first."""
    runs, apart = report["runs"], report["differences"]
    parts = [_tables(runs, runs[0])]
    if apart:
        parts += [f"Differences to {runs[0]['name']}, on the same draws:", _tables(apart, runs[0], sign=True)]
    return "\n\n".join([*parts, _note(runs[0])]) + "\n"


def score_tables(report: dict[str, Any]) -> str:
    """Return Markdown of what ``scores`` returns and a ``name``; also landslides by size."""
    columns: list[tuple[str, Place]] = [(name, ("score", i)) for i, name in enumerate(report["size_classes"])]
    by_size = [{"name": name.upper(), "score": report["object_by_size"][name],
                "intervals": {"score": report["intervals"]["object_by_size"][name]}} for name in ("dp", "ce", "qp")]
    rows = _table(columns, by_size, "landslides by size")
    counts = " | ".join(str(n) for n in report["object_by_size"]["reference"])
    return "\n\n".join([_tables([report], report), f"{rows}\n| in the reference | {counts} |", _note(report)]) + "\n"


def _tables(rows: list[dict[str, Any]], about: dict[str, Any], *, sign: bool = False) -> str:
    classes: list[tuple[str, Place]] = [(name, ("pixel", "f1", i)) for i, name in enumerate(about["classes"])]
    by_class = [*classes, ("average recall", ("pixel", "average_recall")), ("average F1", ("pixel", "average_f1")),
                ("OA", ("pixel", "overall_accuracy")), ("kappa", ("pixel", "kappa"))]
    slide: list[tuple[str, Place]] = [
        ("IoU", ("landslide", "iou")), ("precision", ("landslide", "precision")), ("recall", ("landslide", "recall")),
        *((f"boundary F1, {reach} px", ("boundary_f1", i)) for i, reach in enumerate(about["reaches_px"])),
        ("calibration error", ("calibration_error",)), ("false alarms per km²", ("false_alarms", "objects_per_km2")),
        ("free ground called landslide", ("false_alarms", "share"))]
    return "\n\n".join(_table(columns, rows, title, sign=sign)
                       for title, columns in (("F1 by class", by_class), ("landslide", slide), ("landslides", OBJECTS))
                       if any(_at(row, path) is not None for row in rows for _, path in columns))


def _table(columns: Sequence[tuple[str, Place]], rows: list[dict[str, Any]], corner: str, *, sign: bool = False) -> str:
    lines = [[corner, *(title for title, _ in columns)], ["---"] * (len(columns) + 1)]
    lines += [[_escaped(row["name"]), *(_cell(row, path, sign=sign) for _, path in columns)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: dict[str, Any], path: Place, *, sign: bool) -> str:
    value, interval = _at(row, path), _at(row["intervals"], path)
    if value is None:
        return "undefined"
    form = f"{'+' if sign else ''}.{3 if abs(value) < 10 else 1}f"
    return f"{value:{form}}" if interval is None else f"{value:{form}} [{interval[0]:{form}}, {interval[1]:{form}}]"


def _at(tree: Any, path: Place) -> Any:  # noqa: ANN401 - a tree of JSON
    for key in path:
        tree = tree[key]
    return tree


def _escaped(name: str) -> str:
    return name.replace("|", "\\|").replace("\n", " ")


def _note(about: dict[str, Any]) -> str:
    return (f"In brackets: {about['level']:.0%} intervals from {about['resamples']:,} draws of {about['blocks']:,} "
            f"blocks of ground; {about['labelled_pixels']:,} labelled pixels.")
