"""How the inner loops are compiled, and how their rows are shared out among threads.

A kernel holds no lock, raises nothing and works in the precision of its arrays. Products and sums may be contracted and
the sign of a zero is free; no other liberty is taken with floating point, for NaN means missing and differences must
cancel exactly: with ``fastmath=True`` level ground gets an aspect.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba as nb

_options: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

kernel: Callable[..., Any] = nb.njit(**_options)
"""Decorator of a loop over arrays."""

inlined: Callable[..., Any] = nb.njit(**_options, inline="always")
"""Decorator of what a kernel does with one value."""

PARALLEL_FROM = 1 << 21
"""Below this many values starting threads costs more than they save."""


def in_rows(work: Callable[[slice], object], rows: int, values: int) -> None:
    """Run ``work`` on slices of rows that cover all of them; on every core when there is enough to do.

    Plain threads: numba's own parallel loops end the process when two threads of a server enter them at once, or
    after a fork.

    Args:
        work: Takes a slice of rows; slices are worked on at once, in any order.
        rows: How many there are.
        values: How many values they hold in all.
    """
    cores = min(os.cpu_count() or 1, rows) if values >= PARALLEL_FROM else 1
    if cores <= 1:
        work(slice(0, rows))
        return
    cuts = [rows * i // cores for i in range(cores + 1)]
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, [slice(a, b) for a, b in pairwise(cuts)]))
