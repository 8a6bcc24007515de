"""Small pictures of the ground around a detection, north up and true to scale, each of the same place."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from shapely.geometry.base import BaseGeometry

from core.errors import InputError
from core.grid import Grid
from core.raster import wants_alpha
from core.styles import Style

SIDE_PX = 256
LEAST_M = 60.0
MARGIN = 1.7
"""A chip is so many times as wide as what it shows."""


@dataclass(frozen=True)
class Source:
    """What a chip is made of.

    Attributes:
        title: For people.
        path: GeoTIFF of a project.
        style: How it is drawn.
    """

    title: str
    path: Path
    style: Style


def place(outline: BaseGeometry) -> Grid:
    """Return the pixels of a chip around an outline in degrees: a square in true metres."""
    west, south, east, north = outline.bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    crs = CRS.from_string(f"+proj=laea +lat_0={lat:.7f} +lon_0={lon:.7f} +datum=WGS84 +units=m +no_defs")
    left, bottom, right, top = _to(crs).transform_bounds(west, south, east, north)
    side = max(LEAST_M, MARGIN * max(right - left, top - bottom))
    return Grid((SIDE_PX, SIDE_PX), Affine.translation(-side / 2, side / 2) @ Affine.scale(side / SIDE_PX,
                                                                                            -side / SIDE_PX), crs)


def draw(source: Source, grid: Grid) -> bytes:
    """Return a chip as WebP; grey where there is nothing.

    Raises:
        InputError: The raster cannot be read.
    """
    try:
        with rasterio.open(source.path, driver="GTiff") as whole:
            level = _overview(whole, grid)
        coarser = {} if level is None else {"overview_level": level}
        with (rasterio.open(source.path, driver="GTiff", **coarser) as part,
              WarpedVRT(part, crs=grid.crs, transform=grid.transform, width=SIDE_PX, height=SIDE_PX,
                        add_alpha=wants_alpha(part),
                        resampling=Resampling.nearest if source.style.categorical else Resampling.bilinear) as view):
            values = view.read(source.style.indexes, masked=True)
            if view.count > part.count:  # the alpha band, which says what lies beside an image without nodata
                values[:, view.read(view.count) == 0] = np.ma.masked
    except RasterioError as error:
        raise InputError(f"raster {source.path.name}", got="a file that cannot be read", expected="a whole GeoTIFF",
                         remedy="Import the layer again.") from error
    made = io.BytesIO()
    Image.fromarray(_colours(source.style, values), "RGB").save(made, "WEBP", quality=82, method=1)
    return made.getvalue()


def path(outline: BaseGeometry, grid: Grid) -> str:
    """Return an outline in degrees as the path of an SVG of a chip's pixels."""
    placed = shapely.transform(outline, _to(grid.crs).transform, interleaved=False)
    placed = placed.simplify(0.4 * grid.transform.a)
    rings = [ring for part in shapely.get_parts(placed) if isinstance(part, shapely.Polygon)
             for ring in (part.exterior, *part.interiors)]
    pixels = [[~grid.transform @ xy for xy in ring.coords[:-1]] for ring in rings]
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z" for ring in pixels)


def _overview(whole: rasterio.DatasetReader, grid: Grid) -> int | None:
    """Return the coarsest overview that is still finer than the chip."""
    own = Grid(whole.shape, whole.transform, whole.crs).gsd_m
    fit = [level for level, step in enumerate(whole.overviews(1)) if step * own <= grid.transform.a]
    return fit[-1] if fit else None


def _colours(style: Style, values: np.ma.MaskedArray[Any, Any]) -> NDArray[np.uint8]:
    painted = style.paint(values)
    seen = np.logical_not(np.ma.getmaskarray(painted).any(0))
    data = painted.filled(255 if style.colormap else 0).astype(np.uint8)
    rgb = _table(style.colormap)[data[0]] if style.colormap else np.moveaxis(
        np.broadcast_to(data, (3, *data.shape[1:])), 0, -1)
    return np.where(np.expand_dims(seen, -1), rgb, np.uint8(128))


@lru_cache(maxsize=32)
def _table(colormap: str) -> NDArray[np.uint8]:
    return np.array(list(json.loads(colormap).values()), np.uint8)[:, :3]


@lru_cache(maxsize=64)
def _to(crs: CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs("EPSG:4326", pyproj.CRS.from_wkt(crs.to_wkt()), always_xy=True)
