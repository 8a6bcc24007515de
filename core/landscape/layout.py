"""Laying out one date: what lies on the ground then, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.landscape.ground import Ground
from core.landscape.houses import shape_of
from core.landscape.materials import CLASS_OF, M
from core.landscape.noise import F32, resample, smoothstep
from core.landscape.places import Places
from core.landscape.relief import MARGIN, PIXELS_A_CELL, Relief
from core.landscape.slides import Slide
from core.landscape.traits import Season


class Canvas:
    """The ground of one date; every array is (size, size).

    Attributes:
        material: uint8, see ``M``.
        ids: int32 landslide numbers, 0 for none.
        lift: float32 metres that things stand above (or lie below) the bare ground.
        bright: float32 factor on the material's reflectance.
        warm: float32 colour cast, above 0 yellow to red.
        forest: float32 0 to 1, density of trees.
        shrub: float32 0 to 1, density of bushes.
        roof: uint8 colour of the roof.
    """

    def __init__(self, ground: Ground) -> None:
        shape = ground.dem.shape
        self.material = ground.material.copy()
        self.ids = np.zeros(shape, np.int32)
        self.lift = np.zeros(shape, np.float32)
        self.bright = np.ones(shape, np.float32)
        self.warm = np.zeros(shape, np.float32)
        self.forest = ground.forest.copy()
        self.shrub = ground.shrub.copy()
        self.roof = np.zeros(shape, np.uint8)


def _hash01(ids: NDArray[np.int32], salt: int) -> F32:
    mixed = (ids.astype(np.uint32) + np.uint32(salt)) * np.uint32(2654435761)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(2246822519)
    return ((mixed >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)).astype(np.float32)


def _fields(canvas: Canvas, ground: Ground, season: Season, gsd_m: float, salt: int) -> None:
    """Give each parcel its crop, its tone and its rows."""
    farm = ground.farm
    parcel = ground.parcel[farm]
    state, tone, turn = (_hash01(parcel, salt + k) for k in range(3))
    bare = 0.16 + 0.34 * season.autumn
    canvas.material[farm] = np.where(state < bare, M.PLOUGHED, np.where(state < bare + 0.22, M.MEADOW, M.CROP))
    rows, cols = np.nonzero(farm)
    angle = ground.row_angle[parcel % len(ground.row_angle)]
    period = 1.6 + 1.8 * turn
    drill = np.sin((rows * np.cos(angle) - cols * np.sin(angle)) * np.float32(2 * math.pi * gsd_m) / period)
    canvas.bright[farm] = (0.72 + 0.6 * tone) * (1 + 0.09 * drill * (gsd_m < 0.8))
    ripe = smoothstep(0.55, 0.9, turn) * (0.6 + 0.4 * season.autumn)
    canvas.warm[farm] = np.where(state < bare, 0.2 * tone - 0.1, 1.1 * ripe + 0.35 * tone - 0.25)
    canvas.material[ground.hedge] = M.MEADOW
    canvas.material[ground.riser] = M.RISER
    canvas.forest[ground.hedge] = 0.05 + 0.12 * (ground.coarse[ground.hedge] > 0.6)


def _river(canvas: Canvas, ground: Ground, season: Season) -> None:
    """Lay gravel and water."""
    bed = ground.channel < ground.belt
    wet = (ground.channel < ground.river * season.river) & (ground.river > 0)
    side = bed & (np.abs(ground.coarse + 0.35 * ground.middle) < 0.10 * season.river) & (ground.river > 2) & (
        ground.belt > 1.9 * ground.river)
    canvas.material[bed & ~ground.farm] = M.GRAVEL
    overgrown = bed & (ground.coarse + 0.5 * ground.middle > 1.05) & (ground.channel > ground.river + 3)
    canvas.material[overgrown] = M.SHRUB
    canvas.material[side] = M.WET_GRAVEL
    margin = (ground.channel < ground.river * season.river + 1.5 + 0.8 * ground.middle) & bed
    canvas.material[margin & (ground.river > 0)] = M.WET_GRAVEL
    canvas.material[wet] = M.WATER
    canvas.forest[bed] = np.where(overgrown[bed], 0.12, 0)
    canvas.shrub[bed] = np.where(overgrown[bed], 0.5, 0.01) * ~wet[bed]
    canvas.forest[wet] = 0


def _roads(canvas: Canvas, ground: Ground) -> None:
    """Lay tracks and roads with their banks."""
    bank = (ground.paved < 2.0 + 1.4 * ground.middle) & (canvas.material != M.WATER)
    canvas.material[bank], canvas.warm[bank], canvas.bright[bank] = M.CUT, 0, 1
    for edge, material in ((ground.track, M.TRACK), (ground.paved, M.ASPHALT)):
        on = edge < 0
        canvas.material[on] = material
        canvas.bright[on], canvas.warm[on], canvas.ids[on] = 1, 0, 0
        near = edge < 2.8
        canvas.forest[near] = 0
        canvas.shrub[near] = 0
    canvas.warm[ground.track < 0] = 0.1
    crown = (ground.track > -1.5) & (ground.track < -1.1)
    canvas.bright[crown] = 0.86
    canvas.bright[np.abs(ground.paved + 3.1) < 0.16] = 1.25
    canvas.lift[(ground.paved < 0) & (ground.channel < ground.belt)] += 3.0


def _houses(canvas: Canvas, places: Places, relief: Relief) -> None:
    """Set the houses and their yards."""
    frame = relief.frame
    for house in places.houses:
        row, col = ((p - MARGIN) * PIXELS_A_CELL for p in (house.row, house.col))
        placed = shape_of(house, row, col, frame.gsd_m, canvas.material.shape)
        if placed is None:
            continue
        window, inside, roof, yard = placed
        open_ground = yard & (canvas.material[window] != M.ASPHALT) & (canvas.material[window] != M.ROOF)
        for field, value in ((canvas.material, M.YARD), (canvas.forest, 0), (canvas.shrub, 0), (canvas.warm, 0),
                             (canvas.bright, 0.9)):
            field[window][open_ground] = value
        view = canvas.material[window]
        view[inside] = M.ROOF
        canvas.lift[window][inside] = roof[inside]
        canvas.roof[window][inside] = house.roof
        canvas.bright[window][inside] = house.shade
        for density in (canvas.forest, canvas.shrub, canvas.warm):
            density[window][inside] = 0


class _Patch:
    """The part of the scene that a landslide lies in."""

    def __init__(self, slide: Slide, ground: Ground, relief: Relief) -> None:
        frame = relief.frame
        rows, cols = slide.before.shape
        top, left = (slide.top - MARGIN) * PIXELS_A_CELL, (slide.left - MARGIN) * PIXELS_A_CELL
        r0, c0 = max(0, top), max(0, left)
        r1, c1 = min(frame.size, top + rows * PIXELS_A_CELL), min(frame.size, left + cols * PIXELS_A_CELL)
        self.empty = r0 >= r1 or c0 >= c1
        self.here = (slice(r0, r1), slice(c0, c1))
        self.shape = (r1 - r0, c1 - c0)
        self.origin = ((r0 - top) / PIXELS_A_CELL, (c0 - left) / PIXELS_A_CELL)
        self.cell_m = frame.cell_m
        self.middle, self.fine, self.streak, self.coarse = (
            f[self.here] for f in (ground.middle, ground.fine, ground.streak, ground.coarse))

    def up(self, field: F32) -> F32:
        """Bring one of the landslide's fields to the scene's pixels."""
        return resample(field, self.origin, 1 / PIXELS_A_CELL, self.shape)

    def depth_m(self, field: F32) -> F32:
        """Return metres to the frayed edge, above 0 inside."""
        return self.up(field) * np.float32(self.cell_m) + 1.3 * self.middle + 0.5 * self.fine + 0.5 * self.streak


def _crack(canvas: Canvas, patch: _Patch, slide: Slide) -> None:
    """Bare the ground where a landslide will break off later."""
    worn = patch.up(slide.after) * patch.cell_m + 2 * patch.middle > 3
    canvas.material[patch.here][worn & (patch.up(slide.travel) < 0.5)] = M.SOIL


def _slide(canvas: Canvas, patch: _Patch, slide: Slide, gsd_m: float, later: bool) -> None:
    """Lay one landslide: its scar, its path, its deposit, and what grows on it."""
    green = slide.green_after if later else slide.green_before
    here, healed = patch.here, green >= 1
    middle, streak, coarse = patch.middle, patch.streak, patch.coarse
    depth, travel = patch.depth_m(slide.after if later else slide.before), patch.up(slide.travel)
    inside = (depth > 0) & (canvas.material[here] != M.WATER)
    if not inside.any():
        return
    zone = travel + 0.05 * middle
    material = np.where(zone < 0.3, M.SCAR, np.where(zone < 0.74, M.DEBRIS, M.DEPOSIT)).astype(np.uint8)
    if healed:
        material[:] = np.where(middle + streak > 0.4, M.SHRUB, M.MEADOW)
    elif green > 0:
        score = 0.8 * coarse + 0.6 * middle + 0.25 * patch.fine - 0.12 * depth
        material[inside & (score > np.quantile(score[inside], 1 - green))] = M.SLIDE_GREEN
    thick = np.clip(0.02 * math.sqrt(inside.sum()) * gsd_m, 0.6, 4.0) * (0.4 if healed else 1)
    lift = thick * smoothstep(0, 5, depth) * (1.1 * smoothstep(0.6, 0.9, travel) - smoothstep(0.55, 0.1, travel))
    tone = 0.95 + 0.05 * streak + 0.06 * coarse + 0.06 * middle
    tone += 0.08 * smoothstep(0.25, 0, travel) - 0.10 * smoothstep(0.5, 1, travel)
    grown = material == M.SLIDE_GREEN
    for field, value in (
            (canvas.material, material), (canvas.ids, np.full(depth.shape, 0 if healed else slide.number)),
            (canvas.lift, canvas.lift[here] + lift + (0 if healed else 0.04) * streak),
            (canvas.warm, 0.05 * coarse + 0.03 * middle),
            (canvas.bright, np.clip(tone, 0.6, 1.4) * (0.95 if healed else 1)),
            (canvas.forest, np.where(grown, 0.06, 0.10 if healed else 0)),
            (canvas.shrub, np.where(grown, 0.55, 0.5 if healed else 0.004))):
        field[here][inside] = value[inside]
    canvas.forest[here][(depth > -1.2) & ~inside] *= 0.5


def lay_out(ground: Ground, places: Places, slides: list[Slide], relief: Relief, season: Season, later: bool,
            salt: int) -> Canvas:
    """Lay out one date.

    Args:
        ground: What both dates share.
        places: Roads and houses.
        slides: All landslides, with their history.
        relief: The land.
        season: The date.
        later: The second date.
        salt: Decides what grows in which field.
    """
    canvas = Canvas(ground)
    for material, forest, shrub in ((M.SCREE, 0.03, 0.12), (M.SOIL, 0.05, 0.25), (M.GRAVEL, 0, 0.1),
                                    (M.QUARRY, 0, 0.01)):
        on = ground.material == material
        canvas.forest[on] *= forest
        canvas.shrub[on] *= shrub
    _fields(canvas, ground, season, relief.frame.gsd_m, salt)
    _river(canvas, ground, season)
    patches = [(slide, _Patch(slide, ground, relief)) for slide in slides]
    patches = [(slide, patch) for slide, patch in patches if not patch.empty]
    for slide, patch in patches:
        if not slide.is_new:
            _slide(canvas, patch, slide, relief.frame.gsd_m, later)
        elif not later and slide.number % 3 == 1:
            _crack(canvas, patch, slide)
    _roads(canvas, ground)
    _houses(canvas, places, relief)
    for slide, patch in patches:
        if slide.is_new and later:
            _slide(canvas, patch, slide, relief.frame.gsd_m, later)
    canvas.ids[CLASS_OF[canvas.material] != CLASS_OF[M.SCAR]] = 0
    return canvas
