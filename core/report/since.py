"""What a report says of an earlier date: what became of the landslides, where the detection was compared with one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas

from core.change import read_shift
from core.change.codes import KIND_COLOURS
from core.dates import Comparison, comparison_of
from core.project import Project, Run
from core.report.words import area
from core.vectors import read_outlines

_CERTAIN = {"enlarged": ("gained_m2", " gained"), "reduced": ("lost_m2", " lost"), "gone": ("before_m2", "")}
"""Which area tells of a kind, and what it is called; of all others the area on the later date."""


@dataclass(frozen=True)
class Since:
    """What changed between an earlier date and a detection's own.

    Attributes:
        first: The earlier day, for people.
        second: The later one.
        counts: How many landslides there are of each kind, in the order of ``KIND_COLOURS``; none that is 0.
        figures: The same with their areas, in words; how many are new is always there.
        new_area: Of the new ones together, in words; nothing where there is none.
        note: How it was compared and what to bear in mind.
        outlines: Landslides of both dates in degrees, with ``change``.
    """

    first: str
    second: str
    counts: Mapping[str, int]
    figures: Mapping[str, str]
    new_area: str
    note: str
    outlines: geopandas.GeoDataFrame


def since(project: Project, run: Run) -> Since | None:
    """Return what the newest comparison of a detection with an earlier date says; None where there is none.

    Raises:
        InputError: Its outlines cannot be read.
    """
    comparison = comparison_of(project, run)
    if comparison is None:
        return None
    found = comparison.about["changes"]
    first, second = map(_day, comparison.days)
    return Since(first, second, {kind: found[kind]["count"] for kind in KIND_COLOURS if _count(found, kind)},
                 {kind.capitalize(): _words(kind, found[kind]) for kind in KIND_COLOURS
                  if _count(found, kind) or kind == "new"},
                 area(found["new"]["after_m2"]) if _count(found, "new") else "",
                 " ".join(_note(comparison)), read_outlines(comparison.objects).to_crs("EPSG:4326"))


def _count(found: Mapping[str, Mapping[str, float]], kind: str) -> int:
    return int(found.get(kind, {}).get("count", 0))


def _words(kind: str, figures: Mapping[str, float]) -> str:
    """Return a number with an area.

    >>> _words("enlarged", {"count": 2, "gained_m2": 800.0}), _words("new", {"count": 0})
    ('2 (800 m² gained)', '0')
    """
    column, said = _CERTAIN.get(kind, ("after_m2", ""))
    return f"{figures['count']:,}" + (f" ({area(figures[column])}{said})" if figures["count"] else "")


def _note(comparison: Comparison) -> Iterator[str]:
    about: Mapping[str, Any] = comparison.about
    titles = [about[side]["title"] for side in ("before", "after")]
    made = f"both by {titles[0]}" if titles[0] == titles[1] else f"{titles[0]} with {titles[1]}"
    yield f"The maps of the two dates were compared landslide by landslide: {made}."
    shift = read_shift(about)
    if shift is None or not shift.certain:
        yield "Whether the two images lie on each other is not known."
    elif about["corrected"]:
        yield f"The later image lay {shift.length_m:.1f} m beside the earlier one; that was corrected."
    else:
        yield f"The two images lie {shift.length_m:.2f} m apart."
    yield (f"Edges may lie {about['tolerance_m']:g} m apart, and pieces under {about['min_area_m2']:g} m² do not "
           "count. What a map missed on one of the dates looks like a change.")


def _day(text: str) -> str:
    """Return a day for people; a title stays as it is."""
    try:
        return f"{date.fromisoformat(text):%-d %B %Y}"
    except ValueError:
        return text
