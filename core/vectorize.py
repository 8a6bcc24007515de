"""Class raster to landslide outlines: a stream of whole objects, with memory bounded for any scene.

The raster is read in strips of rows. Each strip is labelled, its labels are joined with the objects still
open above it, and an object leaves as soon as no pixel of it touches the strip's last row. An outline is
therefore whole across every strip and window border. What waits in memory is two strips and the open objects,
one bit a pixel; a speck that ends inside its strip never becomes a Python object.

Pixels that touch by a corner belong to one object (8-connectivity: a slide one pixel wide stays one slide on the
diagonal), and the ground between them is then 4-connected. Such an object is a MultiPolygon whose parts touch in
a point, which is valid; every other outline is a Polygon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.affinity import affine_transform
from shapely.geometry import MultiPolygon, Polygon

from core.compiled import kernel
from core.config import CLASS_NODATA
from core.errors import InputError
from core.grid import Grid
from core.trace import polygonise

STRIP_PIXELS = 8 << 20
"""Pixels in a strip: labels of 32 MiB, whatever the scene."""

MANY_POINTS = 50_000

EIGHT = np.ones((3, 3), bool)

RowReader = Callable[[int, int], NDArray[np.uint8]]
"""Reads rows ``[start, stop)`` of a class raster: uint8 (rows, width), 255 where nothing was predicted."""


@dataclass(frozen=True)
class OutlineSettings:
    """How classes become outlines. A pixel setting follows the image, a metre setting the ground.

    Attributes:
        min_area_m2: An object smaller than this is dropped: pixels are counted, each as large as the
            scene's centre pixel.
        sieve_pixels: An object of fewer pixels than this is dropped, however large its pixels are.
        fill_holes_px: A hole of at most so many pixels is filled; one with unobserved ground in it never is.
        simplify_px: Tolerance of simplification in pixels; 0 keeps the pixels' edges.
        max_area_change: Largest share by which simplification may change an outline's area: where it
            would change more, the tolerance is halved, down to no simplification at all.
    """

    min_area_m2: float = 50.0
    sieve_pixels: int = 8
    fill_holes_px: int = 8
    simplify_px: float = 1.0
    max_area_change: float = 0.02

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        for name, low, high in (("min_area_m2", 0, 1e12), ("sieve_pixels", 0, 1 << 30), ("fill_holes_px", 0, 1024),
                                ("simplify_px", 0, 100), ("max_area_change", 0, 1)):
            value = getattr(self, name)
            if not low <= value <= high:  # NaN fails too
                raise InputError(f"outline setting {name}", got=value, expected=f"a number from {low} to {high:g}",
                                 remedy=f"Set {name} within this range.")

    def min_pixels(self, pixel_area_m2: float) -> int:
        """Return how many pixels an object needs to be kept."""
        return max(1, self.sieve_pixels, math.ceil(self.min_area_m2 / pixel_area_m2 - 1e-6))


@dataclass(frozen=True, eq=False)
class Outline:
    """One landslide.

    Attributes:
        polygon: Valid Polygon or MultiPolygon in the raster's CRS, holes kept.
        window: The object's bounding box in the raster.
        mask: bool (window.height, window.width), True on the object's pixels, filled holes included.
    """

    polygon: Polygon | MultiPolygon
    window: Window
    mask: NDArray[np.bool_]


@dataclass(eq=False)
class _Part:
    """An object, or the part of it seen so far: pieces (row, column, shape, packed bits), one a strip and label."""

    pixels: int = 0
    pieces: list[tuple[int, int, tuple[int, int], NDArray[np.uint8]]] = field(default_factory=list)

    def add(self, row: int, column: int, mask: NDArray[np.bool_], pixels: int) -> None:
        """Take in a piece; eight pixels to the byte."""
        self.pieces.append((row, column, (mask.shape[0], mask.shape[1]), np.packbits(mask)))
        self.pixels += pixels

    def absorb(self, other: _Part) -> _Part:
        """Return the union of two parts; the longer list grows, so a scene-wide object stays cheap."""
        keep, rest = (self, other) if len(self.pieces) >= len(other.pieces) else (other, self)
        keep.pieces += rest.pieces
        keep.pixels += rest.pixels
        return keep

    def assemble(self) -> tuple[Window, NDArray[np.bool_]]:
        """Return the bounding box and the mask in it."""
        top, left = min(p[0] for p in self.pieces), min(p[1] for p in self.pieces)
        bottom, right = max(p[0] + p[2][0] for p in self.pieces), max(p[1] + p[2][1] for p in self.pieces)
        mask = np.zeros((bottom - top, right - left), bool)
        for row, column, (height, width), bits in self.pieces:
            piece = np.unpackbits(bits, count=height * width).reshape(height, width).view(bool)
            mask[row - top:row - top + height, column - left:column - left + width] |= piece
        return Window(left, top, right - left, bottom - top), mask


def rows_of(dataset: rasterio.DatasetReader, index: int = 1) -> RowReader:
    """Return a reader of an open class raster's rows."""
    def read(start: int, stop: int) -> NDArray[np.uint8]:
        return dataset.read(index, window=Window(0, start, dataset.width, stop - start))

    return read


def outlines(read: RowReader, grid: Grid, value: int, settings: OutlineSettings | None = None,
             *, strip_rows: int | None = None) -> Iterator[Outline]:
    """Yield the outlines of a class, each once and whole.

    They come in the order in which they close; the outlines themselves do not depend on ``strip_rows``.
    Each outline is simplified for itself, so two that touch may overlap by the tolerance.

    Args:
        read: Rows of the class raster; see ``rows_of``.
        grid: The raster's grid.
        value: Value of the class to outline.
        settings: Sizes and tolerances; the defaults if left out.
        strip_rows: Rows to read at once; by default about ``STRIP_PIXELS`` pixels.
    """
    settings = settings or OutlineSettings()
    least = settings.min_pixels(grid.pixel_area_m2)
    rows = strip_rows or max(1, STRIP_PIXELS // grid.width)
    for part in _components(_strips(read, grid.height, value, rows, settings.fill_holes_px), least):
        window, mask = part.assemble()
        outline = _simplified(polygonise(mask), settings)
        t = grid.window(window).transform
        yield Outline(affine_transform(outline, [t.a, t.b, t.d, t.e, t.c, t.f]), window, mask)


def _strips(read: RowReader, height: int, value: int, rows: int, holes_px: int,
            ) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield strips (first row, mask), each made while the one before it is worked on."""
    with ThreadPoolExecutor(1) as reader:
        ahead: Future[NDArray[np.bool_]] | None = None
        for top in range(0, height, rows):
            strip = ahead or reader.submit(_filled, read, height, value, top, min(top + rows, height), holes_px)
            below = top + rows
            ahead = None if below >= height else reader.submit(
                _filled, read, height, value, below, min(below + rows, height), holes_px)
            yield top, strip.result()


def _components(strips: Iterator[tuple[int, NDArray[np.bool_]]], least: int) -> Iterator[_Part]:
    """Yield the 8-connected objects of at least ``least`` pixels of a mask that comes in strips (first row, mask)."""
    open_parts: list[_Part] = []
    above: NDArray[np.int32] | None = None  # number of the open part at each pixel of the last row, 0 for none
    for top, mask in strips:
        labels, pieces = _pieces(mask, top, least)
        nodes = open_parts + pieces
        upper, lower = _contacts(above, labels[0]) if above is not None else _NO_CONTACTS
        links = coo_array((np.ones(len(upper), bool), (upper, lower + len(open_parts))), (len(nodes), len(nodes)))
        _, group_of = connected_components(links, directed=False) if nodes else (0, np.zeros(0, np.int32))
        at_bottom = np.unique(labels[-1])
        still_open = np.unique(group_of[len(open_parts) + at_bottom[at_bottom > 0] - 1])
        merged: dict[int, _Part] = {}
        for group, part in zip(group_of.tolist(), nodes, strict=True):
            merged[group] = merged[group].absorb(part) if group in merged else part
        number = np.zeros(len(nodes) + 1, np.int32)  # open part by label; the row below asks for it
        number[1:len(pieces) + 1] = np.searchsorted(still_open, group_of[len(open_parts):]) + 1
        above = number[labels[-1]]
        open_parts = [merged.pop(group) for group in still_open.tolist()]
        yield from (part for part in merged.values() if part.pixels >= least)
    yield from (part for part in open_parts if part.pixels >= least)


def _pieces(mask: NDArray[np.bool_], top: int, least: int) -> tuple[NDArray[np.int32], list[_Part]]:
    """Label a strip and cut its objects out, without those that end inside it too small to matter."""
    labels, count = ndimage.label(mask, EIGHT)
    pixels = np.zeros(count + 1, np.int64)
    _count(labels, pixels)
    keep = pixels >= least
    keep[labels[0]] = keep[labels[-1]] = True
    keep[0] = False
    _renumber(labels, np.where(keep, np.cumsum(keep), 0).astype(np.int32))
    pieces = []
    for number, (box, size) in enumerate(zip(ndimage.find_objects(labels), pixels[keep], strict=True), start=1):
        piece = _Part()
        piece.add(top + box[0].start, box[1].start, labels[box] == number, int(size))
        pieces.append(piece)
    return labels, pieces


_NO_CONTACTS = np.zeros(0, np.int64), np.zeros(0, np.int64)


def _contacts(above: NDArray[np.int32], below: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return zero-based pairs (open part, piece) that touch between two rows, corners included."""
    width = len(above)
    pairs = [np.stack([above[max(0, -s):width - max(0, s)], below[max(0, s):width - max(0, -s)]]) for s in (-1, 0, 1)]
    touching = np.concatenate(pairs, axis=1).astype(np.int64)
    upper, lower = np.unique(touching[:, (touching > 0).all(axis=0)], axis=1) - 1
    return upper, lower


def _filled(read: RowReader, height: int, value: int, start: int, stop: int, holes_px: int) -> NDArray[np.bool_]:
    """Read a strip as a mask of the class, its small holes filled.

    A hole of ``holes_px`` pixels spans no more rows than that, so a margin of as many rows on either side shows
    every small hole that reaches into the strip whole: the result does not depend on where strips end.
    """
    first, last = max(0, start - holes_px), min(height, stop + holes_px)
    classes = read(first, last)
    mask = classes == value
    if holes_px:
        labels, count = ndimage.label(~mask)  # 4-connected, the complement of 8-connected objects
        pixels = np.zeros(count + 1, np.int64)
        _count_observed(labels, classes, pixels, holes_px + 1)
        small = pixels <= holes_px
        small[labels[:, 0]] = small[labels[:, -1]] = False  # open to the scene's edge: not a hole
        small[labels[0]] = small[labels[-1]] = False  # the scene's edge, or a margin's: too large to reach the strip
        small[0] = False
        if small.any():
            _fill(mask, labels, small)
    return mask[start - first:stop - first]


@kernel
def _count(labels, pixels):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            pixels[labels[row, column]] += 1


@kernel
def _count_observed(labels, classes, pixels, unobserved):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            pixels[labels[row, column]] += unobserved if classes[row, column] == CLASS_NODATA else 1


@kernel
def _renumber(labels, numbers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            labels[row, column] = numbers[labels[row, column]]


@kernel
def _fill(mask, labels, small):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            mask[row, column] |= small[labels[row, column]]


def _simplified(outline: Polygon | MultiPolygon, settings: OutlineSettings) -> Polygon | MultiPolygon:
    """Simplify with the largest tolerance, halved up to four times, that keeps the outline valid and its area.

    Every hole and part is kept up to ``MANY_POINTS``. What keeps them takes time that grows with the square of the
    holes' number, so of a larger outline those thinner than the tolerance may close.
    """
    keep_all = shapely.get_num_coordinates(outline) <= MANY_POINTS
    for halvings in range(5 if settings.simplify_px else 0):
        simple = shapely.simplify(outline, settings.simplify_px / 2**halvings, preserve_topology=keep_all)
        if simple.is_valid and abs(simple.area - outline.area) <= settings.max_area_change * outline.area:
            return simple
    return outline
