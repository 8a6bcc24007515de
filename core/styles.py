"""How a raster becomes a picture: bands, ranges and colours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio

from core.config import PROBABILITY_SCALE, SCHEMES
from core.display import SLOPE_STEP_DEG
from core.errors import InputError
from core.ingest.geotiff import open_geotiff

SLOPE_RAMP = ("#fbf6dc", "#cfdcaa", "#86b99b", "#43899a", "#34598a", "#35306b", "#2a1145")
"""Colours of 0 to ``SLOPE_TOP_DEG``; what is steeper has the last one."""

SLOPE_TOP_DEG = 60.0

PROBABILITY_RAMP = ("#ffe3a3", "#fdb66f", "#f2834d", "#d9492f", "#a31d34", "#5f0f3c")
"""Colours of 0 to 1; low probabilities fade out."""

STRETCH_PERCENT = (2.0, 98.0)
_SAMPLE = 1024


@dataclass(frozen=True)
class Style:
    """How a raster is drawn.

    Attributes:
        name: "image", "slope", "probability", or "classes:" and a class scheme.
        indexes: 1-based bands: three for colour, one for grey or for a style of its own.
        low: Value drawn darkest, one a band; without it uint8 values are drawn as they are.
        high: Value drawn brightest, one a band.
    """

    name: str = "image"
    indexes: tuple[int, ...] = (1,)
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a style that cannot be drawn."""
        kind, _, scheme = self.name.partition(":")
        known = self.name in ("image", "slope", "probability") or (kind == "classes" and scheme in SCHEMES)
        if not known or len(self.indexes) not in (1, 3) or len(self.low) not in (0, len(self.indexes)) or \
                len(self.low) != len(self.high):
            raise InputError("raster style", got=repr(self),
                             expected="a known name, one or three bands, a range for each",
                             remedy="Use image, slope, probability or classes:<scheme>.")

    def query(self) -> dict[str, str]:
        """Return the style in localtileserver's parameters."""
        asked = {"indexes": ",".join(map(str, self.indexes))}
        if self.low:
            asked |= {"vmin": ",".join(f"{v:g}" for v in self.low), "vmax": ",".join(f"{v:g}" for v in self.high)}
        if self.name != "image":
            asked["colormap"] = _colormap(self.name)
        return asked


def image_style(path: Path) -> Style:
    """Return how an image is drawn: its first three bands (or the first), stretched unless they are uint8.

    The range of a band is its 2nd to 98th percentile over a sample of the whole image.

    Raises:
        InputError: It is not a GeoTIFF, or not a harmless one.
    """
    with open_geotiff(path) as dataset:
        indexes = (1, 2, 3) if dataset.count >= 3 else (1,)
        if set(dataset.dtypes[:len(indexes)]) == {"uint8"}:
            return Style("image", indexes)
    with rasterio.open(path, driver="GTiff") as dataset:
        share = min(1.0, _SAMPLE / max(dataset.shape))
        height, width = (max(1, int(n * share)) for n in dataset.shape)
        sample = dataset.read(indexes, masked=True, out_shape=(len(indexes), height, width))
    ranges = []
    for band in sample:
        values = band.compressed()
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, STRETCH_PERCENT) if values.size else (0.0, 1.0)
        ranges.append((float(low), float(high) if high > low else float(low) + 1))
    return Style("image", indexes, tuple(low for low, _ in ranges), tuple(high for _, high in ranges))


@lru_cache(maxsize=32)
def _colormap(name: str) -> str:
    """Return the colours of the 256 values of a uint8 raster, red, green, blue and opacity, as JSON."""
    value = np.arange(256)
    if name == "slope":
        table = _ramp(SLOPE_RAMP, value * SLOPE_STEP_DEG / SLOPE_TOP_DEG)
    elif name == "probability":
        share = value * PROBABILITY_SCALE
        table = _ramp(PROBABILITY_RAMP, share)
        table[:, 3] = np.rint(255 * np.clip(share / 0.35, 0, 1))
    else:
        known = SCHEMES[name.partition(":")[2]]
        table = np.zeros((256, 4), np.uint8)
        for index, kind in enumerate(known.names):
            table[index] = (*known.rgb(index), 0 if kind == "other" else 255)
    table[255] = 0
    return json.dumps({str(i): row for i, row in enumerate(table.tolist())})


def _ramp(colours: Sequence[str], share: np.ndarray) -> np.ndarray:
    """Return uint8 (n, 4) colours between the given ones at shares of 0 to 1, opaque."""
    stops = np.array([[int(c[i:i + 2], 16) for i in (1, 3, 5)] for c in colours], float)
    at = np.clip(share, 0, 1) * (len(colours) - 1)
    rgb = np.stack([np.interp(at, np.arange(len(colours)), channel) for channel in stops.T], axis=1)
    return np.concatenate([np.rint(rgb), np.full((len(rgb), 1), 255)], axis=1).astype(np.uint8)
