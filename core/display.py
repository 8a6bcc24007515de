"""Rasters made to be looked at: shaded relief and slope of a DEM as uint8 COGs, rendered once.

A tile of a float DEM costs four times that of a uint8 COG, and its relief would need its neighbours.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.windows import Window

from core.errors import InputError
from core.grid import Grid
from core.terrain import gradients, hillshade, slope_deg

SLOPE_STEP_DEG = 0.5
"""One step of the slope raster: its values are 0 to 180 for 0 to 90 degrees, 255 where missing."""

_STRIP_PIXELS = 1 << 23


def relief(dem: Path, folder: Path) -> dict[str, Path]:
    """Return the hillshade and slope of a DEM, made when they are missing or older than it.

    Both stay on the DEM's own grid; a geographic DEM is measured in true metres.

    Args:
        dem: GeoTIFF, band 1 elevations in metres.
        folder: Where the two are kept.

    Returns:
        ``hillshade`` (uint8, 1 to 255, nodata 0) and ``slope`` (uint8, half degrees, nodata 255).

    Raises:
        InputError: The DEM cannot be read.
        GridError: It has no place on Earth.
    """
    mark = f"{dem.stem}-{dem.stat().st_mtime_ns:x}"
    made = {name: folder / f"{mark}-{name}.tif" for name in ("hillshade", "slope")}
    if all(path.is_file() for path in made.values()):
        return made
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with rasterio.open(dem, driver="GTiff") as source:
            _render(source, made)
    except rasterio.errors.RasterioError as error:
        raise InputError(f"elevation {dem.name}", got="a file that cannot be read to the end",
                         expected="a whole GeoTIFF", remedy="Copy the file again.") from error
    return made


def _render(source: rasterio.DatasetReader, made: dict[str, Path]) -> None:
    """Write both rasters strip by strip, each strip with one row more on either side."""
    grid = Grid((source.height, source.width), source.transform, source.crs)
    rows = max(1, _STRIP_PIXELS // source.width)
    plain = {name: path.with_name(f".{secrets.token_hex(6)}.tif") for name, path in made.items()}
    profile = {"driver": "GTiff", "height": source.height, "width": source.width, "count": 1, "dtype": "uint8",
               "crs": source.crs, "transform": source.transform, "tiled": True, "bigtiff": "if_safer"}
    try:
        with (rasterio.open(plain["hillshade"], "w", nodata=0, **profile) as shade,
              rasterio.open(plain["slope"], "w", nodata=255, **profile) as slope):
            for top in range(0, source.height, rows):
                bottom = min(top + rows, source.height)
                above, below = max(0, top - 1), min(source.height, bottom + 1)
                elevation = source.read(1, window=Window(0, above, source.width, below - above), masked=True)
                middle = grid.transform @ (source.width / 2, (top + bottom) / 2)
                de, dn = (g[top - above:][:bottom - top] for g in gradients(
                    elevation.astype(np.float32).filled(np.nan), grid.frame_m(*middle), edges=True))
                place = Window(0, top, source.width, bottom - top)
                shade.write(hillshade(de, dn, multidirectional=True), 1, window=place)
                degrees = slope_deg(de, dn)
                steps = np.where(np.isnan(degrees), 255, np.rint(degrees / SLOPE_STEP_DEG))
                slope.write(steps.astype(np.uint8), 1, window=place)
        for name, path in made.items():
            aside = path.with_name(f".{secrets.token_hex(6)}.cog.tif")
            copy(plain[name], aside, driver="COG", compress="deflate", predictor="yes", blocksize=256,
                 overview_resampling="average" if name == "hillshade" else "nearest")
            aside.replace(path)
    finally:
        for path in plain.values():
            path.unlink(missing_ok=True)
