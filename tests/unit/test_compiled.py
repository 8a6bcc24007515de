"""Rows shared out: each once, on threads when there are many."""

import threading

import numpy as np
import pytest

from core import compiled
from core.compiled import in_rows


@pytest.mark.parametrize(("rows", "cores", "values"), [(1, 4, 1 << 30), (3, 4, 1 << 30), (101, 4, 1 << 30), (9, 4, 9)])
def test_every_row_once(monkeypatch, rows, cores, values):
    monkeypatch.setattr(compiled.os, "cpu_count", lambda: cores)
    seen, slices = np.zeros(rows, int), []

    def work(part):
        seen[part] += 1
        slices.append((part, threading.current_thread()))
    in_rows(work, rows, values)
    assert (seen == 1).all()
    assert len(slices) == (min(rows, cores) if values >= compiled.PARALLEL_FROM else 1)
    assert len(slices) > 1 or slices[0][1] is threading.main_thread()


def test_nothing_to_do():
    called = []
    in_rows(called.append, 0, 0)
    assert called == [slice(0, 0)]


def test_an_error_comes_out(monkeypatch):
    monkeypatch.setattr(compiled.os, "cpu_count", lambda: 2)

    def work(part):
        if part.start:
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        in_rows(work, 2, 1 << 30)
