"""How long a network has worked, so that a run can say what share of its time that was."""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Lock
from typing import TypeVar

Result = TypeVar("Result")


class Busy:
    """Adds up the time in which at least one run was in flight.

    Attributes:
        seconds: So far.
        work: What was done, in pixels that go through the whole network.
    """

    def __init__(self) -> None:
        self.seconds = self.work = 0.0
        self._lock, self._running, self._since = Lock(), 0, 0.0

    def watch(self, future: Future[Result], work: float) -> Future[Result]:
        """Count a run that has just been handed over."""
        with self._lock:
            self.work += work
            if self._running == 0:
                self._since = time.monotonic()
            self._running += 1
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: Future[Result]) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self.seconds += time.monotonic() - self._since
