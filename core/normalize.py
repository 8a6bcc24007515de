"""What the networks are fed: image values and topographic channels on a common scale."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

SLOPE_SCALE_DEG = 45.0
"""A slope of this many degrees becomes 1 in the slope channel."""

FLAT_GRADIENT = 1e-3
"""Below this rise over run (0.06 degrees) ground has no aspect: sine and cosine are 0."""


@dataclass(frozen=True)
class ImageScaling:
    """A linear stretch from stored values to the 0 to 255 the networks were trained on.

    Attributes:
        low: Per band (red, green, blue): the stored value that becomes 0.
        high: Per band: the stored value that becomes 255.
        source: How the limits were found: ``identity``, ``percentile 0.5-99.5`` or ``given``.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        """Limits must be finite and in order."""
        pairs = list(zip(self.low, self.high, strict=True))
        if not pairs or not all(np.isfinite(lo) and np.isfinite(hi) and lo < hi for lo, hi in pairs):
            raise InputError("image scaling", got=pairs, expected="finite limits, low below high, for every band",
                             remedy="Give the value range of the image's bands, or check that they hold data.")

    @classmethod
    def identity(cls, bands: int) -> ImageScaling:
        """Return the scaling of 8-bit imagery: none."""
        return cls((0.0,) * bands, (255.0,) * bands, "identity")

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale (bands, h, w) stored values to 0 to 255, clipped; never a cast that wraps."""
        low = np.asarray(self.low, np.float32)[:, None, None]
        high = np.asarray(self.high, np.float32)[:, None, None]
        return np.clip((values - low) * (255.0 / (high - low)), 0.0, 255.0).astype(np.float32)

    def as_dict(self) -> dict[str, object]:
        """Return a JSON-ready record."""
        return asdict(self)


def image_tensor(rgb: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the network's image channels.

    Args:
        rgb: (3, h, w) float32, 0 to 255.
        valid: (h, w); elsewhere the channels are 0, the value of mid grey.

    Returns:
        (3, h, w) float32, about -1 to 1: ``(rgb - 127) / 128``, as the lite encoder's ImageNet weights expect.
    """
    return np.where(valid, (rgb - 127.0) / 128.0, 0.0).astype(np.float32)


def topography_tensor(
    de: NDArray[np.float32], dn: NDArray[np.float32], ndvi: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the lite branch's six channels; absent values are 0 with a presence of 0.

    Args:
        de: (h, w) float32 dz/de in the image's frame, rise over run; NaN where there is no DEM.
        dn: (h, w) float32 dz/dn likewise.
        ndvi: (h, w) float32, -1 to 1; NaN where absent.

    Returns:
        (6, h, w) float32: slope / 45 degrees, sine and cosine of aspect (0 on flats), NDVI, DEM presence,
        NDVI presence; in the order of ``core.nets.topography.TOPOGRAPHY_CHANNELS``.
    """
    dem_present, ndvi_present = ~np.isnan(de), ~np.isnan(ndvi)
    de, dn = np.nan_to_num(de), np.nan_to_num(dn)
    rise = np.hypot(de, dn)
    slope = np.degrees(np.arctan(rise)) / SLOPE_SCALE_DEG
    scale = np.where(rise > FLAT_GRADIENT, 1.0 / np.maximum(rise, FLAT_GRADIENT), 0.0)
    return np.stack([
        slope, -de * scale, -dn * scale, np.nan_to_num(ndvi), dem_present, ndvi_present,
    ]).astype(np.float32)
