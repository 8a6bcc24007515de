"""What differs between places: drawn once from the seed, then only read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.landscape.noise import stream

# Red, green, blue, near infrared reflectance of fresh, dry debris.
LITHOLOGIES: dict[str, tuple[float, float, float, float]] = {
    "limestone": (0.345, 0.31, 0.255, 0.42),
    "slate": (0.265, 0.26, 0.25, 0.31),
    "granite": (0.345, 0.315, 0.27, 0.40),
    "loess": (0.33, 0.27, 0.19, 0.42),
    "red beds": (0.33, 0.225, 0.165, 0.40),
    "shale": (0.285, 0.255, 0.21, 0.35),
}


@dataclass(frozen=True)
class Season:
    """How one date looks.

    Attributes:
        autumn: 0 full summer, 1 late autumn: leaves turned, grass dry.
        dryness: 0 lush grass, 1 straw.
        sun_azimuth_deg: Clockwise from north (up in the image).
        sun_elevation_deg: Above the horizon.
        haze: 0 clear, 1 thick.
        exposure: Brightness of the product, about 1.
        warmth: Colour cast, below 0 blue, above 0 yellow.
        river: Water level against the usual width.
        silt: 0 clear water, 1 brown.
    """

    autumn: float
    dryness: float
    sun_azimuth_deg: float
    sun_elevation_deg: float
    haze: float
    exposure: float
    warmth: float
    river: float
    silt: float


@dataclass(frozen=True)
class Traits:
    """What a place is like.

    Attributes:
        steep_deg: Angle at which hillslopes stand.
        floor_m: Half width of the valley floor.
        river_m: Half width of the river; 0 for a valley without one.
        forest: Share of hillslope under trees, roughly.
        conifer: Share of conifers.
        treeline_m: Height above the valley floor where trees give way.
        shade_bias: How strongly forest prefers the shaded side.
        lithology: Key of ``LITHOLOGIES``.
        rock_deg: Slope from which rock shows.
        village: Whether people live here.
        quarry: Whether there is a quarry.
        farmed: Share of gentle ground under crops.
        slides: Landslides per square kilometre of hillslope; 0 for none.
        offset: Where the valley lies against the scene's centre, in shares of the scene's side.
        before: The first date.
        after: The second date.
    """

    steep_deg: float
    floor_m: float
    river_m: float
    forest: float
    conifer: float
    treeline_m: float
    shade_bias: float
    lithology: str
    rock_deg: float
    village: bool
    quarry: bool
    farmed: float
    slides: float
    offset: float
    before: Season
    after: Season


def draw(seed: int, extent_m: float, landslides: bool | None) -> Traits:
    """Draw the traits of a place.

    Args:
        seed: Any non-negative integer.
        extent_m: Side of the scene: a small scene is put where there is something to see.
        landslides: ``True`` and ``False`` force them in or out; ``None`` leaves it to the seed.
    """
    rng = stream(seed, "traits")
    steep = rng.uniform(26, 38)
    river = rng.uniform(5, 13) if rng.random() < 0.8 else 0.0
    forest = float(rng.choice([rng.uniform(0.15, 0.45), rng.uniform(0.5, 0.9)]))
    lithology = str(rng.choice(list(LITHOLOGIES)))
    unstable = bool(rng.random() >= 0.12)
    slides = float(rng.uniform(14, 45)) * (unstable if landslides is None else landslides)
    near = min(0.30, 260.0 / extent_m)
    return Traits(
        steep_deg=float(steep), floor_m=float(rng.uniform(28, 75)), river_m=float(river), forest=forest,
        conifer=float(rng.choice([rng.uniform(0.7, 1.0), rng.uniform(0.0, 0.35)])),
        treeline_m=float(rng.uniform(260, 900)), shade_bias=float(rng.uniform(0.1, 1.0)), lithology=lithology,
        rock_deg=float(max(rng.uniform(38, 44), steep + rng.uniform(8, 14))),
        village=bool(rng.random() < 0.7), quarry=bool(rng.random() < 0.35),
        farmed=float(rng.uniform(0.1, 0.9)), slides=slides, offset=float(rng.uniform(-near, near)),
        before=_season(rng, late=False), after=_season(rng, late=True),
    )


def _season(rng: np.random.Generator, late: bool) -> Season:
    autumn = float(rng.uniform(0.3, 1.0) if late and rng.random() < 0.6 else rng.uniform(0.0, 0.25))
    return Season(
        autumn=autumn, dryness=float(max(0.8 * autumn, rng.uniform(0, 0.7))),
        sun_azimuth_deg=float(rng.uniform(120, 240) if late else rng.uniform(105, 175)),
        sun_elevation_deg=float(rng.uniform(34, 50) if late else rng.uniform(46, 66)),
        haze=float(rng.uniform(0.05, 0.6)), exposure=float(rng.uniform(0.88, 1.12)),
        warmth=float(rng.uniform(-0.5, 0.5)), river=float(rng.uniform(0.65, 1.25)), silt=float(rng.beta(0.7, 1.2)),
    )
