"""What of a project's database goes with it: one line of JSON a row, and every line judged before it is taken.

A database file of someone else could hold triggers, views and damage that SQLite would act on. Lines of JSON hold
nothing but values: each is looked at, and written to a database that this program made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from core.archive.rows import ROWS, judge, refused
from core.errors import InputError
from core.store import accuracy_points, accuracy_studies, detections, exists, open_store, versions
from core.store.tables import metadata

FILE = "ledger.jsonl"
FORMAT = 1
MAX_BYTES = 2**30
MAX_LINE_BYTES = 32 * 2**20
MAX_ROWS = 5_000_000
_AT_ONCE = 500


def lines_of(project: Path) -> Iterator[bytes]:
    """Yield the ledger of a project as it is at this moment: reviews and map accuracy, no jobs.

    Raises:
        StorageError: The database is damaged or in use.
    """
    yield _line({"format": FORMAT})
    if not exists(project):
        return
    with open_store(project).reading() as connection:
        for table in map(metadata.tables.__getitem__, ROWS):
            rows = connection.execution_options(yield_per=_AT_ONCE).execute(select(table).order_by(*table.primary_key))
            for row in rows.mappings():
                yield _line({"table": table.name} | {name: value.hex() if isinstance(value, bytes) else value
                                                     for name, value in row.items()})


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a ledger of anyone.

    Raises:
        InputError: A line is too long.
    """
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise refused("a line that is too long", f"at most {MAX_LINE_BYTES:,} bytes")
        yield line


def take(lines: Iterable[bytes], project: Path) -> None:
    """Write the lines of a ledger into a project that has none: all, or nothing.

    Raises:
        InputError: A line says what no ledger may; it is named.
        StorageError: The database cannot be written.
    """
    number, waiting = 0, _Waiting()
    store = open_store(project)
    with store.writing() as connection:
        try:
            for number, line in enumerate(lines, start=1):
                if number > MAX_ROWS:
                    raise refused("too many rows", f"at most {MAX_ROWS:,}")
                waiting.add(connection, *_row(line, first=number == 1))
            waiting.write(connection)
        except (ValueError, TypeError, RecursionError, IntegrityError) as error:
            if isinstance(error, InputError):
                raise
            why = {IntegrityError: "a row twice, or one of something that is not there", ValueError: str(error)}
            raise refused(f"{why.get(type(error), 'something that is no row')} (line {number:,})") from error
        if not number:
            raise refused("nothing")
        _check_whole(connection)
        store.count_on(connection)


class _Waiting:
    """Rows of one table that are written together."""

    def __init__(self) -> None:
        self._table: str | None = None
        self._rows: list[dict[str, Any]] = []

    def add(self, connection: Connection, table: str | None, row: dict[str, Any]) -> None:
        if table != self._table or len(self._rows) == _AT_ONCE:
            self.write(connection)
        if table is not None:
            self._table = table
            self._rows.append(row)

    def write(self, connection: Connection) -> None:
        if self._rows and self._table:
            connection.execute(insert(metadata.tables[self._table]), self._rows)
        self._rows = []


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _row(line: bytes, *, first: bool) -> tuple[str | None, dict[str, Any]]:
    """Return a line's table and row; the first names the format, and has neither."""
    value = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError
    if first:
        if value != {"format": FORMAT}:
            raise refused(f"format {str(value.get('format'))[:20]}", f"format {FORMAT}")
        return None, {}
    table = value.pop("table", None)
    return table, judge(str(table), value)


def _check_whole(connection: Connection) -> None:
    """Refuse a detection without some of its versions, and a point of a stratum that its study has not."""
    counted = select(detections.c.id).outerjoin(versions, versions.c.detection == detections.c.id).group_by(
        detections.c.id, detections.c.version).having(or_(func.count(versions.c.id) != detections.c.version,
                                                          func.max(versions.c.number) != detections.c.version))
    if lost := connection.execute(counted.limit(1)).scalar():
        raise refused(f"detection {lost}, of which versions are missing")
    known = {row.id: {each["name"] for each in row.strata} for row in connection.execute(select(accuracy_studies))}
    for study, stratum in connection.execute(select(accuracy_points.c.study, accuracy_points.c.stratum).distinct()):
        if stratum not in known[study]:
            raise refused(f"a point of the stratum {stratum!r}, which its study has not")
