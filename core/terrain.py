"""Slope, aspect and hillshade from elevation, by way of the gradient.

The gradient (dz/de, dz/dn) is the one thing that is measured on the elevation grid; everything else
follows from it pixel by pixel. It is linear, so it can be resampled and turned, which an angle cannot.

Source of the gradient: Horn, B. K. P. (1981), Hill shading and the reflectance map, Proc. IEEE 69(1).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError

Floats = NDArray[np.float32]

# Below this many pixels starting threads costs more than they save.
PARALLEL_FROM = 1 << 21


def gradients(
    dem: ArrayLike, frame_m: ArrayLike, *, vertical_unit_m: float = 1.0, edges: bool = False,
) -> tuple[Floats, Floats]:
    """Return how elevation rises to the east and to the north, by Horn's 3 x 3 differences.

    Args:
        dem: (h, w) elevations in vertical units; NaN or infinite where missing.
        frame_m: 2 x 2 ``[[de/dcol, de/drow], [dn/dcol, dn/drow]]`` in metres, as ``Grid.frame_m``
            gives it. Rotated, sheared and south-up grids need nothing else.
        vertical_unit_m: Metres in one unit of elevation (0.3048 for feet).
        edges: False leaves a pixel missing when any of its eight neighbours is missing or outside.
            True does as ``gdaldem -compute_edges``: a missing neighbour takes the centre's value, and
            outside the array the surface goes on in a straight line (in the four corners along
            columns only). Slopes beside a hole come out too gentle that way.

    Returns:
        dz/de and dz/dn, (h, w) float32, dimensionless; NaN where missing.

    Raises:
        InputError: ``dem`` is not two-dimensional, or ``frame_m`` or ``vertical_unit_m`` has no scale.

    Example:
        >>> de, dn = gradients(np.tile(np.arange(4.0), (3, 1)), [[2, 0], [0, -2]])
        >>> float(de[1, 1]), float(dn[1, 1]), bool(np.isnan(de[0, 0]))
        (0.5, 0.0, True)
    """
    z = np.ascontiguousarray(dem, dtype=np.float32)
    if z.ndim != 2:
        raise InputError("elevation array", got=f"{z.ndim} dimensions", expected="two, (height, width)",
                         remedy="Pass one band of elevations.")
    frame = np.asarray(frame_m, dtype=np.float64)
    if frame.shape != (2, 2) or not np.isfinite(frame).all() or np.linalg.det(frame) == 0:
        raise InputError("ground frame", got=frame.tolist(), expected="an invertible 2 x 2 matrix in metres",
                         remedy="Take it from Grid.frame_m.")
    if not (math.isfinite(vertical_unit_m) and vertical_unit_m > 0):
        raise InputError("vertical unit", got=vertical_unit_m, expected="metres per unit of elevation, above 0",
                         remedy="Use 1 for metres or 0.3048 for feet.")
    # Steps of one pixel, times the eight of Horn's weights, to metres.
    inverse = (np.linalg.inv(frame) * (vertical_unit_m / 8)).astype(np.float32)
    if not edges:
        return _horn(z, inverse, False)
    straight = np.pad(np.where(np.isfinite(z), z, np.float32(np.nan)), 1, mode="reflect", reflect_type="odd")
    de, dn = (g[1:-1, 1:-1].copy() for g in _horn(straight, inverse, True))
    straight[:, 0], straight[:, -1] = straight[:, 1], straight[:, -2]
    for row, three in ((0, straight[:3]), (-1, straight[-3:])):
        de[row], dn[row] = (g[1, 1:-1] for g in _horn(np.ascontiguousarray(three), inverse, True))
    return de, dn


def rotate(de: ArrayLike, dn: ArrayLike, degrees: float) -> tuple[Floats, Floats]:
    """Turn gradients clockwise, so that the aspect grows by ``degrees``.

    To carry gradients from a grid whose north lies ``a`` degrees clockwise of true north to one whose
    north lies ``b`` degrees clockwise of it (``core.grid.axes_m``), turn them by ``a - b``.

    Args:
        de: dz/de, any shape.
        dn: dz/dn, same shape.
        degrees: Angle.

    Returns:
        The two gradients along the new axes, float32.
    """
    east, north = np.asarray(de, np.float32), np.asarray(dn, np.float32)
    c, s = np.float32(math.cos(math.radians(degrees))), np.float32(math.sin(math.radians(degrees)))
    return east * c + north * s, north * c - east * s


def slope_deg(de: ArrayLike, dn: ArrayLike) -> Floats:
    """Return the steepest slope in degrees, 0 to 90, float32; NaN where a gradient is missing."""
    return _apply(_slope, de, dn)


def aspect_deg(de: ArrayLike, dn: ArrayLike, *, flat_deg: float = 0.0) -> Floats:
    """Return the direction a slope faces (downhill), in degrees clockwise from grid north.

    Args:
        de: dz/de, any shape; NaN where missing.
        dn: dz/dn, same shape.
        flat_deg: Slopes of at most this many degrees are flats. At 0 only an exactly level pixel is
            one, as in gdaldem.

    Returns:
        float32 in [0, 360); NaN on flats and where missing.
    """
    return _apply(_aspect, de, dn, np.float32(math.tan(math.radians(flat_deg))))


def aspect_sin_cos(de: ArrayLike, dn: ArrayLike, *, soft_deg: float = 1.0) -> tuple[Floats, Floats]:
    """Return the sine and cosine of the aspect: the downhill direction as a vector (east, north).

    No angle is computed: the vector is the gradient over its length. On gentle ground the direction
    is mostly noise of the elevations, so below ``soft_deg`` the vector shrinks in proportion to the
    gradient, to exactly (0, 0) on flats, without a jump; from ``soft_deg`` on its length is 1.

    Args:
        de: dz/de, any shape; NaN where missing.
        dn: dz/dn, same shape.
        soft_deg: Slope in degrees from which the vector has length 1; 0 fades nothing.

    Returns:
        Sine and cosine, float32 in [-1, 1]; NaN where missing.
    """
    level = np.float32(math.tan(math.radians(soft_deg)))
    return _apply(_downhill, de, dn, level), _apply(_downhill, dn, de, level)


def hillshade(
    de: ArrayLike, dn: ArrayLike, *, azimuth_deg: float = 315.0, altitude_deg: float = 45.0,
    z_factor: float = 1.0, multidirectional: bool = False,
) -> NDArray[np.uint8]:
    """Return shaded relief: the cosine between the ground's normal and the light.

    Args:
        de: dz/de, any shape; NaN where missing.
        dn: dz/dn, same shape.
        azimuth_deg: Where the light comes from, degrees clockwise from grid north; not used when
            ``multidirectional``.
        altitude_deg: Height of the light over the horizon, 0 to 90.
        z_factor: Vertical exaggeration, above 0.
        multidirectional: Light from 225, 270, 315 and 360 degrees, each weighted by the square of
            the slope's share along it, as gdaldem does (after Mark, R. K. (1992), USGS Open-File
            Report 92-422).

    Returns:
        uint8, 1 (shadow) to 255 (facing the light); 0 where missing.

    Raises:
        InputError: The light is below the horizon, or the exaggeration is not above 0.
    """
    if not 0 <= altitude_deg <= 90:
        raise InputError("light altitude", got=altitude_deg, expected="0 to 90 degrees", remedy="45 is usual.")
    if not (math.isfinite(z_factor) and z_factor > 0):
        raise InputError("vertical exaggeration", got=z_factor, expected="a number above 0", remedy="1 is natural.")
    azimuth, altitude = math.radians(azimuth_deg), math.radians(altitude_deg)
    east, north = np.asarray(de, np.float32) * np.float32(z_factor), np.asarray(dn, np.float32) * np.float32(z_factor)
    level, up = math.cos(altitude), np.float32(math.sin(altitude))
    if multidirectional:
        return _apply(_shade_multidirectional, east, north, np.float32(level), up, dtype=np.uint8)
    light = np.float32(level * math.sin(azimuth)), np.float32(level * math.cos(azimuth))
    return _apply(_shade, east, north, *light, up, dtype=np.uint8)


def _in_blocks(work: Callable[[slice], None], rows: int, pixels: int) -> None:
    """Run ``work`` on slices of rows; on all cores when there is enough to do.

    Plain threads over kernels that hold no lock: numba's own parallel loops end the process when two
    threads of a server enter them at once, or after a fork.
    """
    if pixels < PARALLEL_FROM:
        work(slice(0, rows))
        return
    cores = min(os.cpu_count() or 1, rows)
    cuts = [rows * i // cores for i in range(cores + 1)]
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, [slice(a, b) for a, b in pairwise(cuts)]))


def _apply(kernel: Callable[..., object], de: ArrayLike, dn: ArrayLike, *rest: np.float32,
           dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """Apply an elementwise kernel to two gradients; the result has their shape."""
    east, north = np.broadcast_arrays(np.asarray(de, np.float32), np.asarray(dn, np.float32))
    out = np.empty(east.shape, dtype)
    a, b, o = np.atleast_1d(east, north, out)

    def work(rows: slice) -> None:
        with np.errstate(all="ignore"):  # missing pixels are expected; a vectorised branch not taken may divide by 0
            kernel(a[rows], b[rows], *rest, out=o[rows])
    _in_blocks(work, len(o), o.size)
    return out


def _horn(z: Floats, inverse: Floats, fill: bool) -> tuple[Floats, Floats]:
    """Return Horn's gradients of the inner pixels of ``z``; its outermost ring is NaN."""
    de, dn = np.full(z.shape, np.nan, np.float32), np.full(z.shape, np.nan, np.float32)
    if min(z.shape) > 2:
        def work(rows: slice) -> None:
            inner = slice(rows.start + 1, rows.stop + 1)
            _horn_kernel(z[rows.start:rows.stop + 2], inverse, fill, de[inner], dn[inner])
        _in_blocks(work, len(z) - 2, z.size)
    return de, dn


@nb.njit(cache=True, nogil=True)
def _horn_kernel(z, inverse, fill, de, dn):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fill rows of ``de`` and ``dn`` from one row more of ``z`` above and below.

    The order of the sums is gdaldem's: equal heights cancel exactly, so level ground is level.
    """
    for y in range(de.shape[0]):
        for x in range(1, z.shape[1] - 1):
            a, b, c = z[y, x - 1], z[y, x], z[y, x + 1]
            d, m, f = z[y + 1, x - 1], z[y + 1, x], z[y + 1, x + 1]
            g, h, i = z[y + 2, x - 1], z[y + 2, x], z[y + 2, x + 1]
            if fill:
                a, b, c, d = _or(a, m), _or(b, m), _or(c, m), _or(d, m)
                f, g, h, i = _or(f, m), _or(g, m), _or(h, m), _or(i, m)
            along = (c + f + f + i) - (a + d + d + g)
            down = (g + h + h + i) - (a + b + b + c)
            there = np.isfinite(along + down + m)
            de[y, x] = along * inverse[0, 0] + down * inverse[1, 0] if there else np.float32(np.nan)
            dn[y, x] = along * inverse[0, 1] + down * inverse[1, 1] if there else np.float32(np.nan)


@nb.njit(cache=True, inline="always")
def _or(value, centre):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return value if np.isfinite(value) else centre


@nb.njit(cache=True, inline="always")
def _atan01(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Arctangent in degrees of 0..1, to 2e-6 degrees; Abramowitz and Stegun (1964), formula 4.4.49."""
    f = np.float32
    u = x * x
    p = f(-0.0161657367) + u * f(0.0028662257)
    p = f(-0.0752896400) + u * (f(0.0429096138) + u * p)
    p = f(-0.1420889944) + u * (f(0.1065626393) + u * p)
    p = f(-0.3333314528) + u * (f(0.1999355085) + u * p)
    return x * (f(1) + u * p) * f(57.29577951308232)


# What this makes are NumPy ufuncs: the formula of one pixel, applied to any shape, no lock held.
_ufunc: Any = nb.vectorize


@_ufunc(["float32(float32, float32)"], cache=True)
def _slope(de, dn):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    g = np.sqrt(de * de + dn * dn)
    steep = g > 1
    part = _atan01(np.float32(1) / g if steep else g)
    return np.float32(90) - part if steep else part


@_ufunc(["float32(float32, float32, float32)"], cache=True)
def _aspect(de, dn, level):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    east, north = abs(de), abs(dn)
    long, short = max(east, north), min(east, north)
    angle = _atan01(short / long if long > 0 else np.float32(0))  # from the nearer axis
    angle = np.float32(90) - angle if east > north else angle  # from north or south
    angle = np.float32(180) - angle if dn > 0 else angle  # downhill to the south
    angle = np.float32(360) - angle if de > 0 else angle  # downhill to the west
    angle = angle if angle < 360 else np.float32(0)
    return angle if de * de + dn * dn > level * level else np.float32(np.nan)


@_ufunc(["float32(float32, float32, float32)"], cache=True)
def _downhill(part, other, level):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Share of the downhill direction along ``part``."""
    g = np.sqrt(part * part + other * other)
    return -part / max(g, level) if g != 0 else np.float32(0)


@nb.njit(cache=True, inline="always")
def _grey(cosine):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return np.uint8(np.float32(1.5) + np.float32(254) * max(cosine, np.float32(0)))


@_ufunc(["uint8(float32, float32, float32, float32, float32)"], cache=True)
def _shade(de, dn, east, north, up):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if not np.isfinite(de + dn):
        return np.uint8(0)
    return _grey((up - de * east - dn * north) / np.sqrt(np.float32(1) + de * de + dn * dn))


@_ufunc(["uint8(float32, float32, float32, float32)"], cache=True)
def _shade_multidirectional(de, dn, level, up):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Shade by four lights of horizontal strength ``level``; the weights of a gradient sum to 2 g2."""
    zero, diagonal, g2 = np.float32(0), np.float32(0.70710678), de * de + dn * dn
    if not np.isfinite(g2):
        return np.uint8(0)
    if g2 == 0:
        return _grey(up)
    total = zero
    for towards in ((de + dn) * diagonal, de, (de - dn) * diagonal, -dn):  # rise away from 225, 270, 315, 360
        total += towards * towards * max(up + towards * level, zero)
    return _grey(total / (2 * g2) / np.sqrt(1 + g2))
