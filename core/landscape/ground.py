"""The scene's ground at the image's pixels, as far as both dates share it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, gaussian_filter

from core.landscape.fields import Ids, parcels
from core.landscape.light import gradient
from core.landscape.materials import M
from core.landscape.noise import F32, Mask, fbm, resample, smoothstep, streaks, stream
from core.landscape.places import Places
from core.landscape.relief import MARGIN, PIXELS_A_CELL, Frame, Relief
from core.landscape.routes import stamp
from core.landscape.traits import Traits
from core.landscape.trees import Trees, plant

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Ground:
    """What both dates share; every array is (size, size).

    Attributes:
        dem: float32 metres.
        material: uint8, see ``M``; without roads, water, crops and landslides, which the dates add.
        forest: float32 0 to 1, density of trees.
        shrub: float32 0 to 1, density of bushes.
        coarse: float32 noise, lumps of some 40 m.
        middle: float32 noise, lumps of some 9 m.
        fine: float32 noise, lumps of some 2 m.
        streak: float32 noise drawn out down the slope.
        farm: bool, under the plough or the scythe.
        parcel: int32 field numbers.
        row_angle: float32, direction of each parcel's rows, by number.
        hedge: bool, edges between fields.
        riser: bool, banks between terraces.
        channel: float32 metres from the middle of the river.
        river: float32 metres, half width of the river.
        belt: float32 metres, half width of its gravel.
        paved: float32 metres from the edge of a paved road, below 0 on it.
        track: float32 metres from the edge of a track, below 0 on it.
        trees: All possible trees.
        bushes: All possible bushes.
    """

    dem: F32
    material: Codes
    forest: F32
    shrub: F32
    coarse: F32
    middle: F32
    fine: F32
    streak: F32
    farm: Mask
    parcel: Ids
    row_angle: F32
    hedge: Mask
    riser: Mask
    channel: F32
    river: F32
    belt: F32
    paved: F32
    track: F32
    trees: Trees
    bushes: Trees


def _cover(relief: Relief, z: F32, traits: Traits, rng: np.random.Generator) -> tuple[F32, F32, F32, F32]:
    """Return the fitness for trees (0 is the edge of the forest), slope, share of rock, share of scree; base grid."""
    cell = relief.frame.cell_m
    dy, dx = gradient(gaussian_filter(z, 8 / cell), cell)
    slope = np.hypot(dy, dx).astype(np.float32)
    shade = dy / np.maximum(slope, 0.1)
    above = relief.above_floor
    steep = np.degrees(np.arctan(np.hypot(*gradient(gaussian_filter(z, 2 / cell), cell)))).astype(np.float32)
    fit = (traits.shade_bias * 0.9 * shade * smoothstep(0.1, 0.4, slope) + 0.55 * fbm(z.shape, 190 / cell, rng)
           + 0.25 * fbm(z.shape, 45 / cell, rng, octaves=3) - 2.5 * smoothstep(-60, 60, above - traits.treeline_m)
           - 1.2 * smoothstep(40, 50, steep) - 0.7 * smoothstep(12, -2, above))
    fit = fit - np.quantile(fit, 1 - traits.forest)
    lumps = fbm(z.shape, 90 / cell, rng, octaves=3)
    rock = smoothstep(-2, 2, gaussian_filter(steep, 5 / cell) + 2.2 * lumps - traits.rock_deg)
    below = gaussian_filter(rock, 14 / cell)
    scree = smoothstep(0.06, 0.2, below) * smoothstep(28, 33, steep) * (1 - rock) * smoothstep(-0.2, 0.4, lumps)
    return fit.astype(np.float32), steep, rock, scree


def _distances(places: Places, relief: Relief, paved: bool) -> F32:
    """Return metres from the edges of roads of one kind."""
    frame = relief.frame
    out = np.full((frame.size, frame.size), 1e3, np.float32)
    for route in places.routes:
        if route.paved == paved:
            line = (route.line - MARGIN) * PIXELS_A_CELL
            distance = np.full_like(out, 1e6)
            stamp(distance, np.zeros_like(out), line, np.zeros(len(line), np.float32), 16 / frame.gsd_m)
            np.minimum(out, distance * np.float32(frame.gsd_m) - np.float32(route.width_m / 2), out=out)
    return out


def _textures(frame: Frame, z: F32, rng: np.random.Generator) -> tuple[F32, F32]:
    """Return the middle noise and the streaks; made on pixels of about a metre, which is all they hold."""
    skip = 2 if frame.gsd_m <= 0.6 else 1
    side, pixel_m = -(-frame.size // skip), skip * frame.gsd_m
    shape, step = (side, side), skip / PIXELS_A_CELL
    dy, dx = gradient(resample(gaussian_filter(z, 1.5), (MARGIN, MARGIN), step, shape), pixel_m)
    fall = np.hypot(dy, dx)
    scale = np.where(fall > 0.12, 1 / np.maximum(fall, 1e-3), 0).astype(np.float32)
    middle = fbm(shape, 9 / pixel_m, rng, octaves=3)
    grain = 0.6 * fbm(shape, 2.5 / pixel_m, rng, octaves=1) + 0.9 * rng.standard_normal(shape, np.float32)
    streak = streaks(grain, -dy * scale, -dx * scale, max(4, int(8 / pixel_m)))
    full = (frame.size, frame.size)
    return resample(middle, (0, 0), 1 / skip, full), 1.3 * resample(streak, (0, 0), 1 / skip, full)


def lay(relief: Relief, places: Places, traits: Traits, seed: int) -> Ground:
    """Bring the land to the image's pixels and cover it.

    Args:
        relief: The land.
        places: What people made of it.
        traits: The place.
        seed: Of the scene.
    """
    rng, frame = stream(seed, "ground"), relief.frame
    gsd, shape = frame.gsd_m, (frame.size, frame.size)
    fit, steep, rock, scree = _cover(relief, places.z, traits, rng)
    dem = frame.up(places.z)
    coarse = frame.up(fbm(relief.z.shape, 40 / frame.cell_m, rng, octaves=3))
    fine = fbm(shape, 4.0 / gsd, rng, octaves=3, gain=0.8)
    middle, streak = _textures(frame, places.z, rng)

    edge = frame.up(fit) + 0.10 * middle + 0.05 * fine
    forest = smoothstep(-0.12, 0.22, edge) * 0.97 + 0.05 * smoothstep(-0.9, -0.3, edge)
    shrub = smoothstep(-0.7, 0.0, edge + 0.3 * coarse) * 0.55 * (1 - forest)
    material = np.full(shape, M.MEADOW, np.uint8)
    material[shrub > 0.22] = M.SHRUB
    material[forest > 0.45] = M.FOREST_FLOOR
    up_steep = frame.up(steep)
    worn = (0.9 * coarse + 0.55 * middle + 0.35 * fine + smoothstep(20, 38, up_steep) * 1.2 - 2.2 * forest) > 1.65
    material[binary_opening(worn & (up_steep > 14), iterations=1)] = M.SOIL
    cut = 0.5 + 0.16 * middle + 0.12 * fine + 0.08 * streak
    material[frame.up(scree) > cut] = M.SCREE
    bare_rock = frame.up(rock) > cut
    ledge = np.sin(dem * np.float32(0.42) + 1.6 * coarse + 0.5 * middle) + 0.5 * middle + 0.4 * coarse > 1.25
    material[bare_rock] = np.where(ledge, M.SHRUB, M.ROCK)[bare_rock]
    forest[bare_rock] = np.where(ledge, 0.3, 0.02)[bare_rock]
    shrub[bare_rock] = np.where(ledge, 0.4, 0.03)[bare_rock]
    gully = frame.up(gaussian_filter(np.log10(relief.catchment), 0.7)) + 0.12 * middle
    material[(gully > 4.55) & (up_steep > 4)] = M.GRAVEL

    farm = frame.up(places.farm) + 0.04 * middle > 0.5
    farm &= (material != M.ROCK) & (material != M.GRAVEL)
    bend = tuple(frame.up(8.0 * fbm(relief.z.shape, 130 / frame.cell_m, rng, octaves=2)) for _ in "yx")
    parcel, angles = parcels(shape, gsd, bend, rng)  # type: ignore[arg-type]
    terraced = frame.up(places.terraced) > 0.4
    level = frame.up(places.level)
    step = np.floor(level).astype(np.int32)
    parcel = np.where(terraced, parcel // 3 * 3 + (step * 7919) % 104729, parcel)
    hedge = np.zeros(shape, bool)
    hedge[:, 1:] |= parcel[:, 1:] != parcel[:, :-1]
    hedge[1:] |= parcel[1:] != parcel[:-1]
    hedge = binary_dilation(hedge, iterations=1) if gsd <= 0.6 else hedge
    riser = terraced & farm & (level - step + 0.05 * fine > 0.72)
    forest *= np.where(farm, 0.0, 1.0)
    shrub *= np.where(farm, 0.0, 1.0)
    material[farm] = M.MEADOW
    channel = frame.up(places.channel_m) + 0.9 * middle + 0.3 * fine
    material[frame.up(places.quarry) + 0.03 * fine > 0.5] = M.QUARRY
    cones = np.clip(np.full(shape, traits.conifer, np.float32) + 0.25 * coarse, 0, 1)
    return Ground(
        dem=dem, material=material, forest=forest, shrub=shrub, coarse=coarse, middle=middle, fine=fine, streak=streak,
        farm=farm, parcel=parcel, row_angle=angles, hedge=hedge & farm & ~terraced, riser=riser, channel=channel,
        river=frame.up(places.river_m), belt=frame.up(places.belt_m),
        paved=_distances(places, relief, paved=True), track=_distances(places, relief, paved=False) + 0.35 * fine,
        trees=plant(frame.size, gsd, cones, rng, spacing_m=3.5, radius_m=2.5, height_m=11.0),
        bushes=plant(frame.size, gsd, np.zeros_like(cones), rng, spacing_m=2.4, radius_m=0.95, height_m=1.5))
