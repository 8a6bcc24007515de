"""Strata of a map of any size, and random points in them: block by block, the same for the same seed.

A pixel is mapped as landslide, or lies within a distance of what is, or neither; what was not observed is in no
stratum. Near ground is a stratum of its own because that is where outlines are wrong and where landslides are missed.
"""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True)
class Survey:
    """A map's strata, counted block by block.

    Attributes:
        of: The map.
        windows: Of the blocks.
        pixels: (blocks, strata) pixels of each stratum in each block.
        areas_m2: (strata,) true areas.
    """

    of: MapOf
    windows: tuple[Window, ...]
    pixels: NDArray[np.int64]
    areas_m2: NDArray[np.float64]

    @property
    def strata(self) -> tuple[Stratum, ...]:
        """The strata, in the order of ``STRATA``."""
        return tuple(Stratum(name, int(n), float(m2))
                     for name, n, m2 in zip(STRATA, self.pixels.sum(0), self.areas_m2, strict=True))


def survey(of: MapOf) -> Survey:
    """Count the pixels and area of each stratum.

    Raises:
        InputError: The raster cannot be read, or near ground reaches further than a block.
    """
    windows, pixels, areas = [], [], np.zeros(len(STRATA))
    with open_geotiff(of.classes) as dataset:
        whole = grid_of(dataset)
        for window in blocks(whole.shape, BLOCK):
            grid = whole.window(window)
            found = np.bincount(_strata(of, dataset, grid).ravel(), minlength=256)[:len(STRATA)]
            windows.append(window)
            pixels.append(found)
            areas += found * grid.pixel_area_m2
    return Survey(of, tuple(windows), np.array(pixels, np.int64), areas)


def draw(known: Survey, counts: Mapping[str, int], seed: int) -> tuple[Point, ...]:
    """Draw points at random, without replacement and with equal chances in each stratum.

    Args:
        known: The strata.
        counts: Points in each stratum; a smaller one gives all its pixels.
        seed: The same seed gives the same points.

    Raises:
        InputError: The raster cannot be read.
    """
    random, total = np.random.default_rng(seed), known.pixels.sum(0)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for stratum, name in enumerate(STRATA):
        number = min(counts.get(name, 0), int(total[stratum]))
        ranks = np.sort(random.choice(total[stratum], number, replace=False)) if number else np.zeros(0, np.int64)
        ends = known.pixels[:, stratum].cumsum()
        for block, rank in zip(np.searchsorted(ends, ranks, side="right"), ranks, strict=True):
            wanted.setdefault(int(block), []).append((stratum, int(rank - ends[block] + known.pixels[block, stratum])))
    places = []
    with open_geotiff(known.of.classes) as dataset:
        whole = grid_of(dataset)
        for block, picks in wanted.items():
            grid = whole.window(known.windows[block])
            strata = _strata(known.of, dataset, grid)
            at = {stratum: np.flatnonzero(strata == stratum) for stratum in {s for s, _ in picks}}
            for stratum, rank in picks:
                row, column = divmod(int(at[stratum][rank]), grid.width)
                places.append((STRATA[stratum], *(grid.transform @ (column + 0.5, row + 0.5))))
    to = pyproj.Transformer.from_crs(whole.crs.to_wkt(), "EPSG:4326", always_xy=True)
    points = []
    for number, index in enumerate(random.permutation(len(places)), start=1):
        name, x, y = places[index]
        points.append(Point(number, name, x, y, *to.transform(x, y)))
    return tuple(points)


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
