"""Sampling: windows on superpixels bring the shares of a skewed map near each other; a grid leaves them as they are."""

import numpy as np
import pytest

from core.errors import InputError, UnknownNameError
from core.training.sampling import centres, class_shares, superpixels, window_counts, windows

SIDE, WINDOW = 1024, 64


def skewed() -> tuple[np.ndarray, np.ndarray]:
    """Return a label of 95, 4 and 1 % with an unlabelled corner, and an image that shows it."""
    random = np.random.default_rng(3)
    label = np.zeros((SIDE, SIDE), np.uint8)
    for value, side, number in ((1, 65, 10), (2, 51, 4)):
        for spot in random.choice(64, number, replace=False):
            row, column = spot // 8 * 128 + 64 * (value - 1), spot % 8 * 128
            label[row:row + side, column:column + side] = value
    image = np.array([[70, 90, 60], [120, 110, 90], [170, 140, 120]], np.uint8)[label].transpose(2, 0, 1)
    image = (image + random.integers(-8, 9, image.shape)).astype(np.uint8)
    label[-200:, -200:] = 255
    return label, image


LABEL, IMAGE = skewed()
TRUE = np.bincount(LABEL[LABEL < 255], minlength=3) / (LABEL < 255).sum()


def test_the_map_is_skewed_and_a_grid_leaves_it_so() -> None:
    np.testing.assert_allclose(TRUE, [0.95, 0.04, 0.01], atol=0.008)
    found = centres(LABEL, IMAGE, WINDOW, "original", 3, 0)
    np.testing.assert_allclose(class_shares(LABEL, found, WINDOW, 3), TRUE, atol=0.01)
    assert len(np.unique(found, axis=0)) == len(found)


@pytest.mark.parametrize("method", ["mus1", "mus2"])
def test_superpixels_bring_the_shares_near_each_other(method: str) -> None:
    found = centres(LABEL, IMAGE, WINDOW, method, 3, 0)
    shares = class_shares(LABEL, found, WINDOW, 3)
    assert shares.sum() == pytest.approx(1)
    assert (np.abs(np.log(shares * 3)) < np.log(1.3)).all(), shares
    assert len(found) == len(centres(LABEL, IMAGE, WINDOW, "original", 3, 0))
    assert np.unique(found, axis=0, return_counts=True)[1].max() <= 16


def test_the_second_stage_finds_what_is_smaller_than_a_superpixel() -> None:
    label = np.zeros((512, 512), np.uint8)
    image = np.full((3, 512, 512), 80, np.uint8)
    for row in range(40, 500, 60):
        for column in range(40, 500, 60):
            label[row:row + 9, column:column + 9] = 1
            image[:, row:row + 9, column:column + 9] = 200
    first, second = (class_shares(label, centres(label, image, 128, method, 2, 0, count=60), 128, 2)[1]
                     for method in ("original", "mus2"))
    assert first == pytest.approx((label == 1).mean(), abs=0.01)
    assert second > first


def test_the_seed_alone_decides() -> None:
    one, same, other = (centres(LABEL, IMAGE, WINDOW, "mus2", 3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_unlabelled_ground_is_neither_counted_nor_visited() -> None:
    label = np.full_like(LABEL, 255)
    label[300:700, 300:700] = LABEL[300:700, 300:700]
    assert len(np.unique(label)) == 4
    for method in ("original", "mus1", "mus2"):
        found = centres(label, IMAGE, WINDOW, method, 3, 0)
        counts = window_counts(label, found, WINDOW, 3)
        assert (counts.sum(1) >= WINDOW**2 / 2).all()
        assert class_shares(label, found, WINDOW, 3).sum() == pytest.approx(1)
    rows, columns, kinds = superpixels(label, IMAGE, 16, 3).T
    assert ((rows >= 300) & (rows < 700) & (columns >= 300) & (columns < 700) & (kinds < 3)).all()


def test_windows_count_what_they_hold_also_over_the_edge() -> None:
    random = np.random.default_rng(0)
    label = random.choice(np.array([0, 1, 2, 255], np.uint8), (1100, 70))
    places = np.stack([random.integers(0, side, 200) for side in label.shape], 1)
    padded = np.pad(label, 41, constant_values=255)
    wanted = [[(padded[r + 21:r + 62, c + 21:c + 62] == value).sum() for value in range(3)] for r, c in places]
    np.testing.assert_array_equal(window_counts(label, places, 41, 3), wanted)


def test_images_are_balanced_together() -> None:
    pieces = [(np.full((size, 90), value, np.uint8), np.full((3, size, 90), 50 + value, np.uint8))
              for size, value in ((200, 0), (90, 1), (12, 1))]
    found = windows(pieces, WINDOW, "mus1", 2, 0, count=40)
    held = sum(window_counts(label, found[found[:, 0] == i, 1:], WINDOW, 2).sum(0)
               for i, (label, _) in enumerate(pieces))
    assert held[0] / held.sum() == pytest.approx(0.5, abs=0.05)


def test_what_cannot_be_sampled_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="mus1"):
        centres(LABEL, IMAGE, WINDOW, "grid", 3, 0)
    with pytest.raises(InputError, match="smaller windows"):
        centres(np.full_like(LABEL, 255), IMAGE, WINDOW, "mus1", 3, 0)
