"""Frozen settings shared by every part: class schemes with their colours, nodata and scales."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError, unknown_name

CLASS_NODATA = 255
"""Value of a class raster where nothing was predicted; also ``ignore_index`` in training."""

PROBABILITY_NODATA = 255
PROBABILITY_SCALE = 1 / 250
"""A stored probability is ``value * PROBABILITY_SCALE``: 0 to 250 for 0 to 1, 255 for nodata."""


@dataclass(frozen=True)
class ClassScheme:
    """The classes a model knows, in the order of its channels.

    Attributes:
        name: Key in ``SCHEMES``.
        names: Class names.
        colours: One ``#rrggbb`` a class, the same on maps, in legends, charts and files.
    """

    name: str
    names: tuple[str, ...]
    colours: tuple[str, ...]

    def __post_init__(self) -> None:
        """A scheme has a landslide class, and a colour for every class."""
        if "landslide" not in self.names or len(self.names) != len(self.colours):
            raise InputError("class scheme", got=self.names, expected="a 'landslide' class and one colour a class",
                             remedy="Name the landslide class 'landslide' and give each class a colour.")

    @property
    def landslide(self) -> int:
        """Channel and raster value of the landslide class."""
        return self.names.index("landslide")

    def rgb(self, index: int) -> tuple[int, int, int]:
        """Return a class's colour as three bytes."""
        code = self.colours[index].lstrip("#")
        return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


# Hues apart in lightness too, so that they are told apart with red-green blindness.
_COLOURS = {
    "landslide": "#e4572e", "building": "#8d5a97", "vegetation": "#3f7d58", "water": "#3a86c8",
    "road": "#5c6470", "bare land": "#d9c08c", "other": "#cfd6dc",
}


def _scheme(name: str, *classes: str) -> ClassScheme:
    return ClassScheme(name, classes, tuple(_COLOURS[c] for c in classes))


SCHEMES = {
    "paper": _scheme("paper", "landslide", "building", "vegetation", "water", "road", "bare land"),
    "binary": _scheme("binary", "other", "landslide"),
}


def scheme(name: str) -> ClassScheme:
    """Return a class scheme by name; an unknown name lists those that exist."""
    if name not in SCHEMES:
        raise unknown_name("class scheme", name, sorted(SCHEMES))
    return SCHEMES[name]

OUTCOMES = {"found": "#2f8a66", "missed": "#3a6fc8", "false alarm": "#e4572e"}
"""Colours of pixels held against a reference; apart in lightness too, for eyes that do not tell red from green."""
