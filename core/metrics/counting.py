"""What was counted where: enough to score a map, to give each score an interval, and to compare two maps."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.compiled import kernel
from core.config import CLASS_NODATA, PROBABILITY_NODATA, ClassScheme
from core.errors import InputError
from core.files import write_atomic
from core.metrics.basics import Numbers, same_shape
from core.metrics.blocks import Blocks
from core.metrics.calibration import VALUES
from core.metrics.edges import REACHES_PX, edge_counts
from core.metrics.objects import COLUMNS, EIGHT, SIZE_NAMES, object_counts, overlaps_of_labels
from core.metrics.pixels import check_labels, no_class

COUNTS = ("confusion", "odds", "edges", "objects", "ground_m2")


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one map against one reference, block by block.

    Attributes:
        classes: (k,) class names, in the order of the labels.
        blocks: (n,) names of the blocks, sorted, each once.
        confusion: int64 (n, k, k) pixels, ``[reference, predicted]``.
        odds: int64 (n, 2, 251) pixels by stored landslide probability: other ground, then landslides.
        edges: int64 (n, 2, 1 + reaches) of the landslides' edges; see ``edge_counts``.
        objects: float64 (n, size classes, columns) of landslides as objects, in m2; see ``object_counts``.
        ground_m2: float64 (n,) area without landslides; NaN where the pixels' size is not known.
    """

    classes: NDArray[np.str_]
    blocks: NDArray[np.str_]
    confusion: NDArray[np.int64]
    odds: NDArray[np.int64]
    edges: NDArray[np.int64]
    objects: Numbers
    ground_m2: Numbers

    @property
    def landslide(self) -> int:
        """Label of the landslide class."""
        return self.classes.tolist().index("landslide")

    def save(self, path: Path) -> None:
        """Write it as a compressed NumPy archive, atomically."""
        content = io.BytesIO()
        np.savez_compressed(content, **{field.name: getattr(self, field.name) for field in fields(self)})
        write_atomic(path, content.getvalue())

    @classmethod
    def read(cls, path: Path) -> Tally:
        """Read what ``save`` wrote.

        Raises:
            InputError: The file is not there or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                return cls(**{field.name: archive[field.name] for field in fields(cls)})
        except (OSError, ValueError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(f"counts {path.name}", got="a file that cannot be read",
                             expected="a .npz that 'scarp evaluate --json' wrote",
                             remedy="Score the detection again.") from error


def tally(reference: NDArray[np.uint8], predicted: NDArray[np.uint8], probability: NDArray[np.generic] | None = None,
          *, scheme: ClassScheme, blocks: Blocks | str = "", pixel_area_m2: float | None = None,
          least_px: int = 8) -> Tally:
    """Count everything that is scored on one array: a chip, or a scene that fits into memory.

    Args:
        reference: uint8 (height, width) labels of the scheme, 255 where unknown.
        predicted: uint8 (height, width) labels of the scheme, 255 where nothing was predicted.
        probability: (height, width) of landslide: a float of 0 to 1, NaN where unknown, or uint8 as stored. Left out,
            nothing can be said about calibration.
        scheme: The classes.
        blocks: Blocks of ground for intervals, or the name of the one block that this array is: give arrays of one
            place one name.
        pixel_area_m2: Area of a pixel; left out, landslides are not counted as objects.
        least_px: Objects of fewer pixels are left out, in the reference too; they belong to the block of their first
            pixel.

    Raises:
        InputError: The shapes differ, or a label is no class.
    """
    where = Blocks.one(blocks, reference.shape) if isinstance(blocks, str) else blocks
    counts = count_pixels(reference, predicted, probability, scheme, where)
    known = (reference != CLASS_NODATA) & (predicted != CLASS_NODATA)
    masks = [known & (labels == scheme.landslide) for labels in (reference, predicted)]
    counts["edges"] = edge_counts(masks[0], masks[1], known, where)
    if pixel_area_m2 is not None:
        counts["ground_m2"] = ground_pixels(counts["confusion"], scheme.landslide) * pixel_area_m2
        (a, a_block), (b, b_block) = (_numbered(mask, where, least_px) for mask in masks)
        counts["objects"] = object_counts(overlaps_of_labels(a, b, pixel_area_m2), a_block, b_block, len(where.names))
    return of_counts(scheme, where, counts)


def of_counts(scheme: ClassScheme, blocks: Blocks, counts: dict[str, NDArray[np.generic]]) -> Tally:
    """Return a tally of counts by block; blocks without any are left out, counts that were not made are none."""
    n, k = len(blocks.names), len(scheme.names)
    full = {"edges": np.zeros((n, 2, 1 + len(REACHES_PX)), np.int64), "ground_m2": np.full(n, np.nan),
            "objects": np.zeros((n, len(SIZE_NAMES), len(COLUMNS))), **counts}
    seen = full["confusion"].reshape(n, k * k).any(1) | full["objects"].reshape(n, -1).any(1)
    names = np.asarray(blocks.names)[seen]
    order = np.argsort(names)
    return Tally(np.asarray(scheme.names), names[order], **{name: full[name][seen][order] for name in COUNTS})


def join(tallies: Iterable[Tally]) -> Tally:
    """Add up tallies of one scheme, such as those of all chips; blocks of one name become one.

    Raises:
        InputError: There is none, or their classes differ.
    """
    parts = list(tallies)
    if not parts or any(part.classes.tolist() != parts[0].classes.tolist() for part in parts):
        raise InputError("tallies", got="none" if not parts else "different classes",
                         expected="one or more of one scheme", remedy="Score something, by one class scheme.")
    names, place = np.unique(np.concatenate([part.blocks for part in parts]), return_inverse=True)

    def summed(name: str) -> NDArray[Any]:
        values = np.concatenate([getattr(part, name) for part in parts])
        total = np.zeros((len(names), *values.shape[1:]), values.dtype)
        np.add.at(total, place, values)
        return total

    return Tally(parts[0].classes, names, **{name: summed(name) for name in COUNTS})


def count_pixels(reference: NDArray[np.uint8], predicted: NDArray[np.uint8], probability: NDArray[np.generic] | None,
                 scheme: ClassScheme, blocks: Blocks) -> dict[str, NDArray[np.generic]]:
    """Return ``confusion`` and ``odds`` by block, as ``Tally`` has them; see ``tally``."""
    check_labels(reference, predicted)
    stored = np.full(reference.shape, PROBABILITY_NODATA, np.uint8) if probability is None else _stored(probability)
    same_shape(reference, stored)
    n, k = len(blocks.names), len(scheme.names)
    confusion, odds = np.zeros((n, k, k), np.int64), np.zeros((n, 2, VALUES), np.int64)
    strange = _count(reference, predicted, stored, blocks.rows, blocks.columns, scheme.landslide, confusion, odds)
    if strange >= 0:
        raise no_class([int(strange)], k)
    return {"confusion": confusion, "odds": odds}


def ground_pixels(confusion: NDArray[np.generic], landslide: int) -> NDArray[np.int64]:
    """Return how many pixels of each block are known not to be landslide."""
    pixels = confusion.sum(-1)
    return pixels.sum(-1) - pixels[:, landslide]


def _stored(probability: NDArray[Any]) -> NDArray[np.uint8]:
    if probability.dtype == np.uint8:
        return probability
    value = np.nan_to_num(probability * (VALUES - 1), nan=PROBABILITY_NODATA)
    return np.rint(value).astype(np.uint8)


def _numbered(mask: NDArray[np.bool_], blocks: Blocks, least_px: int) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Number the objects of a mask that are large enough; return also the block of each."""
    labels, count = ndimage.label(mask, EIGHT)
    keep = np.bincount(labels.ravel(), minlength=count + 1) >= least_px
    keep[0] = False
    labels = np.where(keep, np.cumsum(keep), 0)[labels]
    number, first = np.unique(labels, return_index=True)
    rows, columns = np.divmod(first[number > 0], mask.shape[1])
    return labels, blocks.rows[rows] + blocks.columns[columns]


@kernel
def _count(reference, predicted, stored, rows, columns, landslide, confusion, odds):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count; return a label that is no class, or -1."""
    classes = confusion.shape[1]
    for y in range(len(rows)):
        for x in range(len(columns)):
            a, b, p = reference[y, x], predicted[y, x], stored[y, x]
            if a == 255 or b == 255:
                continue
            if a >= classes or b >= classes:
                return max(a, b)
            block = rows[y] + columns[x]
            confusion[block, a, b] += 1
            if p <= 250:
                odds[block, 1 if a == landslide else 0, p] += 1
    return -1
