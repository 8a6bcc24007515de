"""One date of a scene: what lies on the ground then, and the picture the sensor took of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.landscape.ground import Codes, Ground
from core.landscape.light import cast_shadow, gradient, openness, sunlight
from core.landscape.materials import CLASS_OF, ROUGHNESS_M, M, reflectance
from core.landscape.noise import F32, resample, smoothstep, stream
from core.landscape.places import Places, shape_of
from core.landscape.relief import MARGIN, PIXELS_A_CELL, Relief
from core.landscape.slides import Slide
from core.landscape.traits import Season, Traits
from core.landscape.trees import grow

ROOFS = np.array([
    (0.42, 0.42, 0.41, 0.45), (0.31, 0.31, 0.31, 0.34), (0.16, 0.25, 0.40, 0.30), (0.125, 0.12, 0.125, 0.16),
    (0.24, 0.13, 0.09, 0.30), (0.19, 0.15, 0.12, 0.24), (0.34, 0.33, 0.32, 0.37)], np.float32)
CONIFER = np.array((0.033, 0.044, 0.027, 0.23), np.float32)
BROADLEAF = np.array((0.051, 0.070, 0.033, 0.39), np.float32)
GOLD, RUST = np.array((0.185, 0.13, 0.036, 0.37), np.float32), np.array((0.135, 0.066, 0.034, 0.29), np.float32)
BUSH = np.array((0.058, 0.080, 0.040, 0.31), np.float32)
SKY = np.array((0.14, 0.165, 0.20, 0.08), np.float32)
HAZE = np.array((0.016, 0.024, 0.040, 0.005), np.float32)

_STONY, _SLID, _LOOSE, _WORKED = (np.isin(list(M), chosen) for chosen in (
    (M.ROCK, M.SCREE, M.QUARRY), (M.SCAR, M.DEBRIS, M.DEPOSIT), (M.SCAR, M.DEBRIS, M.DEPOSIT, M.GRAVEL),
    (M.GRAVEL, M.QUARRY)))
_LIVELY = np.array([{M.WATER: 0.25, M.ASPHALT: 0.35, M.ROOF: 0.25, M.YARD: 0.5}.get(m, 1.0) for m in M], np.float32)


@dataclass(frozen=True)
class Epoch:
    """One date of a landscape.

    Attributes:
        image: (4, h, w) uint8: red, green, blue, near infrared.
        classes: (h, w) uint8 in the paper's scheme.
        landslide_ids: (h, w) int32; 0 none, the same id on both dates for the same landslide.
    """

    image: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    landslide_ids: NDArray[np.int32]


class _Canvas:
    """The ground of one date while it is being laid out."""

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


def _fields(canvas: _Canvas, ground: Ground, season: Season, gsd_m: float, salt: int) -> None:
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


def _river(canvas: _Canvas, ground: Ground, season: Season) -> None:
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


def _roads(canvas: _Canvas, ground: Ground) -> None:
    """Lay tracks and roads with their banks."""
    bank = (ground.paved < 2.0 + 1.4 * ground.middle) & (canvas.material != M.WATER)
    canvas.material[bank], canvas.warm[bank], canvas.bright[bank] = M.CUT, 0, 1
    for edge, material in ((ground.track, M.TRACK), (ground.paved, M.ASPHALT)):
        on = edge < 0
        canvas.material[on] = material
        canvas.bright[on], canvas.warm[on], canvas.ids[on] = 1, 0, 0
        near = edge < 1.6
        canvas.forest[near] = 0
        canvas.shrub[near] = 0
    canvas.warm[ground.track < 0] = 0.1
    crown = (ground.track > -1.5) & (ground.track < -1.1)
    canvas.bright[crown] = 0.86
    canvas.bright[np.abs(ground.paved + 3.1) < 0.16] = 1.25
    canvas.lift[(ground.paved < 0) & (ground.channel < ground.belt)] += 3.0


def _houses(canvas: _Canvas, places: Places, relief: Relief) -> None:
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


def _slide(canvas: _Canvas, ground: Ground, slide: Slide, relief: Relief, later: bool) -> None:
    """Lay one landslide: its scar, its path, its deposit, and what grows on it."""
    frame, field = relief.frame, slide.after if later else slide.before
    green = slide.green_after if later else slide.green_before
    rows, cols = field.shape
    tall, wide = rows * PIXELS_A_CELL, cols * PIXELS_A_CELL
    top, left = (slide.top - MARGIN) * PIXELS_A_CELL, (slide.left - MARGIN) * PIXELS_A_CELL
    r0, c0 = max(0, top), max(0, left)
    r1, c1 = min(frame.size, top + tall), min(frame.size, left + wide)
    if r0 >= r1 or c0 >= c1:
        return
    here = (slice(r0, r1), slice(c0, c1))
    origin = ((r0 - top) / PIXELS_A_CELL, (c0 - left) / PIXELS_A_CELL)
    depth, travel = (resample(f, origin, 1 / PIXELS_A_CELL, (r1 - r0, c1 - c0)) for f in (field, slide.travel))
    middle, fine, streak, coarse = (f[here] for f in (ground.middle, ground.fine, ground.streak, ground.coarse))
    depth = depth * np.float32(frame.cell_m) + 1.3 * middle + 0.5 * fine + 0.5 * streak
    inside = (depth > 0) & (canvas.material[here] != M.WATER)
    if not later and slide.after.max() > 0 and slide.before.max() <= 0:
        if slide.number % 3 == 1:
            whole = resample(slide.after, origin, 1 / PIXELS_A_CELL, depth.shape)
            canvas.material[here][(whole * frame.cell_m + 2 * middle > 3) & (travel < 0.5)] = M.SOIL
        return
    if not inside.any():
        return
    thick = float(np.clip(0.02 * math.sqrt(inside.sum()) * frame.gsd_m, 0.6, 4.0))
    zone = travel + 0.05 * middle
    material = np.where(zone < 0.3, M.SCAR, np.where(zone < 0.74, M.DEBRIS, M.DEPOSIT)).astype(np.uint8)
    if green > 0:
        score = 0.8 * coarse + 0.6 * middle + 0.25 * fine - 0.12 * depth
        overgrown = inside & (score > np.quantile(score[inside], 1 - min(green, 1.0)))
        material[overgrown] = M.SLIDE_GREEN
    healed = green >= 1
    if healed:
        material[:] = np.where(middle + streak > 0.4, M.SHRUB, M.MEADOW)
    canvas.material[here][inside] = material[inside]
    canvas.ids[here][inside] = 0 if healed else slide.number
    edge = smoothstep(0, 5, depth)
    relief_m = thick * (edge * (1.1 * smoothstep(0.6, 0.9, travel) - smoothstep(0.55, 0.1, travel))) * (0.4 if healed else 1)
    canvas.lift[here][inside] += relief_m[inside] + 0.04 * streak[inside] * (not healed)
    tone = 0.95 + 0.05 * streak + 0.09 * coarse + 0.06 * middle - 0.10 * smoothstep(0.5, 1, travel) + 0.08 * smoothstep(0.25, 0, travel)
    canvas.warm[here][inside] = 0.12 * coarse[inside]
    canvas.bright[here][inside] = np.clip(tone, 0.6, 1.4)[inside] * (0.95 if healed else 1)
    canvas.forest[here][inside] = np.where(material == M.SLIDE_GREEN, 0.06, 0.10 if healed else 0)[inside]
    canvas.shrub[here][inside] = np.where(material == M.SLIDE_GREEN, 0.55, 0.5 if healed else 0.004)[inside]
    canvas.forest[here][(depth > -1.2) & ~inside] *= 0.5


def _lay(ground: Ground, places: Places, slides: list[Slide], relief: Relief, season: Season, later: bool,
         salt: int) -> _Canvas:
    canvas = _Canvas(ground)
    for material, forest, shrub in ((M.SCREE, 0.03, 0.12), (M.SOIL, 0.05, 0.25), (M.GRAVEL, 0, 0.1),
                                    (M.QUARRY, 0, 0.01)):
        on = ground.material == material
        canvas.forest[on] *= forest
        canvas.shrub[on] *= shrub
    _fields(canvas, ground, season, relief.frame.gsd_m, salt)
    _river(canvas, ground, season)
    fresh = [s for s in slides if later and s.before.max() <= 0]
    for slide in slides:
        if slide not in fresh:
            _slide(canvas, ground, slide, relief, later)
    _roads(canvas, ground)
    _houses(canvas, places, relief)
    for slide in fresh:
        _slide(canvas, ground, slide, relief, later)
    slide_ground = CLASS_OF[canvas.material] == CLASS_OF[M.SCAR]
    canvas.ids[~slide_ground] = 0
    return canvas


def _albedo(canvas: _Canvas, ground: Ground, traits: Traits, season: Season, tone: F32, kind: Codes) -> F32:
    """Return (4, h, w) float32 reflectance."""
    table, material = reflectance(traits, season), canvas.material
    noise = 0.06 * ground.fine + 0.07 * ground.middle + 0.06 * ground.coarse + 0.02 * ground.streak
    noise += _STONY[material] * (0.09 * np.sin(ground.dem * np.float32(0.9) + 2.2 * ground.coarse + 0.6 * ground.middle)
                                 + 0.03 * ground.streak)
    noise += _WORKED[material] * (0.10 * ground.coarse)
    noise += _SLID[material] * (0.09 * ground.fine + 0.03 * ground.streak)
    bright = np.clip(canvas.bright * (1 + noise * _LIVELY[material]), 0.3, 2)
    roof = material == M.ROOF
    cone, bush, broad = (kind == k for k in (2, 3, 1))
    leaf = np.clip(0.5 + 0.5 * tone[broad] + 0.2 * ground.coarse[broad], 0, 1)
    turned = np.clip(1.25 * season.autumn - 1.4 * (leaf - 0.2), 0, 1) * np.float32(min(1.0, 2 * season.autumn))
    rust = smoothstep(0.2, 0.7, leaf)
    stand = 1 + 0.08 * ground.fine + 0.12 * ground.coarse + 0.07 * ground.middle
    out = np.empty((4, *material.shape), np.float32)
    for band, (warmth, variety) in enumerate(((0.55, 0.30), (0.12, 0.24), (-0.45, 0.20), (-0.1, 0.15))):
        colour = table[:, band][material] * bright * (1 + np.float32(warmth) * canvas.warm)
        colour[roof] = ROOFS[canvas.roof[roof], band] * bright[roof]
        vary = stand + np.float32(variety) * tone
        colour[cone], colour[bush] = CONIFER[band] * vary[cone], BUSH[band] * vary[bush]
        autumnal = GOLD[band] + (RUST[band] - GOLD[band]) * rust
        colour[broad] = (BROADLEAF[band] + turned * (autumnal - BROADLEAF[band])) * vary[broad]
        np.maximum(colour, 0.004, out=out[band])
    return out


def take(ground: Ground, places: Places, slides: list[Slide], relief: Relief, traits: Traits, seed: int,
         later: bool) -> Epoch:
    """Lay out one date and photograph it.

    Args:
        ground: What both dates share.
        places: Roads and houses.
        slides: All landslides, with their history.
        relief: The land.
        traits: The place.
        seed: Of the scene.
        later: The second date.
    """
    season = traits.after if later else traits.before
    rng, gsd = stream(seed, f"epoch {later}"), relief.frame.gsd_m
    canvas = _lay(ground, places, slides, relief, season, later, seed % 9973 + 100 * later)
    shape = ground.dem.shape
    crown, tone, kind = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    grow(ground.bushes, canvas.shrub, ground.fine, gsd, crown, tone, kind)
    kind[kind > 0] = 3
    grow(ground.trees, canvas.forest, ground.fine, gsd, crown, tone, kind)
    hidden = (kind > 0) & (kind < 3) & (CLASS_OF[canvas.material] == CLASS_OF[M.ROCK])
    classes = CLASS_OF[np.where(hidden, np.uint8(M.FOREST_FLOOR), canvas.material)]

    loose = _LOOSE[canvas.material]
    bumps = ROUGHNESS_M[canvas.material] * (np.clip(0.5 + 0.3 * ground.coarse, 0.1, 1) * ground.fine + np.where(loose, np.float32(0.22), np.float32(0.7)) * ground.middle)
    solid = ground.dem + canvas.lift + bumps
    surface = solid + crown
    dy, dx = gradient(solid, gsd)
    cy, cx = gradient(gaussian_filter(crown, 0.6), gsd)
    dy, dx = np.clip(dy, -2, 2) + 0.30 * np.clip(cy, -4, 4), np.clip(dx, -2, 2) + 0.30 * np.clip(cx, -4, 4)
    calm = canvas.material == M.WATER
    dy[calm], dx[calm] = 0, 0
    climb = math.tan(math.radians(season.sun_elevation_deg))
    near = cast_shadow(surface, gsd, season, 26 / climb + 4, 1.5)
    far = cast_shadow(relief.wide_z, relief.wide_cell_m, season, 900, 12)
    offset = tuple(o / relief.wide_cell_m + MARGIN * relief.frame.cell_m / relief.wide_cell_m
                   for o in relief.frame.origin_m)
    far = resample(far, offset, gsd / relief.wide_cell_m, shape)  # type: ignore[arg-type]
    direct = sunlight(dy, dx, season) * (0.12 * (kind > 0) + (1 - 0.12 * (kind > 0)) * near) * far
    sky = np.clip(0.25 + 1.5 * openness(surface, gsd, 2.5, 3.0), 0, 1.25)
    sky *= (0.72 + 0.28 / (1 + np.clip(dy, -1.5, 1.5)**2 + np.clip(dx, -1.5, 1.5)**2)).astype(np.float32)
    albedo = _albedo(canvas, ground, traits, season, tone, kind)
    light = albedo
    for band in range(4):
        light[band] *= direct + SKY[band] * (1 + season.haze) * sky
    return Epoch(_sensor(light, season, gsd, rng), classes, canvas.ids)


def _sensor(light: F32, season: Season, gsd_m: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Look through the air with real optics, and make an eight-bit product."""
    out = np.empty(light.shape, np.uint8)
    white = float(np.quantile(light[:3, ::7, ::7].mean(0), 0.992)) * 1.3 / season.exposure
    cast = (1 + 0.05 * season.warmth, 1.0, 1 - 0.07 * season.warmth, 1.0)
    for band in range(4):
        seen = light[band] * (1 - 0.25 * season.haze) + HAZE[band] * (0.35 + season.haze)
        seen = gaussian_filter(seen, 0.55) * np.float32(cast[band] / (white if band < 3 else 1.9 * white))
        value = np.clip(seen, 0, 1.2) ** np.float32(0.64)
        noise = rng.standard_normal(value.shape, np.float32) * (0.007 + 0.006 * value)
        out[band] = np.clip(255 * 0.97 * (value + noise) + 0.5, 0, 255)
    return out
