"""Terrain brought from its own grid onto an image's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from core.cubic import apply, resample_cubic, transform
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
    heights: bool = True,
) -> TerrainOnGrid:
    """Return gradients and elevation on an image's grid.

    Resampling is cubic convolution, or the mean of the elevation pixels in an image pixel when
    those are finer. An elevation pixel is missing when it or one of the eight around it is; an image
    pixel is missing when the one it falls in is, or all of those it is the mean of.

    Args:
        dem: (h, w) elevations on ``dem_grid``, NaN where missing. Elevations that lie within
            ``dem_window`` of ``grid`` decide; more do not change the result.
        dem_grid: Grid of ``dem``.
        grid: Grid of the image, or of a window of it; small enough that north and scale are one.
        vertical_unit_m: Metres in one unit of elevation.
        order: "gradients" measures them on the elevations' own grid, turns them to the image's north
            and resamples them. "dem" resamples the elevations first and measures on the image's
            grid, which shows the elevation pixels as steps when the image is much finer.
        heights: False leaves the elevations out, which is half the work.

    Returns:
        Terrain with the shape of ``grid``; all elevations are missing where they were left out.

    Raises:
        UnknownNameError: ``order`` is not one of the two.
        InputError: The elevations or their unit cannot be used (see ``core.terrain.gradients``).
    """
    if order not in get_args(Order):
        raise unknown_name("terrain order", order, list(get_args(Order)))
    z = np.asarray(dem, np.float32)
    there = z[np.isfinite(z)]
    base = np.float32(np.rint(there.mean())) if there.size else np.float32(0)
    z = z - base  # heights above something near keep the digits that slopes are made of
    x, y = (float(v) for v in transform(grid, dem_grid, *grid.centre))
    (frame, north), (image_frame, image_north) = _frame(dem_grid, x, y), _frame(grid, *grid.centre)
    finer = abs(np.linalg.det(image_frame)) >= AVERAGE_FROM**2 * abs(np.linalg.det(frame))
    resample = _resample_average if finer else resample_cubic
    de, dn = gradients(z, frame, vertical_unit_m=vertical_unit_m)
    if order == "gradients":
        de, dn = rotate(de, dn, north - image_north)
        de, dn, *rest = resample(np.stack([de, dn, z] if heights else [de, dn]), dem_grid, grid)
        present = np.isfinite(de)  # so is the rest there: elevations are missing where they make gradients missing
    else:
        ring = grid.window(Window(-1, -1, grid.width + 2, grid.height + 2))
        wide, measured = resample(np.stack([z, de]), dem_grid, ring)
        de, dn, *rest = (a[1:-1, 1:-1] for a in (*gradients(
            wide, image_frame, vertical_unit_m=vertical_unit_m), wide))
        present = np.isfinite(de) & np.isfinite(measured[1:-1, 1:-1])
        de[~present] = dn[~present] = np.nan
    elevation = np.broadcast_to(np.float32(np.nan), grid.shape)
    if heights:
        elevation = np.where(present, (rest[0] + base) * np.float32(vertical_unit_m), np.float32(np.nan))
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
    x, y = transform(grid, dem_grid, *apply(grid.transform, cols, rows))
    if dem_grid.crs.is_geographic:  # stay on one side of the antimeridian: the centre's
        middle = float(transform(grid, dem_grid, *grid.centre)[0])
        x = middle + (x - middle + 180) % 360 - 180
    inside = np.isfinite(x)
    if not inside.any():
        return None
    col, row = apply(~dem_grid.transform, x[inside], y[inside])
    left, right = _span(col, margin, dem_grid.width)
    top, bottom = _span(row, margin, dem_grid.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _span(values: NDArray[np.float64], margin: int, size: int) -> tuple[int, int]:
    """Return the whole pixels [first, last) that cover ``values`` with a margin, inside [0, size)."""
    first, last = int(np.floor(values.min())) - margin, int(np.ceil(values.max())) + margin
    return min(max(first, 0), size), max(min(last, size), 0)


def _frame(grid: Grid, x: float, y: float) -> tuple[NDArray[np.float64], float]:
    """Return ``grid.frame_m(x, y)`` and where its CRS's north points, at the price of one of them."""
    axes, north = axes_m(grid.crs, x, y)
    t = grid.transform
    return axes @ [[t.a, t.b], [t.d, t.e]], north


def _resample_average(layers: Floats, source: Grid, target: Grid) -> Floats:
    """Return the mean of the source pixels in each target pixel, of those that are there.

    One layer at a time: in a stack GDAL takes a pixel that is missing in one layer alone for valid.
    """
    out = np.full((len(layers), *target.shape), np.nan, np.float32)
    for layer, mean in zip(layers, out, strict=True):
        reproject(
            layer, mean, src_transform=source.transform, src_crs=source.crs, src_nodata=np.nan,
            dst_transform=target.transform, dst_crs=target.crs, dst_nodata=np.nan, resampling=Resampling.average,
        )
    return out
