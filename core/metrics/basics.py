"""Shares of nothing are NaN, are left out of means, and are None in files."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError

Numbers = NDArray[np.float64]


def ratio(part: ArrayLike, whole: ArrayLike) -> Numbers:
    """Divide; NaN where there is nothing to divide by."""
    parts, wholes = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes != 0)


def mean_of_known(values: Numbers) -> Numbers:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def without_nan(value: object) -> object:
    """Turn NaN into None, inside lists and dictionaries too: JSON has no NaN."""
    if isinstance(value, tuple | list):
        return [without_nan(v) for v in value]
    if isinstance(value, dict):
        return {key: without_nan(v) for key, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def same_shape(reference: NDArray[np.generic], predicted: NDArray[np.generic]) -> None:
    """Raise ``InputError`` where two arrays are not on one grid."""
    if reference.shape != predicted.shape:
        raise InputError("predicted array", got=predicted.shape, expected=f"the reference's shape {reference.shape}",
                         remedy="Bring both to one grid first.")
