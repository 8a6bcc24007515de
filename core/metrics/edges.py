"""Scores along the edges of two masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.compiled import kernel
from core.metrics.basics import Numbers, ratio
from core.metrics.blocks import Blocks

REACHES_PX = (1, 3, 5)

MARGIN_PX = max(REACHES_PX) + 1
"""Rows around a strip in which the edges lie that its own may match."""


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
    counts = edge_counts(reference, predicted, known, Blocks.one("", reference.shape), reaches_px=(pixels,))
    return float(edge_figures(counts[0])[0])


def edge_counts(reference: NDArray[np.bool_], predicted: NDArray[np.bool_], valid: NDArray[np.bool_], blocks: Blocks,
                margin: int = 0, reaches_px: tuple[float, ...] = REACHES_PX) -> NDArray[np.int64]:
    """Count edge pixels by block, and those with an edge of the other mask within each reach; counts of strips add up.

    Args:
        reference: bool (rows, columns).
        predicted: bool, same shape.
        valid: bool, same shape; see ``boundary_f1``.
        blocks: Block of each pixel.
        margin: Rows at the top and the bottom that are looked at but not counted: with ``MARGIN_PX`` of them the counts
            of strips add up to those of the whole.
        reaches_px: Reaches in pixels.

    Returns:
        int64 (blocks, 2, 1 + reaches): predicted edges, then the reference's: all, then those within each reach.
    """
    edges = _edge(predicted, valid), _edge(reference, valid)
    counts = np.zeros((len(blocks.names), 2, 1 + len(reaches_px)), np.int64)
    far = max(reaches_px)
    for side, (own, other) in enumerate((edges, edges[::-1])):
        rows, columns = np.nonzero(own[margin:len(own) - margin])
        rows += margin
        squared = np.empty(len(rows), np.int64)
        _nearest(rows, columns, other, int(far), squared)
        place = blocks.rows[rows] + blocks.columns[columns]
        for k, reach in enumerate((np.inf, *reaches_px)):
            counts[:, side, k] = np.bincount(place[squared <= reach * reach], minlength=len(blocks.names))
    return counts


@kernel
def _nearest(rows, columns, edges, reach, squared):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Find the squared distance from each place to the nearest edge at most ``reach`` rows and columns away."""
    height, width = edges.shape
    for i in range(len(rows)):
        best = np.int64(2 * (reach + 1) ** 2)
        for y in range(max(rows[i] - reach, 0), min(rows[i] + reach + 1, height)):
            for x in range(max(columns[i] - reach, 0), min(columns[i] + reach + 1, width)):
                if edges[y, x]:
                    best = min(best, (y - rows[i]) ** 2 + (x - columns[i]) ** 2)
        squared[i] = best


def _edge(mask: NDArray[np.bool_], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    solid = mask | ~valid
    inner = solid.copy()
    inner[1:] &= solid[:-1]
    inner[:-1] &= solid[1:]
    inner[:, 1:] &= solid[:, :-1]
    inner[:, :-1] &= solid[:, 1:]
    return mask & valid & ~inner


def edge_figures(counts: NDArray[np.int64] | Numbers) -> Numbers:
    """Return boundary F1 for any number of tables at once.

    Args:
        counts: (..., 2, 1 + reaches); see ``edge_counts``.

    Returns:
        (..., reaches), NaN where neither mask has an edge, 0 where one has.
    """
    precision, recall = np.moveaxis(np.nan_to_num(ratio(counts[..., 1:], counts[..., :1])), -2, 0)
    f1 = np.nan_to_num(ratio(2 * precision * recall, precision + recall))
    return np.where(counts[..., :1].any(-2), f1, np.nan)
