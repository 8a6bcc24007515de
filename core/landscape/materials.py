"""What the ground is made of: a code, its class in the paper's scheme, its colour and its roughness."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from core.config import scheme
from core.landscape.noise import F32
from core.landscape.traits import LITHOLOGIES, Season, Traits


class M(IntEnum):
    """Ground materials."""

    FOREST_FLOOR = 0
    MEADOW = 1
    SHRUB = 2
    CROP = 3
    PLOUGHED = 4
    SOIL = 5
    ROCK = 6
    SCREE = 7
    GRAVEL = 8
    WATER = 9
    ASPHALT = 10
    TRACK = 11
    ROOF = 12
    YARD = 13
    QUARRY = 14
    SCAR = 15
    DEBRIS = 16
    DEPOSIT = 17
    CUT = 18
    WET_GRAVEL = 19
    RISER = 20
    SLIDE_GREEN = 21


def _classes() -> NDArray[np.uint8]:
    bare = {M.PLOUGHED, M.SOIL, M.ROCK, M.SCREE, M.GRAVEL, M.QUARRY, M.CUT, M.WET_GRAVEL, M.YARD}
    slide = {M.SCAR, M.DEBRIS, M.DEPOSIT, M.SLIDE_GREEN}
    names = scheme("paper").names
    table = np.full(len(M), names.index("vegetation"), np.uint8)
    for materials, name in ((bare, "bare land"), (slide, "landslide"), ({M.WATER}, "water"), ({M.ROOF}, "building"),
                            ({M.ASPHALT, M.TRACK}, "road")):
        table[list(materials)] = names.index(name)
    return table


CLASS_OF = _classes()
"""(materials,) uint8: a material's class in the paper's scheme."""

ROUGHNESS_M = np.zeros(len(M), np.float32)
"""(materials,) float32: height of the small bumps that light catches."""
ROUGHNESS_M[[M.ROCK, M.SCREE, M.SCAR, M.DEBRIS, M.DEPOSIT]] = 0.60, 0.30, 0.22, 0.24, 0.42
ROUGHNESS_M[[M.SHRUB, M.SLIDE_GREEN, M.GRAVEL, M.QUARRY, M.SOIL]] = 0.28, 0.22, 0.12, 0.22, 0.16
ROUGHNESS_M[[M.FOREST_FLOOR, M.MEADOW, M.CROP, M.PLOUGHED, M.CUT, M.RISER]] = 0.2, 0.09, 0.08, 0.08, 0.2, 0.2


LOOSE = np.isin(list(M), (M.SCAR, M.DEBRIS, M.DEPOSIT, M.GRAVEL))
"""(materials,) bool: stones and earth without large bumps."""


def reflectance(traits: Traits, season: Season) -> F32:
    """Return (materials, 4) reflectance in red, green, blue, near infrared for a place and a date."""
    fresh = np.array(LITHOLOGIES[traits.lithology], np.float32)
    grey = np.array([fresh[:3].mean()] * 3 + [fresh[3]], np.float32)
    soil = fresh * (0.72, 0.66, 0.58, 0.80)
    lush, straw = np.array([0.062, 0.098, 0.042, 0.40]), np.array([0.205, 0.175, 0.105, 0.33])
    grass = lush + (straw - lush) * season.dryness
    clear, silty = np.array([0.022, 0.060, 0.062, 0.012]), np.array([0.155, 0.135, 0.095, 0.05])
    water = clear + (silty - clear) * season.silt
    table = {
        M.FOREST_FLOOR: 0.6 * grass + 0.15 * soil, M.MEADOW: grass,
        M.SHRUB: np.array([0.055, 0.075, 0.038, 0.27]) * (1 - 0.3 * season.dryness) + 0.3 * season.dryness * straw,
        M.CROP: 0.8 * lush + 0.2 * straw, M.PLOUGHED: 0.62 * soil, M.SOIL: 0.68 * soil + 0.22 * grass,
        M.ROCK: 0.40 * grey + 0.25 * fresh, M.SCREE: 0.40 * grey + 0.42 * fresh, M.GRAVEL: 0.50 * grey + 0.35 * fresh,
        M.WET_GRAVEL: 0.35 * grey + 0.2 * fresh, M.WATER: water, M.ASPHALT: np.array([0.155, 0.155, 0.155, 0.17]),
        M.TRACK: 0.9 * soil + 0.1 * fresh, M.ROOF: np.array([0.2, 0.2, 0.2, 0.24]),
        M.YARD: 0.35 * soil + 0.55 * grey, M.QUARRY: 0.55 * grey + 0.40 * fresh, M.SCAR: fresh * (1.0, 0.95, 0.88, 1.0),
        M.DEBRIS: 0.88 * fresh, M.DEPOSIT: 0.6 * fresh + 0.2 * grey, M.CUT: 0.85 * soil,
        M.RISER: 0.7 * grass, M.SLIDE_GREEN: 0.75 * grass + 0.25 * soil,
    }
    return np.array([table[m] for m in M], np.float32)
