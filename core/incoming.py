"""Files that came to a project and wait to be judged: a record each, and the file itself when it was uploaded.

    incoming/<id>.json    its name, where it is, whether it is taken, why it was refused
    incoming/<id>.tif     what was uploaded, under a name of ours

Nothing here has been looked at. ``core.importing`` judges a file, copies what is in it, and ends the record.
"""

from __future__ import annotations

import fcntl
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError, ScarpError
from core.files import read_json, write_json

SUFFIXES = {".tif": ".tif", ".tiff": ".tif", ".geojson": ".geojson", ".json": ".geojson", ".gpkg": ".gpkg",
            ".zip": ".zip"}
"""What a name may end in, and what the file is called here. It is a claim: the gate looks at the content."""

STALE_S = 86_400.0
_ID = re.compile(r"[0-9a-f]{16}")

State = Literal["waiting", "taken", "refused"]


@dataclass(frozen=True)
class Incoming:
    """One file that came.

    Attributes:
        id: Of its record.
        name: What its owner called it.
        file: Where it is.
        ours: Whether it was uploaded, and is ours to remove.
        state: ``waiting``, ``taken`` by an import, or ``refused``.
        error: Why it was refused: ``what``, ``got``, ``expected`` and ``remedy``.
        came: Seconds since 1970.
    """

    id: str
    name: str
    file: Path
    ours: bool
    state: State = "waiting"
    error: Mapping[str, str] = field(default_factory=dict)
    came: float = field(default_factory=time.time)


def suffix_of(name: str) -> str:
    """Return what a file of this name is called here.

    Raises:
        InputError: It is of no kind that is read here.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"file {name[-80:]}", got=suffix or "a name without an ending",
                         expected=f"one of {', '.join(SUFFIXES)}",
                         remedy="Export rasters as GeoTIFF, outlines as GeoPackage or GeoJSON, or zip the Shapefile.")
    return SUFFIXES[suffix]


def new_file(project: Path, name: str) -> Path:
    """Return where an upload is to be written; the file's stem is its id.

    Raises:
        InputError: The name is of no kind that is read here.
    """
    folder = _folder(project)
    _sweep(folder)
    return folder / f"{secrets.token_hex(8)}{suffix_of(name)}"


def add(project: Path, name: str, file: Path, *, ours: bool) -> Incoming:
    """Record a file that is there, uploaded (``ours``) or in a folder of this machine.

    Raises:
        InputError: The name is of no kind that is read here.
    """
    suffix_of(name)
    made = Incoming(file.stem if ours else secrets.token_hex(8), name, file, ours)
    _write(_folder(project), made)
    return made


def records(project: Path) -> list[Incoming]:
    """Return what came, oldest first; a damaged record is left out."""
    found = []
    for path in (project / "incoming").glob("*.json"):
        try:
            found.append(_read(path))
        except (ScarpError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda each: (each.came, each.id))


def find(project: Path, name: str) -> Incoming:
    """Return one record by its id.

    Raises:
        InputError: There is none.
    """
    path = project / "incoming" / f"{name}.json"
    if not _ID.fullmatch(name) or not path.is_file():
        raise InputError("incoming file", got=name[:40], expected="a file that waits to be imported",
                         remedy="Upload the file again.")
    return _read(path)


def take(project: Path, only: str = "") -> list[Incoming]:
    """Take everything that waits, or only one file: each is given out once, also when two pages ask."""
    with _alone(_folder(project)) as folder:
        waiting = [each for each in records(project) if each.state == "waiting" and only in ("", each.id)]
        for each in waiting:
            _write(folder, each, state="taken")
    return waiting


def put_back(project: Path, name: str) -> None:
    """Let a file wait again, after its import was stopped or refused."""
    _write(_folder(project), find(project, name))


def refuse(project: Path, name: str, error: ScarpError) -> None:
    """Record why a file could not be used."""
    _write(_folder(project), find(project, name), state="refused", error=told(error))


def told(error: ScarpError) -> dict[str, str]:
    """Return an error as JSON."""
    return {"what": error.what, "got": str(error.got), "expected": str(error.expected), "remedy": error.remedy}


def end(project: Path, name: str) -> None:
    """Forget a file, if it is still there; one that was uploaded is removed."""
    for each in records(project):
        if each.id == name and each.ours:
            each.file.unlink(missing_ok=True)
    (project / "incoming" / f"{name}.json").unlink(missing_ok=True)


def _folder(project: Path) -> Path:
    folder = project / "incoming"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _read(path: Path) -> Incoming:
    value = read_json(path)
    ours = bool(value["ours"])
    file = path.parent / Path(value["file"]).name if ours else Path(value["file"])
    return Incoming(path.stem, value["name"], file, ours, value["state"], value["error"], value["came"])


def _write(folder: Path, each: Incoming, state: State = "waiting", error: Mapping[str, Any] | None = None) -> None:
    file = each.file.name if each.ours else str(each.file)
    write_json(folder / f"{each.id}.json", {"name": each.name, "file": file, "ours": each.ours, "state": state,
                                            "error": dict(error or {}), "came": each.came})


def _sweep(folder: Path) -> None:
    """Remove what a server or an import that was killed left behind: of a day ago, and without a record."""
    for path in folder.iterdir():
        alone = path.suffix != ".json" and not path.with_suffix(".json").exists() and path.name != ".lock"
        if alone and time.time() - path.stat().st_mtime > STALE_S:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
