"""Maps of a report: a raster on an upright grid, and what a map needs around it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from core.grid import Grid
from core.picture import colours, upright, view, warped, with_relief
from core.styles import SLOPE_RAMP, SLOPE_TOP_DEG, Style, imagery
from core.terrain import gradients, hillshade, slope_deg

if TYPE_CHECKING:
    from core.layers import Layer
    from core.project import Project

SIDE_PX = 1500
_STEPS = (1, 2, 5, 10, 15, 30)  # minutes and seconds are told in these


@dataclass(frozen=True)
class Picture:
    """A part of the Earth as pixels.

    Attributes:
        grid: North up, in metres or close to it.
        rgba: (h, w, 4) uint8, clear where there is nothing.
    """

    grid: Grid
    rgba: NDArray[np.uint8]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in the grid's CRS, as matplotlib wants it."""
        left, bottom, right, top = self.grid.bounds
        return left, right, bottom, top


def frame_of(path: Path) -> Grid:
    """Return an upright grid of all of a raster, of at most ``SIDE_PX`` on its longer side."""
    with rasterio.open(path, driver="GTiff") as source:
        crs = upright(Grid(source.shape, source.transform, source.crs))
        with WarpedVRT(source, crs=crs) as whole:
            (left, bottom, right, top), finest = whole.bounds, abs(whole.transform.a)
    step = max(finest, (right - left) / SIDE_PX, (top - bottom) / SIDE_PX)
    shape = (max(1, round((top - bottom) / step)), max(1, round((right - left) / step)))
    return Grid(shape, Affine.translation(left, top) @ Affine.scale(step, -step), crs)


def wide_frame(path: Path, outlines: geopandas.GeoDataFrame) -> Grid:
    """Return an upright grid as wide as a screen, about the middle of the landslides."""
    with rasterio.open(path, driver="GTiff") as source:
        crs = upright(Grid(source.shape, source.transform, source.crs))
        return view(source, crs, [each for each in outlines.to_crs(crs.to_wkt()).geometry if each])


def image_map(project: Project, image: Layer, dem: Layer | None, grid: Grid) -> Picture:
    """Draw imagery as the map does at first, with the relief of the ground in it where there is elevation."""
    path = project.path(image)
    with rasterio.open(path, driver="GTiff") as source:
        drawn = colours(source, grid, imagery(path, dict(image.bands) or None).style())
    if dem is not None:
        drawn[..., :3] = with_relief(drawn[..., :3], project.path(dem), grid)
    return Picture(grid, drawn)


def relief_map(dem: Path, grid: Grid) -> Picture:
    """Draw the hillshade of elevation."""
    with rasterio.open(dem, driver="GTiff") as source, warped(source, grid, Resampling.cubic_spline) as on_grid:
        elevation = on_grid.read(1, masked=True).astype(np.float32).filled(np.nan)
    light = hillshade(*gradients(elevation, grid.frame_m(), edges=True), multidirectional=True)
    seen = np.where(np.isfinite(elevation) & (light > 0), 255, 0).astype(np.uint8)
    return Picture(grid, np.dstack([light.astype(np.uint8)] * 3 + [seen]))


def slope_map(dem: Path, grid: Grid) -> Picture:
    """Draw slope in its colours, shaded by the relief."""
    with rasterio.open(dem, driver="GTiff") as source, warped(source, grid, Resampling.cubic_spline) as on_grid:
        elevation = on_grid.read(1, masked=True).astype(np.float32).filled(np.nan)
    de, dn = gradients(elevation, grid.frame_m(), edges=True)
    slope, light = slope_deg(de, dn), hillshade(de, dn, multidirectional=True).astype(np.float32)
    steps = np.linspace(0, SLOPE_TOP_DEG, len(SLOPE_RAMP))
    ramp = np.array([[int(code[i:i + 2], 16) for i in (1, 3, 5)] for code in SLOPE_RAMP])
    known = np.isfinite(slope)
    shade = np.clip(0.35 + light / 255, 0, 1)
    tint = [np.interp(np.where(known, slope, 0), steps, ramp[:, band]) * shade for band in range(3)]
    return Picture(grid, np.dstack([*tint, np.where(known, 255, 0)]).astype(np.uint8))


def probability_map(path: Path, grid: Grid) -> Picture:
    """Draw the probability of landslide in its colours."""
    style = Style("probability")
    with rasterio.open(path, driver="GTiff") as source, warped(source, grid, Resampling.average) as on_grid:
        values = style.paint(on_grid.read(style.indexes, masked=True))
    data, seen = values.filled(0).astype(np.uint8)[0], ~np.ma.getmaskarray(values)[0]
    return Picture(grid, np.dstack([probability_colours()[data], np.where(seen, 255, 0).astype(np.uint8)]))


def probability_colours() -> NDArray[np.uint8]:
    """Return the colour (256, 3) of each value of a probability raster."""
    return np.array([*json.loads(Style("probability").colormap).values()], np.uint8)[:, :3]


def graticule(grid: Grid, *, longitude: bool, ticks: int = 4) -> tuple[list[float], list[str]]:
    """Return where round longitudes meet the lower edge, or latitudes the left one, and what they are called."""
    left, bottom, right, top = grid.bounds
    along = np.linspace(left, right, 200) if longitude else np.linspace(bottom, top, 200)
    across = np.full(200, bottom if longitude else left)
    to_degrees = pyproj.Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    degrees = to_degrees.transform(*((along, across) if longitude else (across, along)))[0 if longitude else 1]
    degrees = np.unwrap(degrees, period=360)
    step = _round_step((degrees[-1] - degrees[0]) / ticks)
    marks = np.arange(math.ceil(degrees[0] / step), math.floor(degrees[-1] / step) + 1) * step
    return list(np.interp(marks, degrees, along)), [_degrees(mark, step, longitude=longitude) for mark in marks]


def _round_step(degrees: float) -> float:
    """Return the next longer step of whole degrees, minutes, seconds or tenths of a second."""
    for unit in (1 / 36000, 1 / 3600, 1 / 60, 1):
        for step in _STEPS:
            if step * unit >= degrees:
                return step * unit
    return 30.0


def _degrees(value: float, step: float, *, longitude: bool) -> str:
    """Write an angle in degrees, minutes and seconds, no finer than its step.

    >>> _degrees(103.8125, 1 / 3600, longitude=True), _degrees(-33.5, 1 / 60, longitude=False)
    ('103°48′45″ E', '33°30′ S')
    """
    value = (value + 180) % 360 - 180 if longitude else value
    side = ("E" if value >= 0 else "W") if longitude else ("N" if value >= 0 else "S")
    tenths = round(abs(value) * 36000)
    whole, minutes, seconds = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    if step >= 1:
        return f"{whole}° {side}"
    if step >= 1 / 60:
        return f"{whole}°{minutes:02d}′ {side}"
    return f"{whole}°{minutes:02d}′{seconds:{'02.0f' if step >= 1 / 3600 else '04.1f'}}″ {side}"
