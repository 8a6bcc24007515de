"""Landslides of any table brought into the record's columns, and what is wrong with them, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import geopandas
import numpy as np
import pandas as pd

from core.errors import InputError
from core.inventory.schema import FIELDS, Field

SHOWN = 5
"""Problems that an error names."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one landslide.

    Attributes:
        id: Of the landslide; "" where it has none.
        field: The column, or "geometry".
        got: What it holds.
        expected: What it may hold.
    """

    id: str
    field: str
    got: str
    expected: str

    def __str__(self) -> str:
        """Return one line."""
        return f"landslide {self.id or 'without an id'}, {self.field}: {self.got} (expected {self.expected})"


def as_records(frame: geopandas.GeoDataFrame, **known: object) -> geopandas.GeoDataFrame:
    """Bring landslides into the record: all its columns, in its order, with its types.

    Args:
        frame: Landslides; columns of the record are taken by name, others stay, after them.
        **known: What is true of all of them where they say nothing, such as ``mapper="N. N."``; names of fields.

    Returns:
        A new table: ``id`` as text, choices and numbers as they are, dates as ``datetime.date``, unknown as None (NaN
        for numbers), choices that are not given as their default. What does not fit is left for ``check``.
    """
    columns: dict[str, Any] = {}
    for field in FIELDS:
        values = frame[field.name] if field.name in frame else pd.Series([None] * len(frame), frame.index, object)
        fallback = known.get(field.name, field.default)
        if fallback is not None:
            values = values.astype(object).where(values.notna(), fallback)
        columns[field.name] = _typed(field, values)
    others = {name: frame[name] for name in frame if name not in columns and name != frame.geometry.name}
    return geopandas.GeoDataFrame(columns | others, geometry=frame.geometry.values, crs=frame.crs, index=frame.index)


def check(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the records when nothing is wrong with them.

    Raises:
        InputError: Something is; the first few problems are named.
    """
    if found := list(problems(frame)):
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise InputError("landslide records", got="; ".join(map(str, found[:SHOWN])) + more,
                         expected="values of the landslide record", remedy="Correct them and try again.")
    return frame


def problems(frame: geopandas.GeoDataFrame) -> Iterator[Problem]:
    """Yield what is wrong with each record, as ``as_records`` gives them."""
    if frame.crs is None and len(frame):
        yield Problem("", "geometry", "no CRS", "coordinates in a known CRS")
    ids = [_text(value) for value in frame["id"]]
    counts = Counter(ids)
    for name, row in zip(ids, frame.to_dict("records"), strict=True):
        if not name or counts[name] > 1:
            yield Problem(name, "id", "an id that others have too" if name else "no id", "an id of its own")
        yield from _wrong_shape(name, row[frame.geometry.name])
        for field in FIELDS:
            if field.name != "id" and _known(row[field.name]) and (got := _wrong(field, row[field.name])):
                yield Problem(name, field.name, got, field.allowed or f"a {field.kind}")
        yield from _wrong_together(name, row, counts)


def _typed(field: Field, values: pd.Series) -> pd.Series:
    if field.kind in ("number", "whole"):
        numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
        wrong = numbers.isna() & values.notna()
        return numbers.astype(object).where(~wrong, values) if wrong.any() else numbers
    convert = _day if field.kind == "date" else _text
    return pd.Series([convert(value) if _known(value) else None for value in values], values.index, object)


def _day(value: object) -> object:
    """Return a day; what is none comes back as it is."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip()[:10].replace("/", "-"))
        except ValueError:
            return value
    return value


def _text(value: object) -> str:
    """Return text; a whole number without a fraction."""
    if not _known(value):
        return ""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()


def _known(value: object) -> bool:
    return not (value is None or value is pd.NaT or value is pd.NA or value == "" or
                (isinstance(value, float) and np.isnan(value)))


def _wrong(field: Field, value: Any) -> str:  # noqa: ANN401 - of any column
    """Return what is wrong with a value that is there, or nothing."""
    if field.kind == "choice":
        return "" if value in field.values else repr(value)
    if field.kind == "date":
        return "" if isinstance(value, date) else repr(value)
    if field.kind == "text":
        return ""
    if isinstance(value, str) or not np.isfinite(value):
        return repr(value)
    if field.kind == "whole" and value != int(value):
        return f"{value:g}"
    inside = (field.low is None or value >= field.low) and (field.high is None or value <= field.high)
    return "" if inside else f"{value:g}"


def _wrong_shape(name: str, shape: Any) -> Iterator[Problem]:  # noqa: ANN401 - a geometry or nothing
    if shape is None or shape.is_empty:
        yield Problem(name, "geometry", "no outline", "a polygon")
    elif shape.geom_type not in ("Polygon", "MultiPolygon"):
        yield Problem(name, "geometry", shape.geom_type, "a polygon")
    elif not shape.is_valid:
        yield Problem(name, "geometry", "an outline that crosses itself", "a valid polygon")


def _wrong_together(name: str, row: Mapping[str, Any], ids: Mapping[str, int]) -> Iterator[Problem]:
    days = [(each, row[each]) for each in ("date_before", "event_date", "date_after") if isinstance(row[each], date)]
    for (earlier, first), (later, last) in zip(days, days[1:], strict=False):
        if first > last:
            yield Problem(name, later, f"{last}, before {earlier.replace('_', ' ')} {first}", f"{first} or later")
    if parent := _text(row["part_of"]):
        if row["part"] == "whole":
            yield Problem(name, "part_of", repr(parent), "nothing, as it is a whole landslide")
        elif parent == name or parent not in ids:
            yield Problem(name, "part_of", repr(parent), "id of another landslide in the table")
