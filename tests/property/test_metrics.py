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

from core.config import SCHEMES
from core.metrics import (
    Blocks,
    boundary_f1,
    confusion_matrix,
    difference,
    object_scores,
    object_scores_of_masks,
    pixel_scores,
    scores,
    tally,
)
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


@settings(max_examples=40, deadline=None)
@given(MASKS, MASKS, MASKS, st.sampled_from([0, 1, 2.3, 3, 5]))
def test_boundary_f1_is_that_of_distance_maps(a, b, valid, reach):
    edges = [mask & valid & ~ndimage.binary_erosion(mask | ~valid, border_value=1) for mask in (a, b)]
    assume(edges[0].any() and edges[1].any())
    precision, recall = ((ndimage.distance_transform_edt(~other)[own] <= reach).mean()
                         for own, other in (edges[::-1], edges))
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert boundary_f1(a, b, reach, valid) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, (12, 12), elements=st.sampled_from([0, 1, 255])), MASKS, MASKS, st.integers(1, 12))
def test_any_map_has_ordered_intervals_and_a_difference_both_ways(labels, a, b, side):
    assume((labels != 255).any())
    blocks = Blocks(tuple(f"{i:02}" for i in range(12 // side + 1)), np.arange(12) // side, np.zeros(12, int))
    first, other = (tally(labels, m[:12, :12].astype(np.uint8), m[:12, :12].astype(float), scheme=SCHEMES["binary"],
                          blocks=blocks, pixel_area_m2=1.0, least_px=1) for m in (a, b))
    report, there, back = scores(first, 30), difference(first, other, 30), difference(other, first, 30)
    for name in ("iou", "f1", "precision", "recall"):
        value, interval = report["landslide"][name], report["intervals"]["landslide"][name]
        assert (interval is None) == (value is None or report["blocks"] < 2)
        assert interval is None or 0 <= interval[0] <= interval[1] <= 1
        assert (there["landslide"][name] is None) == (back["landslide"][name] is None)
        if there["landslide"][name] is not None:
            assert there["landslide"][name] == -back["landslide"][name]
