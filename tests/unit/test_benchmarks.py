"""How figures are compared and shown; the measurements themselves are not run here."""

import importlib
import itertools
from pathlib import Path

import pytest

from benchmarks import figures, report
from benchmarks.__main__ import PARTS
from benchmarks.figures import Figure, medians, optional, table


@pytest.mark.parametrize(("figure", "ratio", "met"), [
    (Figure("a", 30.0, "Mpx/s", "b", 2.0, 15), 15, True),
    (Figure("a", 29.0, "Mpx/s", "b", 2.0, 15), 14.5, False),
    (Figure("a", 30.0, "Mpx/s", "b", None, 15), None, None),
    (Figure("a", None, "Mpx/s", "b", 2.0, 15), None, None),
    (Figure("a", 90.0, "%", target=85), None, True),
    (Figure("a", 80.0, "%", target=85), None, False),
    (Figure("a", 80.0, "%"), None, None),
])
def test_a_target_is_met_by_the_ratio_or_by_the_value(figure, ratio, met):
    assert figure.ratio == ratio
    assert figure.met is met


def test_a_table_says_what_was_missed_and_what_was_not_measured():
    slow, alone = Figure("a", 1234.5, "Mpx/s", "b", 1000.0, 2), Figure("c", 0.01234, "Mpx/s", "d", None, 2)
    rows = table([slow, alone]).splitlines()
    assert rows[2] == "| a | 1,230 Mpx/s | b: 1,000 Mpx/s | 1.23 | at least 2 | **missed** |"
    assert rows[3] == "| c | 0.0123 Mpx/s | d: not measured |  | at least 2 |  |"


def test_medians_take_turns_and_leave_the_first_out(monkeypatch):
    clock, order = itertools.count(), []
    seconds = iter([100, 100, 1, 2, 3, 4, 50, 6])

    def step(name):
        order.append(name)
        for _ in range(next(seconds) - 1):
            next(clock)
    monkeypatch.setattr(figures.time, "perf_counter", lambda: next(clock))
    found = medians({"a": lambda: step("a"), "b": lambda: step("b")}, repeats=3)
    assert "".join(order) == "ab" * 4
    assert found == {"a": 3, "b": 4}


def test_a_peer_that_is_not_installed_is_none():
    assert optional("no_such_library") is None
    assert optional("numpy").__name__ == "numpy"


@pytest.mark.parametrize("name", PARTS)
def test_every_part_can_be_run_alone_without_peers(name):
    part = importlib.import_module(f"benchmarks.{name}")
    assert part.TITLE
    assert callable(part.measure)
    assert "run(TITLE, measure)" in Path(part.__file__).read_text()


def test_the_page_counts_targets_and_names_the_machine():
    log = {"date": "2030-01-02", "command": "make bench", "minutes": 9.6, "machine": report.machine(), "parts": [
        {"title": "One", "figures": [vars(Figure("a", 30.0, "Mpx/s", "b", 2.0, 15)), vars(Figure("c", 1.0, "GB"))]},
        {"title": "Two", "figures": [vars(Figure("d", 30.0, "Mpx/s", "e", 20.0, 15))]}]}
    page = report.render(log, "## What was tried\n")
    assert "Of 2 targets measured, 1 are met." in page
    assert "2030-01-02, 10 minutes" in page
    assert page.index("## One") < page.index("## Two") < page.index("## What was tried")
    assert report.machine()["cores"] >= 1
