"""What a prediction over a scene is asked for, and how probabilities become what is stored."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.config import CLASS_NODATA, PROBABILITY_NODATA, PROBABILITY_SCALE, ClassScheme

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Block = NDArray[np.uint8]


@dataclass(frozen=True)
class Plan:
    """What is predicted, whatever the scene is cut into.

    Attributes:
        part: The window of the image that is mapped.
        classes: Of the model.
        threshold: Landslide probability from which a pixel is called landslide.
        use_dem: Whether the model is shown the DEM.
        use_ndvi: Whether it is shown NDVI.
    """

    part: Window
    classes: ClassScheme
    threshold: float
    use_dem: bool
    use_ndvi: bool


@dataclass(frozen=True)
class Step:
    """One finished step.

    Attributes:
        cost: What it cost, in units that add up to the prediction's ``cost``.
        pixels: Valid pixels it predicted in this call.
        place: The window of the image that is finished with it, if there is one.
        block: What that window became, see ``decide``.
    """

    cost: float
    pixels: int = 0
    place: Window | None = None
    block: Block | None = None


Done = Callable[[Step], None]
"""Called after each step; it may raise to stop."""

Decide = Callable[[Array, Mask, Plan], Block]


def decide(probability: Array, where: Mask, plan: Plan) -> Block:
    """Turn (classes, h, w) probabilities into (2, h, w): classes, and stored probability of landslide.

    Outside ``where`` both are nodata. The stored probability decides where the landslides are: the files agree.
    """
    landslide = plan.classes.landslide
    stored = np.rint(probability[landslide] / PROBABILITY_SCALE).clip(0, 250).astype(np.uint8)
    if len(probability) == 2:
        other: int | NDArray[np.intp] = 1 - landslide
    else:
        others = probability.copy()
        others[landslide] = -1
        other = others.argmax(0)
    classes = np.where(stored >= round(plan.threshold / PROBABILITY_SCALE), landslide, other).astype(np.uint8)
    nodata = np.array([CLASS_NODATA, PROBABILITY_NODATA], np.uint8)[:, None, None]
    return np.where(where, np.stack([classes, stored]), nodata)


def clipped(window: Window, part: Window) -> Window:
    """Return the part of ``window`` inside ``part``; a side is 0 where they do not meet."""
    left, top = max(window.col_off, part.col_off), max(window.row_off, part.row_off)
    right = min(window.col_off + window.width, part.col_off + part.width)
    bottom = min(window.row_off + window.height, part.row_off + part.height)
    return Window(left, top, max(right - left, 0), max(bottom - top, 0))


def save(file: Path, array: NDArray[np.generic]) -> None:
    """Write an array so that the file is whole or not there."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    with aside.open("wb") as out:
        np.save(out, array)
    aside.replace(file)
