"""What can be said of a detection, and the edits that say it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

import shapely
from shapely.geometry.base import BaseGeometry

from core.config import SCHEMES
from core.errors import InputError, unknown_name
from core.inventory.schema import FIELDS
from core.inventory.schema import field as record_field

STATUSES = ("unreviewed", "accepted", "rejected", "edited", "drawn", "merged", "split", "withdrawn")
POSITIVE = ("accepted", "edited", "drawn")
"""Of a landslide that somebody has confirmed."""

GONE = ("merged", "split", "withdrawn")
"""Of what is no detection any more: others stand for it, or what made it was undone."""

VERDICTS = ("accepted", "rejected", "edited", "drawn")
ACTIONS = ("take", "accept", "reject", "edit", "merge", "split", "draw", "change", "undo", "import")
REASONS = ("bare soil", "road", "river bank", "quarry", "shadow", "cloud", "other")
"""Why a detection is no landslide."""

GROUND = {"bare soil": "bare land", "road": "road"}
"""The class of ground that a reason names. Other reasons leave it open: ``other`` is any class but landslide."""

CLASSES = tuple(dict.fromkeys(name for scheme in SCHEMES.values() for name in scheme.names))
MAX_NOTE = 4_000

_OWN = ("id", "type", "certainty", "method", "note", "model", "image_date")  # columns of the ledger, not its record
RECORD = tuple(each.name for each in FIELDS if not each.measured and each.name not in _OWN)
"""Fields of ``core.inventory`` that a version keeps as they are; a value that is not known is left out."""

BLANK: Mapping[str, Any] = {
    "status": "unreviewed", "class": "landslide", "type": "unknown", "certainty": "unknown", "method": "model",
    "reason": "", "note": "", "photos": [], "merged_into": None, "record": {}, "measured": {}, "geometry": None}
"""The content of a version, as a detection begins with it."""


@dataclass(frozen=True)
class Edit:
    """One change of one detection; what else it says stays as it was.

    Attributes:
        id: Of the detection.
        expected: Number of the version that was looked at; 0 makes a new detection.
        action: One of ``ACTIONS``.
        changes: Some of ``BLANK``'s names with new values, and fields of ``core.inventory``. ``geometry`` is a
            shapely polygon in degrees; ``record`` fields are given by their own names.
        parent: Of a new one: what it was split from.
        run: Of a new one: the run that was looked at.
    """

    id: str
    expected: int
    action: str
    changes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parent: str | None = None
    run: str | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if self.action not in ACTIONS:
            raise unknown_name("action", self.action, list(ACTIONS))
        for name, value in self.changes.items():
            _check(name, value)
        if not self.expected and self.changes.get("geometry") is None:
            raise InputError("new detection", got="no outline", expected="a polygon", remedy="Draw it again.")

    def content(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return a version's content after this edit; confirmed ones are of class landslide, rejected ones never."""
        own = {name: value for name, value in self.changes.items() if name in BLANK}
        record = before["record"] | {name: value.isoformat() if isinstance(value, date) else value
                                     for name, value in self.changes.items() if name not in BLANK}
        after = {**before, **own, "record": {name: value for name, value in record.items() if value not in (None, "")}}
        if after["status"] in POSITIVE:
            after["class"] = "landslide"
        elif after["status"] == "rejected" and after["class"] == "landslide":
            after["class"] = "other"
        return after

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, the geometry as WKB in hexadecimal digits."""
        changes = dict(self.changes)
        if "geometry" in changes:
            changes["geometry"] = shapely.to_wkb(changes["geometry"], hex=True)
        return {"id": self.id, "expected": self.expected, "action": self.action, "changes": changes,
                "parent": self.parent, "run": self.run}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Edit:
        """Return what ``to_json`` was given."""
        changes = dict(value["changes"])
        if "geometry" in changes:
            changes["geometry"] = shapely.from_wkb(changes["geometry"])
        return cls(**{**value, "changes": changes})


def accept(detection: str, expected: int) -> list[Edit]:
    """Say that it is a landslide, outlined well enough."""
    return [Edit(detection, expected, "accept", {"status": "accepted", "reason": ""})]


def reject(detection: str, expected: int, reason: str = "other") -> list[Edit]:
    """Say that it is no landslide, and what it is instead."""
    return [Edit(detection, expected, "reject", {"status": "rejected", "reason": reason,
                                                 "class": GROUND.get(reason, "other")})]


def reshape(detection: str, expected: int, outline: BaseGeometry, measured: Mapping[str, Any]) -> list[Edit]:
    """Give it another outline, which makes it a landslide."""
    return [Edit(detection, expected, "edit", {"status": "edited", "reason": "", "method": "edited",
                                               "geometry": outline, "measured": dict(measured)})]


def change(detection: str, expected: int, **fields: object) -> list[Edit]:
    """Change what is said of it, such as ``type`` or ``note``, and not whether it is a landslide."""
    return [Edit(detection, expected, "change", fields)]


def draw(outline: BaseGeometry, measured: Mapping[str, Any], run: str | None = None) -> list[Edit]:
    """Add a landslide that was missed."""
    return [Edit(str(uuid4()), 0, "draw", {"status": "drawn", "method": "drawn", "geometry": outline,
                                           "measured": dict(measured)}, run=run)]


def split(detection: str, expected: int, parts: Sequence[tuple[BaseGeometry, Mapping[str, Any]]],
          run: str | None = None) -> list[Edit]:
    """Put several landslides, each with what was measured of it, in the place of one."""
    if len(parts) < 2:
        raise InputError("split", got=f"{len(parts)} part", expected="two or more",
                         remedy="Draw the line right across the outline.")
    return [Edit(detection, expected, "split", {"status": "split"}), *(
        Edit(str(uuid4()), 0, "split", {"status": "edited", "method": "edited", "geometry": outline,
                                        "measured": dict(measured)}, detection, run) for outline, measured in parts)]


def merge(into: str, expected: int, others: Iterable[tuple[str, int]], outline: BaseGeometry,
          measured: Mapping[str, Any]) -> list[Edit]:
    """Make one landslide of several; the first stays, the others (id, version) point to it."""
    return [Edit(into, expected, "merge", {"status": "edited", "reason": "", "method": "edited", "geometry": outline,
                                           "measured": dict(measured)}),
            *(Edit(other, version, "merge", {"status": "merged", "merged_into": into}) for other, version in others)]


def _check(name: str, value: Any) -> None:  # noqa: ANN401 - a change is of any type until it is checked
    choices = {"status": STATUSES, "class": CLASSES, "reason": ("", *REASONS)}.get(name)
    if name in RECORD or name in ("type", "certainty", "method"):
        known = record_field(name)
        choices = known.values or None
        if value in (None, "") and name in RECORD:
            return
        if known.kind == "whole" and not (isinstance(value, int) and known.low <= value <= known.high):  # type: ignore[operator]
            raise InputError(name, got=value, expected=f"a whole number, {known.allowed}", remedy="Correct it.")
    elif name not in BLANK:
        raise unknown_name("field", name, [*BLANK, *RECORD])
    if choices and value not in choices:
        raise unknown_name(name, str(value), list(choices))
    if name == "note" and len(value) > MAX_NOTE:
        raise InputError("note", got=f"{len(value):,} characters", expected=f"{MAX_NOTE:,} at most",
                         remedy="Write a shorter one.")
    if name == "geometry":
        _check_outline(value)


def _check_outline(value: Any) -> None:  # noqa: ANN401
    polygon = isinstance(value, shapely.Polygon | shapely.MultiPolygon) and not value.is_empty
    if not polygon or not value.is_valid or not value.area > 0:
        why = shapely.is_valid_reason(value) if polygon else "no polygon"
        raise InputError("outline", got=why, expected="a polygon whose sides do not cross", remedy="Draw it again.")
    west, south, east, north = value.bounds
    if not (all(map(math.isfinite, value.bounds)) and west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise InputError("outline", got="a place that is not on Earth", expected="longitude and latitude in degrees",
                         remedy="Draw it again.")
