"""Where training windows are centred: on a regular grid, or on superpixels so that the classes get near equal shares.

Xia et al. 2019 (10.3390/rs11212523) call their sets *original*, *MUS1* and *MUS2*. The procedure here is ours:

- ``original``: windows on a regular grid from the upper left corner, side by side. The classes come as they lie.
- ``mus1``: the image is cut into superpixels (SLIC, Achanta et al. 2012, 10.1109/TPAMI.2012.120) with sides of about
  an eighth of a window. A superpixel belongs to the class that most of its pixels have. Windows are centred on
  superpixels, drawn class by class: each time the class that has the fewest pixels in the windows drawn so far draws
  one of its superpixels at random. None is drawn twice before all of its class were, and none more than ``MOST`` times.
- ``mus2``: half of the windows as in ``mus1``. A window brings its surroundings along, and an object smaller than a
  superpixel has no superpixel of its own, so shares stay unequal. The second half is therefore drawn from superpixels
  half as large, and by what the windows hold: of ``LOOK`` superpixels of the poorest class that one whose window makes
  the shares most equal (the smallest sum of their squares).

Where a class is so rare or so scattered that no window holds much of it, the shares come as near as ``MOST`` lets
them. Unlabelled pixels count for nothing: superpixels that are unlabelled for the most part are none, and a window is
left out when too little of it is labelled. SLIC works on blocks of the image around its labels, on every second pixel
of them where superpixels are large enough, so memory does not grow with the scene.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

from core.errors import InputError, unknown_name
from core.windows import blocks

METHODS = ("original", "mus1", "mus2")
BLOCK_PX = 1024
LOOK = 32
MOST = 8

Label = NDArray[np.uint8]
Indexes = NDArray[np.int64]


def centres(label: Label, image: NDArray[np.uint8], window_px: int, method: str, classes: int, seed: int, *,
            count: int | None = None, least_labelled: float = 0.5) -> Indexes:
    """Return (n, 2) rows and columns of the windows' centres in one image; see ``windows``."""
    found = windows([(label, image)], window_px, method, classes, seed, count=count, least_labelled=least_labelled)
    return found[:, 1:]


def windows(pieces: Sequence[tuple[Label, NDArray[np.uint8]]], window_px: int, method: str, classes: int, seed: int, *,
            count: int | None = None, least_labelled: float = 0.5) -> Indexes:
    """Choose windows over any number of images, whose class shares are balanced together.

    Args:
        pieces: For each image its label (h, w) uint8, of which values from ``classes`` on (255) are unlabelled, and its
            pixels (3, h, w) uint8.
        window_px: Side of a window; one with centre c reaches from ``c - window_px // 2`` on, also over the edge.
        method: One of ``METHODS``.
        classes: Number of classes.
        seed: Of the draws; the same seed gives the same windows.
        count: Windows to draw, by default as many as ``original`` has. There may be fewer.
        least_labelled: Share of a window's pixels, as far as it could lie in its image, that must be labelled.

    Returns:
        (n, 3) int64: number of the image, row and column of the centre. Windows may repeat in ``mus1`` and ``mus2``.

    Raises:
        UnknownNameError: There is no such method.
        InputError: No window is labelled enough.
    """
    if method not in METHODS:
        raise unknown_name("sampling method", method, list(METHODS))
    random = np.random.default_rng(seed)
    grid, _ = _labelled(pieces, [_lattice(label, window_px) for label, _ in pieces], window_px, classes, least_labelled)
    count = len(grid) if count is None else count
    if method == "original":
        return grid if count >= len(grid) else grid[np.sort(random.choice(len(grid), count, replace=False))]
    totals = np.zeros(classes)
    stages = [(8, 1, count)] if method == "mus1" else [(8, 1, count - count // 2), (16, LOOK, count // 2)]
    drawn = []
    for parts, look, share in stages:
        side = max(4, window_px // parts)
        found = [superpixels(label, image, side, classes) for label, image in pieces]
        places, held = _labelled(pieces, found, window_px, classes, least_labelled)
        drawn.append(places[_draw(held, places[:, 3], totals, share, look, random), :3])
    return np.concatenate(drawn)


def class_shares(label: Label, centres: Indexes, window_px: int, classes: int) -> NDArray[np.float64]:
    """Return each class's share of the labelled pixels over all windows, (classes,), summing to 1.

    Args:
        label: (h, w) uint8; values from ``classes`` on are unlabelled.
        centres: (n, 2) rows and columns.
        window_px: Side of a window.
        classes: Number of classes.
    """
    held = window_counts(label, centres, window_px, classes).sum(0)
    return held / max(1, int(held.sum()))


def window_counts(label: Label, centres: Indexes, window_px: int, classes: int) -> Indexes:
    """Count each class's pixels in each window, (n, classes) int64, from summed-area tables of strips of the label."""
    height, width = label.shape
    starts = centres - window_px // 2
    counts = np.zeros((len(centres), classes), np.int64)
    for band in range(0, height, BLOCK_PX):
        inside = np.flatnonzero((centres[:, 0] >= band) & (centres[:, 0] < band + BLOCK_PX))
        if not len(inside):
            continue
        first, last = max(0, starts[inside, 0].min()), min(height, starts[inside, 0].max() + window_px)
        upper, lower = ((starts[inside, 0] + reach).clip(first, last) - first for reach in (0, window_px))
        left, right = ((starts[inside, 1] + reach).clip(0, width) for reach in (0, window_px))
        table = np.zeros((last - first + 1, width + 1), np.int32)
        for value in range(classes):
            np.cumsum(label[first:last] == value, 0, out=table[1:, 1:])
            np.cumsum(table, 1, out=table)
            counts[inside, value] = table[lower, right] - table[upper, right] - table[lower, left] + table[upper, left]
    return counts


def superpixels(label: Label, image: NDArray[np.uint8], side_px: int, classes: int) -> Indexes:
    """Cut the labelled parts of an image into superpixels.

    Args:
        label: (h, w) uint8; values from ``classes`` on are unlabelled.
        image: (3, h, w) uint8.
        side_px: Their side, roughly.
        classes: Number of classes.

    Returns:
        (n, 3) int64: row and column of the centre of its class's pixels, and the class.
    """
    found = [np.zeros((0, 3), np.int64)]
    step = 2 if side_px >= 16 else 1
    for window in blocks((label.shape[0], label.shape[1]), BLOCK_PX):
        known = label[window.toslices()] < classes
        if not known.any():
            continue
        rows, columns = (np.flatnonzero(known.any(axis)) for axis in (1, 0))
        top, left = window.row_off + rows[0], window.col_off + columns[0]
        where = np.s_[top:window.row_off + rows[-1] + 1:step, left:window.col_off + columns[-1] + 1:step]
        kinds = np.minimum(label[where], classes).astype(np.int64)
        number = max(1, round(kinds.size * step**2 / side_px**2))
        segments = slic(np.moveaxis(image[(slice(None), *where)], 0, -1), number, compactness=10, max_num_iter=5,
                        start_label=0, channel_axis=-1)
        many = int(segments.max()) + 1
        main = np.bincount((segments * (classes + 1) + kinds).ravel(), minlength=many * (classes + 1)) \
            .reshape(many, classes + 1).argmax(1)
        y, x = np.nonzero(kinds == main[segments])
        own = segments[y, x]
        size = np.bincount(own, minlength=many)
        middle = [np.bincount(own, at, many) / size for at in (y, x)]
        centre = np.stack([*middle, main], 1).round().astype(np.int64) * (step, step, 1) + (top, left, 0)
        found.append(centre[main < classes])
    return np.concatenate(found)


def _lattice(label: Label, window_px: int) -> Indexes:
    rows, columns = (np.arange(min(window_px // 2, side // 2), side, window_px) for side in label.shape)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)


def _labelled(pieces: Sequence[tuple[Label, NDArray[np.uint8]]], found: list[Indexes], window_px: int, classes: int,
              least: float) -> tuple[Indexes, Indexes]:
    """Return the windows of all images that are labelled enough, with the image's number first, and what they hold."""
    places, held = [], []
    for number, ((label, _), each) in enumerate(zip(pieces, found, strict=True)):
        counts = window_counts(label, each[:, :2], window_px, classes)
        full = min(window_px, label.shape[0]) * min(window_px, label.shape[1])
        enough = (counts.sum(1) >= least * full) & (counts.sum(1) > 0)
        places.append(np.insert(each[enough], 0, number, 1))
        held.append(counts[enough])
    if not any(len(each) for each in places):
        raise InputError("labels", got=f"no window of {window_px} pixels with {least:.0%} of them labelled",
                         expected="at least one", remedy="Use smaller windows, or ask for a smaller labelled share.")
    return np.concatenate(places), np.concatenate(held)


def _draw(held: Indexes, kinds: Indexes, totals: NDArray[np.float64], count: int, look: int,
          random: np.random.Generator) -> Indexes:
    """Draw up to ``count`` candidates class by class, always for the class that is poorest in ``totals``, which grow.

    Of the next ``look`` candidates of a class, that one is taken whose window leaves the shares most equal.
    """
    queues = {int(k): random.permuted(np.tile(np.flatnonzero(kinds == k), (MOST, 1)), axis=1).ravel()
              for k in np.unique(kinds)}
    taken = dict.fromkeys(queues, 0)
    drawn: list[int] = []
    while queues and len(drawn) < count:
        poorest = min(queues, key=lambda k: (totals[k], k))
        queue, at = queues[poorest], taken[poorest]
        round_ends = at - at % (len(queue) // MOST) + len(queue) // MOST
        ahead = queue[at:min(at + look, round_ends)]
        sums = totals + held[ahead]
        best = int(((sums / sums.sum(1, keepdims=True)) ** 2).sum(1).argmin())
        ahead[[0, best]] = ahead[[best, 0]]
        drawn.append(int(ahead[0]))
        totals += held[ahead[0]]
        taken[poorest] += 1
        if taken[poorest] == len(queue):
            del queues[poorest]
    return np.array(drawn, np.int64)
