"""Reading: any raster, window by window, onto the grid that is asked for."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from core.errors import InputError
from core.grid import Grid
from core.ingest import open_geotiff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BAND_ROLES = ("red", "green", "blue", "nir")
_ALIASES = {"r": "red", "g": "green", "b": "blue", "near infrared": "nir", "near-infrared": "nir", "infrared": "nir"}


def open_raster(path: Path) -> rasterio.DatasetReader:
    """Open a GeoTIFF through the gate of ``core.ingest``; use it as a context manager.

    Raises:
        InputError: It is not a GeoTIFF that may be read here.
    """
    return open_geotiff(path)


@contextmanager
def reading(path: Path) -> Iterator[rasterio.DatasetReader]:
    """Open a GeoTIFF of a project's own to read from; use it as a context manager.

    Raises:
        InputError: It is gone or damaged, however far into the reading this shows.
    """
    try:
        with rasterio.open(path, driver="GTiff") as source:
            yield source
    except RasterioError as error:
        raise InputError(f"raster {path.name}", got="no file" if not path.exists() else "a damaged file",
                         expected="a whole GeoTIFF", remedy="Copy or load the file again.") from error


def grid_of(dataset: rasterio.DatasetReader) -> Grid:
    """Return a dataset's grid; a missing CRS is an error that says so."""
    return Grid((dataset.height, dataset.width), Affine(*tuple(dataset.transform)[:6]), dataset.crs)


def band_roles(dataset: rasterio.DatasetReader) -> dict[str, int]:
    """Return the 1-based band index of each role that can be told.

    Descriptions rule, then colour interpretation, then position (three bands or more are red, green, blue; a
    fourth that is not alpha is near infrared only when it is described so).

    Raises:
        InputError: Red, green and blue cannot all be found.
    """
    roles: dict[str, int] = {}
    for index, (text, colour) in enumerate(zip(dataset.descriptions, dataset.colorinterp, strict=True), start=1):
        name = (text or "").strip().lower()
        role = _ALIASES.get(name, name)
        if role not in BAND_ROLES:
            role = colour.name if colour in (ColorInterp.red, ColorInterp.green, ColorInterp.blue) else ""
        if role:
            roles.setdefault(role, index)
    if not {"red", "green", "blue"} & set(roles) and dataset.count >= 3:
        roles.update(red=1, green=2, blue=3)
    if missing := [role for role in ("red", "green", "blue") if role not in roles]:
        raise InputError("image bands", got=f"{dataset.count} band(s), no {', '.join(missing)}",
                         expected="red, green and blue", remedy="Use a colour image, or name its bands by description.")
    return roles


def read_on(
    dataset: rasterio.DatasetReader, grid: Grid, indexes: Sequence[int], resampling: str = "bilinear", *,
    use_alpha: bool = True,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read bands onto a grid of any CRS, resolution and extent.

    Args:
        dataset: An open raster.
        grid: Where the values are wanted, usually the grid of a window of the image.
        indexes: 1-based bands.
        resampling: GDAL's name of the method, used where the grids differ.
        use_alpha: False where the band that is marked as alpha is really something else: GDAL marks the fourth
            band of 8-bit imagery so unless told otherwise, and near infrared is often not told.

    Returns:
        (bands, h, w) float32 and (h, w) bool: where a value was observed (nodata, alpha, mask, NaN and the
        world outside the raster are False; values there are 0).

    Raises:
        InputError: The file is damaged.
    """
    try:
        offset = _pixel_offset(grid_of(dataset), grid)
        if offset is None:
            values, valid = _read_warped(dataset, grid, indexes, Resampling[resampling])
        else:
            values, valid = _read_aligned(dataset, grid.shape, indexes, *offset, use_alpha)
    except RasterioIOError as error:
        raise InputError("raster data", got="a block that cannot be read", expected="a complete file",
                         remedy="The file is truncated or damaged: copy or download it again.") from error
    if any(np.dtype(dataset.dtypes[i - 1]).kind == "f" for i in indexes):
        valid &= np.isfinite(values).all(0)
    np.copyto(values, 0, where=~valid)
    return values, valid


def observed_on(
    dataset: rasterio.DatasetReader, grid: Grid, indexes: Sequence[int], *, use_alpha: bool = True,
) -> NDArray[np.bool_]:
    """Return what ``read_on`` says of where values were observed; of whole numbers only the mask is read."""
    whole = all(np.dtype(dataset.dtypes[i - 1]).kind in "ui" for i in indexes)
    if whole and (use_alpha or dataset.nodata is None) and _pixel_offset(grid_of(dataset), grid) is not None:
        return read_on(dataset, grid, [], use_alpha=use_alpha)[1]
    return read_on(dataset, grid, indexes, use_alpha=use_alpha)[1]


def wants_alpha(dataset: rasterio.DatasetReader) -> bool:
    """Return whether, once a raster is warped, only an added band of alpha can tell where it holds nothing.

    An internal mask, as beside JPEG, is not carried over by itself.
    """
    return dataset.nodata is None and ColorInterp.alpha not in dataset.colorinterp


def reduced(values: NDArray[np.float32], observed: NDArray[np.bool_], times: int,
            ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the means of squares of ``times`` x ``times`` pixels.

    Args:
        values: (bands, h, w), both sides multiples of ``times``; 0 where nothing was observed.
        observed: (h, w).
        times: Side of a square.

    Returns:
        (bands, h / times, w / times), and where at least half of a square was observed; values elsewhere are 0.
    """
    corners = [np.s_[..., row::times, column::times] for row in range(times) for column in range(times)]
    count = np.sum([observed[corner] for corner in corners], 0)
    seen: NDArray[np.bool_] = 2 * count >= times**2
    total = values[corners[0]].copy()
    for corner in corners[1:]:
        total += values[corner]
    return np.where(seen, total / np.maximum(count, 1).astype(np.float32), np.float32(0)), seen


def interpolated(values: NDArray[np.float32], observed: NDArray[np.bool_], times: int,
                 ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return values on ``times`` as many pixels each way, bilinear between the centres of those that were observed.

    Args:
        values: (bands, h, w); 0 where nothing was observed.
        observed: (h, w).
        times: Pixels along one of the given ones.

    Returns:
        (bands, h * times, w * times), and where they were observed: all over a pixel that was.
    """
    seen = observed.repeat(times, 0).repeat(times, 1)
    whole = bool(observed.all())
    layers = values if whole else np.concatenate([values, observed[None].astype(np.float32)])
    for axis in (1, 2):
        length = layers.shape[axis]
        at = ((np.arange(length * times, dtype=np.float32) + 0.5) / times - 0.5).clip(0, length - 1)
        before = at.astype(int)
        share = (at - before).reshape((-1, 1) if axis == 1 else -1).astype(np.float32)
        layers = (layers.take(before, axis) * (1 - share)
                  + layers.take((before + 1).clip(max=length - 1), axis) * share)
    if whole:
        return layers, seen
    return np.where(seen, layers[:-1] / np.maximum(layers[-1], np.float32(1e-6)), np.float32(0)), seen


def _pixel_offset(source: Grid, target: Grid) -> tuple[int, int] | None:
    """Return (column, row) of the target's corner in the source when the pixels coincide, else None."""
    if source.crs != target.crs:
        return None
    relative = ~source.transform @ target.transform
    if not np.allclose((relative.a, relative.b, relative.d, relative.e), (1, 0, 0, 1), atol=1e-6):
        return None
    column, row = round(relative.c), round(relative.f)
    if math.hypot(relative.c - column, relative.f - row) > 1e-3:
        return None
    return column, row


def _read_aligned(
    dataset: rasterio.DatasetReader, shape: tuple[int, int], indexes: Sequence[int], column: int, row: int,
    use_alpha: bool,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    values = np.zeros((len(indexes), *shape), np.float32)
    valid = np.zeros(shape, bool)
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + shape[0], dataset.height), min(column + shape[1], dataset.width)
    if top < bottom and left < right:
        window = Window(left, top, right - left, bottom - top)
        inside = np.s_[top - row:bottom - row, left - column:right - column]
        valid[inside] = dataset.dataset_mask(window=window) > 0 if use_alpha else True
        if indexes and valid[inside].any():
            values[(slice(None), *inside)] = dataset.read(list(indexes), window=window)
        if not use_alpha and dataset.nodata is not None:
            valid[inside] = (values[(slice(None), *inside)] != dataset.nodata).any(0)
    return values, valid


def _read_warped(
    dataset: rasterio.DatasetReader, grid: Grid, indexes: Sequence[int], resampling: Resampling,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    with WarpedVRT(dataset, crs=grid.crs, transform=grid.transform, height=grid.height, width=grid.width,
                   resampling=resampling, add_alpha=wants_alpha(dataset), warp_mem_limit=64) as warped:
        values = warped.read(list(indexes)).astype(np.float32)
        if ColorInterp.alpha in warped.colorinterp:  # GDAL takes alpha for a mask in 8 and 16 bit rasters only
            return values, warped.read(warped.colorinterp.index(ColorInterp.alpha) + 1) > 0
        return values, warped.dataset_mask() > 0
