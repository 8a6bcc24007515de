"""What a file is probably for: its role, its bands, its unit and its day, each guess with its reason in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath

from core.facts import MANY, Band, Facts

Bands = tuple[tuple[str, int], ...]

HIGHEST_M, LOWEST_M = 8_849.0, -500.0
"""Of the land: Chomolungma, and below the shore of the Dead Sea."""

FEW = 16
_ELEVATION = re.compile(r"(?<![a-z])(dem|dsm|dtm|dgm|elev|elevation|srtm|cop(?:ernicus)?dem|height|hoehe|aster)", re.I)
_VEGETATION = re.compile(r"(?<![a-z])ndvi", re.I)
_UNSEEN = re.compile(r"(?<![a-z])(cloud|clouds|shadow|snow|unobserved|nodata)", re.I)
_FEET = re.compile(r"(?<![a-z])(ft|feet|foot|us survey foot|ftus)(?![a-z])", re.I)
_METRES = re.compile(r"(?<![a-z])(m|metre|meter|metres|meters)(?![a-z])", re.I)
_DAY = re.compile(r"(?<!\d)(19[89]\d|20\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
_PLANET = re.compile(r"planet|psscene|analytic|skysat|bgrn", re.I)
_BGRN: Bands = (("blue", 1), ("green", 2), ("red", 3), ("nir", 4))

_NAMES = {
    "red": ("red", "r", "b04", "rot", "rouge"), "green": ("green", "g", "b03", "gruen", "vert"),
    "blue": ("blue", "b", "b02", "blau", "bleu"),
    "nir": ("nir", "nir1", "b08", "b8a", "n", "near infrared", "near-infrared", "infrared", "nearinfrared"),
}
_BY_NAME = {name: role for role, names in _NAMES.items() for name in names}


@dataclass(frozen=True)
class Guess:
    """What a file is probably for.

    Attributes:
        role: One of ``core.layers.ROLES``.
        title: For people.
        bands: Of an image; as many of red, green, blue and nir as can be told.
        unit: Of elevation.
        date: Day of acquisition, ISO 8601, or empty.
        reasons: For each field that is a guess, why.
    """

    role: str
    title: str
    bands: Bands = ()
    unit: str = ""
    date: str = ""
    reasons: tuple[tuple[str, str], ...] = ()


def guess(facts: Facts, name: str) -> Guess:
    """Guess what a raster is for.

    Args:
        facts: What it is.
        name: What its owner calls it.
    """
    role, why = _role(facts, name)
    reasons = {"role": why}
    bands: Bands = ()
    unit = ""
    if role == "image":
        bands, reasons["bands"] = guess_bands(facts, name)
    if role == "dem":
        unit, reasons["unit"] = _unit(facts, name)
    day, why_day = _day(facts, name)
    if day:
        reasons["date"] = why_day
    return Guess(role, _title(name), bands, unit, day, tuple(reasons.items()))


def guess_outlines(name: str) -> Guess:
    """Guess what a file of outlines is for, by its name alone."""
    day, why = _day_of_name(name)
    unseen = bool(_UNSEEN.search(PurePath(name).stem))
    said = "outlines whose name speaks of clouds, shadow or snow" if unseen else "outlines: mapped landslides, usually"
    reasons = (("role", said), *((("date", why),) if day else ()))
    return Guess("unobserved" if unseen else "truth", _title(name), date=day, reasons=reasons)


def guess_bands(facts: Facts, name: str = "") -> tuple[Bands, str]:
    """Return which band is red, green, blue and near infrared, and why; nothing where that cannot be told."""
    named = _named([(band.text, band.index) for band in facts.bands])
    if {"red", "green", "blue"} <= set(named):
        return tuple(named.items()), "its bands are described so"
    coloured = {band.colour: band.index for band in facts.bands if band.colour in ("red", "green", "blue", "nir")}
    if {"red", "green", "blue"} <= set(coloured):
        return _with_fourth(coloured, facts.bands)
    if len(facts.bands) < 3:
        return (), "fewer than three bands: no colours to choose from"
    if len(facts.bands) == 4 and _PLANET.search(name):
        return _BGRN, "four bands of Planet are blue, green, red, near infrared"
    by_position: Bands = (("red", 1), ("green", 2), ("blue", 3))
    if len(facts.bands) >= 4 and _is_image_band(facts.bands[3]):
        by_position = (*by_position, ("nir", 4))
    return by_position, "by position, the usual order; nothing in the file says it: look at the picture"


def _with_fourth(coloured: dict[str, int], bands: tuple[Band, ...]) -> tuple[Bands, str]:
    """Return the marked colours; a fourth band that is marked alpha or not at all may be near infrared."""
    fourth = [band for band in bands if band.index not in coloured.values()]
    if len(bands) == 4 and fourth and _is_image_band(fourth[0]):
        return (*coloured.items(), ("nir", fourth[0].index)), (
            f"the file marks the colours; band {fourth[0].index} varies like an image, not like a mask: near infrared")
    return tuple(coloured.items()), "the file marks them as its colours"


def _role(facts: Facts, name: str) -> tuple[str, str]:
    stem = PurePath(name).stem
    if len(facts.bands) > 1:
        return "image", f"{len(facts.bands)} bands"
    band = facts.bands[0]
    labels = facts.palette or (facts.whole_numbers and band.values <= FEW)
    if labels and _UNSEEN.search(stem):
        return "unobserved", "a mask whose name speaks of clouds, shadow or snow"
    if labels:
        return "truth", "one band whose values stand for colours" if facts.palette else (
            f"one band of only {band.values} different whole numbers")
    for text, where in ((stem, "its name"), (band.text, "its band's description")):
        if _VEGETATION.search(text):
            return "ndvi", f"{where} says NDVI"
        if _ELEVATION.search(text):
            return "dem", f"{where} speaks of elevation"
    return _by_values(facts, band)


def _by_values(facts: Facts, band: Band) -> tuple[str, str]:
    if facts.dtype == "uint8":
        return "image", "one band of bytes: a grey image"
    if not facts.whole_numbers and band.low >= -1.001 and band.high <= 1.001:
        return "ndvi", f"one band between {band.low:.2f} and {band.high:.2f}"
    return "dem", f"one band from {band.low:,.0f} to {band.high:,.0f}, as elevations are"


def _unit(facts: Facts, name: str) -> tuple[str, str]:
    """Return the unit of elevation, and why."""
    for text, what in ((facts.unit, "the file gives its unit"), (facts.bands[0].text, "the band's description says so"),
                       (name, "its name says so")):
        if _FEET.search(text):
            return "ft", what
        if what != "its name says so" and _METRES.search(text):
            return "m", what
    if facts.bands[0].high > HIGHEST_M:
        return "ft", f"it reaches {facts.bands[0].high:,.0f}, higher than any ground in metres"
    if re.search(r"ftus|\bfeet\b|\(ft\)|us survey foot", facts.crs, re.I):
        return "ft", "its CRS counts in feet; elevation often does as well"
    return "m", "nothing in the file says it; metres are usual"


def _day(facts: Facts, name: str) -> tuple[str, str]:
    tags = dict(facts.tags)
    for tag, what in (("ACQUISITIONDATETIME", "the file's tag of acquisition"),
                      ("TIFFTAG_DATETIME", "the file's date tag, which may be the day of processing")):
        day = _iso(tags.get(tag, "")[:10].replace(":", "-"))
        if day:
            return day, what
    return _day_of_name(name)


def _day_of_name(name: str) -> tuple[str, str]:
    found = _DAY.search(name)
    day = _iso("-".join(found.group(1, 3, 4))) if found else ""
    return (day, "a day in its name") if day else ("", "")


def _iso(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _named(texts: list[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text, index in texts:
        words = re.split(r"[,;:(]", text.strip().lower())[0].strip()
        role = _BY_NAME.get(words) or next((r for r in _NAMES if re.search(rf"\b{r}\b", words)), None)
        if role:
            found.setdefault(role, index)
    return dict(sorted(found.items(), key=lambda pair: ("red", "green", "blue", "nir").index(pair[0])))


def _is_image_band(band: Band) -> bool:
    """Tell an image band from a mask: alpha has one or two values."""
    return band.values >= MANY // 2


def _title(name: str) -> str:
    stem = re.sub(r"[\s_]+", " ", PurePath(name).stem).strip()
    return (stem[:1].upper() + stem[1:])[:80] or "Layer"
