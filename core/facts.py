"""What a raster or a set of outlines is, from its header and a small view of it; and a picture of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from core.config import SCHEMES
from core.errors import InputError
from core.grid import Grid
from core.ingest import read_polygons
from core.terrain import gradients, hillshade

SIDE = 1024
"""A view has at most so many pixels a side; with overviews it is read at once."""

BINS = 64
MANY = 64
"""Of more values than this it is only said that there are many."""


@dataclass(frozen=True)
class Band:
    """One band, as a view of it shows it.

    Attributes:
        index: 1-based.
        text: Its description, or nothing.
        colour: GDAL's name of its colour interpretation.
        low: Smallest value; NaN where nothing was observed, as the next three.
        high: Largest value.
        dark: 2nd percentile.
        bright: 98th percentile.
        counts: Pixels in equal steps from ``low`` up, at most ``BINS``; a step holds as many whole numbers as another.
        step: Width of a step.
        values: How many different values, at most ``MANY``.
    """

    index: int
    text: str
    colour: str
    low: float
    high: float
    dark: float
    bright: float
    counts: tuple[int, ...]
    step: float
    values: int


@dataclass(frozen=True)
class Facts:
    """A raster in short.

    Attributes:
        width: Columns.
        height: Rows.
        dtype: Of its values.
        nodata: The value that stands for nothing, or None.
        crs: Name of its CRS, such as EPSG:32648.
        gsd_m: Pixel size on the ground in metres.
        extent_m: Width and height on the ground in metres.
        footprint: Its outline, longitude and latitude.
        observed: Share of its pixels that hold data.
        bands: In order.
        tags: Of the whole file.
        unit: Of its values as the file says, or nothing.
        palette: Whether its values stand for colours.
    """

    width: int
    height: int
    dtype: str
    nodata: float | None
    crs: str
    gsd_m: float
    extent_m: tuple[float, float]
    footprint: tuple[tuple[float, float], ...]
    observed: float
    bands: tuple[Band, ...]
    tags: tuple[tuple[str, str], ...]
    unit: str
    palette: bool

    @property
    def whole_numbers(self) -> bool:
        """Whether its values are integers."""
        return np.dtype(self.dtype).kind in "iu"


def look(path: Path) -> Facts:
    """Return the facts of a GeoTIFF of this project, from a view of at most ``SIDE`` pixels a side.

    Raises:
        InputError: It cannot be read.
        GridError: It has no CRS, or no place on Earth.
    """
    with _opened(path) as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        values, valid = _view(dataset, round(SIDE / max(1.0, dataset.count / 4) ** 0.5), dataset.indexes)
        seen = valid.any(0)
        frame = np.hypot(*grid.frame_m())
        return Facts(
            dataset.width, dataset.height, dataset.dtypes[0], dataset.nodata, name_of(dataset.crs), grid.gsd_m,
            (float(frame[0] * grid.width), float(frame[1] * grid.height)), _footprint(grid), float(seen.mean()),
            tuple(_band(dataset, i, values[i - 1][valid[i - 1]]) for i in dataset.indexes),
            tuple((str(k), str(v)) for k, v in dataset.tags().items()), str(dataset.units[0] or ""),
            ColorInterp.palette in dataset.colorinterp)


def picture(path: Path, *, role: str, bands: tuple[int, ...] = (), side: int = 512) -> bytes:
    """Return a small PNG: colours of an image, relief of a DEM, classes of labels, grey for all else.

    Args:
        path: A GeoTIFF, or a GeoJSON of outlines, of this project.
        role: As of a layer.
        bands: 1-based red, green and blue of an image.
        side: Its longer side in pixels, at most.

    Raises:
        InputError: It cannot be read.
    """
    if path.suffix == ".geojson":
        return _drawn(path, side)
    with _opened(path) as dataset:
        chosen = [i for i in bands if i <= dataset.count] if role == "image" else []
        how = Resampling.nearest if role in ("truth", "unobserved") else Resampling.average
        values, valid = _view(dataset, side, chosen if len(chosen) == 3 else [1], how)
        seen: NDArray[np.bool_] = np.all(valid, axis=0)
        if role == "dem":
            colours, seen = _relief(dataset, values[0], seen)
        elif role in ("truth", "unobserved"):
            colours = _classes(dataset, values[0])
        else:
            colours = np.stack([_stretched(band, seen, dataset.dtypes[0]) for band in values])
            colours = np.broadcast_to(colours, (3, *seen.shape))
    return _png(np.concatenate([colours, np.where(seen, 255, 0).astype(np.uint8)[None]]))


def name_of(crs: rasterio.crs.CRS) -> str:
    """Return what people call a CRS: its code and name."""
    known = pyproj.CRS.from_wkt(crs.to_wkt())
    code = crs.to_epsg()
    return f"EPSG:{code} {known.name}" if code else known.name


def _opened(path: Path) -> DatasetReader:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path, driver="GTiff")
    except RasterioError as error:
        raise InputError(f"raster {path.name}", got="a file that cannot be read", expected="a whole GeoTIFF",
                         remedy="Remove the layer and import its file again.") from error


def _view(dataset: DatasetReader, side: int, indexes: Sequence[int], how: Resampling = Resampling.nearest,
          ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return bands of a small view, and where each holds a value."""
    shrink = max(1.0, max(dataset.shape) / side)
    shape = (max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
    try:
        values = dataset.read(indexes, out_shape=(len(indexes), *shape), resampling=how)
        masks = dataset.read_masks(indexes, out_shape=(len(indexes), *shape), resampling=Resampling.nearest)
    except RasterioError as error:
        raise InputError(f"raster {Path(dataset.name).name}", got="a file that cannot be read to the end",
                         expected="a whole GeoTIFF", remedy="Remove the layer and import its file again.") from error
    return values, (masks > 0) & np.isfinite(values)


def _band(dataset: DatasetReader, index: int, seen: NDArray[Any]) -> Band:
    text, colour = dataset.descriptions[index - 1] or "", dataset.colorinterp[index - 1].name
    if not seen.size:
        nothing = float("nan")
        return Band(index, text, colour, nothing, nothing, nothing, nothing, (), 1.0, 0)
    scale = abs(float(dataset.scales[index - 1])) if seen.dtype.kind in "iu" else 0.0
    seen = seen.astype(np.float64) * dataset.scales[index - 1] + dataset.offsets[index - 1]
    low, dark, bright, high = np.percentile(seen, (0, 2, 98, 100)).tolist()
    step = np.ceil(((high - low) / scale + 1) / BINS) * scale if scale else (high - low or 1.0) / BINS
    bins = max(1, min(BINS, int(np.ceil((high - low + scale) / step))))
    counts = np.histogram(seen, bins, (low, low + step * bins))[0]
    return Band(index, text, colour, low, high, dark, bright, tuple(counts.tolist()), float(step),
                min(np.unique(seen).size, MANY))


def _footprint(grid: Grid) -> tuple[tuple[float, float], ...]:
    """Return the raster's outline in longitude and latitude, its sides followed."""
    along = np.linspace(0, 1, 9)
    columns = np.concatenate([along, np.ones(8), 1 - along[1:], np.zeros(8)]) * grid.width
    rows = np.concatenate([np.zeros(9), along[1:], np.ones(8), 1 - along[1:]]) * grid.height
    xs, ys = zip(*(grid.transform @ (c, r) for c, r in zip(columns, rows, strict=True)), strict=True)
    to_degrees = pyproj.Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    return tuple(zip(*(np.round(each, 7).tolist() for each in to_degrees.transform(xs, ys)), strict=True))


def _stretched(band: NDArray[Any], seen: NDArray[np.bool_], dtype: str) -> NDArray[np.uint8]:
    """Return a band as bytes: as it is when it is bytes with contrast, else between its 1st and 99th percentile."""
    if not seen.any():
        return np.zeros(band.shape, np.uint8)
    low, high = np.percentile(band[seen], (1, 99))
    if dtype == "uint8" and high - low > 64:
        return band.astype(np.uint8)
    return np.clip((band - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)


def _relief(dataset: DatasetReader, elevation: NDArray[Any], seen: NDArray[np.bool_],
            ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return shaded relief of a view, and where it has some."""
    grid = Grid(dataset.shape, dataset.transform, dataset.crs)
    step = np.array([dataset.width / elevation.shape[1], dataset.height / elevation.shape[0]])
    masked = np.where(seen, elevation, np.nan).astype(np.float32)
    if min(masked.shape) < 2:
        return np.full((3, *seen.shape), 128, np.uint8), seen
    shade = hillshade(*gradients(masked, grid.frame_m() * step, edges=True), multidirectional=True)
    return np.broadcast_to(shade, (3, *shade.shape)), shade > 0


def _classes(dataset: DatasetReader, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return labels in their own colours, or as landslides and all else."""
    table = np.full((256, 3), 128, np.uint8)
    if ColorInterp.palette in dataset.colorinterp:
        for value, colour in dataset.colormap(1).items():
            table[value] = colour[:3]
    else:
        names = dataset.tags().get("classes", "")
        scheme = next((s for s in SCHEMES.values() if all(f'"{name}"' in names for name in s.names)), SCHEMES["binary"])
        for value in range(len(scheme.names)):
            table[value] = scheme.rgb(value)
    return np.moveaxis(table[np.clip(values, 0, 255).astype(int)], -1, 0)


def _drawn(path: Path, side: int) -> bytes:
    polygons, _ = read_polygons(path)
    west, south, east, north = shapely.total_bounds(polygons)
    size = max(east - west, north - south, 1e-9) * 1.08
    middle = ((west + east) / 2, (south + north) / 2)
    transform = rasterio.transform.from_bounds(
        middle[0] - size / 2, middle[1] - size / 2, middle[0] + size / 2, middle[1] + size / 2, side, side)
    burnt = rasterio.features.rasterize(polygons, (side, side), transform=transform, all_touched=True)
    binary = SCHEMES["binary"]
    colours = np.array([binary.rgb(0), binary.rgb(binary.landslide)], np.uint8)[burnt]
    return _png(np.concatenate([np.moveaxis(colours, -1, 0), np.full((1, side, side), 255, np.uint8)]))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="PNG", count=4, height=pixels.shape[1], width=pixels.shape[2], dtype="uint8") as out:
            out.write(pixels)
        return memory.read()
