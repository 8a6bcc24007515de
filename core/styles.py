"""How a raster becomes a picture: bands, ranges and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from core import versus
from core.change import codes
from core.config import PROBABILITY_SCALE, SCHEMES
from core.display import ASPECT_STEP_DEG, NDVI_STEP, SLOPE_STEP_DEG, STEPS
from core.errors import InputError
from core.ingest.geotiff import open_geotiff
from core.raster import band_roles, reading

SLOPE_RAMP = ("#fbf6dc", "#cfdcaa", "#86b99b", "#43899a", "#34598a", "#35306b", "#2a1145")
"""Colours of 0 to ``SLOPE_TOP_DEG``; what is steeper has the last one."""

SLOPE_TOP_DEG = 60.0

ASPECT_WHEEL = ("#4a6fb5", "#4fa39a", "#b7b84d", "#e0a03f", "#cf5f4a", "#a84a78", "#7b58a3", "#5b61b3")
"""Colours of north, north-east and so on, clockwise; they close to a circle."""

ELEVATION_RAMP = ("#2b6a68", "#6a9c79", "#b9bf88", "#d9b476", "#b98560", "#9d7f78", "#f2f0ee")
"""Colours of the lowest to the highest elevation."""

NDVI_RAMP = ("#7a4a12", "#c39a55", "#f3ecd8", "#8cc3a4", "#2f8a66", "#0b5138")
"""Colours of ``NDVI_ENDS``."""

NDVI_ENDS = (-0.4, 0.9)

PROBABILITY_RAMP = ("#ffe3a3", "#fdb66f", "#f2834d", "#d9492f", "#a31d34", "#5f0f3c")
"""Colours of 0 to 1; low probabilities fade out."""

STRETCH_PERCENT = (2.0, 98.0)
GAMMA = 1.8
"""Exponent of the brightening stretch: dark slopes come up, bright rock stays."""

MAX_SINGLE_BANDS = 12
_NAMES = ("image", "slope", "aspect", "elevation", "elevation-ft", "ndvi", "probability")
_COUNTS = tuple(str(count) for count in range(2, versus.MOST + 1))
_SAMPLE = 1024

Ranges = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Style:
    """How a raster is drawn.

    Attributes:
        name: "image", "slope", "aspect", "elevation" (or "elevation-ft"), "ndvi", "probability", "classes:" or
            "change:" and a class scheme, or "agreement:" and a number of detections.
        indexes: 1-based bands: three for colour, one for grey or for a style of its own.
        low: Value drawn darkest, one a band; without it uint8 values are drawn as they are.
        high: Value drawn brightest, one a band.
        gamma: Above 1 the dark end is brightened.
    """

    name: str = "image"
    indexes: tuple[int, ...] = (1,)
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    gamma: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a style that cannot be drawn."""
        kind, _, scheme = self.name.partition(":")
        known = self.name in _NAMES or (kind in ("classes", "change") and scheme in SCHEMES) or \
            (kind == "agreement" and scheme in _COUNTS)
        if not known or len(self.indexes) not in (1, 3) or len(self.low) not in (0, len(self.indexes)) or \
                len(self.low) != len(self.high) or self.gamma <= 0:
            raise InputError("raster style", got=repr(self),
                             expected="a known name, one or three bands, a range for each",
                             remedy=f"Use {', '.join(_NAMES)} classes:<scheme> or change:<scheme>.")

    @property
    def categorical(self) -> bool:
        """Whether its values cannot be interpolated: classes, and directions, which are a circle."""
        return self.name == "aspect" or ":" in self.name

    @property
    def colormap(self) -> str:
        """The colours of the 256 values of a uint8 raster as JSON; empty for an image."""
        return "" if self.name == "image" else _colormap(self.name)

    def paint(self, values: np.ma.MaskedArray[Any, Any]) -> np.ma.MaskedArray[Any, Any]:
        """Return (bands, h, w) values of the raster as uint8, stretched from ``low`` to ``high``; NaN is masked."""
        if not self.low:
            return values
        low, high = (np.array(side, np.float32)[:, None, None] for side in (self.low, self.high))
        data = values.data.astype(np.float32)
        missing = ~np.isfinite(data)
        share = np.clip((np.where(missing, low, data) - low) / (high - low), 0, 1)
        grey = np.rint(255 * share ** (1 / self.gamma)).astype(np.uint8)
        return np.ma.MaskedArray(grey, np.ma.getmaskarray(values) | missing.any(0))


@dataclass(frozen=True)
class Imagery:
    """The ways in which one image can be shown: which bands, and how their values are stretched.

    A choice is written ``<bands>-<stretch>``, such as ``natural-percent``.

    Attributes:
        bands: 1-based indexes by name: "natural", "infrared" (false colour), "b1" and so on.
        ranges: One (low, high) a band of the file by stretch: "asis" (uint8 as it is, no range), "percent"
            (2nd to 98th percentile), "extremes". A fourth stretch, "gamma", is the percentiles brightened.
        default: The choice shown first.
    """

    bands: Mapping[str, tuple[int, ...]]
    ranges: Mapping[str, Ranges]
    default: str

    def style(self, choice: str = "") -> Style | None:
        """Return the style of a choice, or of the default; None when there is no such choice."""
        name, _, stretch = (choice or self.default).partition("-")
        indexes, ranges = self.bands.get(name), self.ranges.get("percent" if stretch == "gamma" else stretch)
        if indexes is None or ranges is None:
            return None
        ends = [ranges[index - 1] for index in indexes] if ranges else []
        return Style("image", tuple(indexes), tuple(low for low, _ in ends), tuple(high for _, high in ends),
                     GAMMA if stretch == "gamma" else 1.0)


def imagery(path: Path, roles: Mapping[str, int] | None = None) -> Imagery:
    """Return the ways to show an image; uint8 is shown as it is at first, anything else by its percentiles.

    Args:
        path: GeoTIFF.
        roles: 1-based band of "red", "green", "blue" and "nir"; told from the file by default.

    Raises:
        InputError: It is not a GeoTIFF, or not a harmless one.
    """
    with open_geotiff(path) as dataset:
        known, count, plain = dict(roles or _roles(dataset)), dataset.count, set(dataset.dtypes) == {"uint8"}
    bands: dict[str, tuple[int, ...]] = {}
    if {"red", "green", "blue"} <= set(known):
        bands["natural"] = (known["red"], known["green"], known["blue"])
    if {"nir", "red", "green"} <= set(known):
        bands["infrared"] = (known["nir"], known["red"], known["green"])
    bands |= {f"b{index}": (index,) for index in range(1, min(count, MAX_SINGLE_BANDS) + 1)}
    used = range(1, max(max(each) for each in bands.values()) + 1)
    percent, extremes = _ranges(path, list(used))
    ranges: dict[str, Ranges] = {"asis": ()} if plain else {}
    ranges |= {"percent": percent, "extremes": extremes}
    return Imagery(bands, ranges, f"{next(iter(bands))}-{next(iter(ranges))}")


def _roles(dataset: rasterio.DatasetReader) -> dict[str, int]:
    try:
        return band_roles(dataset)
    except InputError:
        return {}


def _ranges(path: Path, indexes: list[int]) -> tuple[Ranges, Ranges]:
    """Return each band's percentiles and extremes over a sample of the whole image."""
    with reading(path) as dataset:
        share = min(1.0, _SAMPLE / max(dataset.shape))
        height, width = (max(1, int(n * share)) for n in dataset.shape)
        sample = dataset.read(indexes, masked=True, out_shape=(len(indexes), height, width))
    percent, extremes = [], []
    for band in sample:
        values = band.compressed().astype(np.float64)
        values = values[np.isfinite(values)]
        ends = np.percentile(values, (*STRETCH_PERCENT, 0, 100)) if values.size else np.array([0.0, 1, 0, 1])
        low, high, least, most = (float(f"{end:.6g}") for end in ends)
        percent.append((low, high if high > low else low + 1))
        extremes.append((least, most if most > least else least + 1))
    return tuple(percent), tuple(extremes)


@lru_cache(maxsize=32)
def _colormap(name: str) -> str:
    """Return red, green, blue and opacity of the values 0 to 255 as JSON; 255 is clear."""
    value = np.arange(256)
    if name == "slope":
        table = _ramp(SLOPE_RAMP, value * SLOPE_STEP_DEG / SLOPE_TOP_DEG)
    elif name == "aspect":
        table = _ramp((*ASPECT_WHEEL, ASPECT_WHEEL[0]), value * ASPECT_STEP_DEG / 360)
    elif name.startswith("elevation"):
        table = _ramp(ELEVATION_RAMP, value / STEPS)
    elif name == "ndvi":
        table = _ramp(NDVI_RAMP, (value * NDVI_STEP - 1 - NDVI_ENDS[0]) / (NDVI_ENDS[1] - NDVI_ENDS[0]))
    elif name == "probability":
        share = value * PROBABILITY_SCALE
        table = _ramp(PROBABILITY_RAMP, share)
        table[:, 3] = np.rint(255 * np.clip(share / 0.35, 0, 1))
    elif name.startswith("agreement:"):
        table = versus.colours(int(name.partition(":")[2]))
    elif name.startswith("change:"):
        table = codes.colours(SCHEMES[name.partition(":")[2]])
    else:
        known = SCHEMES[name.partition(":")[2]]
        table = np.zeros((256, 4), np.uint8)
        for index, kind in enumerate(known.names):
            table[index] = (*known.rgb(index), 0 if kind == "other" else 255)
    table[255] = 0
    return "{" + ",".join(f'"{i}":{row}' for i, row in enumerate(table.tolist())) + "}"


def _ramp(colours: Sequence[str], share: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 (n, 4) colours between the given ones at shares of 0 to 1, opaque."""
    stops = np.array([[int(c[i:i + 2], 16) for i in (1, 3, 5)] for c in colours], float)
    at = np.clip(share, 0, 1) * (len(colours) - 1)
    rgb = np.stack([np.interp(at, np.arange(len(colours)), channel) for channel in stops.T], axis=1)
    return np.concatenate([np.rint(rgb), np.full((len(rgb), 1), 255)], axis=1).astype(np.uint8)
