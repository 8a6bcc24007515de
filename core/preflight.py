"""What can be said about a detection before it runs: findings with a remedy, and what it will cost."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core import domain
from core.detect import DetectSettings
from core.errors import InputError
from core.estimate import Estimate, estimate
from core.raster import grid_of, read_on
from core.registry import ModelCard, find_model
from core.roles import HIGHEST_M, LOWEST_M
from core.scene import Scene, suited

SAMPLE_SIDE = 256
SAMPLES = 100
SLOPES = 9

STEEP_DEG = 50.0
"""A median slope that whole valleys do not reach; heights in feet, read as metres, do."""

LEVELS = ("good", "note", "warning", "stop")
Level = Literal["good", "note", "warning", "stop"]


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        level: ``good``; ``note``: the result is affected a little, or something is open; ``warning``: do not trust the
            result without a look; ``stop``: it cannot run.
        what: What was looked at.
        found: What was found.
        meaning: What that means for the result, and how to mend it; empty when all is well.
    """

    level: Level
    what: str
    found: str
    meaning: str = ""


@dataclass(frozen=True)
class Days:
    """Days of a project, ISO 8601, each empty where it is not known.

    Attributes:
        image: When the image was taken.
        others: When the project's other images were.
        event: What set the landslides off.
    """

    image: str = ""
    others: Sequence[str] = ()
    event: str = ""


def check(settings: DetectSettings) -> tuple[list[Finding], Estimate | None]:
    """Look at the inputs of a detection and say what it will take.

    Returns:
        Findings, and the estimate; None if it cannot run.

    Raises:
        ScarpError: The model or its card cannot be used.
    """
    card = find_model(settings.model, settings.models)
    found, sample = _look(settings, card)
    if sample is None or not card.has_weights:
        return found, None
    with Scene(suited(settings.scene, card.gsd_range_m[0])) as scene:
        cost = estimate(settings, scene, card, sample.observed)
    free = shutil.disk_usage(_existing(settings)).free / 1e6
    if free < cost.disk_mb:
        found.append(Finding("warning", "Disk", f"{free:,.0f} MB free, about {cost.disk_mb:,.0f} MB needed",
                             "Free some space or choose another folder."))
    return found, cost


def findings(settings: DetectSettings, days: Days | None = None) -> list[Finding]:
    """Look at the inputs of a detection, and at their days; what cannot be used at all is a finding as well.

    Raises:
        ScarpError: The model or its card cannot be used.
    """
    found, _ = _look(settings, find_model(settings.model, settings.models))
    return [*found, *_days(days)] if days else found


def worst(found: Sequence[Finding]) -> Level:
    """Return the gravest level of some findings."""
    return max((finding.level for finding in found), key=LEVELS.index, default="good")


@dataclass(frozen=True)
class _Sample:
    """What spread squares of the mapped part hold: shares, elevations in metres, the median slope, figures of each."""

    observed: float
    with_dem: float
    elevation_m: tuple[float, float]
    slope_deg: float
    figures: NDArray[np.float64]


def _look(settings: DetectSettings, card: ModelCard) -> tuple[list[Finding], _Sample | None]:
    weights = [] if card.has_weights else [Finding(
        "stop", "Model", f"{card.title} has no weights", f"Train it with scarp train {card.name}, or choose another.")]
    try:
        with Scene(suited(settings.scene, card.gsd_range_m[0])) as scene:
            sample = _sampled(scene)
            return [*weights, _crs(scene), _pixel_size(scene, card), _bands(scene, card), _scaling(scene),
                    _observed(sample.observed), *_terrain(scene, card, sample), *_likeness(card, sample)], sample
    except InputError as error:
        got = f"found {error.got}; expected {error.expected}"
        return [*weights, Finding("stop", error.what[:1].upper() + error.what[1:], got, error.remedy)], None


def _existing(settings: DetectSettings) -> Path:
    """Return the output folder, or the nearest folder above it that is there."""
    folder = settings.out.resolve()
    while not folder.exists():
        folder = folder.parent
    return folder


def _sampled(scene: Scene) -> _Sample:
    """Read spread squares of the mapped part."""
    part, seen, with_dem, total = scene.part, 0, 0, 0
    figures: list[NDArray[np.float64]] = []
    slopes, heights = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    places = [(row, column) for row in _spread(part.height) for column in _spread(part.width)]
    for number, (row, column) in enumerate(places):
        window = Window(part.col_off + column, part.row_off + row,
                        min(SAMPLE_SIDE, part.width), min(SAMPLE_SIDE, part.height))
        stack = scene.read(window, use_dem=False, use_ndvi=False)
        total += stack.valid.size
        seen += int(stack.valid.sum())
        if stack.valid.mean() > 0.25:
            figures.append(domain.describe(stack.image * 128 + 127, stack.valid))
        if scene.dem is None or not stack.valid.any():
            continue
        present = read_on(scene.dem, scene.grid.window(window), [1], "nearest")[1]
        with_dem += int((stack.valid & present).sum())
        if number % -(-len(places) // SLOPES) == 0:
            relief = scene.relief(scene.grid.window(window))
            slopes.append(relief.slope_deg[np.isfinite(relief.slope_deg)])
            heights.append(relief.elevation_m[np.isfinite(relief.elevation_m)])
    height, slope = np.concatenate(heights), np.concatenate(slopes)
    return _Sample(seen / total, with_dem / max(seen, 1),
                   (float(height.min()), float(height.max())) if height.size else (0.0, 0.0),
                   float(np.median(slope)) if slope.size else 0.0, np.array(figures).reshape(-1, 7))


def _spread(length: int) -> NDArray[np.int_]:
    """Return where squares along one side start: side by side when few are enough, else spread evenly."""
    count = min(round(SAMPLES**0.5), -(-length // SAMPLE_SIDE))
    return np.linspace(0, max(length - SAMPLE_SIDE, 0), count).astype(int)


def _crs(scene: Scene) -> Finding:
    name = scene.grid.crs.to_string()
    others = {grid_of(d).crs.to_string() for d in (scene.dem, scene.ndvi) if d is not None} - {name}
    if others:
        return Finding("note", "CRS", f"image {name[:60]}, other rasters {', '.join(sorted(others))[:80]}",
                       "The others are warped to the image's grid; nothing has to be done.")
    return Finding("good", "CRS", name[:80])


def _pixel_size(scene: Scene, card: ModelCard) -> Finding:
    gsd, (low, high), times = scene.grid.gsd_m, card.gsd_range_m, scene.settings.times
    known = f"the model knows {low:g} to {high:g} m"
    if times > 1:
        return Finding("note", "Pixel size", f"{gsd / times:.2g} m on the ground; {known}",
                       f"Searched with pixels of {gsd:.2f} m, each the mean of {times} × {times}; so is the map. "
                       "Nothing has to be done.")
    finer, _ = card.looks.at(gsd)
    seen = f", and is shown pixels of {gsd / finer:.2g} m too" if finer > 1 else ""
    found = f"{gsd:.2f} m on the ground; {known}{seen}"
    if low <= gsd <= high:
        return Finding("good", "Pixel size", found)
    if gsd < low:
        return Finding("note", "Pixel size", found, "A little finer than what it learnt: look at the first results.")
    return Finding("warning", "Pixel size", found,
                   "Landslides look smaller than those it learnt. Use finer imagery, or take another model.")


def _bands(scene: Scene, card: ModelCard) -> Finding:
    found = ", ".join(f"{role} {index}" for role, index in scene.roles.items())
    if "ndvi" not in card.trained_topography:
        unused = "" if scene.ndvi_source == "absent" else "; NDVI is not used, as this model never saw it"
        return Finding("good", "Bands", f"{found}{unused}")
    if scene.ndvi_source == "absent":
        return Finding("note", "Bands", f"{found}; no near infrared",
                       "The network is told that NDVI is absent. A near infrared band, or an NDVI raster, would help.")
    return Finding("good", "Bands", f"{found}; NDVI from {scene.ndvi_source}")


def _scaling(scene: Scene) -> Finding:
    s = scene.scaling
    if s.source == "identity":
        return Finding("good", "Values", "8 bit, used as they are")
    limits = ", ".join(f"{low:g} to {high:g}" for low, high in zip(s.low, s.high, strict=True))
    return Finding("note", "Values", f"{scene.image.dtypes[0]}, stretched from {limits}",
                   "The stretch is from a sample of the image and is recorded in run.json.")


def _observed(share: float) -> Finding:
    found = f"{share:.0%} of the mapped part holds image data"
    if share == 0:
        return Finding("stop", "Observed", found, "Nothing can be predicted: check the nodata value and the area.")
    if share > 0.5:
        return Finding("good", "Observed", found)
    return Finding("note", "Observed", found, "Elsewhere nothing is predicted, and no area is counted.")


def _terrain(scene: Scene, card: ModelCard, sample: _Sample) -> list[Finding]:
    if scene.dem is None:
        said = "The network is told that terrain is absent" if "dem" in card.trained_topography else "It needs none"
        return [Finding("note", "Elevation", "none given",
                        f"{said}; outlines carry no elevation, slope or drop. A DEM of the same ground gives them.")]
    found = [_unit(scene, sample)]
    if "dem" not in card.trained_topography:
        return [*found, Finding("note", "Elevation", "given", "This model never saw one: it serves the outlines' "
                                                              "attributes only.")]
    resolution = grid_of(scene.dem).gsd_m
    coarse = resolution > 30
    found.append(Finding("warning" if coarse else "good", "Elevation", f"{resolution:.1f} m grid",
                         "Too coarse for the slopes of single landslides; use a grid of 30 m or finer." * coarse))
    cover = f"{sample.with_dem:.0%} of the observed ground has elevation"
    if sample.with_dem >= 0.98:
        return [*found, Finding("good", "Overlap", cover)]
    return [*found, Finding("note" if sample.with_dem > 0.5 else "warning", "Overlap", cover,
                            "Elsewhere the network is told that terrain is absent. Use a DEM without gaps that covers "
                            "the image.")]


def _unit(scene: Scene, sample: _Sample) -> Finding:
    """Return whether the heights can be what their unit says."""
    unit = "feet" if scene.settings.dem_unit == "ft" else "metres"
    low, high = sample.elevation_m
    found = f"{low:,.0f} to {high:,.0f} m above the reference, read as {unit}; median slope {sample.slope_deg:.0f}°"
    if high > HIGHEST_M or low < LOWEST_M:
        return Finding("warning", "Unit of elevation", found, "No ground is that high or low. Set the unit to feet, or "
                                                              "check the nodata value.")
    if sample.slope_deg > STEEP_DEG:
        return Finding("warning", "Unit of elevation", found, "Whole valleys are not that steep. If the heights are in "
                                                              "feet or decimetres, set the unit or convert them.")
    return Finding("good", "Unit of elevation", found)


def _likeness(card: ModelCard, sample: _Sample) -> list[Finding]:
    """Return how the image compares with what the model was trained on."""
    known = domain.read(card.domain)
    if known is None:
        return [Finding("note", "Likeness", "not known for this model",
                        "Its card does not tell what its training imagery looked like: judge by the first results.")]
    if not len(sample.figures):
        return []
    alike = domain.compare(known, sample.figures)
    found = f"{alike.outside:.0%} of the samples are unlike the training imagery"
    if alike.outside <= 0.2:
        return [Finding("good", "Likeness", found)]
    return [Finding("note" if alike.outside <= 0.6 else "warning", "Likeness", f"{found}; mostly {alike.how}",
                    "Expect more misses and false alarms, and look at them before the result is used.")]


def _days(days: Days) -> list[Finding]:
    if not days.image:
        return [Finding("note", "Day", "the image's day is not known",
                        "Outlines carry no date, and before and after cannot be told apart. Give it on the Data page.")]
    earlier = sum(bool(other) and other < days.image for other in days.others)
    later = sum(bool(other) and other > days.image for other in days.others)
    order = f"{days.image}; {earlier} of the other images earlier, {later} later" if days.others else days.image
    if days.event and days.image < days.event:
        return [Finding("warning", "Day", f"{order}; the event was on {days.event}",
                        "This image is from before the event: what it set off cannot be seen. Take a later image.")]
    return [Finding("good", "Day", order)]
