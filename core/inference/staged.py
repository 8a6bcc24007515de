"""A network over a scene in three parts, so that nothing is computed much more than once and no seam can show.

A window around one pixel must be as wide as the network sees, though only few of its layers see far, and those work
at 1/16 of the resolution, where wide windows cost little. So each part has windows of its own: ``near`` (full
resolution down to 1/16) and ``decode`` (1/16 back to full resolution) with a narrow halo, ``far`` (the deep encoder,
pyramid pooling and fusion) on very large windows of features. Each halo is as wide as its part sees: the result is
the one that a single window over the whole scene would give.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.config import CLASS_NODATA
from core.engines import Graph
from core.inference.cuts import CELL_PX, COST
from core.inference.parts import Parts
from core.inference.plan import Array, Block, Decide, Done, Plan, Step, clipped, save
from core.scene import Scene, Stack

AHEAD = 3
"""Steps that are prepared while earlier ones are computed."""


@dataclass
class _Task:
    """One step: what kind, where, and what is known of it so far."""

    kind: str
    row: int
    column: int
    tile: tuple[int, int] = (0, 0)
    stack: Future[Stack | None] | None = None


class StagedPass:
    """One scene under work."""

    def __init__(self, scene: Scene, network: Parts, plan: Plan, work: Path, done: Done, decide: Decide) -> None:
        self.scene, self.network, self.plan, self.work = scene, network, plan, work
        self.done, self.decide, self.cuts = done, decide, network.cuts
        self.costs = self.cuts.costs()
        self.begun: set[tuple[int, int]] = set()
        self.whole: dict[tuple[int, int], float] = {}
        self.context: dict[tuple[int, int], NDArray[np.float32]] = {}
        self.pending: deque[tuple[_Task, Future[tuple[Array, ...]]]] = deque()

    def run(self) -> Iterator[tuple[int, Block]]:
        """Yield the mapped part in bands, from the top."""
        with ThreadPoolExecutor(2) as readers:
            prepared: deque[_Task] = deque()
            try:
                for task in chain(self.tasks(), [None] * AHEAD):
                    if task is not None:
                        if task.kind == "near":
                            task.stack = readers.submit(self.read, task)
                        prepared.append(task)
                    if prepared and (task is None or len(prepared) > AHEAD):
                        yield from self.perform(prepared.popleft())
                while prepared:
                    yield from self.perform(prepared.popleft())
            finally:
                readers.shutdown(cancel_futures=True)

    # What is to be done, in order.

    def tasks(self) -> Iterator[_Task]:
        """Yield the steps so that a far window is computed while the next ones' near windows are prepared."""
        cuts = self.cuts
        for top in range(0, cuts.rows, cuts.cores):
            waiting: list[_Task] = []
            for left in range(0, cuts.columns, cuts.cores):
                cells = [cell for cell in self.cells_of(top, left) if self.want(*cell)]
                missing = [cell for cell in cells if not self.cell_file(*cell).exists()]
                near = list(self.near_tasks(top, left)) if missing else []
                self.whole[top, left] = (len(near) * self.costs["near"] + bool(missing) * self.costs["far"]
                                         + len(missing) * self.costs["decode"])
                yield from (_Task("kept", *cell, (top, left)) for cell in cells if cell not in missing)
                if missing:
                    yield from near
                    yield from waiting
                    yield _Task("far", top, left, (top, left))
                    waiting = [_Task("decode", *cell, (top, left)) for cell in missing]
                waiting.append(_Task("close", top, left, (top, left)))
            yield from waiting
            for row in range(top, min(top + cuts.cores, cuts.rows)):
                yield _Task("band", row, 0)
            yield _Task("forget", top, 0)

    def cells_of(self, top: int, left: int) -> Iterator[tuple[int, int]]:
        """Yield the cores of a far window that lie in the mapped part."""
        cuts = self.cuts
        for row in range(top, min(top + cuts.cores, cuts.rows)):
            for column in range(left, min(left + cuts.cores, cuts.columns)):
                yield row, column

    def near_tasks(self, top: int, left: int) -> Iterator[_Task]:
        """Yield the near windows that a far window needs and that are not there yet."""
        margin = -(-self.cuts.ring // self.cuts.core)
        for row in range(top - margin, top + self.cuts.cores + margin):
            for column in range(left - margin, left + self.cuts.cores + margin):
                if (row, column) not in self.begun:
                    self.begun.add((row, column))
                    if not self.near_file(row, column, 0).exists():
                        yield _Task("near", row, column, (top, left))

    def want(self, row: int, column: int) -> bool:
        """Say whether anything of a core is to be mapped."""
        window = clipped(self.cuts.window(row, column), self.plan.part)
        return bool(self.scene.valid(window).any())

    # How it is done.

    def read(self, task: _Task) -> Stack | None:
        """Read the input of near; None where nothing was observed."""
        window = self.cuts.window(task.row, task.column, self.cuts.near)
        seen = clipped(window, Window(0, 0, self.scene.grid.width, self.scene.grid.height))
        if seen.width == 0 or seen.height == 0:
            return None
        stack = self.scene.read(window, use_dem=self.plan.use_dem, use_ndvi=self.plan.use_ndvi)
        return stack if stack.observed.any() else None

    def perform(self, task: _Task) -> Iterator[tuple[int, Block]]:
        """Do one step, or hand it to the engine and store what the engine has finished meanwhile."""
        if task.stack is not None:
            stack = task.stack.result()
            if stack is None:
                self.report(task)
                return
            inner = np.s_[self.cuts.near:self.cuts.near + self.cuts.core]
            save(self.work / f"valid_{task.row}_{task.column}.npy", np.packbits(stack.valid[inner, inner]))
            inputs = (stack.image, stack.topography) if self.network.takes_topography else (stack.image,)
            self.hand_over(task, self.network.near, *(each[None] for each in inputs))
        elif task.kind == "far":
            self.settle("near")
            window = self.cuts.window(task.row, task.column, self.cuts.ring, self.cuts.cores)
            self.hand_over(task, self.network.far, *(self.gather(k, window)[None] for k in self.network.at16))
        elif task.kind == "decode":
            self.settle("far")
            window = self.cuts.window(task.row, task.column, self.cuts.decode)
            self.hand_over(task, self.network.decode, self.context_of(task)[None], self.gather(1, window)[None],
                           self.gather(0, window)[None])
        elif task.kind == "band":
            self.settle("decode")
            yield self.band(task.row)
        elif task.kind == "close":
            self.context.pop(task.tile, None)
            self.report(task)
        elif task.kind == "forget":
            self.forget(task.row)
        else:
            self.report(task, 0, np.load(self.cell_file(task.row, task.column)))

    def hand_over(self, task: _Task, graph: Graph[Any], *inputs: Array) -> None:
        """Give the engine work; while it is busy, store what is finished."""
        while len(running := [future for _, future in self.pending if not future.done()]) >= graph.slots:
            wait(running, return_when=FIRST_COMPLETED)
        work = self.costs[task.kind] / sum(COST.values())
        self.pending.append((task, self.network.busy.watch(graph.submit(*inputs), work)))
        while self.pending and self.pending[0][1].done():
            self.store(*self.pending.popleft())

    def settle(self, kind: str) -> None:
        """Wait until every step of a kind is stored."""
        while any(task.kind == kind for task, _ in self.pending):
            self.store(*self.pending.popleft())

    def store(self, task: _Task, future: Future[tuple[Array, ...]]) -> None:
        """Keep the inner part of what a step gave."""
        cuts, results = self.cuts, future.result()
        if task.kind == "near":
            for k in reversed(range(len(results))):  # the first one says that all are there
                features, stride = results[k], self.network.strides[k]
                inner = np.s_[cuts.near // stride:(cuts.near + cuts.core) // stride]
                save(self.near_file(task.row, task.column, k), features[0, :, inner, inner].astype(np.float16))
            self.report(task)
        elif task.kind == "far":
            inner = np.s_[cuts.far // CELL_PX:(cuts.far + cuts.far_side) // CELL_PX]
            self.context[task.tile] = results[0][0, :, inner, inner]
            self.report(task)
        else:
            self.finish(task, results[0][0])

    def finish(self, task: _Task, probability: Array) -> None:
        """Keep what a core became."""
        cuts = self.cuts
        core = cuts.window(task.row, task.column)
        window = clipped(core, self.plan.part)
        rows, columns = _inside(window, core, 1)
        bits = np.load(self.work / f"valid_{task.row}_{task.column}.npy")
        where = np.unpackbits(bits).reshape(cuts.core, cuts.core).astype(bool)[rows, columns]
        inner = slice(cuts.decode, cuts.decode + cuts.core)
        block = self.decide(probability[:, inner, inner][:, rows, columns], where, self.plan)
        save(self.cell_file(task.row, task.column), block)
        self.report(task, int(where.sum()), block)

    def context_of(self, task: _Task) -> Array:
        """Return the part of a far window's context that a core and its halo need."""
        cuts = self.cuts
        side = (cuts.core + 2 * cuts.decode) // CELL_PX
        row, column = ((at - first) * cuts.core // CELL_PX
                       for at, first in zip((task.row, task.column), task.tile, strict=True))
        return self.context[task.tile][:, row:row + side, column:column + side]

    def gather(self, k: int, window: Window) -> Array:
        """Return near's ``k``-th output over a window, from the cores that hold it."""
        cuts, stride = self.cuts, self.network.strides[k]
        shape = (len(self.network.empty[k]), window.height // stride, window.width // stride)
        out = np.empty(shape, np.float32)
        out[:] = self.network.empty[k]
        first_row, first_column = ((start - origin) // cuts.core for start, origin in (
            (window.row_off, cuts.top), (window.col_off, cuts.left)))
        for row in range(first_row, (window.row_off + window.height - 1 - cuts.top) // cuts.core + 1):
            for column in range(first_column, (window.col_off + window.width - 1 - cuts.left) // cuts.core + 1):
                file = self.near_file(row, column, k)
                if file.exists():
                    core = cuts.window(row, column)
                    seen = clipped(core, window)
                    source, target = (_inside(seen, base, stride) for base in (core, window))
                    out[(slice(None), *target)] = np.load(file, mmap_mode="r")[(slice(None), *source)]
        return out

    def band(self, row: int) -> tuple[int, Block]:
        """Return a row of cores as (first row in the mapped part, (2, rows, part width))."""
        part = self.plan.part
        strip = clipped(self.cuts.window(row, 0), Window(0, part.row_off, 2**31, part.height))
        out = np.full((2, strip.height, part.width), CLASS_NODATA, np.uint8)
        for column in range(self.cuts.columns):
            if self.cell_file(row, column).exists():
                window = clipped(self.cuts.window(row, column), part)
                left = window.col_off - part.col_off
                out[:, :, left:left + window.width] = np.load(self.cell_file(row, column))
        return strip.row_off - part.row_off, out

    def report(self, task: _Task, pixels: int = 0, block: Block | None = None) -> None:
        """Say that a step is done: which share of the steps of its far window, or all where there are none."""
        whole = self.whole[task.tile]
        cost = self.costs.get(task.kind, 0.0) / whole if whole else float(task.kind == "close")
        place = None if block is None else clipped(self.cuts.window(task.row, task.column), self.plan.part)
        self.done(Step(cost, pixels, place, block))

    def forget(self, top: int) -> None:
        """Remove what no further step needs."""
        margin = -(-self.cuts.ring // self.cuts.core)
        keep = top + self.cuts.cores - margin
        for row, column in [cell for cell in self.begun if cell[0] < keep]:
            self.begun.discard((row, column))
            for k in range(len(self.network.strides)):
                self.near_file(row, column, k).unlink(missing_ok=True)
            (self.work / f"valid_{row}_{column}.npy").unlink(missing_ok=True)

    def near_file(self, row: int, column: int, k: int) -> Path:
        """Return where near's ``k``-th output over a core is kept."""
        return self.work / f"near_{row}_{column}_{k}.npy"

    def cell_file(self, row: int, column: int) -> Path:
        """Return where what a core became is kept."""
        return self.work / f"cell_{row}_{column}.npy"


def _inside(part: Window, base: Window, stride: int) -> tuple[slice, slice]:
    """Return a window as rows and columns of an array that covers ``base`` at a stride."""
    top, left = (part.row_off - base.row_off) // stride, (part.col_off - base.col_off) // stride
    return slice(top, top + part.height // stride), slice(left, left + part.width // stride)
