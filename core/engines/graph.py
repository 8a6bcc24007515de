"""A network compiled for fixed shapes: arrays in, arrays out, a few at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import EngineError

Array = NDArray[np.float32]
Arrays = tuple[Array, ...]
Lane = TypeVar("Lane")


def flush_subnormals() -> None:
    """Take numbers below 1e-38 as zero, in this thread and in those it starts; other threads keep them.

    Features come that close to zero, and processors multiply such numbers over 100 times more slowly.
    """
    torch.set_flush_denormal(True)


class Graph(ABC, Generic[Lane]):
    """A function of float32 arrays of fixed shapes, run by threads of its own.

    What a run needs for itself (an inference request, a stream and its buffers) is a lane; there are ``slots`` of them.

    Attributes:
        name: Engine, device and precision, for people and run records.
        reason: Why this one.
        shapes: Of the inputs.
        slots: Runs in flight at once that pay; one more waits.
    """

    def __init__(self, name: str, reason: str, shapes: Sequence[tuple[int, ...]], lanes: Sequence[Lane],
                 on_thread: Callable[[], object] = lambda: None) -> None:
        self.name, self.reason = name, reason
        self.shapes, self.slots = tuple(map(tuple, shapes)), len(lanes)
        self._lanes: SimpleQueue[Lane] = SimpleQueue()
        for lane in lanes:
            self._lanes.put(lane)
        self._threads = ThreadPoolExecutor(len(lanes), "graph", on_thread)
        self._closed = False

    def __call__(self, *arrays: Array) -> Arrays:
        """Return the outputs, as new arrays; see ``submit``."""
        return self.submit(*arrays).result()

    def submit(self, *arrays: Array) -> Future[Arrays]:
        """Start a run and return its future; where ``slots`` runs are in flight, wait for one to end first.

        Args:
            *arrays: One a shape. They are read while the run lasts: leave them as they are until it is done.

        Raises:
            EngineError: Arrays of other shapes, or the graph is closed; the future raises it where memory runs out.
        """
        found = tuple(array.shape for array in arrays)
        if found != self.shapes:
            raise EngineError("inputs of a compiled network", got=found, expected=str(self.shapes),
                              remedy="Compile it for these shapes.")
        if self._closed:
            raise EngineError("a compiled network", got="one that is closed", expected="an open one",
                              remedy="Compile it again.")
        inputs = tuple(np.ascontiguousarray(array, np.float32) for array in arrays)
        lane = self._lanes.get()
        future = self._threads.submit(self._run, lane, inputs)
        future.add_done_callback(lambda _: self._lanes.put(lane))
        return future

    @abstractmethod
    def _run(self, lane: Lane, arrays: Arrays) -> Arrays:
        """Run once, on a thread of the graph."""

    def close(self) -> None:
        """Wait for the runs in flight and end the threads; a graph that is dropped ends them too."""
        self._closed = True
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
