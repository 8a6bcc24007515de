"""What each row of a ledger may say, column by column; a value that is not so is named and refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import shapely

from core.accuracy import LABELS, STRATA
from core.errors import InputError
from core.inventory.schema import field
from core.review.record import ACTIONS, CLASSES, MAX_NOTE, REASONS, RECORD, STATUSES, Edit
from core.review.shape import outline
from core.review.taking import MEASURED

Check = Callable[[Any], Any]
"""Returns the value as it is stored; raises ValueError, TypeError or KeyError where it is none."""

_MOST_WHOLE = 2**53
_LAST_S = 9e9
_LONG_TEXT, _NAME, _MOST_PHOTOS = 20_000, 300, 1_000


def judge(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table as the database takes it.

    Raises:
        ValueError: It says what no such row may.
    """
    columns = ROWS.get(table)
    if columns is None or set(row) != set(columns):
        raise ValueError("a row of no table" if columns is None else f"{table} with other columns")
    return _each(columns, row, table)


def _each(checks: Mapping[str, Check], values: Mapping[str, Any], of: str) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        try:
            found[name] = checks[name](value)
        except (ValueError, TypeError, KeyError, AttributeError, shapely.errors.GEOSException) as error:
            raise ValueError(f"{str(value)[:60]!r} as {name[:40]} of {of}") from error
    return found


def _text(most: int = _LONG_TEXT) -> Check:
    def check(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise ValueError
        value.encode()  # half a character is no text
        return value

    return check


def _choice(*values: str) -> Check:
    def check(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str) or value not in values:
            raise ValueError
        return value

    return check


def _number(low: float = -math.inf, high: float = math.inf) -> Check:
    def check(value: Any) -> float:  # noqa: ANN401
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not (
                low <= value <= high):
            raise ValueError
        return value

    return check


def _whole(low: int, high: int = _MOST_WHOLE) -> Check:
    def check(value: Any) -> int:  # noqa: ANN401
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return check


def _flag(value: Any) -> bool:  # noqa: ANN401
    if not isinstance(value, bool):
        raise TypeError
    return value


def _or(nothing: object, check: Check) -> Check:
    return lambda value: value if value == nothing and type(value) is type(nothing) else check(value)


def _id(value: Any) -> str:  # noqa: ANN401
    if str(UUID(value)) != value:
        raise ValueError
    return value


def _day(value: Any) -> str:  # noqa: ANN401
    date.fromisoformat(value)
    return _text(10)(value)


def _run(value: Any) -> str:  # noqa: ANN401
    if not value or value.startswith(".") or any(each in value for each in "/\\"):
        raise ValueError
    return _text(128)(value)


def _list(most: int, check: Check) -> Check:
    def check_all(value: Any) -> list[Any]:  # noqa: ANN401
        if not isinstance(value, list) or len(value) > most:
            raise TypeError
        return [check(each) for each in value]

    return check_all


def _object(checks: Mapping[str, Check], *, whole: bool = False) -> Check:
    def check(value: Any) -> dict[str, Any]:  # noqa: ANN401
        if not isinstance(value, dict) or (whole and set(value) != set(checks)):
            raise TypeError
        return _each(checks, value, "it")

    return check


def _outline(value: Any) -> bytes:  # noqa: ANN401
    shape = shapely.from_wkb(bytes.fromhex(value))
    west, south, east, north = shape.bounds
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon) or shape.has_z or not (
            west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ValueError
    return shapely.to_wkb(shape if shape.is_valid else outline(shapely.geometry.mapping(shape)))


def _recorded(name: str) -> Check:
    known = field(name)
    low = -math.inf if known.low is None else known.low
    high = math.inf if known.high is None else known.high
    return {"choice": _choice(*known.values), "date": _day, "text": _text(), "number": _number(low, high),
            "whole": lambda value: _number(low, high)(_whole(-_MOST_WHOLE)(value))}[known.kind]


_TIME, _WHO, _ANYBODY = _number(0, _LAST_S), _text(80), _text(_NAME)
_LON, _LAT = _number(-180, 180), _number(-90, 90)


def _photo(value: Any) -> str:  # noqa: ANN401
    folder, _, name = _text(80)(value).partition("/")
    if folder != "photos" or not name.endswith(".jpg") or not name[:-4].isalnum():
        raise ValueError
    return value


_CONTENT: dict[str, Check] = {
    "status": _choice(*STATUSES), "class": _choice(*CLASSES), "reason": _choice("", *REASONS), "note": _text(MAX_NOTE),
    **{name: _choice(*field(name).values) for name in ("type", "certainty", "method")},
    "photos": _list(_MOST_PHOTOS, _object({"file": _photo, "lon": _or(None, _LON), "lat": _or(None, _LAT),
                                           "taken": _text(19)}, whole=True)),
    "merged_into": _or(None, _id), "record": _object({name: _recorded(name) for name in RECORD}),
    "measured": _object({name: _choice("fall", "shape") if name == "length_from" else _number() for name in MEASURED}),
    "geometry": _outline}


_CHANGES = _object(_CONTENT | {name: _or(None, _or("", _recorded(name))) for name in RECORD})


def _edit(value: Any) -> dict[str, Any]:  # noqa: ANN401
    _object({"id": _id, "expected": _whole(0), "action": _choice(*ACTIONS), "changes": _CHANGES,
             "parent": _or(None, _id), "run": _or(None, _run)}, whole=True)(value)
    Edit.from_json(value)
    return value


ROWS: dict[str, dict[str, Check]] = {
    "detections": {
        "id": _id, "created": _TIME, "run": _or(None, _run), "outline": _or(None, _whole(0)), "model": _ANYBODY,
        "image_date": _or("", _day), "parent": _or(None, _id), "version": _whole(1)},
    "versions": {
        "id": _whole(1), "detection": _id, "number": _whole(1), "batch": _id, "who": _WHO, "at": _TIME,
        "action": _choice(*ACTIONS), "restores": _or(None, _whole(0)), "undoes": _or(None, _id), "reviewer": _WHO,
        "reviewed": _or(None, _TIME), **_CONTENT},
    "conflicts": {
        "id": _id, "detection": _id, "who": _WHO, "at": _TIME, "edits": _list(_MOST_PHOTOS, _edit),
        "settled": _or(None, _TIME), "settled_by": _WHO, "outcome": _choice("", "taken", "left")},
    "accuracy_studies": {
        "id": _id, "created": _TIME, "who": _ANYBODY, "run": _run, "seed": _whole(-_MOST_WHOLE),
        "near_m": _number(0, 1e6), "reviewed": _flag,
        "strata": _list(len(STRATA), _object({"name": _choice(*STRATA), "pixels": _whole(0),
                                              "area_m2": _number(0)}, whole=True))},
    "accuracy_points": {"study": _id, "number": _whole(0), "stratum": _choice(*STRATA), "lon": _LON, "lat": _LAT},
    "accuracy_labels": {
        "id": _whole(1), "study": _id, "number": _whole(0), "who": _ANYBODY, "at": _TIME,
        "label": _choice("", *LABELS), "note": _text()},
}
"""Tables in an order in which each names only rows of those before it; what is not here stays behind."""


def refused(got: str, expected: str = "what a review leaves, whole and unchanged") -> InputError:
    """Build the error for a ledger that is not taken."""
    return InputError("reviews of the zipped project", got=got, expected=expected,
                      remedy="Download the project again where it was made; nothing was opened.")
