"""Are two images of a place on each other: their shift by phase correlation, to a fraction of a pixel.

In some twenty windows over the common ground both images are reduced to where their edges are (the logarithm of the
gradient's size, without its slow part), which outlives another sun, season or sensor. The cross-power spectrum of two
such windows is whitened, so that its inverse is a peak at the shift (Kuglin and Hines, 1975); a parabola through the
peak and its neighbours gives the fraction. The median over the windows is the shift, so that windows on water, cloud or
a landslide that moved do not matter; how many agree with it is the quality.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window
from scipy import fft, ndimage

from core.errors import InputError
from core.grid import Grid
from core.raster import band_roles, grid_of, open_raster, read_on

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Floats = NDArray[np.float32]

WINDOW_PX = 512
LEAST_PX = 64
SIDE = 5
"""Windows along each side of the image, at most."""

LEAST_SEEN = 0.6
"""Share of a window that both images must show."""

NEAR_PX = 1.0
"""A window within this of the median agrees with it."""

LEAST_WINDOWS, LEAST_AGREEMENT = 3, 0.5
WARN_PX = 0.5
CUTOFF = 0.15
"""Cycles a pixel above which the spectrum is damped: there noise rules."""


@dataclass(frozen=True)
class Shift:
    """How far the second image's content lies from the first's.

    Attributes:
        columns: Pixels of the first image's grid, to the right; NaN where it could not be told.
        rows: The same, downwards.
        gsd_m: Pixel size of the first image.
        spread_px: Median distance of the windows' own shifts from it.
        agreement: Share of the windows within a pixel of it, 0 to 1: the quality.
        windows: How many could be compared.
        left_px: Length of the shift that is measured again once it is corrected; NaN where it was not.
    """

    columns: float
    rows: float
    gsd_m: float
    spread_px: float
    agreement: float
    windows: int
    left_px: float = math.nan

    @property
    def length_px(self) -> float:
        """Its length in pixels."""
        return math.hypot(self.columns, self.rows)

    @property
    def length_m(self) -> float:
        """Its length on the ground."""
        return self.length_px * self.gsd_m

    @property
    def certain(self) -> bool:
        """Whether enough windows say the same."""
        return self.windows >= LEAST_WINDOWS and self.agreement >= LEAST_AGREEMENT

    @property
    def warning(self) -> str:
        """What is wrong, in a sentence; empty where the two lie on each other."""
        if not self.certain:
            return ("Whether the two images lie on each other could not be told: too little of their ground looks "
                    "alike. Compare them by eye.")
        if self.length_px >= WARN_PX:
            return (f"The second image lies {self.length_px:.1f} pixels ({self.length_m:.2f} m) off the first. "
                    "Correct it, or allow for it with the tolerance.")
        return ""

    def applied_to(self, grid: Grid) -> Grid:
        """Return where the second image shows what the first one shows on ``grid``, a part of the first's grid."""
        return Grid(grid.shape, grid.transform @ Affine.translation(self.columns, self.rows), grid.crs)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None where it could not be told."""
        values = asdict(self) | {"length_px": self.length_px, "length_m": self.length_m, "warning": self.warning}
        return {name: None if isinstance(value, float) and math.isnan(value) else value
                for name, value in values.items()}


NO_SHIFT = Shift(0.0, 0.0, 1.0, 0.0, 1.0, 0)


def measure_shift(first: Path, second: Path, first_bands: Mapping[str, int] | None = None,
                  second_bands: Mapping[str, int] | None = None) -> Shift:
    """Measure how far the second image lies off the first, and what is left once that is corrected.

    Args:
        first: GeoTIFF.
        second: GeoTIFF of any grid and CRS.
        first_bands: 1-based band of "red", "green" and "blue"; told from the file by default.
        second_bands: The same.

    Raises:
        InputError: An image cannot be read, or they have no ground in common.
    """
    with ExitStack() as stack:
        a, b = (stack.enter_context(open_raster(path)) for path in (first, second))
        bands = [_bands(dataset, given or {}) for dataset, given in ((a, first_bands), (b, second_bands))]
        grid = grid_of(a)
        windows = _windows(grid.shape)
        pairs = [(grid.window(w), _grey(a, grid.window(w), *bands[0])) for w in windows]

        def measured(shift: Shift) -> tuple[NDArray[np.float64], int]:
            found = []
            for place, (grey, seen) in pairs:
                other, there = _grey(b, shift.applied_to(place), *bands[1])
                if (both := seen & there).mean() >= LEAST_SEEN:
                    found.append(phase_shift(np.where(both, grey, 0), np.where(both, other, 0)))
            return np.array(found, float).reshape(-1, 2), len(found)

        found, count = measured(NO_SHIFT)
        if not count:
            raise InputError("two images", got="no ground that both of them show", expected="images of one place",
                             remedy="Choose images that overlap.")
        rows, columns = np.median(found, axis=0)
        apart = np.hypot(*(found - (rows, columns)).T)
        shift = Shift(float(columns), float(rows), grid.gsd_m, float(np.median(apart)),
                      float((apart <= NEAR_PX).mean()), count)
        if not shift.certain:
            return shift
        again, count = measured(shift)
        left = float(np.hypot(*np.median(again, axis=0))) if count else math.nan
    return Shift(**{**asdict(shift), "left_px": left})


def phase_shift(first: Floats, second: Floats) -> tuple[float, float]:
    """Return by how many (rows, columns) the second array's content lies off the first's, up to half their size.

    Args:
        first: (h, w) brightness.
        second: (h, w) brightness, of the same place.

    >>> grey = np.random.default_rng(1).random((128, 128)).astype(np.float32)
    >>> [round(value) for value in phase_shift(grey, np.roll(grey, (3, -5), (0, 1)))]
    [3, -5]
    """
    taper = np.outer(np.hanning(first.shape[0]), np.hanning(first.shape[1]))
    a, b = (fft.fft2(_edges(grey) * taper) for grey in (first, second))
    power = np.conj(a) * b
    frequencies = np.hypot(fft.fftfreq(first.shape[0])[:, None], fft.fftfreq(first.shape[1])[None])
    power *= np.exp(-frequencies**2 / (2 * CUTOFF**2)) / (np.abs(power) + 1e-12)
    peak = fft.ifft2(power).real
    at = np.unravel_index(int(peak.argmax()), peak.shape)
    return _fraction(peak[:, at[1]], int(at[0])), _fraction(peak[at[0]], int(at[1]))


def _fraction(line: NDArray[np.float64], at: int) -> float:
    """Return where a line through a peak has its top, by the parabola of three values, as a signed shift."""
    before, top, after = line[at - 1], line[at], line[(at + 1) % len(line)]
    curve = before - 2 * top + after
    value = at + (0.5 * (before - after) / curve if curve else 0.0)
    return float(value - len(line) if value > len(line) / 2 else value)


def _edges(grey: Floats) -> Floats:
    dy, dx = np.gradient(ndimage.gaussian_filter(grey, 1.0))
    size = np.log1p(np.hypot(dy, dx))
    return size - ndimage.gaussian_filter(size, 12.0)


def _windows(shape: tuple[int, int]) -> list[Window]:
    """Spread windows evenly over a raster."""
    size = min(WINDOW_PX, max(LEAST_PX, min(shape) // 2))
    if size > min(shape):
        raise InputError("image", got=f"{shape[1]} x {shape[0]} pixels", expected=f"at least {LEAST_PX} on each side",
                         remedy="Use a larger image.")
    rows, columns = ([round(start) for start in np.linspace(0, length - size, min(SIDE, -(-length // size)))]
                     for length in shape)
    return [Window(column, row, size, size) for row in rows for column in columns]


def _bands(dataset: rasterio.DatasetReader, given: Mapping[str, int]) -> tuple[list[int], bool]:
    """Return the bands that make brightness, and whether a band that is marked as alpha is one."""
    roles = dict(given or (band_roles(dataset) if dataset.count >= 3 else {}))
    alpha = {index for index, colour in enumerate(dataset.colorinterp, start=1) if colour is ColorInterp.alpha}
    return [roles[name] for name in ("red", "green", "blue") if name in roles] or [1], not alpha & set(roles.values())


def _grey(dataset: rasterio.DatasetReader, grid: Grid, bands: list[int],
          use_alpha: bool) -> tuple[Floats, NDArray[np.bool_]]:
    """Return brightness, from 0 to 255 whatever the image's range, and where it was seen."""
    values, seen = read_on(dataset, grid, bands, use_alpha=use_alpha)
    grey = values.mean(0)
    if seen.any():
        low, high = np.percentile(grey[seen][::7], (1, 99))
        grey = (grey - np.float32(low)) * np.float32(255 / max(high - low, 1e-6))
    return grey, seen
