"""How good a map is: by pixel, by landslide, along its edges, on landslide-free ground, and in its probabilities.

An undefined figure (a share of nothing) is NaN, is left out of every average, and is None in ``as_dict``, so that a
score never looks like 0 where nothing could be scored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from core.compiled import in_rows, kernel
from core.config import CLASS_NODATA
from core.errors import InputError

TABLES = 4
"""Neighbours count in tables of their own: a count need not wait for the one before it to be written."""

EIGHT = np.ones((3, 3), bool)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _none(value: object) -> object:
    """Turn NaN into None, inside tuples and dictionaries too: JSON has no NaN."""
    if isinstance(value, tuple | list):
        return [_none(v) for v in value]
    if isinstance(value, dict):
        return {key: _none(v) for key, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


@dataclass(frozen=True)
class PixelScores:
    """Scores of a confusion matrix; tuples have one value a class, in the matrix's order.

    Attributes:
        precision: User's accuracy, TP / (TP + FP); NaN for a class never predicted.
        recall: Producer's accuracy, TP / (TP + FN); NaN for a class the reference does not have.
        f1: 2 TP / (2 TP + FP + FN); NaN for a class in neither.
        iou: TP / (TP + FP + FN); NaN for a class in neither.
        reference_pixels: Pixels of each class in the reference.
        overall_accuracy: Share of pixels that are right.
        average_recall: Mean of the recalls that are defined.
        average_f1: Mean of the F1 scores that are defined.
        g_mean: Geometric mean of the recalls that are defined.
        kappa: Cohen's kappa; NaN where chance alone would agree everywhere.
    """

    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    iou: tuple[float, ...]
    reference_pixels: tuple[int, ...]
    overall_accuracy: float
    average_recall: float
    average_f1: float
    g_mean: float
    kappa: float

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON, None where undefined."""
        return {key: _none(value) for key, value in asdict(self).items()}


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
        return {key: _none(value) for key, value in asdict(self).items()}


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
        return {key: _none(value) for key, value in asdict(self).items()}


def confusion_matrix(reference: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int,
                     ignore_index: int = CLASS_NODATA) -> NDArray[np.int64]:
    """Count pixels; matrices of windows or scenes add up.

    Args:
        reference: uint8 labels, any shape.
        predicted: uint8 labels, same shape.
        classes: Number of classes; labels are 0 to ``classes - 1``.
        ignore_index: Label of pixels that do not count, in either array.

    Returns:
        int64 (classes, classes), ``[reference, predicted]``.

    Raises:
        InputError: The shapes differ, an array is not uint8, or a label is no class.
    """
    _same_shape(reference, predicted)
    a, b = reference.ravel(), predicted.ravel()
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise InputError("class labels", got=f"{a.dtype} and {b.dtype}", expected="uint8",
                         remedy="Store labels as whole numbers from 0 to 255.")
    counted: list[NDArray[np.int64]] = []

    def work(part: slice) -> None:
        tables = np.zeros((TABLES, 256, 256), np.int64)
        _count(a[part], b[part], tables)
        counted.append(tables.sum(axis=0))
    in_rows(work, a.size, a.size)
    matrix = np.sum(counted, axis=0)
    matrix[ignore_index] = 0
    matrix[:, ignore_index] = 0
    strange = matrix.copy()
    strange[:classes, :classes] = 0
    if strange.any():
        labels = sorted({int(i) for pair in np.argwhere(strange) for i in pair if i >= classes})
        raise InputError("class labels", got=labels, expected=f"0 to {classes - 1}, or {ignore_index} to ignore",
                         remedy="Use labels of the model's class scheme.")
    return matrix[:classes, :classes].copy()


@kernel
def _count(a, b, tables):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for i in range(len(a)):
        tables[i % TABLES, a[i], b[i]] += 1


def pixel_scores(matrix: NDArray[np.int64]) -> PixelScores:
    """Score a confusion matrix ``[reference, predicted]``."""
    m = np.asarray(matrix, np.float64)
    hit, reference, predicted, total = np.diag(m), m.sum(axis=1), m.sum(axis=0), float(m.sum())
    with np.errstate(invalid="ignore"):
        precision, recall = hit / predicted, hit / reference
        f1, iou = 2 * hit / (reference + predicted), hit / (reference + predicted - hit)
    defined = recall[np.isfinite(recall)]
    accuracy = _ratio(float(hit.sum()), total)
    chance = _ratio(float(reference @ predicted), total * total)
    return PixelScores(
        precision=tuple(precision.tolist()), recall=tuple(recall.tolist()), f1=tuple(f1.tolist()),
        iou=tuple(iou.tolist()), reference_pixels=tuple(int(n) for n in reference),
        overall_accuracy=accuracy, average_recall=_mean(recall), average_f1=_mean(f1),
        g_mean=float(np.prod(defined) ** (1 / defined.size)) if defined.size else math.nan,
        kappa=_ratio(accuracy - chance, 1 - chance))


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
    a, b = np.asarray(reference, object), np.asarray(detected, object)
    pairs = shapely.STRtree(b).query(a, predicate="intersects") if len(a) and len(b) else np.zeros((2, 0), np.intp)
    shared = shapely.area(shapely.intersection(a[pairs[0]], b[pairs[1]]))
    return _object_scores(shapely.area(a).astype(float), shapely.area(b).astype(float), pairs, shared, threshold)


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
    _same_shape(reference, detected)
    (a, a_count), (b, b_count) = ndimage.label(reference, EIGHT), ndimage.label(detected, EIGHT)
    both = (a > 0) & (b > 0)
    pairs, shared = np.unique(np.stack([a[both], b[both]]) - 1, axis=1, return_counts=True)
    return _object_scores(np.bincount(a.ravel(), minlength=a_count + 1)[1:].astype(float),
                          np.bincount(b.ravel(), minlength=b_count + 1)[1:].astype(float),
                          pairs, shared.astype(float), threshold)


def _object_scores(reference_areas: NDArray[np.float64], detected_areas: NDArray[np.float64], pairs: NDArray[np.intp],
                   shared: NDArray[np.float64], threshold: float) -> ObjectScores:
    """Match and score; ``pairs`` are (2, n) indexes of objects that meet, ``shared`` the areas they share."""
    if not 0 < threshold <= 1:
        raise InputError("match threshold", got=threshold, expected="above 0 and up to 1",
                         remedy="Use 0.5, or lower for small landslides.")
    iou = shared / (reference_areas[pairs[0]] + detected_areas[pairs[1]] - shared)
    found, right, ious = np.zeros(len(reference_areas), bool), np.zeros(len(detected_areas), bool), []
    enough = iou >= threshold
    (first, second), iou = pairs[:, enough], iou[enough]
    for k in np.lexsort((second, first, -iou)):
        i, j = first[k], second[k]
        if not found[i] and not right[j]:
            found[i] = right[j] = True
            ious.append(float(iou[k]))
    references, detections, matched = len(found), len(right), len(ious)
    area, hit = float(reference_areas.sum()), float(reference_areas[found].sum())
    false = float(detected_areas[~right].sum())
    return ObjectScores(
        reference=references, detected=detections, matched=matched,
        dp=_ratio(matched, references), oe=_ratio(references - matched, references),
        ce=_ratio(detections - matched, detections), qp=_ratio(matched, references + detections - matched),
        dp_by_area=_ratio(hit, area), oe_by_area=_ratio(area - hit, area),
        ce_by_area=_ratio(false, float(detected_areas.sum())), qp_by_area=_ratio(hit, area + false),
        mean_iou=_mean(np.asarray(ious, np.float64)))


def boundary_f1(reference: NDArray[np.bool_], predicted: NDArray[np.bool_], pixels: float,
                valid: NDArray[np.bool_] | None = None) -> float:
    """Return how well two masks' edges agree: F1 of edge pixels that have an edge of the other mask within reach.

    An edge pixel is a True pixel with a False one among its four neighbours; the image's border and invalid
    pixels make no edge.

    Args:
        reference: bool (height, width).
        predicted: bool (height, width).
        pixels: Reach in pixels, Euclidean.
        valid: bool (height, width), True where both are known; everywhere by default.

    Returns:
        0 to 1; NaN where neither mask has an edge, 0 where one has.
    """
    known = np.ones(reference.shape, bool) if valid is None else valid
    a, b = _edge(reference, known), _edge(predicted, known)
    if not a.any() or not b.any():
        return 0.0 if a.any() or b.any() else math.nan
    precision = float((ndimage.distance_transform_edt(~a)[b] <= pixels).mean())
    recall = float((ndimage.distance_transform_edt(~b)[a] <= pixels).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _edge(mask: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = ndimage.binary_erosion(mask | ~known, border_value=1)
    return mask & known & ~inner


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
    _same_shape(reference, predicted)
    known = (reference != ignore_index) & (predicted != ignore_index)
    ground = known & (reference != landslide)
    called = known & (predicted == landslide)
    labels, count = ndimage.label(called, EIGHT)
    touching = np.unique(labels[called & ~ground])
    pixels = int(np.count_nonzero(ground))
    km2 = pixels * pixel_area_m2 / 1e6
    return FalseAlarms(ground_km2=km2, share=_ratio(int(np.count_nonzero(called & ground)), pixels),
                       objects_per_km2=_ratio(count - len(touching), km2))


def calibration_table(confidence: NDArray[np.float32], correct: NDArray[np.bool_],
                      bins: int = 15) -> NDArray[np.float64]:
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


def expected_calibration_error(table: NDArray[np.float64]) -> float:
    """Return the mean gap between confidence and accuracy over bins, weighted by pixels; NaN without pixels.

    Args:
        table: See ``calibration_table``.
    """
    pixels, confidence, correct = table.T
    return _ratio(float(np.abs(confidence - correct).sum()), float(pixels.sum()))


def _same_shape(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise InputError("predicted array", got=b.shape, expected=f"the reference's shape {a.shape}",
                         remedy="Bring both to one grid first.")
