"""Terrain brought from its own grid onto an image's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from core.errors import unknown_name
from core.grid import Grid, axes_m
from core.terrain import Floats, gradients, rotate

Order = Literal["gradients", "dem"]

# An image pixel at least this many elevation pixels wide takes their mean; below, cubic
# convolution, which would step over elevations that lie between its samples.
AVERAGE_FROM = 1.5


@dataclass(frozen=True)
class TerrainOnGrid:
    """Terrain on the pixels of an image.

    Attributes:
        de: (h, w) float32 dz/de, along the east axis of the image's CRS; NaN where missing.
        dn: (h, w) float32 dz/dn, along the north axis of the image's CRS; NaN where missing.
        elevation_m: (h, w) float32 metres; NaN where missing.
        present: (h, w) bool; False where any of the three is missing.
    """

    de: Floats
    dn: Floats
    elevation_m: Floats
    present: NDArray[np.bool_]


def terrain_on(
    dem: ArrayLike, dem_grid: Grid, grid: Grid, *, vertical_unit_m: float = 1.0, order: Order = "gradients",
) -> TerrainOnGrid:
    """Return gradients and elevation on an image's grid.

    Resampling is cubic convolution, or the mean of the elevation pixels in an image pixel when
    those are finer. A pixel is missing when its own elevation or one of the eight around it is.

    Args:
        dem: (h, w) elevations on ``dem_grid``, NaN where missing. Elevations that lie within
            ``dem_window`` of ``grid`` decide; more do not change the result.
        dem_grid: Grid of ``dem``.
        grid: Grid of the image, or of a window of it; small enough that north and scale are one.
        vertical_unit_m: Metres in one unit of elevation.
        order: "gradients" measures them on the elevations' own grid, turns them to the image's north
            and resamples them. "dem" resamples the elevations first and measures on the image's
            grid, which shows the elevation pixels as steps when the image is much finer.

    Returns:
        Terrain with the shape of ``grid``.

    Raises:
        UnknownNameError: ``order`` is not one of the two.
        InputError: The elevations or their unit cannot be used (see ``core.terrain.gradients``).
    """
    if order not in get_args(Order):
        raise unknown_name("terrain order", order, list(get_args(Order)))
    z = np.asarray(dem, np.float32)
    x, y = (float(v) for v in _transform(grid, dem_grid, *grid.centre))
    de, dn = gradients(z, dem_grid.frame_m(x, y), vertical_unit_m=vertical_unit_m)
    if order == "gradients":
        de, dn = rotate(de, dn, axes_m(dem_grid.crs, x, y)[1] - axes_m(grid.crs, *grid.centre)[1])
        elevation = _resample(z, dem_grid, grid)
        de, dn = _resample(de, dem_grid, grid), _resample(dn, dem_grid, grid)
    else:
        measured = np.isfinite(_resample(de, dem_grid, grid))
        ring = grid.window(Window(-1, -1, grid.width + 2, grid.height + 2))
        wide = _resample(z, dem_grid, ring)
        de, dn = gradients(wide, ring.frame_m(), vertical_unit_m=vertical_unit_m)
        de, dn, elevation = (np.where(measured, a[1:-1, 1:-1], np.float32(np.nan)) for a in (de, dn, wide))
    elevation = elevation * np.float32(vertical_unit_m)
    present = np.isfinite(de) & np.isfinite(dn) & np.isfinite(elevation)
    de, dn, elevation = (np.where(present, a, np.float32(np.nan)) for a in (de, dn, elevation))
    return TerrainOnGrid(de, dn, elevation, present)


def dem_window(dem_grid: Grid, grid: Grid, margin: int = 4) -> Window | None:
    """Return the window of elevation pixels that the terrain of an image's window needs.

    Args:
        dem_grid: Grid of the elevation raster.
        grid: Grid of the image's window.
        margin: Elevation pixels more on every side: one for Horn's neighbours, two for cubic
            convolution, one to spare. One image pixel is added besides.

    Returns:
        Window in whole pixels inside ``dem_grid``; None when the two do not touch.
    """
    # The outline, one image pixel outside, with points along its sides: projected sides are curved.
    side = np.linspace(0, 1, 22)
    zero, one = np.zeros(22), np.ones(22)
    cols = np.concatenate([side, side, zero, one]) * (grid.width + 2) - 1
    rows = np.concatenate([zero, one, side, side]) * (grid.height + 2) - 1
    t = grid.transform
    x, y = _transform(grid, dem_grid, t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f)
    if dem_grid.crs.is_geographic:  # stay on one side of the antimeridian: the centre's
        middle = float(_transform(grid, dem_grid, *grid.centre)[0])
        x = middle + (x - middle + 180) % 360 - 180
    inside = np.isfinite(x) & np.isfinite(y)
    if not inside.any():
        return None
    x, y, t = x[inside], y[inside], ~dem_grid.transform
    left, right = _span(t.a * x + t.b * y + t.c, margin, dem_grid.width)
    top, bottom = _span(t.d * x + t.e * y + t.f, margin, dem_grid.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _span(values: NDArray[np.float64], margin: int, size: int) -> tuple[int, int]:
    """Return the whole pixels [first, last) that cover ``values`` with a margin, inside [0, size)."""
    first, last = int(np.floor(values.min())) - margin, int(np.ceil(values.max())) + margin
    return min(max(first, 0), size), max(min(last, size), 0)


def _transform(
    source: Grid, target: Grid, x: ArrayLike, y: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bring coordinates from one grid's CRS to another's; infinite where there are none."""
    if source.crs == target.crs:
        return np.asarray(x, np.float64), np.asarray(y, np.float64)
    to_target = pyproj.Transformer.from_crs(source.crs.to_wkt(), target.crs.to_wkt(), always_xy=True)
    there = to_target.transform(x, y)
    return np.asarray(there[0], np.float64), np.asarray(there[1], np.float64)


def _resample(layer: Floats, source: Grid, target: Grid) -> Floats:
    """Warp one layer, NaN where missing, onto another grid.

    GDAL leaves a pixel missing when the nearest one of the source is, and near missing ones falls
    back from cubic to linear weights. One layer at a time: in a stack it takes a pixel that is
    missing in one layer alone for valid, and its NaN spreads through the kernel.
    """
    finer = target.gsd_m >= AVERAGE_FROM * source.gsd_m
    out = np.full(target.shape, np.nan, np.float32)
    reproject(
        layer, out, src_transform=source.transform, src_crs=source.crs, src_nodata=np.nan,
        dst_transform=target.transform, dst_crs=target.crs, dst_nodata=np.nan,
        resampling=Resampling.average if finer else Resampling.cubic,
    )
    return out
