"""Field packages of a project: what was given out is remembered, so that what comes back can be told from it.

    field/<id>/package.zip      what was given out
    field/<id>/given.gpkg       the records in it, in degrees, each with the version that the ledger had then
    field/<id>/outing.json      title, time, run

Nothing of it is read again but by comparing what comes back.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import geopandas
import numpy as np
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from core.errors import InputError, StorageError
from core.export import LAYER
from core.field.edits import Change, Diff, difference, read_edited
from core.field.package import check_package, write_package
from core.field.records import records_of
from core.files import dated_name, read_json, write_json
from core.inventory import as_records, check, field, write_inventory
from core.layers import Layer
from core.project import Project
from core.review import POSITIVE, Edit, Ledger
from core.review.record import RECORD

WGS84 = "EPSG:4326"
GIVEN = ("unreviewed", *POSITIVE)
"""Statuses of what is given out; what was rejected stays here."""
TOLD = (*RECORD, "type", "certainty", "note")
"""What is taken of an edited copy beside the outline; what was measured is measured again."""

Measure = Callable[[BaseGeometry], Mapping[str, Any]]
"""Measures an outline in degrees."""


@dataclass(frozen=True)
class Outing:
    """One package that was given out.

    Attributes:
        folder: Where it is.
        title: For people.
        made: When, ISO 8601.
        run: The detection it was made from.
    """

    folder: Path
    title: str
    made: str
    run: str

    @property
    def id(self) -> str:
        """Name of its folder."""
        return self.folder.name

    @property
    def package(self) -> Path:
        """The zip."""
        return self.folder / "package.zip"

    def given(self) -> geopandas.GeoDataFrame:
        """Return the records as they were given out, with ``version``.

        Raises:
            InputError: The record of it is damaged.
        """
        try:
            frame = geopandas.read_file(self.folder / "given.gpkg", layer=LAYER)
        except (OSError, ValueError) as error:
            raise InputError(f"field package {self.title!r}", got="a record that cannot be read",
                             expected="what was given out", remedy="Make a new package.") from error
        return as_records(frame)

    def difference(self, edited: Path) -> Diff:
        """Say what an edited copy changes.

        Raises:
            InputError: It cannot be used.
        """
        given = self.given().drop(columns="version")
        frame, remarks = read_edited(edited, given.crs)
        return difference(given, frame, remarks)


def give_out(project: Project, run: str, title: str, image: Layer, area: Mapping[str, Any] | None = None) -> Outing:
    """Make a field package of a run's landslides as the ledger has them now.

    Args:
        project: Of all.
        run: The detection; its outlines are in the ledger.
        title: For people.
        image: To take along.
        area: GeoJSON polygon in degrees; None: around the landslides.

    Raises:
        InputError: There is neither a landslide nor an area, or the area is beside the image.
        StorageError: There is no room.
    """
    found = Ledger(project).detections(run=run, status=GIVEN)
    records = records_of(found, "version", image=image.title)
    place = shape(area) if area else None
    if place is not None:
        records = records[records.intersects(place)]
    now = datetime.now(UTC)
    folder = project.folder / "field" / dated_name()
    try:
        folder.mkdir(parents=True)
        write_package(folder / "package.zip", records.drop(columns="version"), title, image=project.path(image),
                      bands=dict(image.bands) or None, area=place)
        write_inventory(folder / "given.gpkg", records)
        write_json(folder / "outing.json", {"title": title, "made": now.isoformat(timespec="seconds"), "run": run})
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, StorageError):
            raise
        raise StorageError("field package", got=error.strerror or "an error", expected="room in the project's folder",
                           remedy="Free some space and try again.") from error
    except InputError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return outings(project)[0]


def outings(project: Project) -> list[Outing]:
    """Return the packages that were given out, newest first; a damaged one is left out."""
    found = []
    for file in sorted((project.folder / "field").glob("*/outing.json"), reverse=True):
        with contextlib.suppress(InputError):
            about = read_json(file)
            found.append(Outing(file.parent, str(about.get("title", "")), str(about.get("made", "")),
                                str(about.get("run", ""))))
    return found


def admit(folder: Path) -> None:
    """Judge a package that was given out by anyone: its record can be read, and it holds what a package holds.

    Raises:
        InputError: It does not.
    """
    about = read_json(folder / "outing.json")
    known = {name: str(about.get(name, "")) for name in ("title", "made", "run")}
    write_json(folder / "outing.json", known)
    Outing(folder, *known.values()).given()
    check_package(folder / "package.zip")


def take(ledger: Ledger, outing: Outing, diff: Diff, who: str, measure: Measure,
         chosen: Collection[str] | None = None) -> tuple[int, int]:
    """Take changes into the ledger, one landslide at a time.

    A landslide that was deleted is rejected. What was changed here as well since it was given out is kept as a
    conflict, beside what is there.

    Args:
        ledger: Of the project.
        outing: What was given out.
        diff: What came back.
        who: Who made the changes.
        measure: For outlines that are another now.
        chosen: Ids of the changes that are taken; None: all.

    Returns:
        How many were taken, and how many of the others became conflicts.

    Raises:
        InputError: There is no name, or a change says what no record may; nothing is taken then.
        StorageError: The ledger cannot be used.
    """
    versions = dict(zip(*(outing.given()[name] for name in ("id", "version")), strict=True))
    wanted = [each for each in diff.changes if chosen is None or each.id in chosen]
    check(_after(wanted))
    edits = [_edit(each, int(versions.get(each.id, 0)), measure, outing.run) for each in wanted]
    taken = conflicts = 0
    for edit in edits:
        result = ledger.apply([edit], who)
        conflicts += result.conflict is not None
        taken += result.conflict is None
    return taken, conflicts


def _after(changes: Collection[Change]) -> geopandas.GeoDataFrame:
    """Return what the changes say, as records to be checked."""
    rows = [{"id": each.id, **{name: new for name, (_, new) in each.attributes.items()}}
            for each in changes if each.kind != "deleted"]
    shapes = [each.after for each in changes if each.kind != "deleted"]
    return as_records(geopandas.GeoDataFrame(rows, columns=None if rows else ["id"], geometry=shapes, crs=WGS84))


def _edit(change: Change, version: int, measure: Measure, run: str) -> Edit:
    if change.kind == "deleted":
        return Edit(change.id, version, "import", {"status": "rejected", "reason": "other"})
    said = {name: _value(new) for name, (_, new) in change.attributes.items() if name in TOLD}
    said = {name: field(name).default or "" if value is None else value for name, value in said.items()}
    if change.kind == "changed" and not change.moved_m:
        return Edit(change.id, version, "import", said)
    drawn = {"geometry": change.after, "measured": dict(measure(change.after))}
    if change.kind == "changed":
        return Edit(change.id, version, "import", said | drawn | {"status": "edited", "reason": "", "method": "edited"})
    return Edit(_uuid(change.id), 0, "import", said | drawn | {"status": "drawn", "method": "drawn"},
                change.split_from or None, run)


def _value(value: object) -> object:
    """Return what the ledger keeps: whole numbers as such, days as text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, date) else value


def _uuid(name: str) -> str:
    """Return an id of the ledger: the one it has, or a new one for a name of another kind."""
    with contextlib.suppress(ValueError):
        return str(UUID(name))
    return str(uuid4())
