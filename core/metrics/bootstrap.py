"""Scores with intervals, and differences of two maps, by drawing blocks of ground again and again.

Neighbouring pixels err together, so that counting each as evidence gives intervals that are far too narrow. Blocks of
ground are drawn instead, with replacement, as many as there are; each draw gives every score once more, and the middle
95 % of these are the interval (Efron's percentile bootstrap). Two maps of the same ground are compared on the same
draws: what makes a draw hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.metrics.basics import Numbers, ratio, without_nan
from core.metrics.calibration import (
    VALUES,
    average_precision,
    calibration_figure,
    precision_recall,
    reliability,
    table_of_counts,
)
from core.metrics.counting import COUNTS, Tally
from core.metrics.edges import REACHES_PX, edge_figures
from core.metrics.objects import COLUMNS, SIZE_NAMES, object_figures
from core.metrics.pixels import pixel_figures

RESAMPLES = 2000
LEVEL = 0.95
AT_ONCE = 250
"""Draws in memory at once."""

WITHOUT_INTERVAL = ("reference_pixels", "reference", "detected", "matched", "ground_km2")
"""Counts of what there was: no scores."""

Figures = dict[str, Any]
"""A tree of arrays (draws, ...); the first draw is the ground as it is."""


def scores(tally: Tally, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Return every score of a map, plain for JSON: None where undefined.

    ``intervals`` has the scores' own layout with [low, high] in the place of each number; None where there are fewer
    than two blocks. The same tally, number and seed give the same intervals.

    Raises:
        InputError: The tally is empty.
    """
    figures = _figures(tally, _draws(tally, resamples, seed))
    counts = tally.odds.sum(0)
    precision, recall = precision_recall(counts)
    return {
        "classes": tally.classes.tolist(), "size_classes": list(SIZE_NAMES), "reaches_px": list(REACHES_PX),
        "blocks": len(tally.blocks), "resamples": resamples, "level": LEVEL,
        "labelled_pixels": int(tally.confusion.sum()), "confusion": tally.confusion.sum(0).tolist(),
        **_mapped(_first, figures), "intervals": _mapped(_interval, _scored(figures)),
        "reliability": without_nan(reliability(counts)),
        "curve": without_nan({"threshold": (np.arange(VALUES) / (VALUES - 1)).tolist(),
                              "precision": precision.round(5).tolist(), "recall": recall.round(5).tolist()}),
        "odds": {"other": counts[0].tolist(), "landslide": counts[1].tolist()},
    }


def difference(first: Tally, other: Tally, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Return by how much the other map's scores exceed the first's, on the same draws of the same ground.

    The layout is that of ``scores``: differences, and ``intervals``. An interval without 0 is a difference that other
    blocks of the same kind of ground would show too.

    Raises:
        InputError: The maps were not scored on the same ground.
    """
    same = first.classes.tolist() == other.classes.tolist() and first.blocks.tolist() == other.blocks.tolist()
    if not same or (first.confusion.sum(-1) != other.confusion.sum(-1)).any():
        raise InputError("comparison", got="maps scored on different ground or classes",
                         expected="the same pixels for both",
                         remedy="Score both at once with 'scarp compare --labels'.")
    a, b = (_scored(_figures(t, _draws(t, resamples, seed))) for t in (first, other))
    apart = _mapped(np.subtract, b, a)
    return {**_mapped(_first, apart), "intervals": _mapped(_interval, apart)}


def comparison(tallies: Mapping[str, Tally], resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Score several maps of the same ground, and each against the first.

    Args:
        tallies: One or more by name, in the order wanted.
        resamples: Draws.
        seed: Of the draws.

    Returns:
        ``runs``: ``scores`` of each with its ``name``; ``differences``: ``difference`` of each but the first.

    Raises:
        InputError: They were not scored on the same ground.
    """
    first, *others = tallies.items()
    return {
        "runs": [{"name": name, **scores(tally, resamples, seed)} for name, tally in tallies.items()],
        "differences": [{"name": name, **difference(first[1], tally, resamples, seed)}
                        for name, tally in others],
    }


def _draws(tally: Tally, resamples: int, seed: int) -> dict[str, Numbers]:
    """Return each count summed over the blocks of each draw, the ground as it is first: (1 + resamples, ...)."""
    n = len(tally.blocks)
    if not n:
        raise InputError("labels", got="no labelled pixel where something was predicted",
                         expected="labels of this scene", remedy="Use the labels of this place, and check their CRS.")
    random = np.random.default_rng(seed)
    tables = {name: getattr(tally, name).reshape(n, -1).astype(np.float64) for name in COUNTS}
    parts = [{name: table.sum(0)[None] for name, table in tables.items()}]
    for start in range(0, resamples if n > 1 else 0, AT_ONCE):
        draws = min(AT_ONCE, resamples - start)
        chosen = random.integers(0, n, (draws, n)) + n * np.arange(draws)[:, None]
        times = np.bincount(chosen.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)
        parts.append({name: times @ table for name, table in tables.items()})
    return {name: np.concatenate([part[name] for part in parts]).reshape(-1, *getattr(tally, name).shape[1:])
            for name in COUNTS}


def _figures(tally: Tally, sums: dict[str, Numbers]) -> Figures:
    pixel, objects, slide = pixel_figures(sums["confusion"]), sums["objects"], tally.landslide
    truth = sums["confusion"].sum(-1)
    ground_pixels = truth.sum(-1) - truth[:, slide]
    called = sums["confusion"][:, :, slide].sum(-1) - sums["confusion"][:, slide, slide]
    alarms = objects[..., COLUMNS.index("alarms")].sum(-1)
    return {
        "pixel": pixel,
        "landslide": {name: pixel[name][:, slide] for name in ("iou", "f1", "precision", "recall")},
        "calibration_error": calibration_figure(table_of_counts(sums["odds"])),
        "average_precision": average_precision(sums["odds"]),
        "object": object_figures(objects.sum(1)), "object_by_size": object_figures(objects),
        "boundary_f1": edge_figures(sums["edges"]),
        "false_alarms": {"ground_km2": sums["ground_m2"] / 1e6, "share": ratio(called, ground_pixels),
                         "objects_per_km2": ratio(alarms, sums["ground_m2"] / 1e6)},
    }


def _scored(figures: Figures) -> Figures:
    """Leave out what has no interval."""
    return {name: _scored(value) if isinstance(value, dict) else value
            for name, value in figures.items() if name not in WITHOUT_INTERVAL}


def _mapped(function: Callable[..., object], *trees: Figures) -> dict[str, Any]:
    return {name: _mapped(function, *(tree[name] for tree in trees)) if isinstance(value, dict)
            else function(*(tree[name] for tree in trees)) for name, value in trees[0].items()}


def _first(draws: NDArray[np.generic]) -> object:
    return without_nan(draws[0].tolist())


def _interval(draws: Numbers) -> object:
    """Return [low, high] of each number, from the draws in which it is defined; None where it is undefined."""
    again = np.sort(np.concatenate([draws[1:], np.full_like(draws[:1], np.nan)]), axis=0)  # NaN last
    last = np.isfinite(again).sum(0) - 1
    ends = [np.take_along_axis(again, np.rint(share * last).clip(0).astype(np.intp)[None], 0)[0]
            for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    return _pairs(np.where(np.isfinite(draws[0])[..., None], np.stack(ends, axis=-1), np.nan))


def _pairs(ends: Numbers) -> object:
    if ends.ndim > 1:
        return [_pairs(pair) for pair in ends]
    return ends.tolist() if np.isfinite(ends).all() else None
