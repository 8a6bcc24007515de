"""Scores by landslide: detected objects against those of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from core.errors import InputError
from core.metrics.basics import Numbers, ratio, same_shape, without_nan

EIGHT = np.ones((3, 3), bool)

SIZES_M2 = (100, 1_000, 10_000)
"""Limits between size classes, a factor of ten apart; an object at a limit belongs to the larger class."""

SIZE_NAMES = ("under 100 m²", "100 to 1,000 m²", "1,000 to 10,000 m²", "10,000 m² and over")

COLUMNS = ("reference", "matched", "iou", "reference_area", "matched_area",
           "detected", "false", "alarms", "detected_area", "false_area")
"""What is summed up over objects; tables of these add up."""


@dataclass(frozen=True)
class ObjectScores:
    """Scores of detections as objects, with ``matched`` as TP; the ``_by_area`` forms weigh each object by its area.

    Attributes:
        reference: Landslides in the reference.
        detected: Landslides in the detections.
        matched: One-to-one pairs.
        dp: Detection probability, TP / (TP + FN): a recall over landslides; NaN without reference.
        oe: Omission error, FN / (TP + FN); NaN without reference.
        ce: Commission error, FP / (TP + FP); NaN without detections.
        qp: Quality, TP / (TP + FP + FN); NaN with neither.
        dp_by_area: Area of the matched landslides in that of all reference landslides.
        oe_by_area: The rest of it.
        ce_by_area: Area of the unmatched detections in that of all detections.
        qp_by_area: Area of the matched landslides in that of all reference landslides and unmatched detections.
        mean_iou: Mean intersection over union of the pairs; NaN without pairs.
    """

    reference: int
    detected: int
    matched: int
    dp: float
    oe: float
    ce: float
    qp: float
    dp_by_area: float
    oe_by_area: float
    ce_by_area: float
    qp_by_area: float
    mean_iou: float

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON, None where undefined."""
        return cast("dict[str, object]", without_nan(asdict(self)))


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Two sets of objects and where they meet.

    Attributes:
        reference: (n,) areas of the reference's objects.
        detected: (m,) areas of the detections, in the same unit.
        pairs: (2, p) indexes of a reference object and a detection that meet.
        shared: (p,) the area they share.
    """

    reference: Numbers
    detected: Numbers
    pairs: NDArray[np.intp]
    shared: Numbers


def overlaps_of_polygons(reference: Sequence[BaseGeometry] | NDArray[np.object_],
                         detected: Sequence[BaseGeometry] | NDArray[np.object_], unit: float = 1.0) -> Overlaps:
    """Return how polygons of one planar CRS meet; ``unit`` is the area wanted for one of the CRS."""
    a, b = np.asarray(reference, object), np.asarray(detected, object)
    pairs = shapely.STRtree(b).query(a, predicate="intersects") if len(a) and len(b) else np.zeros((2, 0), np.intp)
    shared = shapely.area(shapely.intersection(a[pairs[0]], b[pairs[1]]))
    return Overlaps(shapely.area(a).astype(float) * unit, shapely.area(b).astype(float) * unit, pairs, shared * unit)


def overlaps_of_labels(reference: NDArray[np.int32], detected: NDArray[np.int32], unit: float = 1.0) -> Overlaps:
    """Return how numbered objects (1 and up, 0 for none) of two rasters meet; ``unit`` is a pixel's area."""
    both = (reference > 0) & (detected > 0)
    pairs, shared = np.unique(np.stack([reference[both], detected[both]]).astype(np.intp) - 1, axis=1,
                              return_counts=True)
    areas = [np.bincount(labels.ravel())[1:].astype(np.float64) * unit for labels in (reference, detected)]
    return Overlaps(areas[0], areas[1], pairs, shared.astype(np.float64) * unit)


def object_scores(reference: Sequence[BaseGeometry], detected: Sequence[BaseGeometry],
                  threshold: float = 0.5) -> ObjectScores:
    """Score detected landslides against reference landslides, both as polygons.

    A detection and a landslide match where their intersection over union reaches ``threshold``; pairs are taken best
    first, and each polygon once. Above one half a polygon can match one other only, as long as the
    polygons of a set do not overlap, so the order does not matter there. The rule is symmetric: one polygon over
    everything matches nothing, and neither does a landslide broken into crumbs; a rule of mere overlap would
    praise both.

    Args:
        reference: Landslides as they are; valid polygons in a planar CRS.
        detected: Landslides as found, in the same CRS.
        threshold: Least intersection over union of a match, above 0 and up to 1.

    Raises:
        InputError: The threshold is out of range.
    """
    return _scores(overlaps_of_polygons(reference, detected), threshold)


def object_scores_of_masks(reference: NDArray[np.bool_], detected: NDArray[np.bool_],
                           threshold: float = 0.5) -> ObjectScores:
    """Score the 8-connected objects of two masks as ``object_scores`` does; areas are pixels.

    Args:
        reference: bool (height, width).
        detected: bool (height, width).
        threshold: See ``object_scores``.

    Raises:
        InputError: The shapes differ, or the threshold is out of range.
    """
    same_shape(reference, detected)
    return _scores(overlaps_of_labels(ndimage.label(reference, EIGHT)[0], ndimage.label(detected, EIGHT)[0]), threshold)


def _scores(overlaps: Overlaps, threshold: float) -> ObjectScores:
    figures = object_figures(object_counts(overlaps, threshold=threshold).sum((0, 1)))
    return ObjectScores(**{name: value.item() for name, value in figures.items()})  # type: ignore[arg-type]


def object_counts(overlaps: Overlaps, reference_block: NDArray[np.intp] | None = None,
                  detected_block: NDArray[np.intp] | None = None, blocks: int = 1,
                  threshold: float = 0.5) -> Numbers:
    """Match objects and sum them up by block and size class.

    Args:
        overlaps: The objects; areas in square metres for the size classes to mean what they say.
        reference_block: (n,) block of each reference object; all in the first by default.
        detected_block: (m,) block of each detection.
        blocks: Number of blocks.
        threshold: See ``object_scores``.

    Returns:
        float64 (blocks, size classes, ``COLUMNS``); a pair counts with the reference object's size and place.

    Raises:
        InputError: The threshold is out of range.
    """
    iou, right = _match(overlaps, threshold)
    touching = np.zeros(len(right), bool)
    touching[overlaps.pairs[1]] = True
    found = iou > 0

    def sums(block: NDArray[np.intp] | None, area: Numbers, *more: Numbers | NDArray[np.bool_]) -> list[Numbers]:
        place = np.digitize(area, SIZES_M2) + (0 if block is None else block) * len(SIZE_NAMES)
        return [np.bincount(place, value, blocks * len(SIZE_NAMES)) for value in (np.ones(len(area)), *more)]

    a, b = overlaps.reference, overlaps.detected
    columns = [*sums(reference_block, a, found, iou, a, a * found),
               *sums(detected_block, b, ~right, ~touching, b, b * ~right)]
    return np.stack(columns, axis=-1).reshape(blocks, len(SIZE_NAMES), len(COLUMNS))


def _match(overlaps: Overlaps, threshold: float) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the IoU of each reference object's match, 0 without one, and which detections have one."""
    if not 0 < threshold <= 1:
        raise InputError("match threshold", got=threshold, expected="above 0 and up to 1",
                         remedy="Use 0.5, or lower for small landslides.")
    (first, second), shared = overlaps.pairs, overlaps.shared
    iou = shared / (overlaps.reference[first] + overlaps.detected[second] - shared)
    matched, right = np.zeros(len(overlaps.reference)), np.zeros(len(overlaps.detected), bool)
    enough = iou >= threshold
    first, second, iou = first[enough], second[enough], iou[enough]
    for k in np.lexsort((second, first, -iou)):
        i, j = first[k], second[k]
        if not matched[i] and not right[j]:
            matched[i], right[j] = iou[k], True
    return matched, right


def object_figures(counts: Numbers) -> dict[str, Numbers | NDArray[np.int64]]:
    """Return what ``ObjectScores`` holds for any number of tables at once.

    Args:
        counts: (..., ``COLUMNS``); see ``object_counts``.

    Returns:
        Arrays (...), NaN where undefined.
    """
    c = dict(zip(COLUMNS, np.moveaxis(counts, -1, 0), strict=True))
    reference, matched, detected, false = c["reference"], c["matched"], c["detected"], c["false"]
    area, hit = c["reference_area"], c["matched_area"]
    return {
        "reference": reference.astype(np.int64), "detected": detected.astype(np.int64),
        "matched": matched.astype(np.int64),
        "dp": ratio(matched, reference), "oe": ratio(reference - matched, reference),
        "ce": ratio(false, detected), "qp": ratio(matched, reference + false),
        "dp_by_area": ratio(hit, area), "oe_by_area": ratio(area - hit, area),
        "ce_by_area": ratio(c["false_area"], c["detected_area"]), "qp_by_area": ratio(hit, area + c["false_area"]),
        "mean_iou": ratio(c["iou"], matched),
    }
