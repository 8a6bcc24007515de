"""A project's layer: one raster, or one set of outlines, and what may be said about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Literal

from core.errors import InputError, unknown_name

ROLES = ("image", "dem", "ndvi", "truth", "unobserved")
"""What a layer is for: imagery, elevation, a vegetation index, labels to compare with, and ground that was not seen."""

UNITS = ("m", "ft")
BANDS = ("red", "green", "blue", "nir")
Kind = Literal["raster", "vector"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class Layer:
    """One raster of a project, or one set of outlines.

    Attributes:
        id: Unique in the project.
        role: One of ``ROLES``.
        path: Inside the project folder, with forward slashes; ``.geojson`` holds outlines, all else is a raster.
        title: For people.
        date: Day of acquisition, ISO 8601, or empty. A second date of a place is a second image.
        bands: Of an image: ``("red", 1)`` and so on, 1-based, as ``SceneSettings`` takes them; empty: to be guessed.
        unit: Of elevation: ``m`` or ``ft``; empty: not known, which is taken as metres.
        source: Name of the file that it came from.
        guesses: Fields that nobody has confirmed yet, each with the reason for its value, in words.
    """

    id: str
    role: str
    path: str
    title: str
    date: str = ""
    bands: tuple[tuple[str, int], ...] = ()
    unit: str = ""
    source: str = ""
    guesses: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a layer that means nothing, or that leaves the folder."""
        for name in ("id", "role", "path", "title", "date", "unit", "source"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"layer {name}", got=type(getattr(self, name)).__name__, expected="text",
                                 remedy="Add the layer again.")
        if not _NAME.fullmatch(self.id):
            raise InputError("layer id", got=repr(self.id), expected="lower-case letters, digits and hyphens",
                             remedy="Add the layer again.")
        if self.role not in ROLES:
            raise unknown_name("layer role", self.role, list(ROLES))
        path = PurePosixPath(self.path)
        if path.is_absolute() or not path.name or ".." in path.parts or "\\" in self.path:
            raise InputError(f"path of layer {self.id!r}", got="one outside the project", expected="one inside it",
                             remedy="Copy the file into the project's layers folder and add it again.")
        if self.unit not in ("", *UNITS):
            raise unknown_name("unit of elevation", self.unit, list(UNITS))
        if not all(name in BANDS and isinstance(index, int) and index > 0 for name, index in self.bands):
            raise InputError(f"bands of layer {self.id!r}", got=dict(self.bands),
                             expected=f"{', '.join(BANDS)} with a band number each", remedy="Choose the bands again.")
        if self.date:
            check_day(self.date)

    @property
    def kind(self) -> Kind:
        """``raster``, or ``vector`` for outlines."""
        return "vector" if self.path.endswith(".geojson") else "raster"


def check_day(text: str) -> None:
    """Refuse what is no day in the form 2017-08-08."""
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise InputError("date", got=repr(text), expected="a day such as 2017-08-08",
                         remedy="Write the date as year-month-day.") from error
