"""Images of the same ground: copies, near-copies and overlapping neighbours, found by perceptual hashes.

Training chips are often cut from one large image with overlaps, and their names do not say so. Grey values tell:

- The same picture: where it gets brighter from cell to cell, along the rows of a picture averaged to 16 x 17 cells (256
  bits). Pictures that differ in at most ``SAME_BITS`` are near-copies, at whatever size; unrelated ones differ in about
  half of them.
- The same ground at the same scale: around each spot that is brighter than its surroundings, the same on 8 x 9 points
  5 pixels apart (64 bits). Spots lie where the ground has them, so where two pictures overlap they share spots with
  equal bits, all shifted alike. ``SAME_SPOTS`` of one shift make an overlap.

Neither sees through rotation, another season or another sensor. Pairs are joined to groups (union-find).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, uniform_filter

from core.errors import InputError

SAME_BITS = 48
SAME_SPOTS = 2
CROWD = 10
"""Bits that more spots than this share are those of a texture, and say nothing."""

_REACH = np.arange(-20, 21, 5)


@dataclass(frozen=True)
class Print:
    """What is remembered of a picture.

    Attributes:
        cells: (256,) bool: where the averaged picture gets brighter to the right.
        spots: (m,) uint64: the bits around each spot.
        places: (m, 2) int: their rows and columns.
    """

    cells: NDArray[np.bool_]
    spots: NDArray[np.uint64]
    places: NDArray[np.int64]


def fingerprint(path: Path) -> Print:
    """Take a picture's fingerprint.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with Image.open(path) as picture:
            grey = picture.convert("L")
            small = np.asarray(grey.resize((17, 16), Image.Resampling.BOX), np.float32)
            values = np.asarray(grey, np.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"image {path.name}", got="a file that cannot be read", expected="a whole JPEG or PNG",
                         remedy="Copy the file again.") from error
    smooth = uniform_filter(uniform_filter(values, 7), 7)
    bright = smooth - uniform_filter(uniform_filter(smooth, 9), 9)
    inner = np.zeros(bright.shape, bool)
    inner[20:-20, 20:-20] = True
    rows, columns = np.nonzero((bright == maximum_filter(bright, 21)) & (bright > 1) & inner)
    around = smooth[rows[:, None, None] + _REACH[:8, None], columns[:, None, None] + _REACH]
    bits = np.packbits((around[:, :, 1:] > around[:, :, :-1]).reshape(len(rows), 64), axis=1)
    return Print((small[:, 1:] > small[:, :-1]).ravel(), bits.view(np.uint64).ravel(), np.stack([rows, columns], 1))


def same_ground(prints: Sequence[Print]) -> set[tuple[int, int]]:
    """Return the pairs (i < j) of pictures that show the same ground."""
    return _near_copies(prints) | _overlaps(prints)


def groups(prints: Sequence[Print]) -> list[list[int]]:
    """Return the pictures in groups that share no ground, each in order, ordered by their first."""
    parent = list(range(len(prints)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in same_ground(prints):
        low, high = sorted((root(i), root(j)))
        parent[high] = low
    found: dict[int, list[int]] = {}
    for i in range(len(prints)):
        found.setdefault(root(i), []).append(i)
    return list(found.values())


def _near_copies(prints: Sequence[Print]) -> set[tuple[int, int]]:
    cells = np.array([each.cells for each in prints], np.float32).reshape(-1, 256)
    pairs = set()
    for first in range(0, len(cells), 1024):
        rows = cells[first:first + 1024]
        differ = rows @ (1 - cells).T + (1 - rows) @ cells.T
        found = np.nonzero(differ <= SAME_BITS)
        pairs |= {(i + first, j) for i, j in zip(*(each.tolist() for each in found), strict=True) if i + first < j}
    return pairs


def _overlaps(prints: Sequence[Print]) -> set[tuple[int, int]]:
    owner = np.concatenate([np.zeros(0, int), *(np.full(len(each.spots), i) for i, each in enumerate(prints))])
    spots = np.concatenate([np.zeros(0, np.uint64), *(each.spots for each in prints)])
    places = np.concatenate([np.zeros((0, 2), int), *(each.places for each in prints)])
    order = np.argsort(spots, kind="stable")
    shared: Counter[tuple[int, int, int, int]] = Counter()
    for alike in np.split(order, np.flatnonzero(np.diff(spots[order])) + 1):
        if 2 <= len(alike) <= CROWD:
            for a, b in combinations(alike, 2):  # the stable order keeps the owners ascending
                if owner[a] != owner[b]:
                    shared[owner[a], owner[b], *(places[a] - places[b])] += 1
    return {(int(i), int(j)) for (i, j, _, _), number in shared.items() if number >= SAME_SPOTS}
