"""One date of a scene: the picture that the sensor took of it, and the truth about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.landscape.albedo import albedo
from core.landscape.ground import Ground
from core.landscape.layout import lay_out
from core.landscape.light import cast_shadow, gradient, openness, sunlight
from core.landscape.materials import CLASS_OF, LOOSE, ROUGHNESS_M, M
from core.landscape.noise import F32, resample, stream
from core.landscape.places import Places
from core.landscape.relief import MARGIN, Relief
from core.landscape.slides import Slide
from core.landscape.traits import Season, Traits
from core.landscape.trees import grow

SKY = np.array((0.14, 0.165, 0.20, 0.08), np.float32)
HAZE = np.array((0.016, 0.024, 0.040, 0.005), np.float32)


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
    canvas = lay_out(ground, places, slides, relief, season, later, seed % 9973 + 100 * later)
    shape = ground.dem.shape
    crown, tone, kind = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    grow(ground.bushes, canvas.shrub, ground.fine, gsd, crown, tone, kind)
    kind[kind > 0] = 3
    grow(ground.trees, canvas.forest, ground.fine, gsd, crown, tone, kind)
    hidden = (kind > 0) & (kind < 3) & (CLASS_OF[canvas.material] == CLASS_OF[M.ROCK])
    classes = CLASS_OF[np.where(hidden, np.uint8(M.FOREST_FLOOR), canvas.material)]

    loose = LOOSE[canvas.material]
    lumpy = np.where(loose, np.float32(0.22), np.float32(0.7)) * ground.middle
    bumps = ROUGHNESS_M[canvas.material] * (np.clip(0.5 + 0.3 * ground.coarse, 0.1, 1) * ground.fine + lumpy)
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
    light = albedo(canvas, ground, traits, season, tone, kind)
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
