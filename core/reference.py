"""Labels to score a map against, on any grid: class rasters in this scheme or a finer one, or outlines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from core.config import CLASS_NODATA, SCHEMES, ClassScheme, scheme
from core.errors import InputError
from core.grid import Grid
from core.ingest import read_polygons
from core.raster import open_raster, read_on

if TYPE_CHECKING:
    from pathlib import Path

Labels = Callable[[Grid], NDArray[np.uint8]]
"""Gives labels on a grid: uint8 values of the scheme, 255 unlabelled."""

OUTLINES = (".geojson", ".json", ".gpkg", ".zip")


@contextmanager
def open_labels(path: Path, wanted: ClassScheme) -> Iterator[Labels]:
    """Open labels for reading window by window.

    A raster whose ``classes`` tag names another scheme is taken for landslide or other, if that is what is wanted.
    Outlines are landslides, and all other ground is taken to have none.

    Args:
        path: GeoTIFF on any grid, or outlines as GeoJSON, GeoPackage or zipped Shapefile.
        wanted: The scheme of the labels that are returned.

    Raises:
        InputError: It cannot be read, or outlines are to tell more classes than two.
    """
    if path.suffix.lower() in OUTLINES:
        if len(wanted.names) != 2:
            raise InputError("labels", got="outlines", expected=f"a raster of {', '.join(wanted.names)}",
                             remedy="Score landslides alone, or use labels of every pixel.")
        yield _drawn(path, wanted)
        return
    with open_raster(path) as dataset:
        lookup = _lookup(dataset.tags().get("classes", ""), wanted)

        def read(grid: Grid) -> NDArray[np.uint8]:
            values, known = read_on(dataset, grid, [1], "nearest")
            return np.where(known, lookup[values[0].astype(np.uint8)], CLASS_NODATA).astype(np.uint8)

        yield read


def scheme_of(path: Path) -> str:
    """Return the name of the scheme that labels are in, as their tag says; two classes by default."""
    if path.suffix.lower() in OUTLINES:
        return "binary"
    with open_raster(path) as dataset:
        own = _tagged(dataset.tags().get("classes", ""))
    return own.name if own else "binary"


def _tagged(tag: str) -> ClassScheme | None:
    """Return the scheme that a raster's tag lists the classes of."""
    return next((known for known in SCHEMES.values() if json.dumps(known.names) == tag), None)


def _lookup(tag: str, wanted: ClassScheme) -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    own = _tagged(tag)
    if own and own != wanted and wanted == scheme("binary"):
        table[:len(own.names)] = 1 - wanted.landslide
        table[own.landslide] = wanted.landslide
    return table


def _drawn(path: Path, wanted: ClassScheme) -> Labels:
    polygons, crs = read_polygons(path)
    frames: dict[str, tuple[NDArray[np.object_], shapely.STRtree]] = {}

    def moved(to: str) -> tuple[NDArray[np.object_], shapely.STRtree]:
        if to not in frames:
            shapes = geopandas.GeoSeries(polygons, crs=crs.to_wkt()).to_crs(to).to_numpy()
            frames[to] = shapes, shapely.STRtree(shapes)
        return frames[to]

    def read(grid: Grid) -> NDArray[np.uint8]:
        shapes, tree = moved(grid.crs.to_wkt())
        here: Sequence[object] = shapes[tree.query(shapely.box(*grid.bounds))]
        other = 1 - wanted.landslide
        if not len(here):
            return np.full(grid.shape, other, np.uint8)
        return rasterize(here, grid.shape, fill=other, default_value=wanted.landslide, transform=grid.transform,
                         dtype="uint8")

    return read
