"""What holds for every pair of maps."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from sklearn import metrics as sk

from core.metrics import boundary_f1, confusion_matrix, object_scores, object_scores_of_masks, pixel_scores
from core.trace import polygonise

LABELS = arrays(np.uint8, 200, elements=st.sampled_from([0, 1, 2, 3, 255]))
MASKS = arrays(bool, (14, 14), elements=st.booleans())


@settings(max_examples=60, deadline=None)
@given(LABELS, LABELS)
def test_any_labels_score_as_in_scikit_learn(reference, predicted):
    known = (reference != 255) & (predicted != 255)
    assume(known.any())
    scores = pixel_scores(confusion_matrix(reference, predicted, 4))
    a, b = reference[known], predicted[known]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, _ = sk.precision_recall_fscore_support(a, b, labels=range(4), zero_division=np.nan)
        kappa = sk.cohen_kappa_score(a, b)
    assert scores.precision == pytest.approx(precision, nan_ok=True)
    assert scores.recall == pytest.approx(recall, nan_ok=True)
    assert scores.f1 == pytest.approx(f1, nan_ok=True)
    assert scores.kappa == pytest.approx(kappa, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(MASKS, MASKS, st.sampled_from([0.1, 0.3, 0.5, 0.8]))
def test_object_scores_are_bounded_and_the_same_for_masks_and_polygons(a, b, threshold):
    scores = object_scores_of_masks(a, b, threshold)
    assert scores.matched <= min(scores.reference, scores.detected)
    for share, rest in ((scores.dp, scores.oe), (scores.dp_by_area, scores.oe_by_area)):
        assert math.isnan(share) or share + rest == pytest.approx(1)
    if scores.reference:
        assert scores.qp <= scores.dp
    polygons = []
    for mask in (a, b):
        marks, count = ndimage.label(mask, np.ones((3, 3)))
        polygons.append([polygonise(marks == k) for k in range(1, count + 1)])
    assert object_scores(*polygons, threshold).as_dict() == pytest.approx(scores.as_dict())


@settings(max_examples=40, deadline=None)
@given(MASKS, MASKS)
def test_above_one_half_order_decides_nothing(a, b):
    """Swapping the sides swaps the errors: each object can pass one half with one other only."""
    there, back = object_scores_of_masks(a, b, 0.51), object_scores_of_masks(b, a, 0.51)
    assert there.matched == back.matched and there.qp == pytest.approx(back.qp, nan_ok=True)
    assert there.ce == pytest.approx(back.oe, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(MASKS, MASKS, st.integers(0, 4))
def test_boundary_f1_is_symmetric_and_never_falls_with_the_reach(a, b, reach):
    near, far = boundary_f1(a, b, reach), boundary_f1(a, b, reach + 1)
    assert near == pytest.approx(boundary_f1(b, a, reach), nan_ok=True)
    assert math.isnan(near) or 0 <= near <= far <= 1
