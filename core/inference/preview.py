"""What is finished so far, small: a raster that is written again and again while a prediction runs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from core.config import PROBABILITY_NODATA, PROBABILITY_SCALE
from core.grid import Grid

SIDE_PX = 1024
EVERY_S = 2.0


class Preview:
    """Every k-th pixel of the landslide probability, at most ``SIDE_PX`` a side.

    Args:
        file: Where it is written, whole, at most every ``EVERY_S`` seconds.
        grid: Of the mapped part.
        part: The same as a window of the image.
    """

    def __init__(self, file: Path, grid: Grid, part: Window) -> None:
        self.file, self.grid, self.part = file, grid, part
        self.step = -(-max(grid.shape) // SIDE_PX)
        self.values = np.full([-(-side // self.step) for side in grid.shape], PROBABILITY_NODATA, np.uint8)
        self.written = 0.0

    def add(self, place: Window, stored: NDArray[np.uint8]) -> None:
        """Take in a finished window of the image, (h, w) stored probabilities."""
        k = self.step
        top, left = place.row_off - self.part.row_off, place.col_off - self.part.col_off
        small = stored[-top % k::k, -left % k::k]
        row, column = -(-top // k), -(-left // k)
        self.values[row:row + small.shape[0], column:column + small.shape[1]] = small
        if time.monotonic() - self.written >= EVERY_S:
            self._write()
            self.written = time.monotonic()

    def _write(self) -> None:
        aside = self.file.with_name(f".{self.file.name}")
        with rasterio.open(
                aside, "w", driver="GTiff", dtype="uint8", count=1, height=self.values.shape[0], compress="DEFLATE",
                width=self.values.shape[1], crs=self.grid.crs, nodata=PROBABILITY_NODATA, tiled=True,
                transform=self.grid.transform @ self.grid.transform.scale(self.step)) as out:
            out.scales = (PROBABILITY_SCALE,)
            out.write(self.values, 1)
        aside.replace(self.file)
