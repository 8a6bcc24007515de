"""Pages of A4 that are filled from top to bottom: text, key figures, tables, and room for maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import IO

from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

WIDTH, HEIGHT, MARGIN = 8.27, 11.69, 0.75
"""Inches."""

INNER = WIDTH - 2 * MARGIN
INK, PALE, LINE, ACCENT = "#17262b", "#5a6b70", "#d8dfe1", "#0f766e"
LEADING = 1.4
DPI = 180
"""Of pictures; letters and lines are drawn as such."""

_POINT = 1 / 72


class Sheets:
    """A PDF under way; leave it to finish the file.

    Args:
        file: Where it is written.
        foot: Stands at the foot of each page.
        about: The PDF's own title, author and so on.
    """

    def __init__(self, file: IO[bytes], foot: str, about: Mapping[str, str]) -> None:
        self._pdf, self._foot, self._number = PdfPages(file, metadata=dict(about)), foot, 0
        self._page: Figure | None = None
        self.left = 0.0
        """Inches left on this page."""

    def __enter__(self) -> Sheets:
        """Begin with an empty page."""
        self.turn()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the last page and the file."""
        self._finish()
        self._pdf.close()  # type: ignore[no-untyped-call]

    def turn(self) -> None:
        """Begin a new page."""
        self._finish()
        self._number += 1
        self._page = Figure((WIDTH, HEIGHT))
        self._put(shortened(self._foot, INNER - 0.5, 7.5), MARGIN, HEIGHT - 0.45, 7.5, PALE)
        self._put(str(self._number), WIDTH - MARGIN, HEIGHT - 0.45, 7.5, PALE, align="right")
        self.left = HEIGHT - 2 * MARGIN

    def room(self, inches: float) -> None:
        """Turn the page if there is less room left than so much."""
        if self.left < inches:
            self.turn()

    def space(self, inches: float) -> None:
        """Leave some room free."""
        self.left -= inches

    def heading(self, text: str, keep: float = 1.0) -> None:
        """Write a heading that stays with at least so many inches of what follows."""
        self.room(keep + 0.5)
        self.space(0.22)
        self.text(text, 13, weight="bold")
        self.space(0.06)

    def text(self, text: str, size: float = 9.0, *, colour: str = INK, weight: str = "normal") -> None:
        """Write a paragraph over the whole width."""
        for line in wrapped(text, INNER, size, weight):
            self.room(size * LEADING * _POINT)
            self._put(line, MARGIN, self._top + size * _POINT, size, colour, weight)
            self.space(size * LEADING * _POINT)

    def figures(self, values: Mapping[str, str], columns: int = 3) -> None:
        """Write key figures in rows: the name small, the value large."""
        for first in range(0, len(values), columns):
            self.room(0.55)
            for place, (name, value) in enumerate([*values.items()][first:first + columns]):
                x = MARGIN + place * INNER / columns
                self._put(name, x, self._top + 0.12, 7.5, PALE)
                self._put(value, x, self._top + 0.36, 15, ACCENT, "bold")
            self.space(0.55)

    def table(self, columns: Mapping[str, float], rows: Sequence[Sequence[str]], size: float = 8.0) -> None:
        """Write a table; its head is written again on a new page.

        Args:
            columns: Share of the width by title; they sum to 1. Blank titles give no head.
            rows: Texts, one a column; long ones are wrapped.
            size: Of the letters, in points.
        """
        for number, row in enumerate(rows):
            cells = [[*wrapped(text, share * INNER - 0.1, size)]
                     for text, share in zip(row, columns.values(), strict=True)]
            height = max(map(len, cells)) * size * LEADING * _POINT + 0.08
            if number == 0 or self.left < height:
                self._head(columns, size, height)
            x = MARGIN
            for lines, share in zip(cells, columns.values(), strict=True):
                for down, line in enumerate(lines):
                    self._put(line, x, self._top + (1 + down * LEADING) * size * _POINT + 0.02, size)
                x += share * INNER
            self.space(height)
            self._rule()

    def axes(self, height: float, *, left: float = 0.0, width: float = INNER, take: bool = True) -> Axes:
        """Return axes at the top of what is left; inches. ``take`` uses their height up."""
        if take:
            self.room(height)
        assert self._page is not None
        made = self._page.add_axes((
            (MARGIN + left) / WIDTH, 1 - (self._top + height) / HEIGHT, width / WIDTH, height / HEIGHT))
        if take:
            self.space(height)
        return made

    def label(self, text: str, left: float, down: float, size: float = 8.0, colour: str = INK,
              weight: str = "normal") -> None:
        """Write a line somewhere below the last thing written; inches from there."""
        self._put(text, MARGIN + left, self._top + down, size, colour, weight)

    @property
    def _top(self) -> float:
        return HEIGHT - MARGIN - self.left

    def _head(self, columns: Mapping[str, float], size: float, row: float) -> None:
        """Write a table's head where there is room for it and for a row of so many inches."""
        self.room(row + 0.25)
        if not any(map(str.strip, columns)):
            self._rule()
            return
        x = MARGIN
        for title, share in columns.items():
            self._put(title, x, self._top + size * _POINT, size - 0.5, PALE)
            x += share * INNER
        self.space(size * LEADING * _POINT + 0.04)
        self._rule()

    def _rule(self) -> None:
        assert self._page is not None
        y = 1 - self._top / HEIGHT
        self._page.add_artist(Line2D([MARGIN / WIDTH, 1 - MARGIN / WIDTH], [y, y], linewidth=0.5, color=LINE))

    def _put(self, text: str, x: float, y: float, size: float, colour: str = INK, weight: str = "normal",
             align: str = "left") -> None:
        assert self._page is not None
        self._page.text(x / WIDTH, 1 - y / HEIGHT, text, size=size, color=colour, weight=weight, ha=align,
                        va="baseline", parse_math=False)

    def _finish(self) -> None:
        if self._page is not None:
            self._pdf.savefig(self._page, dpi=DPI)  # type: ignore[no-untyped-call]


def wrapped(text: str, inches: float, size: float, weight: str = "normal") -> Iterator[str]:
    """Yield the lines of a text that fit a width; a word that is too long for a line is cut."""
    line = ""
    for word in text.split():
        while _width(word, size, weight) > inches:
            fits = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or _width(word[:n], size, weight) <= inches)
            if line:
                yield line
                line = ""
            yield word[:fits]
            word = word[fits:]  # noqa: PLW2901 - what is left of it
        longer = f"{line} {word}".strip()
        if line and _width(longer, size, weight) > inches:
            yield line
            longer = word
        line = longer
    yield line


def shortened(text: str, inches: float, size: float) -> str:
    """Return a text that fits a width on one line, its middle left out where it is too long."""
    if _width(text, size, "normal") <= inches:
        return text
    tries = (f"{text[:half].rstrip()} … {text[-half:].lstrip()}" for half in range(len(text) // 2, 0, -1))
    return next((each for each in tries if _width(each, size, "normal") <= inches), "…")


@lru_cache(maxsize=20_000)
def _width(text: str, size: float, weight: str) -> float:
    """Return how wide a text is, in inches."""
    font = FontProperties(size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) * _POINT if text else 0.0
