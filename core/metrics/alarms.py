"""Scores on ground without landslides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.config import CLASS_NODATA
from core.metrics.basics import ratio, same_shape, without_nan
from core.metrics.objects import EIGHT


@dataclass(frozen=True)
class FalseAlarms:
    """Landslides claimed on ground that has none.

    Attributes:
        ground_km2: Area of the landslide-free ground that was looked at.
        share: Share of its pixels called landslide; NaN without such ground.
        objects_per_km2: Detected objects that touch no reference landslide, a square kilometre; NaN without ground.
    """

    ground_km2: float
    share: float
    objects_per_km2: float

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON, None where undefined."""
        return cast("dict[str, object]", without_nan(asdict(self)))


def false_alarms(reference: NDArray[np.uint8], predicted: NDArray[np.uint8], landslide: int, pixel_area_m2: float,
                 ignore_index: int = CLASS_NODATA) -> FalseAlarms:
    """Score what is called landslide on ground that has none.

    Args:
        reference: uint8 (height, width) labels; of a landslide-free scene, any value but ``landslide``.
        predicted: uint8 (height, width) labels.
        landslide: Label of the landslide class.
        pixel_area_m2: Area of a pixel on the ground.
        ignore_index: Label of pixels that do not count, in either array.

    Raises:
        InputError: The shapes differ.
    """
    same_shape(reference, predicted)
    known = (reference != ignore_index) & (predicted != ignore_index)
    ground = known & (reference != landslide)
    called = known & (predicted == landslide)
    labels, count = ndimage.label(called, EIGHT)
    touching = np.unique(labels[called & ~ground])
    pixels = int(np.count_nonzero(ground))
    km2 = pixels * pixel_area_m2 / 1e6
    return FalseAlarms(ground_km2=km2, share=float(ratio(np.count_nonzero(called & ground), pixels)),
                       objects_per_km2=float(ratio(count - len(touching), km2)))
