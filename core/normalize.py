"""What the networks are fed: image values and topographic channels on a common scale."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.compiled import kernel
from core.errors import InputError
from core.terrain_kernels import slope_of

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
        out = np.empty(values.shape, np.float32)
        for low, high, band, scaled in zip(self.low, self.high, values, out, strict=True):
            _stretch(band, np.float32(low), np.float32(255.0 / (high - low)), scaled)
        return out

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
    out = np.empty(rgb.shape, np.float32)
    for band, centred in zip(rgb, out, strict=True):
        _centre(band, valid, centred)
    return out


def topography_tensor(
    de: NDArray[np.float32], dn: NDArray[np.float32], ndvi: NDArray[np.float32],
    observed: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Return the lite branch's six channels; absent values are 0 with a presence of 0.

    Args:
        de: (h, w) float32 dz/de in the image's frame, rise over run; NaN where there is no DEM.
        dn: (h, w) float32 dz/dn likewise.
        ndvi: (h, w) float32, -1 to 1; NaN where absent.
        observed: (h, w); elsewhere all is absent. Everywhere by default.

    Returns:
        (6, h, w) float32: slope / 45 degrees, sine and cosine of aspect (0 on flats), NDVI, DEM presence,
        NDVI presence; in the order of ``core.nets.topography.TOPOGRAPHY_CHANNELS``. The slope is true to 2e-6 degrees.
    """
    out = np.empty((6, *de.shape), np.float32)
    _describe(de, dn, ndvi, np.ones(de.shape, bool) if observed is None else observed, out)
    return out


@kernel
def _stretch(values, low, scale, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = min(max((values[y, x] - low) * scale, np.float32(0)), np.float32(255))


@kernel
def _centre(values, valid, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = (values[y, x] - np.float32(127)) / np.float32(128) if valid[y, x] else np.float32(0)


@kernel
def _describe(de, dn, ndvi, observed, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    zero, one = np.float32(0), np.float32(1)
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            east, north, index = de[y, x], dn[y, x], ndvi[y, x]
            ground = observed[y, x] & np.isfinite(east + north)
            green = observed[y, x] & np.isfinite(index)
            rise = np.sqrt(east * east + north * north)
            scale = one / rise if ground & (rise > np.float32(FLAT_GRADIENT)) else zero
            out[0, y, x] = slope_of(east, north) / np.float32(SLOPE_SCALE_DEG) if ground else zero
            out[1, y, x] = -east * scale if ground else zero
            out[2, y, x] = -north * scale if ground else zero
            out[3, y, x] = index if green else zero
            out[4, y, x] = one if ground else zero
            out[5, y, x] = one if green else zero
