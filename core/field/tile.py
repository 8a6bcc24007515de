"""The image of an area to take along: cut out, 8 bits, as it is shown on the map, with overviews."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.shutil import copy
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from core.errors import InputError, StorageError
from core.ingest import open_geotiff
from core.styles import Style, imagery
from core.windows import blocks

MAX_PIXELS = 120_000_000
"""Of the tile; a larger area is taken at a coarser pixel, so that a telephone can show it."""
BLOCK = 1024


def write_tile(image: Path, target: Path, area: BaseGeometry, bands: Mapping[str, int] | None = None) -> float:
    """Write the part of an image around an area as a Cloud Optimized GeoTIFF (JPEG, with a mask); return its pixel.

    Block by block: memory does not grow with the image.

    Args:
        image: GeoTIFF.
        target: Where to, .tif.
        area: In the image's CRS.
        bands: 1-based band of "red", "green" and "blue"; told from the file by default.

    Returns:
        Source pixels to a side of one pixel of the tile; 1 is full resolution.

    Raises:
        InputError: The area does not lie on the image, or the image cannot be read.
        StorageError: There is no room.
    """
    style = imagery(image, bands).style()
    if style is None:
        raise InputError(image.name, got="no band that can be shown", expected="an image", remedy="Choose its bands.")
    with open_geotiff(image) as source, tempfile.TemporaryDirectory(dir=target.parent) as folder:
        window = _window(source, area)
        step = max(1, math.ceil(math.sqrt(window.width * window.height / MAX_PIXELS)))
        plain = Path(folder) / "plain.tif"
        try:
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_CACHEMAX=256 << 20):
                _cut(source, plain, window, step, style)
                copy(plain, target, driver="COG", compress="JPEG", quality=85, blocksize=512,
                     overview_resampling="average", bigtiff="if_safer")
        except (RasterioError, OSError) as error:
            raise StorageError(f"tile {target.name}", got="a file that could not be written",
                               expected="a whole image, and room on the disk",
                               remedy="Check the image, free some space, and try again.") from error
    return float(step)


def _window(source: DatasetReader, area: BaseGeometry) -> Window:
    """Return the pixels around an area, also of a turned image."""
    left, bottom, right, top = area.bounds
    columns, rows = zip(*(~source.transform @ corner for corner in
                          ((left, bottom), (left, top), (right, bottom), (right, top))), strict=True)
    first = max(0, math.floor(min(rows))), max(0, math.floor(min(columns)))
    last = min(source.height, math.ceil(max(rows))), min(source.width, math.ceil(max(columns)))
    if first[0] >= last[0] or first[1] >= last[1]:
        raise InputError("area of the field package", got="one beside the image", expected="an area on the image",
                         remedy="Choose another image or another area.")
    return Window(first[1], first[0], last[1] - first[1], last[0] - first[0])


def _cut(source: DatasetReader, target: Path, window: Window, step: int, style: Style) -> None:
    shape = (math.ceil(window.height / step), math.ceil(window.width / step))
    across, down = window.width / shape[1], window.height / shape[0]
    transform = source.transform @ Affine.translation(window.col_off, window.row_off) @ Affine.scale(across, down)
    count = len(style.indexes)
    with rasterio.open(target, "w", driver="GTiff", height=shape[0], width=shape[1], count=count, dtype="uint8",
                       crs=source.crs, transform=transform, tiled=True, blockxsize=512, blockysize=512,
                       photometric="RGB" if count == 3 else "MINISBLACK", bigtiff="if_safer") as out:
        for place in blocks(shape, BLOCK):
            part = Window(window.col_off + place.col_off * across, window.row_off + place.row_off * down,
                          place.width * across, place.height * down)
            values = source.read(list(style.indexes), window=part, masked=True,
                                 out_shape=(count, place.height, place.width), resampling=Resampling.average)
            painted = style.paint(values)
            hidden = np.ma.getmaskarray(painted).any(0)
            out.write(painted.filled(0), window=place)
            out.write_mask(np.where(hidden, 0, 255).astype(np.uint8), window=place)
