"""The loops of ``core.terrain``.

The order of the differences is gdaldem's: equal heights cancel exactly, so that level ground is level.
"""
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from core.compiled import inlined, kernel

F = np.float32
MISSING = F(np.nan)


@inlined
def _or(value, centre):
    return value if np.isfinite(value) else centre


@inlined
def _horn(z, y, x, inverse, fill):
    """Gradients of the middle of the 3 x 3 pixels that start at (y, x)."""
    a, b, c = z[y, x], z[y, x + 1], z[y, x + 2]
    d, m, f = z[y + 1, x], z[y + 1, x + 1], z[y + 1, x + 2]
    g, h, i = z[y + 2, x], z[y + 2, x + 1], z[y + 2, x + 2]
    if fill:
        a, b, c, d = _or(a, m), _or(b, m), _or(c, m), _or(d, m)
        f, g, h, i = _or(f, m), _or(g, m), _or(h, m), _or(i, m)
    along = (c + f + f + i) - (a + d + d + g)
    down = (g + h + h + i) - (a + b + b + c)
    there = np.isfinite(along + down + m)
    de = along * inverse[0, 0] + down * inverse[1, 0]
    dn = along * inverse[0, 1] + down * inverse[1, 1]
    return (de if there else MISSING), (dn if there else MISSING)


@inlined
def _atan01(x):
    """Arctangent in degrees of 0..1, to 2e-6 degrees; Abramowitz and Stegun (1964), formula 4.4.49."""
    u = x * x
    p = F(-0.0161657367) + u * F(0.0028662257)
    p = F(-0.0752896400) + u * (F(0.0429096138) + u * p)
    p = F(-0.1420889944) + u * (F(0.1065626393) + u * p)
    p = F(-0.3333314528) + u * (F(0.1999355085) + u * p)
    return x * (F(1) + u * p) * F(57.29577951308232)


@inlined
def slope_of(de, dn):
    """Slope of one gradient in degrees."""
    g = np.sqrt(de * de + dn * dn)
    steep = g > 1
    part = _atan01(F(1) / g if steep else g)
    return F(90) - part if steep else part


@inlined
def _aspect(de, dn, level):
    east, north = abs(de), abs(dn)
    long, short = max(east, north), min(east, north)
    angle = _atan01(short / long if long > 0 else F(0))  # from the nearer axis
    angle = F(90) - angle if east > north else angle  # from north or south
    angle = F(180) - angle if dn > 0 else angle  # downhill to the south
    angle = F(360) - angle if de > 0 else angle  # downhill to the west
    angle = angle if angle < 360 else F(0)
    return angle if de * de + dn * dn > level * level else MISSING


@inlined
def _grey(cosine):
    return np.uint8(F(1.5) + F(254) * max(cosine, F(0)))


@inlined
def _lit(towards, up, level):
    return towards * towards * max(up + towards * level, F(0))


@kernel
def gradients(z, inverse, fill, de, dn):
    """Fill rows of ``de`` and ``dn``, all but their outer columns, from one row more of ``z`` above and below."""
    for y in range(len(de)):
        for x in range(de.shape[1] - 2):
            de[y, x + 1], dn[y, x + 1] = _horn(z, y, x, inverse, fill)


@kernel
def slope_aspect(z, inverse, fill, slope, aspect):
    """Fill rows of both as ``gradients`` does, without the gradients in between."""
    for y in range(len(slope)):
        for x in range(slope.shape[1] - 2):
            de, dn = _horn(z, y, x, inverse, fill)
            slope[y, x + 1], aspect[y, x + 1] = slope_of(de, dn), _aspect(de, dn, F(0))


@kernel
def turn(de, dn, matrix, first, second):
    """Multiply every gradient by a 2 x 2 matrix."""
    for i in range(len(first)):
        east, north = de[i], dn[i]
        first[i] = matrix[0, 0] * east + matrix[0, 1] * north
        second[i] = matrix[1, 0] * east + matrix[1, 1] * north


@kernel
def slope(de, dn, out):
    """Fill ``out`` with degrees."""
    for i in range(len(out)):
        out[i] = slope_of(de[i], dn[i])


@kernel
def aspect(de, dn, level, out):
    """Fill ``out`` with degrees; NaN where the gradient is ``level`` or less."""
    for i in range(len(out)):
        out[i] = _aspect(de[i], dn[i], level)


@kernel
def downhill(de, dn, level, sine, cosine):
    """Fill the downhill direction, shorter than 1 where the gradient is less than ``level``."""
    for i in range(len(sine)):
        east, north = de[i], dn[i]
        g = np.sqrt(east * east + north * north)
        scale = F(-1) / (level if g < level else g) if g != 0 else F(0)
        sine[i], cosine[i] = east * scale, north * scale


@kernel
def shade(de, dn, z_factor, light, out):
    """Fill grey values of one light, given as its share along east, north and up."""
    for i in range(len(out)):
        east, north = de[i] * z_factor, dn[i] * z_factor
        grey = _grey((light[2] - east * light[0] - north * light[1]) / np.sqrt(F(1) + east * east + north * north))
        out[i] = grey if np.isfinite(east + north) else np.uint8(0)


@kernel
def shade_multidirectional(de, dn, z_factor, level, up, out):
    """Fill grey values of four lights of horizontal strength ``level``; a gradient's weights sum to 2 g2."""
    for i in range(len(out)):
        east, north = de[i] * z_factor, dn[i] * z_factor
        g2 = east * east + north * north
        a, b = (east + north) * F(0.70710678), (east - north) * F(0.70710678)
        # Rise away from 225, 270, 315 and 360 degrees.
        total = _lit(a, up, level) + _lit(east, up, level) + _lit(b, up, level) + _lit(-north, up, level)
        grey = _grey(total / (2 * g2) / np.sqrt(1 + g2) if g2 > 0 else up)
        out[i] = grey if np.isfinite(g2) else np.uint8(0)
