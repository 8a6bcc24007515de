"""A scene looked at with larger and smaller pixels too, and the looks averaged into one map.

A network sees as many pixels at any pixel size. In larger ones it sees more of the surroundings, in smaller ones finer
edges, even where they show nothing new; what all find is more often there. The log-odds of landslide of all looks are
averaged, each counting alike, and none may be surer than 1 in 500. ``core.nets.looks`` tells which looks are taken.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.compiled import kernel
from core.config import PROBABILITY_NODATA, PROBABILITY_SCALE
from core.inference import Parts, Whole, predict
from core.inference.plan import Array, Block, Done, Mask, Plan, Step, clipped, decide
from core.raster import reduced
from core.scene import Scene

MOST, STEP = 6.25, 0.05
"""Log-odds are kept from -MOST to MOST in steps, as 0 to 250; 255 is nodata. Probabilities in equal steps would not do:
near 0 and 1 a step is worth too much."""

_ODDS = (np.arange(256) * STEP - MOST).astype(np.float32)
_STORED = np.rint(1 / (1 + np.exp(-_ODDS)) / PROBABILITY_SCALE).astype(np.uint8)
_STORED[PROBABILITY_NODATA] = PROBABILITY_NODATA


@dataclass(frozen=True)
class Coarse:
    """A finished look with larger pixels.

    Attributes:
        times: How many of the image's pixels its pixels are wide.
        part: The window of the coarser image that it covers.
        odds: (h, w) kept log-odds of landslide.
    """

    times: int
    part: Window
    odds: NDArray[np.uint8]


def coarse_part(scene: Scene, part: Window, times: int) -> Window:
    """Return the window of larger pixels that holds a window of the image, with a pixel more on each side."""
    whole = Window(0, 0, -(-scene.grid.width // times), -(-scene.grid.height // times))
    top, left = part.row_off // times - 1, part.col_off // times - 1
    bottom, right = (-(-(start + side) // times) + 1
                     for start, side in ((part.row_off, part.height), (part.col_off, part.width)))
    return clipped(Window(left, top, right - left, bottom - top), whole)


def undecided(probability: Array, where: Mask, plan: Plan) -> Block:
    """Turn (classes, h, w) probabilities into (2, h, w): likeliest class but landslide, kept log-odds of landslide."""
    block = decide(probability, where, replace(plan, threshold=2.0))
    share = probability[plan.classes.landslide].clip(1e-3, 1 - 1e-3)
    kept = np.rint((np.log(share / (1 - share)) + MOST) / STEP).clip(0, 2 * MOST / STEP).astype(np.uint8)
    block[1][where] = kept[where]
    return block


def look(scene: Scene, network: Parts | Whole, plan: Plan, times: int, work: Path, done: Done) -> Coarse:
    """Take a look with larger pixels, or the one that is kept in ``work`` from an earlier call.

    Args:
        scene: The opened scene.
        network: Prepared for ``coarse_part``.
        plan: Of the image itself.
        times: How many of its pixels the larger ones are wide.
        work: Folder of unfinished work.
        done: Called after each step, with places in the image itself.
    """
    part = coarse_part(scene, plan.part, times)
    file, own = work / f"look_{times}.npy", work / f"look_{times}"
    if file.exists():
        done(Step(network.total(part)))
    else:
        own.mkdir(exist_ok=True)
        aside = file.with_suffix(".part")
        odds = np.lib.format.open_memmap(aside, "w+", np.uint8, (part.height, part.width))
        for top, block in predict(scene.coarser(times), network, replace(plan, part=part), own,
                                  told(done, plan.part, times), undecided):
            odds[top:top + block.shape[1]] = block[1]
        odds.flush()
        aside.replace(file)
        shutil.rmtree(own)
    return Coarse(times, part, np.load(file, mmap_mode="r"))


def told(done: Done, part: Window, times: int) -> Done:
    """Return ``done`` for the steps of a look: it is told of places in the image itself, and of probabilities."""
    def tell(step: Step) -> None:
        if step.place is None or step.block is None:
            done(step)
            return
        whole = Window(*(times * each for each in (step.place.col_off, step.place.row_off, step.place.width,
                                                   step.place.height)))
        place = clipped(whole, part)
        top, left = place.row_off - whole.row_off, place.col_off - whole.col_off
        block = np.stack([step.block[0], _STORED[step.block[1]]]).repeat(times, 1).repeat(times, 2)
        block = block[:, top:top + place.height, left:left + place.width]
        done(replace(step, place=place, block=block) if block.size else replace(step, place=None, block=None))
    return tell


def averaged(block: Block, top: int, looks: list[Coarse], plan: Plan, finer: int = 1) -> Block:
    """Return an undecided band of the map, with the other looks averaged in and its classes decided.

    Args:
        block: (2, rows, part width), see ``undecided``.
        top: Its first row in the mapped part.
        looks: The coarser ones.
        plan: With the threshold that decides.
        finer: Pixels of the band along one of the map's.
    """
    odds, count = _ODDS[block[1]], np.ones(block[1].shape, np.float32)
    for each in looks:
        _add(each.odds, each.times, plan.part.row_off + top, plan.part.col_off, each.part.row_off,
             each.part.col_off, _ODDS, odds, count)
    classes, seen, odds = block[0], block[1] != PROBABILITY_NODATA, odds / count
    if finer > 1:
        odds = reduced(np.where(seen, odds, 0)[None], seen, finer)[0][0]
        classes, seen = (each[finer // 2::finer, finer // 2::finer] for each in (classes, seen))
    stored = np.rint(1 / (1 + np.exp(-odds)) / PROBABILITY_SCALE).astype(np.uint8)
    slides = seen & (stored >= round(plan.threshold / PROBABILITY_SCALE))
    return np.stack([np.where(slides, np.uint8(plan.classes.landslide), classes),
                     np.where(seen, stored, np.uint8(PROBABILITY_NODATA))])


@kernel
def _add(coarse, times, top, left, coarse_top, coarse_left, table, odds, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add a look's log-odds to the sums, bilinear between the centres of its pixels that hold data."""
    rows, columns = coarse.shape
    one = np.float32(1)
    for y in range(odds.shape[0]):
        at = (top + y + 0.5) / times - 0.5 - coarse_top
        upper = np.int64(np.floor(at))
        down = np.float32(at - upper)
        for x in range(odds.shape[1]):
            to = (left + x + 0.5) / times - 0.5 - coarse_left
            lefter = np.int64(np.floor(to))
            across = np.float32(to - lefter)
            total = weights = np.float32(0)
            for i in range(2):
                row = min(max(upper + i, 0), rows - 1)
                for j in range(2):
                    value = coarse[row, min(max(lefter + j, 0), columns - 1)]
                    if value != 255:
                        weight = (down if i else one - down) * (across if j else one - across)
                        total += weight * table[value]
                        weights += weight
            if weights > 0:
                odds[y, x] += total / weights
                count[y, x] += one
