"""An edited copy against what was given out: matched by id, told apart from noise, and taken only when asked.

Two outlines are the same when no vertex of either lies more than ``SAME_M`` from the other, and they differ in area by
no more than a strip of that width: a copy that was reprojected, or written with seven decimals of a degree, differs
by less. Two numbers are the same when they differ by no more than one part in a million; empty text is the same as
none.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import geopandas
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import InputError
from core.export import LAYER
from core.grid import axes_m
from core.ingest import read_features
from core.inventory import FIELDS, as_records

SAME_M = 0.02
SAME_SHARE = 1e-6


@dataclass(frozen=True)
class Change:
    """What happened to one landslide.

    Attributes:
        id: Its own.
        kind: ``added``, ``deleted`` or ``changed``.
        before: Its outline before; None for one that was added.
        after: Its outline after; None for one that was deleted.
        moved_m: How far the outline went at most, in metres; 0 where it stayed.
        attributes: Old and new value of each attribute that is another now; of one that was added, all that it says.
        split_from: Of one that was added: the landslide it was cut off, which had its id.
    """

    id: str
    kind: Literal["added", "deleted", "changed"]
    before: BaseGeometry | None = None
    after: BaseGeometry | None = None
    moved_m: float = 0.0
    attributes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    split_from: str = ""


@dataclass(frozen=True)
class Diff:
    """All that an edited copy changes.

    Attributes:
        changes: In the order of what was given out, added ones last.
        unchanged: Landslides that came back as they were.
        remarks: What someone should know before taking them, in words.
    """

    changes: tuple[Change, ...]
    unchanged: int
    remarks: tuple[str, ...] = ()

    def of(self, kind: str) -> list[Change]:
        """Return the changes of one kind; ``moved`` are those whose outline is another."""
        if kind == "moved":
            return [each for each in self.changes if each.moved_m]
        return [each for each in self.changes if each.kind == kind]


def read_edited(path: Path, crs: object) -> tuple[geopandas.GeoDataFrame, list[str]]:
    """Read a GeoPackage that came back.

    Args:
        path: From anyone; it passes the gate.
        crs: Of what was given out: outlines are brought to it.

    Returns:
        Its rows as records, ids as they are there, in ``crs``; and remarks, in words.

    Raises:
        InputError: It cannot be used, or has no column ``id``.
    """
    table = read_features(path, LAYER)
    if "id" not in table.columns:
        raise InputError(path.name, got="a layer without a column id", expected="the layer that was given out, edited",
                         remedy="Send back the package's own layer; other landslides are imported as labels.")
    frame = geopandas.GeoDataFrame(table.columns, geometry=table.shapes, crs=table.crs.to_wkt())
    remarks = []
    if missing := [each.name for each in FIELDS if each.name not in table.columns]:
        remarks.append(f"The copy has no column {', '.join(missing)}: what was known there stays.")
    if table.repaired:
        remarks.append(f"{len(table.repaired)} outlines crossed themselves and were repaired.")
    if empty := sum(shape is None for shape in table.shapes):
        remarks.append(f"{empty} rows without an outline were left out.")
    if table.journal:
        remarks.append("The file was perhaps copied while it was open; changes made last may be in a file beside it "
                       "(-wal). Close the project in QGIS, then copy the file, to be sure.")
    frame = as_records(frame[frame.geometry.notna()].reset_index(drop=True)).to_crs(crs)
    return frame.drop(columns=missing), remarks


def difference(base: geopandas.GeoDataFrame, edited: geopandas.GeoDataFrame, remarks: Collection[str] = ()) -> Diff:
    """Say what an edited copy changes.

    A row with an id that was given out is that landslide. Of several with one id, as QGIS leaves them when an outline
    is split, the one that covers most of the old outline keeps it; the others are new. A row without an id is new.

    Args:
        base: Records as they were given out; ids are theirs alone.
        edited: As ``read_edited`` gives it, in the CRS of ``base``.
        remarks: To be handed on.

    Raises:
        InputError: An id in ``base`` is there twice, or the CRS is another.
    """
    if base["id"].duplicated().any() or base.crs != edited.crs:
        raise InputError("what was given out", got="an id there twice, or another CRS", expected="records",
                         remedy="Make a new field package.")
    rows = dict(zip(base["id"], base.to_dict("records"), strict=True))
    kept, added = _matched(rows, edited)
    changes, unchanged = [], 0
    for name, old in rows.items():
        if name not in kept:
            changes.append(Change(name, "deleted", before=old["geometry"]))
            continue
        new = kept[name]
        moved = _moved_m(old["geometry"], new["geometry"], base)
        said = {key: (_plain(old.get(key)), _plain(new[key])) for key in new
                if key not in ("id", "geometry") and not _same(old.get(key), new[key])}
        if moved or said:
            changes.append(Change(name, "changed", old["geometry"], new["geometry"], moved, said))
        else:
            unchanged += 1
    for name, row, cut_off in added:
        said = {key: (None, _plain(value)) for key, value in row.items()
                if key not in ("id", "geometry") and _plain(value) is not None}
        changes.append(Change(name, "added", after=row["geometry"], attributes=said, split_from=cut_off))
    return Diff(tuple(changes), unchanged, tuple(remarks))


def apply(base: geopandas.GeoDataFrame, diff: Diff, chosen: Collection[str] | None = None) -> geopandas.GeoDataFrame:
    """Return the records with the changes taken.

    Args:
        base: As for ``difference``.
        diff: What to take.
        chosen: Ids of the changes that are taken; None: all.
    """
    taken = {each.id: each for each in diff.changes if chosen is None or each.id in chosen}
    rows = []
    for old in base.to_dict("records"):
        change = taken.get(old["id"])
        if change is None:
            rows.append(old)
        elif change.kind == "changed":
            rows.append(old | {key: new for key, (_, new) in change.attributes.items()} |
                        ({"geometry": change.after} if change.moved_m else {}))
    rows += [{"id": each.id, "geometry": each.after} | {key: new for key, (_, new) in each.attributes.items()}
             for each in taken.values() if each.kind == "added"]
    columns = [*base.columns.drop("geometry"), "geometry"]
    more = [key for row in rows for key in row if key not in columns]
    frame = pd.DataFrame(rows, columns=[*columns[:-1], *dict.fromkeys(more), "geometry"])
    return as_records(geopandas.GeoDataFrame(frame, geometry="geometry", crs=base.crs))


def conflicts(base: geopandas.GeoDataFrame, now: geopandas.GeoDataFrame, diff: Diff) -> list[str]:
    """Return the ids that were changed here as well since they were given out: someone has to decide.

    Args:
        base: Records as they were given out.
        now: Records as they are here.
        diff: What comes back.
    """
    here = {each.id for each in difference(base, now).changes}
    return [each.id for each in diff.changes if each.id in here]


def _matched(rows: Mapping[str, Mapping[str, Any]], edited: geopandas.GeoDataFrame) -> tuple[
        dict[str, dict[str, Any]], list[tuple[str, dict[str, Any], str]]]:
    """Divide edited rows into those that keep an id that was given out, and new ones with an id of their own."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in edited.to_dict("records"):
        groups.setdefault(row["id"] or "", []).append(row)
    kept: dict[str, dict[str, Any]] = {}
    added = []
    for name, group in groups.items():
        if name in rows:
            old = rows[name]["geometry"]
            ordered = sorted(group, key=lambda row: -row["geometry"].intersection(old).area)
            kept[name] = ordered[0]
            added += [(str(uuid.uuid4()), row, name) for row in ordered[1:]]
        else:
            added += [(name if name and not at else str(uuid.uuid4()), row, "") for at, row in enumerate(group)]
    return kept, added


def _moved_m(old: BaseGeometry, new: BaseGeometry, base: geopandas.GeoDataFrame) -> float:
    """Return how far an outline went, in metres; 0 where that is noise."""
    if old.equals_exact(new, 0):
        return 0.0
    point = old.representative_point()
    metres = axes_m(base.crs, point.x, point.y)[0]
    before, after = (shapely.transform(each, lambda xy: xy @ metres.T) for each in (old, new))
    if before.normalize().equals_exact(after.normalize(), SAME_M):
        return 0.0
    far = float(shapely.hausdorff_distance(before.boundary, after.boundary))
    if far > SAME_M:
        return far
    strip = float(before.symmetric_difference(after).area) / max(before.length, after.length)
    return strip if strip > SAME_M else 0.0


def _same(old: object, new: object) -> bool:
    one, other = _plain(old), _plain(new)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return bool(abs(one - other) <= SAME_SHARE * max(1.0, abs(one), abs(other)))
    return one == other


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any column
    """Return None for what says nothing, and plain values else."""
    if value is None or value is pd.NaT or value is pd.NA or value == "" or (
            isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value.rstrip() if isinstance(value, str) else value
