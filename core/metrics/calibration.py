"""Scores of probabilities: calibration, and precision against recall at every threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.basics import Numbers, ratio

BINS = 15

VALUES = 251
"""A stored probability is one of so many values, from 0 to 1."""


def calibration_table(confidence: NDArray[np.float32], correct: NDArray[np.bool_],
                      bins: int = BINS) -> NDArray[np.float64]:
    """Sum up confidences in bins of equal width; tables of windows or scenes add up.

    Args:
        confidence: float32, any shape, 0 to 1, NaN left out: the probability of a class, or of the class chosen.
        correct: bool, same shape: the pixel is of that class.
        bins: Number of bins; each holds its lower edge, the last one 1 as well.

    Returns:
        float64 (bins, 3): pixels, sum of confidence, correct pixels.
    """
    known = np.isfinite(confidence)
    odds, hit = confidence[known].astype(np.float64), correct[known]
    place = np.clip((odds * bins).astype(np.intp), 0, bins - 1)
    return np.stack([np.bincount(place, weights, bins) for weights in (np.ones(len(odds)), odds, hit)], axis=1)


def table_of_counts(counts: NDArray[np.int64] | Numbers, bins: int = BINS) -> Numbers:
    """Return calibration tables of counted probabilities.

    Args:
        counts: (..., 2, ``VALUES``): pixels of other ground, and of landslides, by stored probability.
        bins: Number of bins.

    Returns:
        float64 (..., bins, 3); see ``calibration_table``.
    """
    value = np.arange(VALUES)
    starts = np.searchsorted(np.minimum(value * bins // (VALUES - 1), bins - 1), np.arange(bins))
    pixels = counts.sum(-2)
    sums = np.stack([pixels, pixels * value / (VALUES - 1), counts[..., 1, :]], axis=-1)
    return np.add.reduceat(sums, starts, axis=-2)


def expected_calibration_error(table: NDArray[np.float64]) -> float:
    """Return the mean gap between confidence and accuracy over bins, weighted by pixels; NaN without pixels.

    Args:
        table: See ``calibration_table``.
    """
    return float(calibration_figure(table))


def calibration_figure(table: Numbers) -> Numbers:
    """Return ``expected_calibration_error`` of any number of tables (..., bins, 3)."""
    pixels, confidence, correct = np.moveaxis(table, -1, 0)
    return ratio(np.abs(confidence - correct).sum(-1), pixels.sum(-1))


def reliability(counts: NDArray[np.int64]) -> dict[str, Any]:
    """Return the points of a reliability diagram: pixels, mean probability and share of landslide of each bin."""
    pixels, confidence, correct = table_of_counts(counts).T
    return {"pixels": pixels.astype(np.int64).tolist(), "probability": ratio(confidence, pixels).round(5).tolist(),
            "landslide": ratio(correct, pixels).round(5).tolist()}


def precision_recall(counts: NDArray[np.int64] | Numbers) -> tuple[Numbers, Numbers]:
    """Return precision and recall of ground called landslide from each stored probability upward.

    Args:
        counts: (..., 2, ``VALUES``); see ``table_of_counts``.

    Returns:
        Two arrays (..., ``VALUES``); NaN where nothing is called, or nothing is there to be found.
    """
    false, hit = np.moveaxis(counts[..., ::-1].cumsum(-1)[..., ::-1], -2, 0)
    return ratio(hit, hit + false), ratio(hit, hit[..., :1])


def average_precision(counts: NDArray[np.int64] | Numbers) -> Numbers:
    """Return the area under the steps of precision against recall; NaN without landslides."""
    precision, recall = precision_recall(counts)
    gain = -np.diff(recall, axis=-1, append=0)
    return (np.nan_to_num(precision) * gain).sum(-1)
