"""Tallies, and the intervals and differences that are drawn from their blocks."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window
from shapely.geometry import box
from sklearn import metrics as sk

from core.config import SCHEMES
from core.errors import InputError
from core.grid import Grid
from core.metrics import (
    Blocks,
    Tally,
    boundary_f1,
    comparison,
    comparison_tables,
    confusion_matrix,
    difference,
    false_alarms,
    join,
    object_scores,
    object_scores_of_masks,
    pixel_scores,
    score_tables,
    scores,
    tally,
)
from core.metrics.counting import of_counts
from core.metrics.edges import MARGIN_PX, edge_counts
from core.metrics.objects import object_counts, overlaps_of_polygons

RNG = np.random.default_rng(1)
BINARY, PAPER = SCHEMES["binary"], SCHEMES["paper"]
GRID = Grid((90, 130), Affine(0.5, 0, 388000, 0, -0.5, 3676000), CRS.from_epsg(32648))


@pytest.fixture(autouse=True)
def same_noise():
    """Give each test the same noise, whichever ran before."""
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


def smooth(shape, scale=6):
    """Return a field of blobs, so that masks have edges and objects."""
    field = np.kron(RNG.random((shape[0] // scale + 2, shape[1] // scale + 2)), np.ones((scale, scale)))
    return field[:shape[0], :shape[1]]


def a_map(shape=(90, 130)):
    reference = (smooth(shape) > 0.7).astype(np.uint8)
    reference[smooth(shape, 20) > 0.9] = 255
    probability = np.clip(0.45 * (reference == 1) + 0.7 * smooth(shape, 5), 0, 1).astype(np.float32)
    probability = np.rint(probability * 250).astype(np.float32) / 250
    predicted = (probability >= 0.6).astype(np.uint8)
    predicted[:4] = 255
    return reference, predicted, probability


def of_matrices(matrices, names=None):
    """Return a tally of confusion matrices, one a block, and of nothing else."""
    n = len(matrices)
    blocks = Blocks(tuple(names or (f"{i:06}" for i in range(n))), np.zeros(n, int), np.zeros(n, int))
    return of_counts(BINARY, blocks, {"confusion": np.asarray(matrices, np.int64), "odds": np.zeros((n, 2, 251), int)})


def test_a_whole_map_scores_as_each_function_does():
    reference, predicted, probability = a_map()
    report = scores(tally(reference, predicted, probability, scheme=BINARY, pixel_area_m2=0.25, least_px=1), 50)
    known = (reference != 255) & (predicted != 255)
    a, b = known & (reference == 1), known & (predicted == 1)
    matrix = confusion_matrix(reference, predicted, 2)
    assert report["confusion"] == matrix.tolist()
    assert {**report["pixel"], "kappa": None} == {**pixel_scores(matrix).as_dict(), "kappa": None}
    assert report["pixel"]["kappa"] == pytest.approx(sk.cohen_kappa_score(reference[known], predicted[known]))
    whole = object_scores_of_masks(a, b).as_dict()
    assert report["object"] == pytest.approx(whole) and 0 < whole["dp"] < 1
    assert report["boundary_f1"] == pytest.approx([boundary_f1(a, b, reach, known) for reach in (1, 3, 5)])
    assert report["landslide"]["iou"] == pytest.approx(sk.jaccard_score(reference[known], predicted[known]))
    alarms = false_alarms(reference, predicted, 1, 0.25).as_dict()
    assert report["false_alarms"] == pytest.approx(alarms)


def test_probabilities_score_as_in_scikit_learn():
    reference, predicted, probability = a_map()
    report = scores(tally(reference, predicted, probability, scheme=BINARY), 10)
    known = (reference != 255) & (predicted != 255)
    truth, odds = reference[known] == 1, probability[known]
    assert report["average_precision"] == pytest.approx(sk.average_precision_score(truth, odds))
    precision, recall, thresholds = sk.precision_recall_curve(truth, odds)
    at = np.rint(thresholds * 250).astype(int)
    assert np.asarray(report["curve"]["precision"], float)[at] == pytest.approx(precision[:-1], abs=1e-5)
    assert np.asarray(report["curve"]["recall"], float)[at] == pytest.approx(recall[:-1], abs=1e-5)
    place = np.clip(np.rint(odds * 250).astype(int) * 15 // 250, 0, 14)
    gaps = [abs(odds[place == k].sum(dtype=float) - truth[place == k].sum()) for k in range(15)]
    assert report["calibration_error"] == pytest.approx(sum(gaps) / known.sum(), abs=1e-6)
    assert sum(report["reliability"]["pixels"]) == known.sum()


def test_stored_probabilities_and_numbers_count_alike():
    reference, predicted, probability = a_map()
    probability[5, 5:50] = np.nan
    stored = np.where(np.isnan(probability), 255, np.rint(np.nan_to_num(probability) * 250)).astype(np.uint8)
    a, b = (tally(reference, predicted, p, scheme=BINARY) for p in (probability, stored))
    assert (a.odds == b.odds).all() and a.odds.sum() < a.confusion.sum()


def test_six_classes():
    reference, predicted = RNG.integers(0, 6, (2, 64, 64), dtype=np.uint8)
    report = scores(tally(reference, predicted, scheme=PAPER), 20)
    assert report["pixel"]["f1"] == pytest.approx(sk.f1_score(reference.ravel(), predicted.ravel(), average=None))
    assert report["landslide"]["f1"] == report["pixel"]["f1"][0]
    assert report["calibration_error"] is None and report["object"]["dp"] is None


@pytest.mark.parametrize("rows", [20, 33])
def test_blocks_and_strips_add_up_to_the_whole(rows):
    reference, predicted, probability = a_map()
    blocks = Blocks.of_grid(GRID, 10)
    whole = tally(reference, predicted, probability, scheme=BINARY, blocks=blocks)
    parts = join(tally(reference[a:a + rows], predicted[a:a + rows], probability[a:a + rows], scheme=BINARY,
                       blocks=blocks.strip(a, a + rows)) for a in range(0, 90, rows))
    assert len(whole.blocks) > 25 and (parts.blocks == whole.blocks).all()
    assert (parts.confusion == whole.confusion).all() and (parts.odds == whole.odds).all()
    known, a, b = reference != 255, reference == 1, predicted == 1
    padded = [np.pad(mask, ((MARGIN_PX, MARGIN_PX), (0, 0))) for mask in (a, b, known)]
    spread = Blocks(blocks.names, np.pad(blocks.rows, MARGIN_PX), blocks.columns)
    strips = [edge_counts(*(m[t:t + rows + 2 * MARGIN_PX] for m in padded), spread.strip(t, t + rows + 2 * MARGIN_PX),
                          MARGIN_PX) for t in range(0, 90, rows)]
    assert (sum(strips) == edge_counts(a, b, known, blocks)).all()


def test_blocks_lie_on_the_ground_wherever_a_raster_begins():
    blocks, part = Blocks.of_grid(GRID, 10), Blocks.of_grid(GRID.window(Window(17, 31, 60, 40)), 10)
    for row, column in ((0, 0), (39, 59), (12, 33)):
        here = blocks.names[blocks.rows[row + 31] + blocks.columns[column + 17]]
        assert part.names[part.rows[row] + part.columns[column]] == here
    assert np.bincount(blocks.columns).max() == 20
    with pytest.raises(InputError, match="block side"):
        Blocks.of_grid(GRID, 0)


def test_joining_chips_of_one_place_makes_one_block():
    chip = tally(*a_map(), scheme=BINARY, blocks="a")
    other = tally(*a_map(), scheme=BINARY, blocks="b")
    joined = join([other, chip, chip])
    assert joined.blocks.tolist() == ["a", "b"]
    assert (joined.confusion == np.stack([2 * chip.confusion[0], other.confusion[0]])).all()
    with pytest.raises(InputError, match="tallies"):
        join([])
    with pytest.raises(InputError, match="classes"):
        join([chip, tally(*a_map(), scheme=PAPER)])


def test_a_tally_survives_its_file(tmp_path):
    kept = tally(*a_map(), scheme=BINARY, blocks=Blocks.of_grid(GRID, 10), pixel_area_m2=0.25)
    kept.save(tmp_path / "counts.npz")
    read = Tally.read(tmp_path / "counts.npz")
    assert scores(read, 30) == scores(kept, 30)
    (tmp_path / "bad.npz").write_bytes((tmp_path / "counts.npz").read_bytes()[:400])
    for name in ("bad.npz", "none.npz"):
        with pytest.raises(InputError, match="Score the detection again"):
            Tally.read(tmp_path / name)


def test_the_same_seed_gives_the_same_interval():
    counts = tally(*a_map(), scheme=BINARY, blocks=Blocks.of_grid(GRID, 10))
    assert scores(counts, 200, seed=4) == scores(counts, 200, seed=4)
    assert scores(counts, 200, seed=4)["intervals"] != scores(counts, 200, seed=5)["intervals"]


def test_what_is_undefined_stays_none_and_one_block_has_no_interval():
    free = of_matrices([[[90, 10], [0, 0]]] * 9)
    report = json.loads(json.dumps(scores(free, 100), allow_nan=False))
    assert report["landslide"]["recall"] is None and report["intervals"]["landslide"]["recall"] is None
    assert report["pixel"]["recall"] == [0.9, None] and report["intervals"]["pixel"]["recall"] == [[0.9, 0.9], None]
    assert report["boundary_f1"] == [None] * 3 and report["intervals"]["object"]["dp"] is None
    one = scores(of_matrices([[[90, 10], [5, 5]]]), 100)
    assert one["landslide"]["iou"] == 0.25 and one["intervals"]["landslide"]["iou"] is None
    assert difference(free, free, 100)["landslide"]["recall"] is None
    assert "undefined" in comparison_tables(comparison({"a": free, "b": free}, 10))
    with pytest.raises(InputError, match="no labelled pixel"):
        scores(of_matrices([np.zeros((2, 2))]))


def test_a_class_of_one_block_is_drawn_only_where_it_is():
    """Draws without the block leave recall open; they count for nothing, not as 0."""
    lone = of_matrices([[[50, 0], [2, 8]]] + [[[60, 0], [0, 0]]] * 20)
    assert scores(lone, 300)["intervals"]["landslide"]["recall"] == [0.8, 0.8]


def test_a_map_equals_itself_and_a_better_one_is_better():
    matrices = RNG.integers(1, 60, (80, 2, 2))
    worse, better = of_matrices(matrices), of_matrices(matrices + [[0, 0], [-1, 1]] * (matrices[:, 1:, :1] > 0))
    same = difference(worse, worse, 200)
    assert same["landslide"]["iou"] == 0 and same["intervals"]["landslide"]["iou"] == [0, 0]
    apart = difference(worse, better, 200)
    low, high = apart["intervals"]["landslide"]["recall"]
    assert 0 < low < apart["landslide"]["recall"] < high
    back = difference(better, worse, 200)
    assert back["landslide"]["recall"] == pytest.approx(-apart["landslide"]["recall"])


def test_other_ground_cannot_be_compared():
    one = of_matrices([[[9, 1], [1, 9]]] * 3)
    for other in (of_matrices([[[9, 2], [1, 9]]] * 3), of_matrices([[[9, 1], [1, 9]]] * 3, "xyz"),
                  replace(one, classes=np.asarray(["landslide", "other"]))):
        with pytest.raises(InputError, match="different ground"):
            difference(one, other)


def simulated(blocks, skill, ground):
    """Return confusion matrices of blocks of different sizes, in each of which the model has a skill of its own."""
    sizes = np.stack([200 + 100 * ground[:blocks], 40 + 60 * ground[:blocks]], -1).astype(int)
    right = RNG.binomial(sizes, skill)
    wrong = sizes - right
    return np.stack([np.stack([right[:, 0], wrong[:, 0]], -1), np.stack([wrong[:, 1], right[:, 1]], -1)], 1)


def test_intervals_cover_the_truth_in_about_95_of_100_cases():
    cases, blocks, hits = 200, 120, dict.fromkeys(("iou", "recall", "precision"), 0)
    ground = RNG.random(400_000)
    every = simulated(len(ground), np.stack([RNG.beta(18, 2, len(ground)), RNG.beta(6, 3, len(ground))], -1), ground)
    truth = scores(of_matrices(every.sum(0)[None]), 1)["landslide"]
    for case in range(cases):
        drawn = RNG.choice(len(every), blocks)
        intervals = scores(of_matrices(every[drawn]), 400, seed=case)["intervals"]["landslide"]
        for name in hits:
            hits[name] += intervals[name][0] <= truth[name] <= intervals[name][1]
    assert all(0.90 <= count / cases <= 0.985 for count in hits.values()), hits


def test_an_interval_is_that_of_theory_where_there_is_one():
    """Blocks of equal size: accuracy is a mean, and its 95 % interval 1.96 standard errors to either side."""
    right = RNG.integers(50, 101, 400)
    zeros = np.zeros(400, int)
    counts = of_matrices(np.stack([np.stack([right, 100 - right], -1), np.stack([zeros, zeros], -1)], 1))
    low, high = scores(counts)["intervals"]["pixel"]["overall_accuracy"]
    error = 1.96 * right.std() / 100 / 20
    assert (low, high) == pytest.approx((right.mean() / 100 - error, right.mean() / 100 + error), abs=0.08 * error)


def test_pairs_are_told_apart_better_than_by_their_own_intervals():
    """Two models that find the same ground hard: the difference is known far better than either score."""
    ground = RNG.random(150)
    hard = np.stack([0.8 + 0.19 * ground, 0.3 + 0.6 * ground], -1)
    first, other = (of_matrices(simulated(150, np.clip(hard + better, 0, 1), ground)) for better in (0, 0.03))
    other = replace(other, confusion=other.confusion)
    apart = difference(first, other)["intervals"]["landslide"]["iou"]
    own = [scores(t)["intervals"]["landslide"]["iou"] for t in (first, other)]
    unpaired = float(np.hypot(*(high - low for low, high in own)))
    assert apart[0] > 0
    assert apart[1] - apart[0] < 0.6 * unpaired


def test_blocks_of_pixels_that_err_together_give_wider_intervals():
    """Errors come in patches of 20 pixels: single pixels as blocks pretend to know much more than there is."""
    reference = np.kron(RNG.integers(0, 2, (20, 20)), np.ones((20, 20))).astype(np.uint8)
    wrong = np.kron(RNG.random((20, 20)) < 0.2, np.ones((20, 20))).astype(np.uint8)
    grid = Grid((400, 400), GRID.transform, GRID.crs)

    def width(side_m):
        counts = tally(reference, reference ^ wrong, scheme=BINARY, blocks=Blocks.of_grid(grid, side_m))
        low, high = scores(counts, 100)["intervals"]["pixel"]["overall_accuracy"]
        return high - low
    assert width(10) > 3 * width(2)


def test_thousands_of_blocks_are_drawn_in_a_moment():
    counts = of_matrices(RNG.integers(1, 99, (5000, 2, 2)))
    began = time.process_time()
    scores(counts)
    assert time.process_time() - began < 10


def test_size_classes_and_blocks_of_objects():
    slides = [box(0, 0, 5, 10), box(100, 0, 120, 20), box(300, 0, 500, 90), box(1000, 0, 1010, 9)]
    found = [box(0, 0, 5, 10), box(100, 0, 120, 16), box(0, 500, 30, 530)]
    counts = object_counts(overlaps_of_polygons(slides, found), np.array([0, 1, 1, 1]), np.array([0, 1, 0]), 2)
    assert counts.shape[:2] == (2, 4) and counts[..., 0].tolist() == [[1, 0, 0, 0], [1, 1, 0, 1]]
    assert counts.sum(0)[:, 1].tolist() == [1, 1, 0, 0]
    assert counts[0, :, 6].tolist() == [0, 1, 0, 0] and counts[..., 7].sum() == 1
    assert object_scores(slides, found).dp == 0.5
    half = object_counts(overlaps_of_polygons(slides, found, unit=0.25))
    assert half[0, :, 0].tolist() == [2, 1, 1, 0] and half[..., 3].sum() == counts[..., 3].sum() / 4


def test_small_objects_are_left_out_of_chips_and_labels_must_be_classes():
    reference, predicted = np.zeros((2, 40, 40), np.uint8)
    reference[5:15, 5:15], predicted[5:15, 5:15], predicted[30, 30:33] = 1, 1, 1
    assert scores(tally(reference, predicted, scheme=BINARY, pixel_area_m2=1.0), 9)["object"]["ce"] == 0
    assert scores(tally(reference, predicted, scheme=BINARY, pixel_area_m2=1.0, least_px=3), 9)["object"]["ce"] == 0.5
    reference[0, 0] = 7
    with pytest.raises(InputError, match=r"\[7\]"):
        tally(reference, predicted, scheme=BINARY)
    with pytest.raises(InputError, match="shape"):
        tally(reference, predicted[1:], scheme=BINARY)


def test_tables_are_laid_out_as_the_papers():
    counts = tally(*a_map(), scheme=BINARY, blocks=Blocks.of_grid(GRID, 10), pixel_area_m2=0.25)
    text = comparison_tables(comparison({"one": counts, "two|three": counts}, 100))
    assert "| F1 by class | other | landslide | average recall | average F1 | OA | kappa |" in text
    assert "| landslides | DP | QP | OE | CE | DP by area | CE by area |" in text
    assert text.count("| two\\|three |") == 6 and "+0.000 [+0.000, +0.000]" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert "100 draws" in text and all(line.endswith("|") for line in lines)
    alone = score_tables({"name": "one", **scores(counts, 100)})
    assert "| landslides by size | under 100 m² |" in alone and "\n| in the reference | " in alone
