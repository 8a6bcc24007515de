"""Scores by pixel, from a confusion matrix ``[reference, predicted]``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.compiled import in_rows, kernel
from core.config import CLASS_NODATA
from core.errors import InputError
from core.metrics.basics import Numbers, mean_of_known, ratio, same_shape, without_nan

TABLES = 4
"""Neighbours count in tables of their own: a count need not wait for the one before it to be written."""


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
        return cast("dict[str, object]", without_nan(asdict(self)))


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
    check_labels(reference, predicted)
    a, b = reference.ravel(), predicted.ravel()
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
        raise no_class(sorted({int(i) for pair in np.argwhere(strange) for i in pair if i >= classes}), classes,
                       ignore_index)
    return matrix[:classes, :classes].copy()


@kernel
def _count(a, b, tables):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for i in range(len(a)):
        tables[i % TABLES, a[i], b[i]] += 1


def check_labels(reference: NDArray[np.generic], predicted: NDArray[np.generic]) -> None:
    """Raise ``InputError`` where two arrays are not uint8 labels on one grid."""
    same_shape(reference, predicted)
    if reference.dtype != np.uint8 or predicted.dtype != np.uint8:
        raise InputError("class labels", got=f"{reference.dtype} and {predicted.dtype}", expected="uint8",
                         remedy="Store labels as whole numbers from 0 to 255.")


def no_class(labels: list[int], classes: int, ignore_index: int = CLASS_NODATA) -> InputError:
    """Build the error for labels that are no class."""
    return InputError("class labels", got=labels, expected=f"0 to {classes - 1}, or {ignore_index} to ignore",
                      remedy="Use labels of the model's class scheme.")


def pixel_scores(matrix: NDArray[np.int64]) -> PixelScores:
    """Score a confusion matrix ``[reference, predicted]``."""
    plain = {name: value.tolist() for name, value in pixel_figures(matrix).items()}
    figures: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
    return PixelScores(**figures)


def pixel_figures(matrix: ArrayLike) -> dict[str, Numbers | NDArray[np.int64]]:
    """Return what ``PixelScores`` holds for any number of matrices at once.

    Args:
        matrix: (..., classes, classes), ``[reference, predicted]``.

    Returns:
        Arrays (...) or (..., classes), NaN where undefined.
    """
    m = np.asarray(matrix, np.float64)
    hit, reference, predicted = np.diagonal(m, axis1=-2, axis2=-1), m.sum(-1), m.sum(-2)
    total = reference.sum(-1)
    recall, f1 = ratio(hit, reference), ratio(2 * hit, reference + predicted)
    accuracy, chance = ratio(hit.sum(-1), total), ratio((reference * predicted).sum(-1), total * total)
    known = np.isfinite(recall)
    return {
        "precision": ratio(hit, predicted), "recall": recall, "f1": f1, "iou": ratio(hit, reference + predicted - hit),
        "reference_pixels": reference.astype(np.int64), "overall_accuracy": accuracy,
        "average_recall": mean_of_known(recall), "average_f1": mean_of_known(f1),
        "g_mean": np.where(known.any(-1), np.where(known, recall, 1).prod(-1) ** ratio(1, known.sum(-1)), np.nan),
        "kappa": ratio(accuracy - chance, 1 - chance),
    }
