"""What a from-to raster holds: one value for each pair of classes, its words and its colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.config import CLASS_NODATA, ClassScheme

STABLE = (120, 96, 86)
GONE = (43, 108, 176)
"""Landslides that stay are dull, those that went are blue; a new one has the landslide's own colour, tinted by what
was there before. Other changes are pale in the colour of what came."""

KIND_COLOURS = {"new": "#e4572e", "enlarged": "#f0a202", "reduced": "#56b4e9", "unchanged": "#7d878c",
                "gone": "#2b6cb0", "unobserved": "#8d5a97"}
"""Of what became of a landslide; told apart with colour blindness."""


def code(before: NDArray[np.uint8], after: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Return the from-to values of two class maps: ``before * classes + after``, 255 where either says nothing.

    Args:
        before: uint8, classes from 0, 255 unobserved.
        after: The same, same shape.
        classes: How many there are, at most 15.
    """
    unknown = (before == CLASS_NODATA) | (after == CLASS_NODATA)
    return np.where(unknown, CLASS_NODATA, before * np.uint8(classes) + after).astype(np.uint8)


def words(scheme: ClassScheme, value: int) -> str:
    """Return what a from-to value means; empty where it means nothing.

    >>> from core.config import scheme
    >>> words(scheme("paper"), 5 * 6)
    'bare land → landslide'
    >>> words(scheme("binary"), 3)
    'landslide on both dates'
    """
    before, after = divmod(value, len(scheme.names))
    if before >= len(scheme.names):
        return ""
    name, then = scheme.names[before], scheme.names[after]
    return f"{name} on both dates" if before == after else f"{name} → {then}"


def colours(scheme: ClassScheme) -> NDArray[np.uint8]:
    """Return red, green, blue and opacity of every value of a from-to raster, uint8 (256, 4)."""
    table = np.zeros((256, 4), np.uint8)
    slide = scheme.landslide
    for before in range(len(scheme.names)):
        for after in range(len(scheme.names)):
            ink, opacity = _colour(scheme, before, after, slide)
            table[before * len(scheme.names) + after] = (*ink, opacity)
    return table


def _colour(scheme: ClassScheme, before: int, after: int, slide: int) -> tuple[tuple[int, ...], int]:
    if before == after:
        return (STABLE, 255) if before == slide else ((0, 0, 0), 0)
    if after == slide:
        tint = 0.0 if scheme.names[before] == "other" else 0.22
        return tuple(round((1 - tint) * a + tint * b)
                     for a, b in zip(scheme.rgb(slide), scheme.rgb(before), strict=True)), 255
    return (GONE, 255) if before == slide else (scheme.rgb(after), 110)
