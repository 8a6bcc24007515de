"""Slope, aspect and hillshade from elevation, by way of the gradient.

The gradient (dz/de, dz/dn) is the one thing that is measured on the elevation grid; everything else
follows from it pixel by pixel. It is linear, so it can be resampled and turned, which an angle cannot.

Source of the gradient: Horn, B. K. P. (1981), Hill shading and the reflectance map, Proc. IEEE 69(1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core import terrain_kernels as kernels
from core.compiled import in_rows
from core.errors import InputError

Floats = NDArray[np.float32]


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
    return _measured(kernels.gradients, dem, frame_m, vertical_unit_m, edges)


def slope_aspect_deg(
    dem: ArrayLike, frame_m: ArrayLike, *, vertical_unit_m: float = 1.0, edges: bool = False,
    out: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Return slope and aspect in degrees, in one pass over the elevations.

    The same as ``slope_deg`` and ``aspect_deg`` of ``gradients``, and twice as fast: no gradient is kept. Where a
    frame is north-up with square pixels, slopes are within 1e-5 and aspects within 1e-4 degrees of gdaldem's, and
    the same pixels are flats.

    Args:
        dem: See ``gradients``.
        frame_m: See ``gradients``.
        vertical_unit_m: See ``gradients``.
        edges: See ``gradients``.
        out: Two C-contiguous float32 arrays of the elevations' shape to fill; new ones by default, which takes
            about as long again, for memory is cleared before it is handed out.

    Returns:
        Slope, 0 to 90, and aspect in [0, 360), clockwise from grid north, (h, w) float32; NaN where missing, the
        aspect on exactly level pixels too.

    Raises:
        InputError: See ``gradients``.

    Example:
        >>> slope, aspect = slope_aspect_deg(np.tile(np.arange(4.0), (3, 1)), [[1, 0], [0, -1]])
        >>> float(slope[1, 1]), float(aspect[1, 1])  # rises to the east: faces west
        (45.0, 270.0)
    """
    return _measured(kernels.slope_aspect, dem, frame_m, vertical_unit_m, edges, out)


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
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return turn(de, dn, [[c, s], [-s, c]])


def turn(de: ArrayLike, dn: ArrayLike, matrix: ArrayLike) -> tuple[Floats, Floats]:
    """Multiply gradients by a matrix: the rise along other axes.

    Args:
        de: dz/de, any shape.
        dn: dz/dn, same shape.
        matrix: 2 x 2; a row is a new axis by its east and north parts.

    Returns:
        The rise along the first and the second axis, float32, C-contiguous.
    """
    rows = np.asarray(matrix, np.float32)
    first, second = _apply(lambda *arrays: kernels.turn(*arrays[:2], rows, *arrays[2:]), de, dn, np.float32, np.float32)
    return first, second


def slope_deg(de: ArrayLike, dn: ArrayLike) -> Floats:
    """Return the steepest slope in degrees, 0 to 90, float32; NaN where a gradient is missing."""
    return _apply(kernels.slope, de, dn, np.float32)[0]


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
    level = np.float32(math.tan(math.radians(flat_deg)))
    return _apply(lambda east, north, out: kernels.aspect(east, north, level, out), de, dn, np.float32)[0]


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
    sine, cosine = _apply(lambda *arrays: kernels.downhill(*arrays[:2], level, *arrays[2:]),
                          de, dn, np.float32, np.float32)
    return sine, cosine


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
    level, up, factor = math.cos(altitude), math.sin(altitude), np.float32(z_factor)
    light = np.array([level * math.sin(azimuth), level * math.cos(azimuth), up], np.float32)

    def work(east: Floats, north: Floats, out: NDArray[np.uint8]) -> None:
        if multidirectional:
            kernels.shade_multidirectional(east, north, factor, np.float32(level), light[2], out)
        else:
            kernels.shade(east, north, factor, light, out)
    return _apply(work, de, dn, np.uint8)[0]


def _apply(kernel: Callable[..., object], de: ArrayLike, dn: ArrayLike,
           *dtypes: type[np.generic]) -> list[NDArray[Any]]:
    """Apply an elementwise kernel to two gradients; the results have their shape, one for each type."""
    east, north = np.broadcast_arrays(np.asarray(de, np.float32), np.asarray(dn, np.float32))
    out: list[NDArray[Any]] = [np.empty(east.shape, dtype) for dtype in dtypes]
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (east, north, *out)]
    in_rows(lambda part: kernel(*(a[part] for a in flat)), east.size, east.size)
    return out


def _measured(
    kernel: Callable[..., object], dem: ArrayLike, frame_m: ArrayLike, vertical_unit_m: float, edges: bool,
    out: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Run a kernel of 3 x 3 pixels over the elevations, and along their outer ring where ``edges`` are wanted."""
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
    if out and any(a.shape != z.shape or a.dtype != np.float32 or not a.flags.c_contiguous for a in out):
        raise InputError("arrays to fill", got=[(a.shape, str(a.dtype)) for a in out],
                         expected=f"C-contiguous float32 of shape {z.shape}", remedy="Leave them out.")
    out = _inner(kernel, z, inverse, edges, out)
    if edges and z.size:
        for side, two in ((0, np.s_[:2]), (-1, np.s_[-2:])):
            column = _inner(kernel, _longer(z[:, two], 1), inverse, True)
            row = _inner(kernel, np.pad(_longer(z[two], 0), ((0, 0), (1, 1)), mode="edge"), inverse, True)
            for whole, down, across in zip(out, column, row, strict=True):
                whole[1:-1, side] = down[1:-1, 1:-1][:, side]
                whole[side] = across[1:-1, 1:-1][side]
    return out


def _longer(z: Floats, axis: int) -> Floats:
    """Let a surface go on by one pixel at both ends of an axis, in a straight line."""
    with np.errstate(invalid="ignore", over="ignore"):  # beyond what is infinite nothing is known
        return np.pad(z, [(int(i == axis),) * 2 for i in range(2)], mode="reflect", reflect_type="odd")


def _inner(kernel: Callable[..., object], z: Floats, inverse: Floats, fill: bool,
           out: tuple[Floats, Floats] | None = None) -> tuple[Floats, Floats]:
    """Run a kernel over all pixels but the outermost, which are NaN."""
    first, second = out or (np.empty_like(z), np.empty_like(z))
    for layer in (first, second):
        for ring in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
            layer[ring] = np.nan
    if min(z.shape) > 2:
        def work(rows: slice) -> None:
            inner = slice(rows.start + 1, rows.stop + 1)
            kernel(z[rows.start:rows.stop + 2], inverse, fill, first[inner], second[inner])
        in_rows(work, len(z) - 2, z.size)
    return first, second
