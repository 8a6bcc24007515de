"""The colour of everything: ground, roofs and crowns, by season."""

from __future__ import annotations

import numpy as np

from core.landscape.ground import Codes, Ground
from core.landscape.layout import Canvas
from core.landscape.materials import M, reflectance
from core.landscape.noise import F32, smoothstep
from core.landscape.traits import Season, Traits

# Reflectance in red, green, blue, near infrared.
ROOFS = np.array([
    (0.42, 0.42, 0.41, 0.45), (0.31, 0.31, 0.31, 0.34), (0.16, 0.25, 0.40, 0.30), (0.125, 0.12, 0.125, 0.16),
    (0.24, 0.13, 0.09, 0.30), (0.19, 0.15, 0.12, 0.24), (0.34, 0.33, 0.32, 0.37)], np.float32)
CONIFER = np.array((0.033, 0.044, 0.027, 0.23), np.float32)
BROADLEAF = np.array((0.051, 0.070, 0.033, 0.39), np.float32)
GOLD, RUST = np.array((0.185, 0.13, 0.036, 0.37), np.float32), np.array((0.135, 0.066, 0.034, 0.29), np.float32)
BUSH = np.array((0.058, 0.080, 0.040, 0.31), np.float32)

_STONY, _SLID, _WORKED = (np.isin(list(M), chosen) for chosen in (
    (M.ROCK, M.SCREE, M.QUARRY), (M.SCAR, M.DEBRIS, M.DEPOSIT), (M.GRAVEL, M.QUARRY)))
_LIVELY = np.array([{M.WATER: 0.25, M.ASPHALT: 0.35, M.ROOF: 0.25, M.YARD: 0.5}.get(m, 1.0) for m in M], np.float32)


def albedo(canvas: Canvas, ground: Ground, traits: Traits, season: Season, tone: F32, kind: Codes) -> F32:
    """Return what a date reflects.

    Args:
        canvas: What lies where.
        ground: Its textures.
        traits: The place.
        season: The date.
        tone: -1 to 1, the colour of the tree at a pixel.
        kind: 0 open ground, 1 broadleaf, 2 conifer, 3 bush.

    Returns:
        (4, h, w) float32 reflectance in red, green, blue, near infrared.
    """
    table, material = reflectance(traits, season), canvas.material
    noise = 0.06 * ground.fine + 0.07 * ground.middle + 0.06 * ground.coarse + 0.02 * ground.streak
    strata = np.sin(ground.dem * np.float32(0.9) + 2.2 * ground.coarse + 0.6 * ground.middle)
    noise += _STONY[material] * (0.09 * strata + 0.03 * ground.streak)
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
