"""The ledger of one project: taking runs in, reading, writing, undoing, and settling what collided."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import geopandas
import pandas as pd
import shapely
from sqlalchemy import Connection, Row, RowMapping, func, insert, select, true, update

from core.errors import InputError
from core.project import Project, Run
from core.review.record import BLANK, GONE, RECORD, Edit
from core.review.taking import outlines_of
from core.store import Store, conflicts, detections, open_store, versions

WGS84 = "EPSG:4326"
LONGEST_NAME = 80
_VERDICT = {"reviewer": "", "reviewed": None}
"""Who gave a version its status, and when; an undo brings this back with it."""


@dataclass(frozen=True)
class Conflict:
    """What somebody did to a version that was not the newest any more.

    Attributes:
        id: Of the conflict.
        detection: Which one it is about.
        who: Who did it.
        at: When, seconds since 1970.
        edits: What was asked for.
    """

    id: str
    detection: str
    who: str
    at: float
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Result:
    """What became of a write; it is on disk.

    Attributes:
        versions: The newest version of each detection that was written, by id; empty after a conflict.
        conflict: What was kept instead of overwriting somebody else's version.
        at: When, seconds since 1970.
    """

    versions: Mapping[str, int]
    conflict: Conflict | None
    at: float


@dataclass(frozen=True)
class Ledger:
    """The ledger of a project; nothing stays open between two calls.

    Every method raises StorageError where the database cannot be used.
    """

    project: Project

    @cached_property
    def _store(self) -> Store:
        return open_store(self.project.folder)

    def take(self, run: Run) -> int:
        """Take a run's outlines in, each once however often this is called; return how many are new.

        Raises:
            InputError: Its outlines cannot be read.
        """
        with self._store.reading() as connection:
            if _outlines_taken(connection, run):
                return 0
        new = 0
        with self._store.writing() as connection:
            if _outlines_taken(connection, run):
                return 0
            batch, at = str(uuid4()), time.time()
            for part in outlines_of(run):
                rows = [(str(uuid5(NAMESPACE_URL, f"scarp:{run.id}:{run.about.get('finished', '')}:{number}")),
                         number, day, outline, measured) for number, day, outline, measured in part]
                connection.execute(insert(detections), [
                    {"id": name, "created": at, "run": run.id, "outline": number, "model": run.model,
                     "image_date": day, "parent": None, "version": 1} for name, number, day, _, _ in rows])
                connection.execute(insert(versions), [
                    {**BLANK, **_VERDICT, "detection": name, "number": 1, "batch": batch, "who": "", "at": at,
                     "action": "take", "geometry": outline, "measured": measured}
                    for name, _, _, outline, measured in rows])
                new += len(rows)
        return new

    @property
    def revision(self) -> str:
        """A text that changes with every write."""
        with self._store.reading() as connection:
            newest = connection.execute(select(func.max(versions.c.id))).scalar()
            of_conflicts = connection.execute(select(func.count(), func.count(conflicts.c.settled))).one()
            return f"{newest}-{of_conflicts[0]}-{of_conflicts[1]}"

    @property
    def newest(self) -> int:
        """The number of the newest version of all, which every write to a detection raises."""
        with self._store.reading() as connection:
            return connection.execute(select(func.max(versions.c.id))).scalar() or 0

    def detections(self, *, run: str | None = None, area: Mapping[str, Any] | None = None,
                   status: Iterable[str] | None = None, after: int = 0) -> geopandas.GeoDataFrame:
        """Return the newest versions as ``core.review`` describes them, those of a run largest first.

        Args:
            run: Those of one run and what was drawn while it was looked at.
            area: GeoJSON polygon in degrees that they touch.
            status: Of these only; left out, all but ``GONE``.
            after: Only those that were written since ``newest`` was this.
        """
        query = select(detections, *[c for c in versions.c if c.name not in ("id", "detection")]).join(
            versions, (versions.c.detection == detections.c.id) & (versions.c.number == detections.c.version)).where(
            versions.c.status.in_(tuple(status)) if status else versions.c.status.not_in(GONE))
        if run is not None:
            query = query.where(detections.c.run == run)
        if after:
            query = query.where(versions.c.id > after)
        with self._store.reading() as connection:
            found = connection.execute(query.order_by(detections.c.created, detections.c.outline,
                                                      detections.c.id)).mappings().all()
        frame = _frame(found)
        return frame if area is None else frame[frame.intersects(shapely.geometry.shape(area))].reset_index(drop=True)

    def history(self, detection: str) -> geopandas.GeoDataFrame:
        """Return all versions of a detection, oldest first: number, who, at, action and what each said.

        Raises:
            InputError: There is no such detection.
        """
        with self._store.reading() as connection:
            found = connection.execute(select(versions).where(versions.c.detection == detection)
                                       .order_by(versions.c.number)).mappings().all()
        if not found:
            raise _no_such(detection)
        columns = {name: [row[name] for row in found] for name in (
            "number", "who", "action", "restores", "batch", "undoes", *(set(BLANK) - {"geometry"}))}
        columns["at"] = pd.to_datetime([row["at"] for row in found], unit="s", utc=True)
        return geopandas.GeoDataFrame(columns, geometry=shapely.from_wkb([row["geometry"] for row in found]), crs=WGS84)

    def apply(self, edits: Sequence[Edit], who: str) -> Result:
        """Append one version for each edit, all or none.

        Where a detection has a newer version than was looked at, nothing is changed and the edits are kept as a
        conflict; unless that version says the very same, so that two people who agree do not collide. What a person
        says twice, as when a page is drawn again in the middle of it, is taken once.

        Raises:
            InputError: There is no name, no such detection, or nothing to do.
        """
        who = reviewer(who)
        if not edits:
            raise InputError("review", got="nothing to do", expected="at least one edit", remedy="Choose an action.")
        at = time.time()
        with self._store.writing() as connection:
            now = _current(connection, [edit.id for edit in edits if edit.expected])
            for edit in edits:
                if edit.expected and edit.id not in now:
                    raise _no_such(edit.id)
            late = [edit for edit in edits if edit.expected and edit.expected != now[edit.id]["number"]]
            if not all(_same(edit, now[edit.id]) for edit in late):
                return Result({}, _keep(connection, late[0].id, edits, who, at), at)
            edits = [edit for edit in edits if edit not in late or now[edit.id]["who"] != who]
            if not edits:
                return Result({name: row["number"] for name, row in now.items()}, None, at)
            return Result(_append(connection, edits, now, who, at), None, at)

    def undo(self, who: str) -> Result | None:
        """Take back what a reviewer did last and has not taken back yet; None when there is nothing.

        Raises:
            InputError: Somebody else has gone on from it since then.
        """
        who = reviewer(who)
        with self._store.writing() as connection:
            undone = select(versions.c.undoes).where(versions.c.undoes.is_not(None))
            batch = connection.execute(
                select(versions.c.batch).where(versions.c.who == who, versions.c.action.not_in(("undo", "take")),
                                               versions.c.batch.not_in(undone))
                .order_by(versions.c.id.desc()).limit(1)).scalar()
            if batch is None:
                return None
            written = connection.execute(select(versions).where(versions.c.batch == batch)).mappings().all()
            now = _current(connection, [row["detection"] for row in written])
            if any((now[row["detection"]]["restores"] or now[row["detection"]]["number"]) != row["number"]
                   for row in written):
                raise InputError("undo", got="a detection that somebody has changed since then",
                                 expected="your change to be the newest", remedy="Look at it again, and change it.")
            return _take_back(connection, written, now, who, batch)

    def conflicts(self) -> list[Conflict]:
        """Return what waits to be settled, oldest first."""
        with self._store.reading() as connection:
            return [_conflict(row) for row in connection.execute(
                select(conflicts).where(conflicts.c.settled.is_(None)).order_by(conflicts.c.at))]

    def settle(self, conflict: Conflict, who: str, expected: int, *, take: bool) -> Result:
        """Settle a conflict: leave what is there, or take what was kept, as versions on top of it.

        Args:
            conflict: As ``conflicts`` gave it.
            who: Who decides.
            expected: Version of the detection that was looked at.
            take: Whether the kept edits are taken.

        Raises:
            InputError: It is settled, or the detection was changed meanwhile.
        """
        who, at = reviewer(who), time.time()
        with self._store.writing() as connection:
            now = _current(connection, [edit.id for edit in conflict.edits if edit.expected])
            outcome = {"settled": at, "settled_by": who, "outcome": "taken" if take else "left"}
            changed = now[conflict.detection]["number"] != expected
            if changed or not connection.execute(update(conflicts).where(
                    conflicts.c.id == conflict.id, conflicts.c.settled.is_(None)).values(**outcome)).rowcount:
                raise InputError("conflict", got="a detection that was changed again" if changed else "a settled one",
                                 expected="one that waits", remedy="Look at it again.")
            return Result(_append(connection, conflict.edits, now, who, at) if take else {}, None, at)

    def log(self, after: int = 0, until: int | None = None) -> list[Row[Any]]:
        """Return (detection, who, at, action, status, reason, batch, undoes) of all that people did, oldest first.

        Args:
            after: What ``newest`` was; only what came since then.
            until: The same; nothing of what came later.
        """
        wanted = ("detection", "who", "at", "action", "status", "reason", "batch", "undoes")
        with self._store.reading() as connection:
            return list(connection.execute(select(*(versions.c[name] for name in wanted))
                                           .where(versions.c.action != "take", versions.c.id > after,
                                                  true() if until is None else versions.c.id <= until)
                                           .order_by(versions.c.id)))


def reviewer(name: str) -> str:
    """Return a reviewer's name as it is written, or refuse it."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise InputError("reviewer", got=f"{len(name)} characters", expected=f"a name of at most {LONGEST_NAME}",
                         remedy="Say who reviews.")
    return name


def _outlines_taken(connection: Connection, run: Run) -> bool:
    return connection.execute(select(detections.c.id).where(
        detections.c.run == run.id, detections.c.outline.is_not(None)).limit(1)).first() is not None


def _current(connection: Connection, ids: Sequence[str]) -> dict[str, RowMapping]:
    """Return the newest version of each detection."""
    found = connection.execute(select(versions).join(detections, (versions.c.detection == detections.c.id) & (
        versions.c.number == detections.c.version)).where(detections.c.id.in_(ids))).mappings()
    return {row["detection"]: row for row in found}


def _content(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in BLANK} | {"geometry": shapely.from_wkb(row["geometry"])}


def _same(edit: Edit, row: RowMapping) -> bool:
    before = _content(row)
    return edit.content(before) == before


def _append(connection: Connection, edits: Sequence[Edit], now: Mapping[str, RowMapping], who: str,
            at: float) -> dict[str, int]:
    batch, written = str(uuid4()), {}
    for edit in edits:
        if edit.expected:
            row = now[edit.id]
            before, number = _content(row) | {name: row[name] for name in _VERDICT}, row["number"] + 1
            connection.execute(update(detections).where(detections.c.id == edit.id).values(version=number))
        else:
            before, number = {**BLANK, **_VERDICT}, 1
            connection.execute(insert(detections).values(
                id=edit.id, created=at, run=edit.run, outline=None, model="", image_date="", parent=edit.parent,
                version=1))
        content = edit.content(before) | ({"reviewer": who, "reviewed": at} if "status" in edit.changes else {})
        connection.execute(insert(versions).values(
            **content | {"geometry": shapely.to_wkb(content["geometry"])}, detection=edit.id, number=number,
            batch=batch, who=who, at=at, action=edit.action))
        written[edit.id] = number
    return written


def _take_back(connection: Connection, written: Sequence[RowMapping], now: Mapping[str, RowMapping], who: str,
               undone: str) -> Result:
    """Append, for each version of a batch, one that says what the one before it said."""
    batch, at, result = str(uuid4()), time.time(), {}
    for row in written:
        before = connection.execute(select(versions).where(
            versions.c.detection == row["detection"], versions.c.number == row["number"] - 1)).mappings().first()
        content = {name: (before or row)[name] for name in (*BLANK, *_VERDICT)}
        restores = (before["restores"] or before["number"]) if before else 0
        number = now[row["detection"]]["number"] + 1
        connection.execute(update(detections).where(detections.c.id == row["detection"]).values(version=number))
        connection.execute(insert(versions).values(
            **content | ({} if before else {"status": "withdrawn"}), detection=row["detection"], number=number,
            batch=batch, who=who, at=at, action="undo", restores=restores, undoes=undone))
        result[row["detection"]] = number
    return Result(result, None, at)


def _keep(connection: Connection, detection: str, edits: Sequence[Edit], who: str, at: float) -> Conflict:
    kept = Conflict(str(uuid4()), detection, who, at, tuple(edits))
    connection.execute(insert(conflicts).values(id=kept.id, detection=detection, who=who, at=at, settled_by="",
                                                outcome="", edits=[edit.to_json() for edit in edits]))
    return kept


def _conflict(row: Row[Any]) -> Conflict:
    return Conflict(row.id, row.detection, row.who, row.at, tuple(Edit.from_json(value) for value in row.edits))


def _no_such(detection: str) -> InputError:
    return InputError("detection", got=f"{detection!r}, which is not there", expected="one of this project's ledger",
                      remedy="Choose it from the list.")


def _frame(rows: Sequence[RowMapping]) -> geopandas.GeoDataFrame:
    """Return versions as the table that ``core.review`` describes."""
    plain = ("id", "status", "class", "type", "certainty", "method", "reason", "note", "photos", "reviewer", "action",
             "model", "image_date")
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in plain}
    columns |= {name: [row[name] or "" for row in rows] for name in ("run", "parent", "merged_into")}
    columns |= {"version": [row["number"] for row in rows],
                "reviewed": pd.to_datetime([row["reviewed"] for row in rows], unit="s", utc=True),
                "outline": [row["outline"] or -1 for row in rows]}
    columns |= {name: [row["record"].get(name) for row in rows] for name in RECORD}
    measured = pd.DataFrame([row["measured"] for row in rows])
    return geopandas.GeoDataFrame(columns | {name: measured[name] for name in measured},
                                  geometry=shapely.from_wkb([row["geometry"] for row in rows]), crs=WGS84)
