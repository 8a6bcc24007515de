"""Figures of a detection: how many landslides, how large, how dense, and on which ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError

Numbers = NDArray[np.float64]

PERCENTILES = (10, 50, 90)
BINS_PER_DECADE, BINS_OF_FEW, FEW = 5, 3, 30
CLASSES = 10
SLOPE_STEP_DEG = 5.0
NICE_STEPS_M = (5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)


@dataclass(frozen=True)
class Summary:
    """Key figures.

    Attributes:
        count: Landslides.
        total_m2: Their area.
        observed_m2: Ground that was looked at; None where that is not known.
        largest_m2: Area of the largest.
        percentiles_m2: Areas at ``PERCENTILES``; empty without landslides.
    """

    count: int
    total_m2: float
    observed_m2: float | None
    largest_m2: float
    percentiles_m2: tuple[float, ...]

    @property
    def per_km2(self) -> float | None:
        """Landslides on a square kilometre of observed ground."""
        return self.count / (self.observed_m2 / 1e6) if self.observed_m2 else None

    @property
    def share(self) -> float | None:
        """Share of the observed ground that landslides cover, 0 to 1."""
        return self.total_m2 / self.observed_m2 if self.observed_m2 else None


def summarise(areas_m2: ArrayLike, observed_m2: float | None) -> Summary:
    """Return the key figures of landslides with these areas."""
    areas = _areas(areas_m2)
    cuts = tuple(float(v) for v in np.percentile(areas, PERCENTILES)) if areas.size else ()
    return Summary(len(areas), float(areas.sum()), observed_m2, float(areas.max(initial=0)), cuts)


@dataclass(frozen=True)
class SizeFrequency:
    """How often each size occurs, in bins of equal width on a logarithmic scale of area.

    Attributes:
        edges_m2: (n + 1,) edges of the bins.
        count: (n,) landslides in each.
        density: (n,) probability density in 1/m2: share of all landslides divided by the bin's width.
        at_least: (n + 1,) landslides of at least each edge's area.
    """

    edges_m2: Numbers
    count: NDArray[np.int64]
    density: Numbers
    at_least: NDArray[np.int64]

    @property
    def centres_m2(self) -> Numbers:
        """Geometric middle of each bin."""
        return np.sqrt(self.edges_m2[:-1] * self.edges_m2[1:])

    @property
    def rollover_m2(self) -> float | None:
        """Area of the highest density; None where that is the smallest bin with landslides: nothing rolls over.

        Below it small landslides are missing: merged, weathered away or too small to be seen.
        """
        peak = int(self.density.argmax())
        return float(self.centres_m2[peak]) if self.count[:peak].any() else None


def size_frequency(areas_m2: ArrayLike, bins_per_decade: int = BINS_PER_DECADE) -> SizeFrequency:
    """Return the size-frequency distribution of landslides, as in Malamud et al. (2004), doi:10.1002/esp.1064.

    Args:
        areas_m2: At least one, all above 0.
        bins_per_decade: Bins for each factor of ten.

    Raises:
        InputError: There is no area, or one that is not a positive number.
    """
    areas = _areas(areas_m2)
    if not areas.size:
        raise InputError("landslide areas", got="none", expected="one or more", remedy="Lower the threshold.")
    place = np.floor(np.log10(areas) * bins_per_decade + 1e-9)
    edges = 10 ** (np.arange(place.min(), place.max() + 2) / bins_per_decade)
    count = np.bincount((place - place.min()).astype(np.int64))
    at_least = np.append(count[::-1].cumsum()[::-1], 0)
    return SizeFrequency(edges, count, count / (len(areas) * np.diff(edges)), at_least)


def bins_for(count: int) -> int:
    """Return how many bins a decade so many landslides fill: few want wide ones."""
    return BINS_PER_DECADE if count >= FEW else BINS_OF_FEW


@dataclass(frozen=True)
class GroundShares:
    """Where landslides lie, class by class of slope or elevation, against the ground that was observed.

    Attributes:
        edges: (n + 1,) edges of the classes.
        ground: (n,) share of the observed ground in each class; they sum to 1.
        landslides: (n,) share of the landslides' area in each class; they sum to 1, or are 0 without landslides.
        affected: (n,) share of each class's ground that landslides cover; NaN where a class has no ground.
    """

    edges: Numbers
    ground: Numbers
    landslides: Numbers
    affected: Numbers


def ground_shares(values: ArrayLike, landslide: ArrayLike, edges: Sequence[float] | Numbers) -> GroundShares | None:
    """Count equal pixels by class of a terrain value; None where no pixel has one.

    Args:
        values: Any shape: slope or elevation, NaN where missing or not observed.
        landslide: The same shape, True on landslides.
        edges: Rising; a value outside them counts for the first or the last class.
    """
    value, slide = np.asarray(values, np.float64).ravel(), np.asarray(landslide, bool).ravel()
    known = np.isfinite(value)
    if not known.any():
        return None
    rim = np.asarray(edges, np.float64)
    place = np.clip(np.searchsorted(rim, value[known], side="right") - 1, 0, len(rim) - 2)
    every = np.bincount(place, minlength=len(rim) - 1).astype(np.float64)
    slides = np.bincount(place[slide[known]], minlength=len(rim) - 1).astype(np.float64)
    affected = np.divide(slides, every, out=np.full(len(every), np.nan), where=every > 0)
    return GroundShares(rim, every / every.sum(), slides / max(slides.sum(), 1), affected)


def slope_classes(values_deg: ArrayLike) -> Numbers:
    """Return edges in steps of ``SLOPE_STEP_DEG`` from 0 to beyond nearly all slopes."""
    steepest = np.nanpercentile(np.asarray(values_deg, np.float64), 99.5)
    return np.arange(0, max(2, np.ceil(steepest / SLOPE_STEP_DEG)) + 1) * SLOPE_STEP_DEG


def elevation_classes(values_m: ArrayLike) -> Numbers:
    """Return edges in round steps, about ``CLASSES`` of them, around all elevations."""
    values = np.asarray(values_m, np.float64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    step = next((s for s in NICE_STEPS_M if (high - low) / s <= CLASSES), NICE_STEPS_M[-1])
    first, last = np.floor(low / step), np.floor(high / step) + 1
    return np.arange(first, last + 1) * float(step)


def _areas(areas_m2: ArrayLike) -> Numbers:
    areas = np.asarray(areas_m2, np.float64).ravel()
    if not (np.isfinite(areas) & (areas > 0)).all():
        raise InputError("landslide areas", got="one that is 0, negative or missing", expected="positive numbers",
                         remedy="Run the detection again.")
    return areas
