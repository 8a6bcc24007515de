"""GeoTIFF from outside: opened as that and nothing else, with no file beside it and no file named in it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import CRSError, RasterioError, RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from core.errors import InputError
from core.ingest.files import inspect, looks_like

TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""TIFF and BigTIFF, little and big endian."""

MAX_PIXELS = 40_000_000_000
"""10,000 square kilometres at 0.5 m."""

MAX_BANDS = 256

MAX_BLOCK_BYTES = 512 * 2**20
"""One block (tile or strip, all bands that it interleaves) is decoded whole, in memory."""

MAX_EXPANSION = 20_000
"""Decoded bytes for each byte of file: deflate gives up to 1,000, a scene of empty tiles 12,000, a bomb more."""

EXPANSION_MATTERS_BYTES = 256 * 2**20
"""Below this a raster may expand as it likes."""

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")

_SIDECARS_OFF = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


class GeoTIFF(DatasetReader):
    """An open dataset that knows its band descriptions; GDAL drops them where overviews are off."""

    descriptions: tuple[str | None, ...] = ()


def open_geotiff(path: str | Path) -> DatasetReader:
    """Open a GeoTIFF that may come from anyone.

    GDAL would follow a ``.tif`` that is really a VRT, a web service or an MRF to other files and
    hosts, and so it would a TIFF tag that names an overview file. Here only the GTiff driver may
    answer, overviews are off (a decimated read decodes full resolution), and world files,
    ``.aux.xml``, ``.ovr`` and ``.msk`` beside the file do not count.

    Args:
        path: A file of this machine.

    Returns:
        The open dataset; the caller closes it.

    Raises:
        InputError: The file is not a GeoTIFF, is damaged, names another file, or declares a size,
            a block or a data type that is not read here.
    """
    full, size, head = inspect(path)
    name = Path(path).name
    if not head.startswith(TIFF_MAGIC):
        raise InputError(name, got=looks_like(head), expected="a GeoTIFF",
                         remedy="Export the raster as a GeoTIFF (in QGIS: Export, Save As, format GeoTIFF).")
    try:
        with rasterio.Env(**_SIDECARS_OFF):
            with rasterio.open(full, driver="GTiff", GEOREF_SOURCES="INTERNAL") as header:
                descriptions = header.descriptions
            dataset = GeoTIFF(full, driver="GTiff", OVERVIEW_LEVEL="NONE", GEOREF_SOURCES="INTERNAL")
            dataset.descriptions = descriptions
    except (RasterioError, CRSError) as error:
        raise _damaged(name) from error
    try:
        _check_header(dataset, name, size)
    except InputError:
        dataset.close()
        raise
    return dataset


def check_readable(dataset: DatasetReader) -> None:
    """Read the first block, the last and some between, so that a truncated file is found before a long run.

    Args:
        dataset: As ``open_geotiff`` returned it.

    Raises:
        InputError: A block cannot be read or decoded.
    """
    rows, cols = dataset.block_shapes[0]
    down, across = math.ceil(dataset.height / rows), math.ceil(dataset.width / cols)
    count = down * across
    try:
        for block in sorted({round(step * (count - 1) / 8) for step in range(9)}):
            row, col = block // across * rows, block % across * cols
            window = Window(col, row, min(cols, dataset.width - col), min(rows, dataset.height - row))
            dataset.read([1, dataset.count], window=window)
    except RasterioIOError as error:
        raise _damaged(Path(dataset.name).name) from error


def _check_header(dataset: DatasetReader, name: str, size: int) -> None:
    """Refuse what the header declares, before a pixel is read."""
    if dataset.driver != "GTiff" or dataset.tags(ns="OVERVIEWS"):
        raise InputError(name, got="a TIFF with a tag that points to another file (OVERVIEWS)",
                         expected="a GeoTIFF that stands alone",
                         remedy="Write it again without that tag: gdal_translate -nomd IN.tif OUT.tif.")
    if not 1 <= dataset.count <= MAX_BANDS:
        raise InputError(name, got=f"{dataset.count} bands", expected=f"1 to {MAX_BANDS} bands",
                         remedy="Export only the bands that are needed.")
    wrong = sorted({d for d in dataset.dtypes if d not in DTYPES})
    if wrong:
        raise InputError(name, got=f"data type {', '.join(wrong)}", expected=f"one of {', '.join(DTYPES)}",
                         remedy="Export real values, such as reflectance or amplitude, not complex ones.")
    pixels = dataset.width * dataset.height
    if pixels > MAX_PIXELS:
        raise InputError(name, got=f"{dataset.width} x {dataset.height} pixels",
                         expected=f"at most {MAX_PIXELS:,} pixels in all", remedy="Split the raster into parts.")
    itemsizes = [np.dtype(d).itemsize for d in dataset.dtypes]
    rows, cols = dataset.block_shapes[0]
    block = rows * cols * (sum(itemsizes) if dataset.interleaving == Interleaving.pixel else max(itemsizes))
    if block > MAX_BLOCK_BYTES:
        raise InputError(name, got=f"blocks of {cols} x {rows} pixels, {block / 2**20:,.0f} MiB each",
                         expected=f"blocks of at most {MAX_BLOCK_BYTES / 2**20:,.0f} MiB",
                         remedy="Write it tiled: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE IN.tif OUT.tif.")
    decoded = pixels * sum(itemsizes)
    if decoded > max(EXPANSION_MATTERS_BYTES, MAX_EXPANSION * size):
        raise InputError(name, got=f"{size:,} bytes that would unpack to {decoded:,}",
                         expected=f"at most {MAX_EXPANSION:,} bytes out of each byte",
                         remedy="Check that the file is complete; cut an almost empty raster to the part with data.")


def _damaged(name: str) -> InputError:
    return InputError(name, got="a truncated or damaged file", expected="a whole GeoTIFF",
                      remedy="Copy or download the file again, and compare its size with the original's.")
