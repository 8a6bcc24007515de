"""Strata of a map of any size, and random points in them: block by block, the same for the same seed.

A pixel is mapped as landslide, or lies within a distance of what is, or neither; what was not observed is in no
stratum. Near ground is a stratum of its own because that is where outlines are wrong and where landslides are missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy.ndimage import distance_transform_edt

from core.config import CLASS_NODATA
from core.errors import InputError
from core.grid import Grid
from core.ingest import open_geotiff
from core.raster import grid_of, read_on
from core.windows import blocks

STRATA = ("landslide", "near", "far")
"""Mapped as landslide; not so, but within ``near_m`` of it; all other observed ground."""
BLOCK = 1024
_NONE = 255


@dataclass(frozen=True)
class MapOf:
    """A map whose accuracy is asked for.

    Attributes:
        classes: Class raster, as a detection writes it; 255 is not observed.
        landslide: Its value of landslides.
        outlines: Where given, these are what is mapped, in the raster's CRS: a reviewed map.
        near_m: How far near ground reaches, in true metres.
        area: Where given, only what lies in it counts; in the raster's CRS.
        apart: Whether near ground is a stratum of its own; else all that is not mapped is "far".
    """

    classes: Path
    landslide: int
    outlines: tuple[shapely.Geometry, ...] | None = None
    near_m: float = 30.0
    area: shapely.Geometry | None = None
    apart: bool = True

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The outlines, to be found by place."""
        return shapely.STRtree(self.outlines or ())


@dataclass(frozen=True)
class Stratum:
    """One stratum.

    Attributes:
        name: One of ``STRATA``.
        pixels: In it.
        area_m2: Their true area.
    """

    name: str
    pixels: int
    area_m2: float


@dataclass(frozen=True)
class Point:
    """A random point: the centre of a pixel.

    Attributes:
        number: From 1; in an order that says nothing of its stratum.
        stratum: Where it was drawn; not to be shown to who labels it.
        x: In the map's CRS.
        y: In the map's CRS.
        lon: Degrees, WGS 84.
        lat: Degrees, WGS 84.
    """

    number: int
    stratum: str
    x: float
    y: float
    lon: float
    lat: float


def measure_strata(of: MapOf) -> tuple[Stratum, ...]:
    """Count the pixels and area of each stratum.

    Raises:
        InputError: The raster cannot be read.
    """
    pixels, area = np.zeros(len(STRATA), np.int64), np.zeros(len(STRATA))
    for grid, counts, _ in _counted(of):
        pixels += counts
        area += counts * grid.pixel_area_m2
    return tuple(Stratum(name, int(n), float(m2)) for name, n, m2 in zip(STRATA, pixels, area, strict=True))


def draw(of: MapOf, counts: Mapping[str, int], seed: int) -> tuple[tuple[Point, ...], tuple[Stratum, ...]]:
    """Draw points at random, without replacement and with equal chances in each stratum.

    Args:
        of: The map.
        counts: Points in each stratum; a smaller one gives all its pixels.
        seed: The same seed gives the same points.

    Returns:
        The points, and the strata as they were measured on the way.

    Raises:
        InputError: The raster cannot be read.
    """
    random = np.random.default_rng(seed)
    windows, by_block, area = [], [], np.zeros(len(STRATA))
    for grid, found, window in _counted(of):
        windows.append(window)
        by_block.append(found)
        area += found * grid.pixel_area_m2
    sizes = np.array(by_block, np.int64).reshape(-1, len(STRATA))
    total = sizes.sum(0)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for stratum, name in enumerate(STRATA):
        number = min(counts.get(name, 0), int(total[stratum]))
        ranks = np.sort(random.choice(total[stratum], number, replace=False)) if number else np.zeros(0, np.int64)
        ends = sizes[:, stratum].cumsum()
        for block, rank in zip(np.searchsorted(ends, ranks, side="right"), ranks, strict=True):
            wanted.setdefault(int(block), []).append((stratum, int(rank - ends[block] + sizes[block, stratum])))
    places = []
    with open_geotiff(of.classes) as dataset:
        whole = grid_of(dataset)
        for block, picks in wanted.items():
            grid = whole.window(windows[block])
            at = {stratum: np.flatnonzero(_strata(of, dataset, grid) == stratum) for stratum in {s for s, _ in picks}}
            for stratum, rank in picks:
                row, column = divmod(int(at[stratum][rank]), grid.width)
                places.append((STRATA[stratum], *(grid.transform @ (column + 0.5, row + 0.5))))
    to = pyproj.Transformer.from_crs(whole.crs.to_wkt(), "EPSG:4326", always_xy=True)
    points = []
    for number, index in enumerate(random.permutation(len(places)), start=1):
        name, x, y = places[index]
        lon, lat = to.transform(x, y)
        points.append(Point(number, name, x, y, lon, lat))
    return tuple(points), tuple(Stratum(name, int(n), float(m2))
                                for name, n, m2 in zip(STRATA, total, area, strict=True))


def _counted(of: MapOf) -> Iterator[tuple[Grid, NDArray[np.int64], Window]]:
    """Yield each block's grid, pixels in each stratum, and window."""
    with open_geotiff(of.classes) as dataset:
        whole = grid_of(dataset)
        for window in blocks(whole.shape, BLOCK):
            grid = whole.window(window)
            found = np.bincount(_strata(of, dataset, grid).ravel(), minlength=256)[:len(STRATA)]
            yield grid, found, window


def _strata(of: MapOf, dataset: DatasetReader, grid: Grid) -> NDArray[np.uint8]:
    """Return the stratum of every pixel of a block: an index of ``STRATA``, 255 where none; a margin is read around."""
    step = np.linalg.norm(grid.frame_m(), axis=0)[::-1]  # metres of one row and one column
    if not 0 < of.near_m <= BLOCK * step.min():
        raise InputError("distance of near ground", got=f"{of.near_m:g} m",
                         expected=f"above 0 to {BLOCK * step.min():.0f} m at this pixel size",
                         remedy="Give a distance such as 30.")
    margin = [int(np.ceil(of.near_m / each)) for each in step]
    wide = grid.window(Window(-margin[1], -margin[0], grid.width + 2 * margin[1], grid.height + 2 * margin[0]))
    inner = np.s_[margin[0]:margin[0] + grid.height, margin[1]:margin[1] + grid.width]
    values, seen = read_on(dataset, wide, [1], "nearest")
    seen &= values[0] != CLASS_NODATA
    mapped = (values[0] == of.landslide) & seen if of.outlines is None else _drawn(of, wide) & seen
    result = np.full(grid.shape, 2, np.uint8)
    if mapped.any():
        if of.apart:
            result[distance_transform_edt(~mapped, sampling=step)[inner] <= of.near_m] = 1
        result[mapped[inner]] = 0
    outside = ~seen[inner]
    if of.area is not None:
        outside |= geometry_mask([of.area], grid.shape, grid.transform)
    result[outside] = _NONE
    return result


def _drawn(of: MapOf, grid: Grid) -> NDArray[np.bool_]:
    near = of.tree.query(shapely.box(*grid.bounds))
    if not len(near):
        return np.zeros(grid.shape, bool)
    return ~geometry_mask([of.outlines[i] for i in near], grid.shape, grid.transform)  # type: ignore[index]
