"""A network over a scene in windows that each go through all of it: for networks that pool over their whole input.

Nothing of such a network has a finite reach, so neighbouring windows disagree a little; their cores are blended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window

from core.config import CLASS_NODATA
from core.engines import Graph, Probabilities, compile_graph
from core.inference.busy import Busy
from core.inference.plan import Array, Block, Decide, Done, Plan, Step, clipped, save
from core.nets.network import Network
from core.scene import Scene, Stack
from core.windows import Tiling

AHEAD = 2
"""Windows read while the network works on one."""


class Whole:
    """A network compiled for one size of window.

    Attributes:
        tiling: Windows, halo and blend.
        takes_topography: Whether the network reads terrain and vegetation.
        graph: Image, and topography if the network takes it, to class probabilities.
        busy: How long the network has worked.
    """

    def __init__(self, network: Network, tiling: Tiling, *, temperature: float = 1.0, engine: str = "auto",
                 key: str = "", like: Whole | None = None) -> None:
        self.tiling, self.busy = tiling, Busy()
        self.takes_topography = bool(network.topography_channels)
        self.graph: Graph[Any] = like.graph if like else compile_graph(
            Probabilities(network, temperature).eval(), network.shapes(tiling.size),
            engine=engine, key=f"{key}-{temperature:g}" if key else "")

    @property
    def graphs(self) -> list[Graph[Any]]:
        """The compiled functions."""
        return [self.graph]

    @property
    def redundancy(self) -> float:
        """Pixels predicted for each pixel kept."""
        return self.tiling.redundancy

    def work(self, part: Window) -> float:
        """Return what all steps over a part cost, in pixels that go through the whole network."""
        return self.total(part) * self.tiling.size**2

    def total(self, part: Window) -> float:
        """Return what all steps over a part cost together."""
        return float(sum(map(len, _rows(self.tiling, part))))


@dataclass(frozen=True)
class _Cell:
    """A window's place: which row and column of cores, and where its core starts in pixels of the image."""

    row: int
    column: int
    top: int
    left: int


def _rows(tiling: Tiling, part: Window) -> list[list[_Cell]]:
    """Return the cells whose kept part touches the mapped part, a list a row of cores."""
    top, left, reach = part.row_off, part.col_off, tiling.blend
    tops = [t for t in tiling.steps(top + part.height + reach, 0) if t + tiling.core + reach > top]
    lefts = [x for x in tiling.steps(left + part.width + reach, 1) if x + tiling.core + reach > left]
    return [[_Cell(r, c, t, x) for c, x in enumerate(lefts)] for r, t in enumerate(tops)]


class WindowedPass:
    """One scene under work.

    A window's probabilities are kept in ``work`` until the bands they blend into are finished; a band is kept until
    the caller removes the folder. What lies there from an earlier, interrupted call is used again.
    """

    def __init__(self, scene: Scene, network: Whole, plan: Plan, work: Path, done: Done, decide: Decide) -> None:
        self.scene, self.network, self.plan, self.work = scene, network, plan, work
        self.done, self.decide, self.tiling = done, decide, network.tiling
        self.rows = _rows(self.tiling, plan.part)

    def run(self) -> Iterator[tuple[int, Block]]:
        """Yield the mapped part in bands, from the top."""
        for index, cells in enumerate(self.rows):
            if self._band_file(index).exists():
                for _ in cells:
                    self.done(Step(1.0))
            else:
                self._predict_row(cells)
            if index > 0:
                yield from self._band(index - 1)
                self._forget(index - 2)
        yield from self._band(len(self.rows) - 1)
        self._forget(len(self.rows) - 2)
        self._forget(len(self.rows) - 1)

    def _predict_row(self, cells: list[_Cell]) -> None:
        """Predict the windows of one row that are not there yet, reading ahead."""
        waiting = [cell for cell in cells if not self._window_file(cell).exists()]
        for _ in range(len(cells) - len(waiting)):
            self.done(Step(1.0))
        busy: deque[tuple[_Cell, Stack, Future[tuple[Array, ...]]]] = deque()
        with ThreadPoolExecutor(1) as reader:
            queue: deque[tuple[_Cell, Future[Stack | None]]] = deque()
            try:
                for upcoming in [*waiting, *[None] * AHEAD]:
                    if upcoming is not None:
                        queue.append((upcoming, reader.submit(self._read, upcoming)))
                    if queue and (upcoming is None or len(queue) > AHEAD):
                        cell, future = queue.popleft()
                        stack = future.result()
                        if stack is None:
                            self.done(Step(1.0))
                            continue
                        graph = self.network.graph
                        inputs = (stack.image, stack.topography) if self.network.takes_topography else (stack.image,)
                        run = self.network.busy.watch(graph.submit(*(each[None] for each in inputs)),
                                                      float(self.tiling.size**2))
                        busy.append((cell, stack, run))
                        while len(busy) > graph.slots:
                            self._keep(*busy.popleft())
                while busy:
                    self._keep(*busy.popleft())
            finally:
                reader.shutdown(cancel_futures=True)

    def _read(self, cell: _Cell) -> Stack | None:
        """Read a window; None where nothing of what is kept of it can be predicted."""
        kept = clipped(self.tiling.kept(cell.top, cell.left), self.plan.part)
        if kept.width == 0 or kept.height == 0 or not self.scene.valid(kept).any():
            return None
        return self.scene.read(self.tiling.window(cell.top, cell.left),
                               use_dem=self.plan.use_dem, use_ndvi=self.plan.use_ndvi)

    def _keep(self, cell: _Cell, stack: Stack, future: Future[tuple[Array, ...]]) -> None:
        margin = self.tiling.halo - self.tiling.blend
        inner = slice(margin, self.tiling.size - margin)
        save(self._window_file(cell), future.result()[0][0, :, inner, inner])
        core = slice(self.tiling.halo, self.tiling.size - self.tiling.halo)
        self.done(Step(1.0, int(stack.valid[core, core].sum())))

    def _band(self, index: int) -> Iterator[tuple[int, Block]]:
        """Yield the band of one row of cores, blended from the windows around it, if the mapped part has rows of it."""
        file, core, part = self._band_file(index), self.tiling.core, self.plan.part
        strip = clipped(Window(part.col_off, self.rows[index][0].top, part.width, core), part)
        if strip.height == 0:
            return
        if file.exists():
            yield strip.row_off - part.row_off, np.load(file)
            return
        band = np.full((2, strip.height, part.width), CLASS_NODATA, np.uint8)
        for cell in self.rows[index]:
            window = clipped(Window(cell.left, cell.top, core, core), part)
            if window.width == 0:
                continue
            probability, total = self._blend(cell, window)
            if total.any():
                where = self.scene.valid(window) & (total > 0)
                left = window.col_off - part.col_off
                block = self.decide(probability, where, self.plan)
                band[:, :, left:left + window.width] = block
                self.done(Step(0.0, 0, window, block))
        save(file, band)
        yield strip.row_off - part.row_off, band

    def _blend(self, cell: _Cell, window: Window) -> tuple[Array, Array]:
        """Return the weighted mean of the windows that keep a part of ``window``, and the sum of their weights."""
        shape = (window.height, window.width)
        probability = np.zeros((len(self.plan.classes.names), *shape), np.float32)
        total = np.zeros(shape, np.float32)
        weights = self.tiling.weights
        for r in range(max(cell.row - 1, 0), min(cell.row + 2, len(self.rows))):
            for other in self.rows[r][max(cell.column - 1, 0):cell.column + 2]:
                kept = self.tiling.kept(other.top, other.left)
                seen = clipped(kept, window)
                if seen.width == 0 or seen.height == 0 or not self._window_file(other).exists():
                    continue
                source, target = (np.s_[seen.row_off - base.row_off:seen.row_off - base.row_off + seen.height,
                                        seen.col_off - base.col_off:seen.col_off - base.col_off + seen.width]
                                  for base in (kept, window))
                values = np.load(self._window_file(other), mmap_mode="r")[(slice(None), *source)]
                probability[(slice(None), *target)] += values * weights[source]
                total[target] += weights[source]
        probability /= np.maximum(total, np.float32(1e-12))
        return probability, total

    def _forget(self, index: int) -> None:
        """Remove the windows of a row that no band needs any more."""
        if index >= 0:
            for cell in self.rows[index]:
                self._window_file(cell).unlink(missing_ok=True)

    def _window_file(self, cell: _Cell) -> Path:
        return self.work / f"window_{cell.row}_{cell.column}.npy"

    def _band_file(self, index: int) -> Path:
        return self.work / f"band_{index}.npy"
