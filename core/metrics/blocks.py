"""Blocks of ground: what is drawn when an interval is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.grid import Grid

BLOCK_M = 150.0
"""Side of a block: errors within it belong together, errors in different ones hardly (see docs/metrics.md)."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """The block of each pixel of a raster: number ``rows[r] + columns[c]``.

    Attributes:
        names: One a block, the same for the same ground in every raster of one lattice.
        rows: (height,) int64.
        columns: (width,) int64.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def one(cls, name: str, shape: tuple[int, ...]) -> Blocks:
        """Take the whole raster as one block: a chip, say."""
        return cls((name,), np.zeros(shape[0], np.int64), np.zeros(shape[1], np.int64))

    @classmethod
    def of_grid(cls, grid: Grid, side_m: float = BLOCK_M) -> Blocks:
        """Cut a grid into squares; rasters cut from one image get the same squares wherever they begin.

        Raises:
            InputError: The side is no length.
        """
        if not 0 < side_m < 1e6:
            raise InputError("block side", got=side_m, expected="a length in metres",
                             remedy="Use 100 to 200 m, or more where landslides are larger.")
        side = max(1, round(side_m / grid.gsd_m))
        t = grid.transform
        first = np.linalg.solve([[t.a, t.b], [t.d, t.e]], [t.c, t.f])  # columns and rows from the CRS's origin
        starts = [round(value) for value in first[::-1]]
        (row_names, rows), (column_names, columns) = (
            np.unique((start + np.arange(length)) // side, return_inverse=True)
            for start, length in zip(starts, grid.shape, strict=True))
        names = tuple(f"{row}/{column}" for row in row_names for column in column_names)
        return cls(names, rows * len(column_names), columns)

    def strip(self, start: int, stop: int) -> Blocks:
        """Return the blocks of some rows."""
        return Blocks(self.names, self.rows[start:stop], self.columns)
