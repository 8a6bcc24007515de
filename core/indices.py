"""Vegetation indices: from near infrared, or from colours alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


def ndvi(nir: ArrayLike, red: ArrayLike, valid: ArrayLike | None = None) -> Floats:
    """Return the normalised difference vegetation index, (nir - red) / (nir + red).

    Both bands must be on one scale that starts at zero: reflectances, or digital numbers of one
    sensor with the same gain and no offset. A stretch for display made band by band spoils it.

    Source: Rouse, J. W. et al. (1974), Monitoring vegetation systems in the Great Plains with ERTS.

    Args:
        nir: Near infrared, any shape, any numeric type; NaN where missing.
        red: Red, same shape.
        valid: bool, same shape; False where missing.

    Returns:
        float32 in [-1, 1]; NaN where missing or where both bands are 0.

    Example:
        >>> ndvi(np.uint8([200, 0]), np.uint8([100, 0]))
        array([0.33333334,        nan], dtype=float32)
    """
    n, r = _wide(nir), _wide(red)
    return _ratio(n - r, n + r, valid)


def visible_index(red: ArrayLike, green: ArrayLike, blue: ArrayLike, valid: ArrayLike | None = None) -> Floats:
    """Return the green leaf index, (2 green - red - blue) / (2 green + red + blue).

    A stand-in for NDVI where there is no near infrared: it tells green cover from bare ground, but it
    is not NDVI, has other values, and depends on the light. The three bands must be on one scale.

    Source: Louhaichi, M., Borman, M. M., Johnson, D. E. (2001), Spatially located platform and aerial
    photography for documentation of grazing impacts on wheat, Geocarto International 16(1). Unlike
    the atmospherically resistant VARI its denominator has no minus sign, so it never blows up.

    Args:
        red: Any shape, any numeric type; NaN where missing.
        green: Same shape.
        blue: Same shape.
        valid: bool, same shape; False where missing.

    Returns:
        float32 in [-1, 1]; NaN where missing or where all bands are 0.
    """
    r, g, b = _wide(red), _wide(green), _wide(blue)
    return _ratio(2 * g - r - b, 2 * g + r + b, valid)


def _wide(band: ArrayLike) -> NDArray[Any]:
    """Return a band as floating point: differences of unsigned integers would wrap around."""
    values = np.asarray(band)
    return values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32, copy=False)


def _ratio(top: NDArray[Any], bottom: NDArray[Any], valid: ArrayLike | None) -> Floats:
    """Return top / bottom within [-1, 1], NaN where the ratio has no meaning."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = top / bottom
    known = np.isfinite(ratio) if valid is None else np.isfinite(ratio) & np.asarray(valid, bool)
    return np.where(known, np.clip(ratio, -1, 1), np.nan).astype(np.float32)
