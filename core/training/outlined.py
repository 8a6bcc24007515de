"""Ground from a few outlines on one image: what is trained on, and blocks of it that are held out.

The ground is cut into eight blocks with as many landslides each. Two are held out, with all of every landslide that
reaches into them: those two that leave most to learn from. Their pixels are in no crop: training sees them as never
observed. Within the gap around them nothing is labelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import shapely
import torch
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.windows import Window

from core.config import CLASS_NODATA
from core.errors import InputError
from core.grid import Grid
from core.metrics import Blocks
from core.scene import Scene
from core.training.sources import Ground, channels
from core.windows import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.config import ClassScheme
    from core.training.labels import OutlineLabels

LEAST = 8
"""Landslides needed: one for each block."""
HELD = 2
"""Blocks that are held out, of eight."""
GAP_M = 30.0
RING = 2.0
"""Without a mapped area, about so many times a landslide's area around it is known to be none."""
CORE, MARGIN, SEEN = 384, 256, 64
"""Pixels: side of a piece of ground, and what is read around it to cut crops from, and to predict it."""
PIECES = 240
"""So many pieces with landslides, and as many without, are kept in memory."""
CENTRES = 400
DEM_STEP = 4
"""Terrain is kept on a grid so many times as coarse as the image's."""


@dataclass(frozen=True)
class Outlined:
    """Both sides of an outlined image.

    Attributes:
        landslides: Pieces to train on, with crops centred on landslides.
        others: Pieces to train on, with crops centred on ground that is known to be none.
        held_out: Pieces that are not trained on, 512 pixels a side.
        blocks: Of each of these: the blocks of ground that intervals are drawn from.
        counts: Landslides ``trained``, ``held_out``, and ``unused`` for the gap.
        gsd_m: The image's.
    """

    landslides: list[Ground]
    others: list[Ground]
    held_out: list[Ground]
    blocks: list[Blocks]
    counts: dict[str, int]
    gsd_m: float


def outlined(scene: Scene, labels: OutlineLabels, scheme: ClassScheme,
             test: shapely.Geometry | None = None) -> Outlined:
    """Divide an image's outlined ground and read both sides.

    Args:
        scene: The image, with a DEM where the network is to have one.
        labels: In the image's CRS; without a mapped area only a ring around the polygons is known ground.
        scheme: Of the network.
        test: Ground to hold out, in the image's CRS, in the place of two blocks that are chosen.

    Raises:
        InputError: Too few landslides lie on the image, or none is left on one of the sides.
    """
    outline = _outline(scene.grid)
    slides = labels.shapes[_means(labels, "landslide") & shapely.intersects(labels.shapes, outline)]
    if len(slides) < LEAST:
        raise InputError("landslides to learn from", got=f"{len(slides)} of {len(labels.shapes)} polygons on the image",
                         expected=f"at least {LEAST}, better 20: some are held out for the comparison",
                         remedy="Outline more landslides on this image, and check that the outlines' CRS is right.")
    mapped = shapely.intersection(_known(labels), outline)
    pixel = float(np.sqrt(abs(scene.grid.transform.determinant)))
    pairs = combinations(_blocks(mapped, slides), HELD) if test is None else [(test,)]
    held, out, closed = max(
        (_closed(pair, labels.shapes, GAP_M / scene.grid.gsd_m * pixel) for pair in pairs),
        key=lambda sides: _counted(slides, sides[0], sides[2])["trained"])
    sides = [replace(labels, mapped=part)
             for part in (shapely.difference(mapped, closed), shapely.intersection(mapped, held))]
    pieces = [_piece(scene, sides[0], window, scheme, MARGIN, out) for window in _windows(scene.grid, sides[0], slides)]
    tests = [_piece(scene, sides[1], window, scheme, SEEN, None) for window in _windows(scene.grid, sides[1], slides)]
    found = Outlined(
        [near for piece, _ in pieces if (near := _centred(piece, piece.label == scheme.landslide))],
        [far for piece, _ in pieces
         if (far := _centred(piece, (piece.label != scheme.landslide) & (piece.label != CLASS_NODATA)))],
        [piece for piece, _ in tests], [Blocks.of_grid(grid) for _, grid in tests],
        _counted(slides, held, closed), scene.grid.gsd_m)
    if not found.landslides or not any((piece.label == scheme.landslide).any() for piece in found.held_out):
        raise InputError("landslides to learn from", got=f"{found.counts} where the image was observed",
                         expected="some to train on and some to hold out",
                         remedy="Outline landslides in more places; those beside each other cannot be divided.")
    return found


def _closed(cells: tuple[shapely.Geometry, ...], shapes: NDArray[np.object_], gap: float) -> list[shapely.Geometry]:
    """Return what is held out, the same with all of the polygons that reach into it, and that with the gap."""
    held = shapely.union_all(cells)
    out = shapely.union_all([held, *shapes[shapely.intersects(shapes, held)]])
    return [held, out, shapely.buffer(out, gap)]


def _means(labels: OutlineLabels, name: str) -> NDArray[np.bool_]:
    return np.array([labels.names.get(int(value)) == name for value in labels.values], bool)


def _known(labels: OutlineLabels) -> shapely.Geometry:
    """Return the mapped area, or the polygons with rings around them."""
    return ringed(labels.shapes) if labels.mapped is None else labels.mapped


def ringed(shapes: NDArray[np.object_]) -> shapely.Geometry:
    """Return polygons with their rings, whose width is true to a twentieth: all corners of pixels take minutes."""
    wide = np.sqrt(shapely.area(shapes) / np.pi) * (np.sqrt(1 + RING) - 1)
    return shapely.union_all(shapely.buffer(shapely.simplify(shapes, wide / 20), wide, quad_segs=4))


def _outline(grid: Grid) -> shapely.Polygon:
    corners = ((0, 0), (grid.width, 0), (grid.width, grid.height), (0, grid.height))
    return shapely.Polygon([grid.transform @ corner for corner in corners])


def _blocks(mapped: shapely.Geometry, slides: NDArray[np.object_]) -> list[shapely.Polygon]:
    """Halve the ground across its longer side, with as many landslides on either, three times."""
    left, bottom, right, top = mapped.bounds
    cells = [((left, bottom, right, top), shapely.get_coordinates(shapely.point_on_surface(slides)))]
    for _ in range(3):
        cells = [half for box, points in cells for half in _halves(box, points)]
    return [shapely.box(*box) for box, _ in cells]


def _halves(box: tuple[float, float, float, float], points: NDArray[np.float64],
            ) -> list[tuple[tuple[float, float, float, float], NDArray[np.float64]]]:
    axis = int(box[3] - box[1] > box[2] - box[0])
    ordered = points[np.argsort(points[:, axis], kind="stable")]
    middle = len(ordered) // 2
    cut = float(ordered[middle - 1:middle + 1, axis].mean())
    low, high = list(box), list(box)
    low[2 + axis] = high[axis] = cut
    return [(tuple(low), ordered[:middle]), (tuple(high), ordered[middle:])]  # type: ignore[list-item]


def _windows(grid: Grid, side: OutlineLabels, slides: NDArray[np.object_]) -> list[Window]:
    """Return the windows of a lattice that hold labelled ground, those with landslides first."""
    every = list(blocks(grid.shape, CORE))
    boxes = np.array([_outline(grid.window(window)) for window in every], object)
    shapely.prepare(side.mapped)
    known = shapely.intersects(boxes, side.mapped)
    hit = np.zeros(len(boxes), bool)
    hit[shapely.STRtree(boxes).query(shapely.intersection(slides, side.mapped), predicate="intersects")[1]] = True
    kept: list[Window] = []
    for chosen in (np.flatnonzero(known & hit), np.flatnonzero(known & ~hit)):
        step = max(1, -(-len(chosen) // PIECES))
        kept += [every[i] for i in chosen[::step]]
    return kept


def _piece(scene: Scene, side: OutlineLabels, window: Window, scheme: ClassScheme, margin: int,
           out: shapely.Geometry | None) -> tuple[Ground, Grid]:
    """Read a window with a margin; its labels count on the window alone, pixels in ``out`` as never observed."""
    length = CORE + 2 * margin
    wide = Window(window.col_off - margin, window.row_off - margin, length, length)
    grid, stack = scene.grid.window(wide), scene.read(wide, use_dem=False, use_ndvi=False)
    observed = stack.observed
    if out is not None:
        observed = observed & geometry_mask([out], grid.shape, grid.transform)
    image = np.where(observed, np.rint(stack.image * 128 + 127).clip(1, 255), 0).astype(np.uint8)
    label = channels(scheme, side.names).numpy()[side.on(grid)]
    label[~observed] = CLASS_NODATA
    if out is None:
        inner = np.zeros(grid.shape, bool)
        inner[margin:margin + int(window.height), margin:margin + int(window.width)] = True
        label[~inner] = CLASS_NODATA
    slopes = None
    if scene.dem is not None:
        cells = (length // DEM_STEP, length // DEM_STEP)
        slopes = torch.from_numpy(np.stack(scene.gradients(
            Grid(cells, grid.transform @ Affine.scale(DEM_STEP), grid.crs))))
    return Ground(torch.from_numpy(image), torch.from_numpy(label), slopes, None, scene.grid.gsd_m), grid


def _centred(piece: Ground, where: torch.Tensor) -> Ground | None:
    """Return the piece with crops centred on some pixels of its middle; None where there are none."""
    places = where[MARGIN:-MARGIN, MARGIN:-MARGIN].nonzero() + MARGIN
    return replace(piece, centres=places[:: -(-len(places) // CENTRES)]) if len(places) else None


def _counted(slides: NDArray[np.object_], held: shapely.Geometry, closed: shapely.Geometry) -> dict[str, int]:
    tested, untrained = shapely.intersects(slides, held), shapely.covers(closed, slides)
    return {"trained": int((~untrained & ~tested).sum()), "held_out": int(tested.sum()),
            "unused": int((untrained & ~tested).sum())}
