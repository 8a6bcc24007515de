"""Rasters made to be looked at: relief, aspect, tints and a vegetation index as uint8 COGs, rendered once.

A tile of a float raster costs four times that of a uint8 COG, and a relief's would need its neighbours.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rasterio.windows import Window

from core.grid import Grid
from core.indices import ndvi
from core.raster import reading
from core.terrain import aspect_deg, gradients, hillshade, slope_deg

SLOPE_STEP_DEG = 0.5
"""One step of the slope raster: its values are 0 to 180 for 0 to 90 degrees, 255 where missing."""

ASPECT_STEP_DEG = 1.5
"""One step of the aspect raster: 0 to 239 for north over east to north, 255 where missing or flat."""

NDVI_STEP = 0.008
"""One step of the vegetation index: 0 to 250 for -1 to 1, 255 where missing."""

STEPS = 250
"""Steps of the elevation tint between the lowest and the highest elevation; both are in its tags."""

FLAT_DEG = 2.0
"""Below this slope a direction says nothing to the eye."""

_NODATA = {"hillshade": 0, "slope": 255, "aspect": 255, "elevation": 255}
_STRIP_PIXELS = 1 << 23
_MAX_PIXELS = 1 << 26
_SAMPLE = 1024


def relief(dem: Path, folder: Path, vertical_unit_m: float = 1.0) -> dict[str, Path]:
    """Return what is shown of a DEM, made when it is missing or older than the DEM.

    All stay on the DEM's own grid; a geographic DEM is measured in true metres.

    Args:
        dem: GeoTIFF, band 1 elevations.
        folder: Where they are kept.
        vertical_unit_m: Metres in one unit of elevation.

    Returns:
        ``hillshade`` (uint8, 1 to 255, nodata 0), ``slope``, ``aspect`` and ``elevation`` (uint8 in the steps
        above, nodata 255). ``elevation`` has tags ``low`` and ``high``, in the DEM's unit.

    Raises:
        InputError: The DEM cannot be read.
        GridError: It has no place on Earth.
    """
    unit = "" if vertical_unit_m == 1 else f"{vertical_unit_m:g}-"
    made = {name: folder / f"{_mark(dem)}-{unit}{name}.tif" for name in _NODATA}
    if not all(path.is_file() for path in made.values()):
        with reading(dem) as source, _cogs(made, _profile(source, (source.height, source.width))) as out:
            _render(source, out, vertical_unit_m)
    return made


def vegetation(source: Path, folder: Path, bands: tuple[int, int] | None = None) -> Path:
    """Return a vegetation index to look at, made when it is missing or older than its source.

    A source of more than 67 million pixels is read at a lower resolution.

    Args:
        source: GeoTIFF.
        folder: Where it is kept.
        bands: 1-based near-infrared and red bands; without them band 1 is the index itself, -1 to 1.

    Raises:
        InputError: The source cannot be read.
    """
    made = {"ndvi": folder / f"{_mark(source)}-{'' if bands is None else '{}-{}-'.format(*bands)}ndvi.tif"}
    if not made["ndvi"].is_file():
        with reading(source) as data:
            share = min(1.0, (_MAX_PIXELS / (data.width * data.height)) ** 0.5)
            height, width = (max(1, round(n * share)) for n in data.shape)
            with _cogs(made, _profile(data, (height, width))) as out:
                for window, part in _strips(data, height, width):
                    values = data.read(list(bands or (1,)), window=part, masked=True, resampling=Resampling.average,
                                       out_shape=(len(bands or (1,)), window.height, window.width))
                    index = (ndvi(values.data[0], values.data[1], ~np.ma.getmaskarray(values).any(0)) if bands
                             else values[0].astype(np.float32).filled(np.nan))
                    out["ndvi"].write(_steps((index + 1) / NDVI_STEP), 1, window=window)
    return made["ndvi"]


def _mark(source: Path) -> str:
    return f"{source.stem}-{source.stat().st_mtime_ns:x}"


def _steps(value: NDArray[Any]) -> NDArray[np.uint8]:
    """Return values rounded to 0 to 250, NaN to 255."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(value), np.clip(np.rint(value), 0, STEPS), 255).astype(np.uint8)


def _profile(source: rasterio.DatasetReader, shape: tuple[int, int]) -> dict[str, Any]:
    grid = Grid(source.shape, source.transform, source.crs)
    scale = rasterio.Affine.scale(source.width / shape[1], source.height / shape[0])
    return {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "uint8", "crs": grid.crs,
            "transform": grid.transform @ scale, "tiled": True, "bigtiff": "if_safer"}


def _strips(source: rasterio.DatasetReader, height: int, width: int) -> Iterator[tuple[Window, Window]]:
    """Yield strips of the picture, and of the source they are read from."""
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        count, ratio = min(rows, height - top), source.height / height
        yield Window(0, top, width, count), Window(0, top * ratio, source.width, count * ratio)


@contextmanager
def _cogs(made: dict[str, Path], profile: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield plain rasters to write into; in the end each becomes a COG at its place."""
    plain = {name: path.with_name(f".{secrets.token_hex(6)}.tif") for name, path in made.items()}
    next(iter(made.values())).parent.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            yield {name: stack.enter_context(rasterio.open(path, "w", nodata=_NODATA.get(name, 255), **profile))
                   for name, path in plain.items()}
        for name, path in made.items():
            aside = path.with_name(f".{secrets.token_hex(6)}.cog.tif")
            copy(plain[name], aside, driver="COG", compress="deflate", predictor="yes", blocksize=256,
                 overview_resampling="nearest" if name == "aspect" else "average")
            aside.replace(path)
    finally:
        for path in plain.values():
            path.unlink(missing_ok=True)


def _render(source: rasterio.DatasetReader, out: dict[str, Any], vertical_unit_m: float) -> None:
    """Write all four strip by strip, each strip read with one row more on either side."""
    grid = Grid(source.shape, source.transform, source.crs)
    low, high = _extremes(source)
    out["elevation"].update_tags(low=f"{low:.1f}", high=f"{high:.1f}")
    for place, _ in _strips(source, source.height, source.width):
        top, bottom = place.row_off, place.row_off + place.height
        above, below = max(0, top - 1), min(source.height, bottom + 1)
        window = Window(0, above, source.width, below - above)
        elevation = source.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
        middle = grid.transform @ (source.width / 2, (top + bottom) / 2)
        inner = np.s_[top - above:bottom - above]
        de, dn = (g[inner] for g in gradients(
            elevation, grid.frame_m(*middle), vertical_unit_m=vertical_unit_m, edges=True))
        parts = {
            "hillshade": hillshade(de, dn, multidirectional=True),
            "slope": _steps(slope_deg(de, dn) / SLOPE_STEP_DEG),
            "aspect": _steps(aspect_deg(de, dn, flat_deg=FLAT_DEG) // ASPECT_STEP_DEG),
            "elevation": _steps((elevation[inner] - low) / (high - low) * STEPS),
        }
        for name, values in parts.items():
            out[name].write(values, 1, window=place)


def _extremes(source: rasterio.DatasetReader) -> tuple[float, float]:
    """Return the lowest and highest elevation in a sample of the whole raster."""
    share = min(1.0, _SAMPLE / max(source.shape))
    shape = (1, *(max(1, int(n * share)) for n in source.shape))
    values = source.read([1], masked=True, out_shape=shape).astype(np.float32).compressed()
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return low, high if high > low else low + 1
