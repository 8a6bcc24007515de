"""A network over a scene: windows in, blended class probabilities out, finished parts kept on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.config import CLASS_NODATA, PROBABILITY_NODATA, PROBABILITY_SCALE, ClassScheme
from core.engines import Engine
from core.scene import Scene, Stack
from core.windows import Tiling

AHEAD = 2
"""Windows read while the network works on one."""


@dataclass(frozen=True)
class Cell:
    """A window's place: which row and column of cores, and where its core starts in pixels of the image."""

    row: int
    column: int
    top: int
    left: int


@dataclass(frozen=True)
class Plan:
    """Which windows a scene needs, and how their probabilities become classes.

    Attributes:
        tiling: Windows, halo and blend.
        part: The window of the image that is mapped.
        classes: Of the model.
        threshold: Landslide probability from which a pixel is called landslide.
        use_dem: Whether the model is shown the DEM.
        use_ndvi: Whether it is shown NDVI.
    """

    tiling: Tiling
    part: Window
    classes: ClassScheme
    threshold: float
    use_dem: bool
    use_ndvi: bool

    def rows(self) -> list[list[Cell]]:
        """Return the cells whose kept part touches the mapped part, a list a row of cores."""
        top, left, reach = self.part.row_off, self.part.col_off, self.tiling.blend
        tops = [t for t in self.tiling.steps(top + self.part.height + reach, 0) if t + self.tiling.core + reach > top]
        lefts = [x for x in self.tiling.steps(left + self.part.width + reach, 1) if x + self.tiling.core + reach > left]
        return [[Cell(r, c, t, x) for c, x in enumerate(lefts)] for r, t in enumerate(tops)]

    def rows_of(self, cells: list[Cell]) -> tuple[int, int]:
        """Return the first row and the end of a row of cores inside the mapped part; the same where there is none."""
        first = max(cells[0].top, self.part.row_off)
        return first, max(first, min(cells[0].top + self.tiling.core, self.part.row_off + self.part.height))


def decide(probability: NDArray[np.float32], where: NDArray[np.bool_], plan: Plan) -> NDArray[np.uint8]:
    """Turn (classes, h, w) probabilities into (2, h, w): classes, and stored probability of landslide.

    Outside ``where`` both are nodata. The stored probability decides where the landslides are: the files agree.
    """
    landslide = plan.classes.landslide
    stored = np.rint(probability[landslide] / PROBABILITY_SCALE).clip(0, 250).astype(np.uint8)
    others = probability.copy()
    others[landslide] = -1
    classes = np.where(stored >= round(plan.threshold / PROBABILITY_SCALE), landslide, others.argmax(0))
    nodata = np.array([CLASS_NODATA, PROBABILITY_NODATA], np.uint8)[:, None, None]
    return np.where(where, np.stack([classes.astype(np.uint8), stored]), nodata)


Decide = Callable[[NDArray[np.float32], NDArray[np.bool_], Plan], NDArray[np.uint8]]


def predict(scene: Scene, engine: Engine, plan: Plan, work: Path, done: Callable[[Cell, int], None],
            decide: Decide = decide) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Predict a scene and yield it in bands, from the top.

    A window's probabilities are kept in ``work`` until the bands they blend into are finished; a band is kept until
    the caller removes the folder. What lies there from an earlier, interrupted call is used again, so that both
    end in the same values.

    Args:
        scene: The opened scene.
        engine: Compiled for ``plan.tiling.size``.
        plan: What to do.
        work: Folder of unfinished work.
        done: Called after each window with its cell and its number of valid pixels; it may raise to stop.
        decide: Turns the blended probabilities of a part into what is stored.

    Yields:
        (first row in the mapped part, uint8 (2, rows, part width)): class values (255 nodata) and landslide
        probability (``value * PROBABILITY_SCALE``, 255 nodata).
    """
    rows = plan.rows()
    for index, cells in enumerate(rows):
        if _band_file(work, index).exists():
            for cell in cells:
                done(cell, 0)
        else:
            _predict_row(scene, engine, plan, work, cells, done)
        if index > 0:
            yield from _band(scene, plan, work, rows, index - 1, decide)
            _forget(work, rows, index - 2)
    yield from _band(scene, plan, work, rows, len(rows) - 1, decide)
    _forget(work, rows, len(rows) - 2)
    _forget(work, rows, len(rows) - 1)


def _predict_row(scene: Scene, engine: Engine, plan: Plan, work: Path, cells: list[Cell],
                 done: Callable[[Cell, int], None]) -> None:
    """Predict the windows of one row that are not there yet, reading ahead."""
    waiting = [cell for cell in cells if not _window_file(work, cell).exists()]
    for cell in cells:
        if cell not in waiting:
            done(cell, 0)
    with ThreadPoolExecutor(1) as reader:
        queue: list[tuple[Cell, Future[Stack | None]]] = []
        try:
            for upcoming in [*waiting, *[None] * AHEAD]:
                if upcoming is not None:
                    queue.append((upcoming, reader.submit(_read, scene, plan, upcoming)))
                if queue and (upcoming is None or len(queue) > AHEAD):
                    cell, future = queue.pop(0)
                    done(cell, _predict_one(engine, plan, work, cell, future.result()))
        finally:
            reader.shutdown(cancel_futures=True)


def _read(scene: Scene, plan: Plan, cell: Cell) -> Stack | None:
    """Read a window; None where nothing of what is kept of it can be predicted."""
    kept = plan.tiling.kept(cell.top, cell.left)
    if not scene.valid(_clipped(kept, plan.part)).any():
        return None
    return scene.read(plan.tiling.window(cell.top, cell.left), use_dem=plan.use_dem, use_ndvi=plan.use_ndvi)


def _predict_one(engine: Engine, plan: Plan, work: Path, cell: Cell, stack: Stack | None) -> int:
    if stack is None:
        return 0
    probability = engine.predict(stack.image[None], stack.topography[None])[0]
    margin = plan.tiling.halo - plan.tiling.blend
    inner = slice(margin, plan.tiling.size - margin)
    aside = work / f".window.{os.getpid()}"
    with aside.open("wb") as file:
        np.save(file, probability[:, inner, inner])
    aside.replace(_window_file(work, cell))
    core = slice(plan.tiling.halo, plan.tiling.size - plan.tiling.halo)
    return int(stack.valid[core, core].sum())


def _band(scene: Scene, plan: Plan, work: Path, rows: list[list[Cell]], index: int,
          decide: Decide) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the band of one row of cores, blended from the windows around it, if the mapped part has rows of it."""
    file, core, part = _band_file(work, index), plan.tiling.core, plan.part
    first, last = plan.rows_of(rows[index])
    if first == last:
        return
    if file.exists():
        yield first - part.row_off, np.load(file)
        return
    band = np.full((2, last - first, part.width), CLASS_NODATA, np.uint8)
    for cell in rows[index]:
        left, right = max(cell.left, part.col_off), min(cell.left + core, part.col_off + part.width)
        if left >= right:
            continue
        window = Window(left, first, right - left, last - first)
        probability, total = _blend(plan, work, rows, cell, window)
        if not total.any():
            continue
        where = scene.valid(window) & (total > 0)
        band[:, :, left - part.col_off:right - part.col_off] = decide(probability, where, plan)
    aside = work / f".band.{os.getpid()}"
    with aside.open("wb") as out:
        np.save(out, band)
    aside.replace(file)
    yield first - part.row_off, band


def _blend(plan: Plan, work: Path, rows: list[list[Cell]], cell: Cell,
           window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weighted mean of the windows that keep a part of ``window``, and the sum of their weights."""
    shape = (window.height, window.width)
    probability = np.zeros((len(plan.classes.names), *shape), np.float32)
    total = np.zeros(shape, np.float32)
    weights = plan.tiling.weights
    for r in range(max(cell.row - 1, 0), min(cell.row + 2, len(rows))):
        for other in rows[r][max(cell.column - 1, 0):cell.column + 2]:
            file = _window_file(work, other)
            if not file.exists():
                continue
            kept = plan.tiling.kept(other.top, other.left)
            y0, x0 = max(kept.row_off, window.row_off), max(kept.col_off, window.col_off)
            y1 = min(kept.row_off + kept.height, window.row_off + window.height)
            x1 = min(kept.col_off + kept.width, window.col_off + window.width)
            if y0 >= y1 or x0 >= x1:
                continue
            source = np.s_[y0 - kept.row_off:y1 - kept.row_off, x0 - kept.col_off:x1 - kept.col_off]
            target = np.s_[y0 - window.row_off:y1 - window.row_off, x0 - window.col_off:x1 - window.col_off]
            seen = np.load(file, mmap_mode="r")[(slice(None), *source)]
            probability[(slice(None), *target)] += seen * weights[source]
            total[target] += weights[source]
    probability /= np.maximum(total, np.float32(1e-12))
    return probability, total


def _clipped(window: Window, part: Window) -> Window:
    left, top = max(window.col_off, part.col_off), max(window.row_off, part.row_off)
    right = min(window.col_off + window.width, part.col_off + part.width)
    bottom = min(window.row_off + window.height, part.row_off + part.height)
    return Window(left, top, max(right - left, 1), max(bottom - top, 1))


def _window_file(work: Path, cell: Cell) -> Path:
    return work / f"window_{cell.row}_{cell.column}.npy"


def _band_file(work: Path, index: int) -> Path:
    return work / f"band_{index}.npy"


def _forget(work: Path, rows: list[list[Cell]], index: int) -> None:
    """Remove the windows of a row that no band needs any more."""
    if index >= 0:
        for cell in rows[index]:
            _window_file(work, cell).unlink(missing_ok=True)
