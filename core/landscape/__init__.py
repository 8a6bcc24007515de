"""Procedural mountain scenes: land, water, people and landslides, photographed on two dates.

The same seed gives the same bytes on the same machine. Nothing here is a real place.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.landscape import ground, places, relief, slides, traits
from core.landscape.epoch import Epoch, take
from core.landscape.relief import MARGIN

__all__ = ["FIRST_TRAINING_SEED", "Epoch", "Landscape", "Progress", "landscape"]

FIRST_TRAINING_SEED = 1000
"""Training draws its scenes from this seed upwards; lower ones are kept for demonstrations and tests."""

SMALLEST, LARGEST = 128, 4096
FINEST_M, COARSEST_M = 0.25, 2.5

Progress = Callable[[str, float], None]
"""Told what is being done, in words, and the share that is done, 0 to 1."""


@dataclass(frozen=True)
class Landscape:
    """A scene on two dates.

    Attributes:
        seed: What it was made from.
        gsd_m: Pixel size.
        dem: (h, w) float32 metres, bare ground before the second date's landslides.
        before: The first date.
        after: The second date.
    """

    seed: int
    gsd_m: float
    dem: NDArray[np.float32]
    before: Epoch
    after: Epoch


def landscape(seed: int, size: int = 2048, gsd_m: float = 0.5, *, landslides: bool | None = None,
              progress: Progress | None = None) -> Landscape:
    """Make a scene.

    Args:
        seed: Decides everything: relief, rock, seasons, people, landslides.
        size: Side in pixels.
        gsd_m: Pixel size in metres.
        landslides: ``True`` or ``False`` forces them in or out; ``None`` leaves it to the seed.
        progress: Told what is being done and the share that is done, 0 to 1.

    Raises:
        InputError: ``size`` or ``gsd_m`` is outside what can be made.
    """
    if not (SMALLEST <= size <= LARGEST and FINEST_M <= gsd_m <= COARSEST_M and seed >= 0):
        raise InputError("landscape", got=f"seed {seed}, size {size}, gsd_m {gsd_m}",
                         expected=f"seed 0 or more, size {SMALLEST} to {LARGEST}, gsd_m {FINEST_M} to {COARSEST_M}",
                         remedy="Choose values inside these ranges.")
    place = traits.draw(seed, size * gsd_m, landslides)
    say = progress or (lambda _stage, _share: None)
    say("Shaping the valley", 0.0)
    land = relief.build(place, seed, size, gsd_m)
    say("Laying roads and fields", 0.25)
    marks = places.settle(land, place, seed)
    inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    barred = (marks.channel_m < marks.belt_m) | (marks.quarry > 0.3)
    for house in marks.houses:
        r, c, reach = int(house.row), int(house.col), int(14 / land.frame.cell_m)
        barred[max(0, r - reach):r + reach + 1, max(0, c - reach):c + reach + 1] = True
    say("Letting slopes fail", 0.35)
    found = slides.scatter(marks.z, land.above_floor, land.frame.cell_m, place, seed, inner, barred)
    say("Growing forests", 0.45)
    floor = ground.lay(land, marks, place, seed)
    say("Taking the two images", 0.65)
    # A large scene is taken one date at a time, for its memory.
    with ThreadPoolExecutor(2 if size <= 2048 else 1) as pool:
        before, after = pool.map(lambda later: take(floor, marks, found, land, place, seed, later), (False, True))
    return Landscape(seed, gsd_m, floor.dem, before, after)
