"""Scores against scikit-learn, against hand-made maps, and in every empty case."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from shapely.geometry import box
from sklearn import metrics as sk

from core import compiled
from core.errors import InputError
from core.metrics import (
    boundary_f1,
    calibration_table,
    confusion_matrix,
    expected_calibration_error,
    false_alarms,
    object_scores,
    object_scores_of_masks,
    pixel_scores,
)

RNG = np.random.default_rng(0)


def labels(n=300_000, classes=6, right=0.8):
    reference = RNG.integers(0, classes, n, dtype=np.uint8)
    predicted = np.where(RNG.random(n) < right, reference, RNG.integers(0, classes, n)).astype(np.uint8)
    return reference, predicted


def test_pixel_scores_equal_scikit_learns():
    reference, predicted = labels()
    matrix = confusion_matrix(reference, predicted, 6)
    assert (matrix == sk.confusion_matrix(reference, predicted)).all()
    scores = pixel_scores(matrix)
    precision, recall, f1, support = sk.precision_recall_fscore_support(reference, predicted)
    assert scores.precision == pytest.approx(precision) and scores.recall == pytest.approx(recall)
    assert scores.f1 == pytest.approx(f1) and scores.reference_pixels == tuple(support)
    assert scores.iou == pytest.approx(sk.jaccard_score(reference, predicted, average=None))
    assert scores.overall_accuracy == pytest.approx(sk.accuracy_score(reference, predicted))
    assert scores.average_recall == pytest.approx(sk.balanced_accuracy_score(reference, predicted))
    assert scores.average_f1 == pytest.approx(sk.f1_score(reference, predicted, average="macro"))
    assert scores.kappa == pytest.approx(sk.cohen_kappa_score(reference, predicted))
    assert scores.g_mean == pytest.approx(np.prod(recall) ** (1 / 6))


def test_the_matrix_is_reference_by_predicted():
    matrix = confusion_matrix(np.array([0, 0, 0], np.uint8), np.array([1, 1, 0], np.uint8), 2)
    assert matrix.tolist() == [[1, 2], [0, 0]]


def test_ignored_pixels_count_nowhere_in_either_array():
    reference, predicted = labels(10_000, 3)
    reference[::7], predicted[::5] = 255, 255
    known = (reference != 255) & (predicted != 255)
    assert (confusion_matrix(reference, predicted, 3) == sk.confusion_matrix(reference[known], predicted[known])).all()


def test_matrices_of_windows_add_up():
    reference, predicted = (a.reshape(500, 600) for a in labels())
    parts = sum(confusion_matrix(reference[a:b], predicted[a:b], 6) for a, b in ((0, 13), (13, 400), (400, 500)))
    assert (parts == confusion_matrix(reference, predicted, 6)).all()


def test_threads_count_every_pixel_once(monkeypatch):
    reference, predicted = labels(100_003)
    monkeypatch.setattr(compiled, "PARALLEL_FROM", 1)
    monkeypatch.setattr(compiled.os, "cpu_count", lambda: 7)
    assert (confusion_matrix(reference, predicted, 6) == sk.confusion_matrix(reference, predicted)).all()
    assert not confusion_matrix(reference[:0], predicted[:0], 6).any()


def test_classes_that_are_missing_are_undefined_and_left_out_of_averages():
    # Class 2 is in neither; class 1 is predicted but never there.
    scores = pixel_scores(np.array([[8, 2, 0], [0, 0, 0], [0, 0, 0]]))
    assert scores.recall == pytest.approx((0.8, math.nan, math.nan), nan_ok=True)
    assert scores.precision == pytest.approx((1.0, 0.0, math.nan), nan_ok=True)
    assert scores.f1 == pytest.approx((16 / 18, 0.0, math.nan), nan_ok=True)
    assert scores.iou == pytest.approx((0.8, 0.0, math.nan), nan_ok=True)
    assert scores.average_recall == pytest.approx(0.8) and scores.g_mean == pytest.approx(0.8)
    assert scores.average_f1 == pytest.approx(8 / 18)
    plain = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert plain["recall"] == [pytest.approx(0.8), None, None] and plain["reference_pixels"] == [10, 0, 0]


def test_an_empty_matrix_scores_nothing():
    scores = pixel_scores(np.zeros((2, 2), np.int64))
    assert all(math.isnan(v) for v in (scores.overall_accuracy, scores.kappa, scores.g_mean, scores.average_f1))
    assert scores.as_dict()["kappa"] is None


def test_kappa_of_one_class_only_is_undefined():
    assert math.isnan(pixel_scores(np.array([[9, 0], [0, 0]])).kappa)


def test_labels_that_are_no_class_are_refused():
    with pytest.raises(InputError, match=r"\[7\]"):
        confusion_matrix(np.array([0, 7], np.uint8), np.array([0, 1], np.uint8), 2)
    with pytest.raises(InputError, match="float64"):
        confusion_matrix(np.zeros(2), np.zeros(2), 2)
    with pytest.raises(InputError, match="shape"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)


SLIDES = [box(100 * i, 0, 100 * i + 20, 20 + 10 * i) for i in range(4)]


def test_perfect_detections_score_one():
    scores = object_scores(SLIDES, SLIDES[::-1])
    assert (scores.dp, scores.oe, scores.ce, scores.qp, scores.mean_iou) == (1, 0, 0, 1, 1)
    assert (scores.dp_by_area, scores.oe_by_area, scores.ce_by_area, scores.qp_by_area) == (1, 0, 0, 1)


def test_hits_misses_and_false_alarms_are_counted_and_weighed():
    # Areas 400, 600, 800, 1000. Two found (one shifted to an IoU of 3/5), two missed, one false of 200.
    detected = [SLIDES[0], box(105, 0, 125, 30), box(0, 500, 10, 520)]
    scores = object_scores(SLIDES, detected)
    assert (scores.reference, scores.detected, scores.matched) == (4, 3, 2)
    assert (scores.dp, scores.oe, scores.ce, scores.qp) == pytest.approx((2 / 4, 2 / 4, 1 / 3, 2 / 5))
    assert scores.dp_by_area == pytest.approx(1000 / 2800) and scores.oe_by_area == pytest.approx(1800 / 2800)
    assert scores.ce_by_area == pytest.approx(200 / 1200) and scores.qp_by_area == pytest.approx(1000 / 3000)
    assert scores.mean_iou == pytest.approx((1 + 0.6) / 2)
    assert object_scores(SLIDES, detected, threshold=0.61).matched == 1


def test_one_giant_polygon_over_everything_scores_badly():
    scores = object_scores(SLIDES, [box(-1000, -1000, 2000, 2000)])
    assert (scores.dp, scores.oe, scores.ce, scores.qp) == (0, 1, 1, 0)
    assert object_scores(SLIDES, [box(-1000, -1000, 2000, 2000)], threshold=1e-6).dp == 0.25  # one pair, never four


def test_crumbs_of_a_landslide_score_badly():
    crumbs = [box(x, y, x + 4, y + 4) for x in range(0, 20, 5) for y in range(0, 20, 5)]
    scores = object_scores([SLIDES[0]], crumbs)
    assert (scores.dp, scores.ce, scores.qp) == (0, 1, 0)


def test_a_split_and_a_merged_landslide_match_once_at_most():
    halves = [box(0, 0, 12, 20), box(12, 0, 20, 20)]  # IoU 0.6 and 0.4 with the whole
    split, merged = object_scores([box(0, 0, 20, 20)], halves, 0.3), object_scores(halves, [box(0, 0, 20, 20)], 0.3)
    assert (split.matched, split.dp, split.ce) == (1, 1, 0.5) and split.mean_iou == pytest.approx(0.6)
    assert (merged.matched, merged.dp, merged.ce) == (1, 0.5, 0)


def test_objects_that_are_missing_leave_their_shares_undefined():
    none, missed, false = object_scores([], []), object_scores(SLIDES, []), object_scores([], SLIDES)
    assert all(math.isnan(v) for v in (none.dp, none.oe, none.ce, none.qp, none.dp_by_area, none.mean_iou))
    assert (missed.dp, missed.oe, missed.qp, missed.qp_by_area) == (0, 1, 0, 0) and math.isnan(missed.ce)
    assert (false.ce, false.qp, false.ce_by_area) == (1, 0, 1) and math.isnan(false.dp)
    assert missed.as_dict()["ce"] is None and missed.as_dict()["matched"] == 0


def test_a_threshold_that_means_nothing_is_refused():
    for threshold in (0, 1.1, math.nan):
        with pytest.raises(InputError, match="threshold"):
            object_scores(SLIDES, SLIDES, threshold)


def test_boundary_f1_grows_with_the_reach():
    a, b = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    a[20:40, 20:40], b[23:37, 23:37] = True, True  # edges 3 apart, at the corners 4.2
    assert boundary_f1(a, a, 0) == 1.0
    assert boundary_f1(a, b, 2.9) == 0.0
    assert 0.8 < boundary_f1(a, b, 3) < 1
    assert boundary_f1(a, b, 4.3) == 1.0


def test_boundary_f1_by_hand():
    a, b = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    a[5, 0:10], b[5, 5:15] = True, True
    assert boundary_f1(a, b, 0) == pytest.approx(0.5)
    assert boundary_f1(a, b, 1) == pytest.approx(0.6)


def test_boundary_f1_of_empty_masks_and_at_borders():
    empty, full = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    some = empty.copy()
    some[3:6, 3:6] = True
    assert math.isnan(boundary_f1(empty, empty, 2)) and math.isnan(boundary_f1(full, full, 2))
    assert boundary_f1(some, empty, 2) == 0 == boundary_f1(empty, some, 2)
    valid = full.copy()
    valid[:, 5:] = False
    other = some.copy()
    other[:, 5:] = False  # differs only where nothing is known
    assert boundary_f1(some, other, 0, valid) == 1.0 > boundary_f1(some, other, 0)


def test_false_alarms_on_ground_without_landslides():
    reference, predicted = np.zeros((1000, 1000), np.uint8), np.zeros((1000, 1000), np.uint8)
    predicted[10:20, 10:20], predicted[50:60, 50:55], predicted[500:, 500:] = 1, 1, 255
    alarms = false_alarms(reference, predicted, 1, pixel_area_m2=4.0)
    assert alarms.ground_km2 == pytest.approx(3.0)
    assert alarms.share == pytest.approx(150 / 750_000) and alarms.objects_per_km2 == pytest.approx(2 / 3)


def test_a_detection_that_touches_a_landslide_is_no_false_object_but_its_spill_counts():
    reference, predicted = np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.uint8)
    reference[10:20, 10:20], predicted[10:20, 10:30] = 1, 1
    alarms = false_alarms(reference, predicted, 1, pixel_area_m2=1.0)
    assert alarms.share == pytest.approx(100 / 9900) and alarms.objects_per_km2 == 0
    assert math.isnan(false_alarms(np.ones((2, 2), np.uint8), predicted[:2, :2], 1, 1.0).share)
    assert false_alarms(np.full((2, 2), 255, np.uint8), predicted[:2, :2], 1, 1.0).as_dict()["objects_per_km2"] is None


def test_calibration_error_by_hand_and_in_parts():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.25, 0.25, np.nan, 1.0], np.float32)
    correct = np.array([1, 1, 1, 0, 0, 1, 1, 1], bool)
    table = calibration_table(confidence, correct, bins=10)
    assert table[:, 0].tolist() == [0, 0, 2, 0, 0, 0, 0, 0, 0, 5]  # 1.0 is in the last bin, NaN in none
    assert expected_calibration_error(table) == pytest.approx((abs(4.8 - 4) + abs(0.5 - 1)) / 7, abs=1e-6)
    parts = calibration_table(confidence[:3], correct[:3], 10) + calibration_table(confidence[3:], correct[3:], 10)
    assert np.allclose(parts, table)
    assert math.isnan(expected_calibration_error(np.zeros((10, 3))))


def test_probabilities_drawn_as_they_say_are_calibrated():
    odds = RNG.random(200_000).astype(np.float32)
    truth = RNG.random(200_000) < odds
    assert expected_calibration_error(calibration_table(odds, truth)) < 0.01
    assert expected_calibration_error(calibration_table(odds**2, truth)) > 0.1


def test_masks_score_as_their_polygons():
    a, b = np.zeros((50, 50), bool), np.zeros((50, 50), bool)
    a[5:15, 5:15], a[30:40, 30:40] = True, True
    b[5:15, 7:17], b[45:48, 2:5] = True, True
    by_mask = object_scores_of_masks(a, b)
    by_polygon = object_scores([box(5, 5, 15, 15), box(30, 30, 40, 40)], [box(7, 5, 17, 15), box(2, 45, 5, 48)])
    assert by_mask.as_dict() == pytest.approx(by_polygon.as_dict())
    assert object_scores_of_masks(a, np.zeros_like(a)).dp == 0
