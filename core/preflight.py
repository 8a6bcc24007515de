"""What can be said about a detection before it runs: findings with a remedy, and what it will cost."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rasterio.windows import Window

from core.detect import DetectSettings
from core.estimate import Estimate, estimate
from core.raster import grid_of, read_on
from core.registry import ModelCard, find_model
from core.scene import Scene

SAMPLE_SIDE = 256
SAMPLES = 100


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        level: ``ok``, ``note`` (the result is affected a little or is open) or ``warning``.
        what: What was looked at.
        found: What was found.
        meaning: What that means for the result, and how to mend it; empty when all is well.
    """

    level: Literal["ok", "note", "warning"]
    what: str
    found: str
    meaning: str = ""


def check(settings: DetectSettings) -> tuple[list[Finding], Estimate | None]:
    """Look at the inputs of a detection and time one window.

    Returns:
        Findings, and the estimate; None if the model has no weights.

    Raises:
        ScarpError: An input cannot be used at all.
    """
    card = find_model(settings.model, settings.models)
    with Scene(settings.scene) as scene:
        valid, with_dem = _sampled(scene)
        findings = [_crs(scene), _pixel_size(scene, card), _bands(scene, card), _scaling(scene), _observed(valid),
                    *_terrain(scene, card, with_dem)]
        if not card.has_weights:
            findings.append(Finding("warning", "Model", f"{card.title} has no weights", "Train it first."))
            return findings, None
        cost = estimate(settings, scene, card, valid)
    free = shutil.disk_usage(_existing(settings)).free / 1e6
    if free < cost.disk_mb:
        findings.append(Finding("warning", "Disk", f"{free:,.0f} MB free, about {cost.disk_mb:,.0f} MB needed",
                                "Free some space or choose another folder."))
    return findings, cost


def _existing(settings: DetectSettings) -> Path:
    """Return the output folder, or the nearest folder above it that is there."""
    folder = settings.out.resolve()
    while not folder.exists():
        folder = folder.parent
    return folder


def _sampled(scene: Scene) -> tuple[float, float]:
    """Return the observed share of the mapped part, and the share of that with a DEM, from spread squares."""
    part, per_side = scene.part, round(SAMPLES**0.5)
    seen = with_dem = total = 0
    for row in np.linspace(0, max(part.height - SAMPLE_SIDE, 0), per_side).astype(int):
        for column in np.linspace(0, max(part.width - SAMPLE_SIDE, 0), per_side).astype(int):
            window = Window(part.col_off + column, part.row_off + row,
                            min(SAMPLE_SIDE, part.width), min(SAMPLE_SIDE, part.height))
            valid = scene.valid(window)
            total += valid.size
            seen += int(valid.sum())
            if scene.dem is not None and valid.any():
                present = read_on(scene.dem, scene.grid.window(window), [1], "nearest")[1]
                with_dem += int((valid & present).sum())
    return seen / total, with_dem / max(seen, 1)


def _crs(scene: Scene) -> Finding:
    name = scene.grid.crs.to_string()
    others = {grid_of(d).crs.to_string() for d in (scene.dem, scene.ndvi) if d is not None} - {name}
    if others:
        return Finding("note", "CRS", f"image {name}, other rasters {', '.join(sorted(others))}",
                       "The others are warped to the image's grid.")
    return Finding("ok", "CRS", name)


def _pixel_size(scene: Scene, card: ModelCard) -> Finding:
    gsd, (low, high) = scene.grid.gsd_m, card.gsd_range_m
    found = f"{gsd:.2f} m on the ground; the model knows {low:g} to {high:g} m"
    if low <= gsd <= high:
        return Finding("ok", "Pixel size", found)
    how = "Resample the image to a coarser pixel" if gsd < low else "Use finer imagery"
    return Finding("warning", "Pixel size", found, f"Outlines will be less certain. {how}, or another model.")


def _bands(scene: Scene, card: ModelCard) -> Finding:
    found = ", ".join(f"{role} {index}" for role, index in scene.roles.items())
    if scene.ndvi_source == "absent":
        return Finding("note", "Bands", f"{found}; no near infrared", "No NDVI: the network is told that it is absent.")
    if "ndvi" not in card.trained_topography:
        return Finding("note", "Bands", f"{found}; NDVI from {scene.ndvi_source}",
                       "This model never saw NDVI in training: it is not used.")
    return Finding("ok", "Bands", f"{found}; NDVI from {scene.ndvi_source}")


def _scaling(scene: Scene) -> Finding:
    s = scene.scaling
    if s.source == "identity":
        return Finding("ok", "Values", "8 bit, used as they are")
    limits = ", ".join(f"{low:g} to {high:g}" for low, high in zip(s.low, s.high, strict=True))
    return Finding("note", "Values", f"{scene.image.dtypes[0]}, stretched from {limits}",
                   "The stretch is from a sample of the image and is recorded in run.json.")


def _observed(share: float) -> Finding:
    found = f"{share:.0%} of the mapped part holds image data"
    if share == 0:
        return Finding("warning", "Observed", found, "Nothing can be predicted: check nodata and area.")
    return Finding("ok" if share > 0.5 else "note", "Observed", found,
                   "" if share > 0.5 else "Elsewhere nothing is predicted, and no area is counted.")


def _terrain(scene: Scene, card: ModelCard, share: float) -> list[Finding]:
    if scene.dem is None:
        return [Finding("note", "DEM", "none given", "The network is told that terrain is absent; outlines carry no "
                        "elevation, slope or fall.")]
    if "dem" not in card.trained_topography:
        return [Finding("note", "DEM", "given", "This model never saw one: it serves the outlines' attributes only.")]
    resolution = grid_of(scene.dem).gsd_m
    findings = [Finding("ok" if resolution <= 30 else "warning", "DEM", f"{resolution:.1f} m grid",
                        "" if resolution <= 30 else "Too coarse for slopes of single landslides.")]
    if share < 0.98:
        findings.append(Finding("note" if share > 0.5 else "warning", "DEM cover",
                                f"{share:.0%} of the observed ground",
                                "Elsewhere the network is told that terrain is absent."))
    return findings
