"""The ground a detection looked at: its slope and elevation, with and without landslides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.windows import Window

from core.config import PROBABILITY_NODATA
from core.errors import InputError
from core.grid import Grid
from core.raster import grid_of, open_raster, read_on
from core.terrain import slope_deg
from core.terrain_on import TerrainOnGrid, dem_window, terrain_on

SAMPLES = 1_000_000
"""About so many places are looked at, in a regular pattern."""

STRIP_ROWS = 256


@dataclass(frozen=True)
class Ground:
    """Observed places, each for the same area.

    Attributes:
        slope_deg: (n,) float32, NaN where missing.
        elevation_m: (n,) float32, NaN where missing.
        landslide: (n,) bool.
        spacing_m: Between neighbours; terrain finer than this is averaged.
    """

    slope_deg: NDArray[np.float32]
    elevation_m: NDArray[np.float32]
    landslide: NDArray[np.bool_]
    spacing_m: float


def ground_of(probability: Path, outlines: geopandas.GeoDataFrame, dem: Path, unit_m: float = 1.0) -> Ground:
    """Look at the terrain where a detection looked for landslides.

    Args:
        probability: The detection's probability raster: nodata is what was not observed.
        outlines: Its landslides, in the raster's CRS.
        dem: GeoTIFF of elevation.
        unit_m: Metres in one unit of elevation.

    Raises:
        InputError: A raster cannot be read.
    """
    parts: list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]] = []
    try:
        with rasterio.open(probability, driver="GTiff") as odds, open_raster(dem) as relief:
            step = max(1, math.ceil(math.sqrt(odds.width * odds.height / SAMPLES)))
            height, width = max(1, odds.height // step), max(1, odds.width // step)
            scale = odds.transform.scale(odds.width / width, odds.height / height)
            grid = Grid((height, width), odds.transform @ scale, odds.crs)
            observed = odds.read(1, out_shape=(height, width)) != PROBABILITY_NODATA
            shapes = [shape for shape in outlines.geometry if shape is not None and not shape.is_empty]
            slides = rasterize(shapes, (height, width), transform=grid.transform, dtype="uint8").astype(bool) \
                if shapes else np.zeros((height, width), bool)
            for top in range(0, height, STRIP_ROWS):
                rows = slice(top, min(top + STRIP_ROWS, height))
                if observed[rows].any():
                    strip = grid.window(Window(0, top, width, rows.stop - top))
                    slope, elevation = _terrain(relief, strip, unit_m)
                    seen = observed[rows]
                    parts.append((slope[seen], elevation[seen], slides[rows][seen]))
    except RasterioError as error:
        raise InputError(f"raster {probability.name} or {dem.name}", got="a file that cannot be read",
                         expected="the detection's and the project's own", remedy="Run the detection again.") from error
    slope, elevation, landslide = (np.concatenate(each) for each in zip(*parts, strict=True)) if parts else (
        np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, bool))
    return Ground(slope, elevation, landslide, grid.gsd_m)


def _terrain(dem: rasterio.DatasetReader, grid: Grid, unit_m: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return slope and elevation on a grid, NaN where the DEM has none."""
    found = terrain_at(dem, grid, unit_m)
    if found is None:
        absent = np.full(grid.shape, np.nan, np.float32)
        return absent, absent
    return slope_deg(found.de, found.dn), found.elevation_m


def terrain_at(dem: rasterio.DatasetReader, grid: Grid, unit_m: float = 1.0) -> TerrainOnGrid | None:
    """Return the terrain on a grid from an open DEM; None where it has none at all.

    Args:
        dem: GeoTIFF of elevation.
        grid: Of any CRS and pixel size.
        unit_m: Metres in one unit of elevation.
    """
    own = grid_of(dem)
    window = dem_window(own, grid)
    if window is None:
        return None
    part = own.window(window)
    elevation, present = read_on(dem, part, [1])
    if not present.any():
        return None
    return terrain_on(np.where(present, elevation[0], np.float32(np.nan)), part, grid, vertical_unit_m=unit_m)
