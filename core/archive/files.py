"""The files of a project of anyone, each judged by whom it belongs to; nothing in them counts as done here."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core.errors import InputError
from core.field import admit as admit_outing
from core.ingest import check_readable, open_geotiff, read_area
from core.review.photo import renew
from core.tuning import admit as admit_tuning

_OWN_TABLES = re.compile(r"\s*create\s+virtual\s+table\s+\S+\s+using\s+rtree\b", re.IGNORECASE)


def admit(project: Path, tell: Callable[[float], None]) -> None:
    """Send every file of a project through the gate, and make what remains of others' work that of this computer.

    Args:
        project: Folder in which all was unpacked.
        tell: Told how far it is, between 0 and 1.

    Raises:
        ScarpError: A file is not what it should be.
    """
    files = sorted(path for path in project.rglob("*") if path.is_file())
    for number, path in enumerate(files, start=1):
        _admit(path)
        tell(number / len(files))
    for folder in sorted(project.glob("trainings/*")):
        admit_tuning(folder)
    for folder in sorted(project.glob("field/*")):
        admit_outing(folder)


def _admit(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        with open_geotiff(path) as dataset:
            check_readable(dataset)
    elif suffix == ".gpkg":
        _check_geopackage(path)
    elif suffix == ".jpg":
        renew(path)
    elif suffix == ".webp":
        renew(path, "WEBP")
    elif path.parent.name == "areas" or path.parent.parent.name == "trainings" and suffix == ".geojson":
        read_area(path)


def _check_geopackage(path: Path) -> None:
    """Refuse what makes SQLite do more than read: views, and tables that are programs."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            known = database.execute("SELECT type, sql FROM sqlite_master").fetchall()
    except sqlite3.Error:
        known = [("view", "")]
    if any(kind == "view" or (kind == "table" and re.match(r"\s*create\s+virtual", sql or "", re.IGNORECASE)
                              and not _OWN_TABLES.match(sql)) for kind, sql in known):
        raise InputError("zipped project", got="a GeoPackage that is damaged, or has views or tables of its own making",
                         expected="outlines as a detection writes them",
                         remedy="Use the zip that Scarp's own download gives.")
