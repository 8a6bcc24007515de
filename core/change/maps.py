"""A class map of one date, and two of them read together on one grid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from numpy.typing import NDArray

from core.change.shift import NO_SHIFT, Shift
from core.config import CLASS_NODATA, SCHEMES, ClassScheme, scheme
from core.errors import InputError
from core.files import read_json
from core.grid import Grid
from core.raster import grid_of, open_raster, read_on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Dated:
    """What is known of a place on one date.

    Attributes:
        classes: GeoTIFF of class values, 255 unobserved.
        scheme: What they mean.
        title: For people.
        outlines: GeoPackage of its landslides; drawn from the class map if left out.
    """

    classes: Path
    scheme: ClassScheme
    title: str
    outlines: Path | None = None


def dated(path: Path, title: str = "") -> Dated:
    """Return a date from the folder of a finished detection, or from a GeoTIFF of classes.

    Raises:
        InputError: It is neither, or its classes are not those of a scheme.
    """
    if path.is_dir():
        names = read_json(path / "run.json")["model"]["classes"]
        return Dated(path / "classes.tif", _scheme(names), title or path.name, path / "landslides.gpkg")
    with open_raster(path) as dataset:
        tag = dataset.tags().get("classes")
    return Dated(path, _scheme(json.loads(tag)) if tag else scheme("binary"), title or path.stem)


def _scheme(names: Sequence[str]) -> ClassScheme:
    for known in SCHEMES.values():
        if known.names == tuple(names):
            return known
    raise InputError("classes", got=", ".join(names), expected=" or ".join(SCHEMES),
                     remedy="Use a map in one of these class schemes.")


def common(before: Dated, after: Dated) -> ClassScheme:
    """Return the scheme that two dates can be compared in: their own, or landslide and other where they differ."""
    return before.scheme if before.scheme == after.scheme else scheme("binary")


class Both:
    """Two class maps on the first one's grid; a context manager.

    Args:
        before: First date; its grid and CRS are the result's.
        after: Second date, brought there by nearest pixel.
        shift: How far the second lies off the first; it is read from there.

    Attributes:
        grid: Of the first date.
        scheme: Of both.
        shift: As given, in pixels of this grid.
    """

    def __init__(self, before: Dated, after: Dated, shift: Shift = NO_SHIFT) -> None:
        self.scheme = common(before, after)
        self._given = before, after
        self._lookups = [_lookup(each.scheme, self.scheme) for each in (before, after)]
        self._shift = shift

    def __enter__(self) -> Both:
        self._open = [open_raster(each.classes) for each in self._given]
        self.grid = grid_of(self._open[0])
        k = self._shift.gsd_m / self.grid.gsd_m if self._shift is not NO_SHIFT else 1.0
        self.shift = Shift(self._shift.columns * k, self._shift.rows * k, self.grid.gsd_m, 0.0, 1.0, 0)
        return self

    def __exit__(self, *_: object) -> None:
        for dataset in self._open:
            dataset.close()

    def read(self, grid: Grid) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return both dates' classes on a part of the grid, uint8, 255 where that date says nothing."""
        first, second = self._open
        return (_read(first, grid, self._lookups[0]),
                _read(second, self.shift.applied_to(grid), self._lookups[1]))


def _lookup(own: ClassScheme, wanted: ClassScheme) -> NDArray[np.uint8]:
    """Return the wanted scheme's value for each value of a map."""
    table = np.full(256, CLASS_NODATA, np.uint8)
    same = own == wanted
    table[:len(own.names)] = [i if same else wanted.landslide if name == "landslide" else 1 - wanted.landslide
                              for i, name in enumerate(own.names)]
    return table


def _read(dataset: rasterio.DatasetReader, grid: Grid, lookup: NDArray[np.uint8]) -> NDArray[np.uint8]:
    values, known = read_on(dataset, grid, [1], "nearest")
    return np.where(known, lookup[values[0].astype(np.uint8)], CLASS_NODATA).astype(np.uint8)
