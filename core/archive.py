"""A project as one zip: packed as it is sent, and opened with every file in it checked by the gate.

What can be made again (``derived``), what is not finished, and jobs, which belong to the computer that ran them, stay
behind. A zip may come from anyone: names, sizes and kinds are judged before a byte is unpacked, every raster and
outline before the project is there; until then nothing can be seen of it. Its database is not taken: a database of
someone else's is nothing to open.
"""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import InputError, ScarpError, StorageError
from core.ingest import check_readable, open_geotiff, read_area
from core.jobs import jobs
from core.project import RUN_FILE, Project, change_project, free_folder, open_project

MAX_FILES = 20_000
MAX_TEXT_BYTES = 64 * 2**20
"""Of one JSON file; GeoJSON and GeoPackage have the gate's own limits."""

MAX_EXPANSION = 100
"""Bytes out of each byte of zip; rasters in it are compressed already. Below ``EXPANSION_MATTERS_BYTES`` any."""

EXPANSION_MATTERS_BYTES = 256 * 2**20
SPARE_BYTES = 512 * 2**20
"""Left free on the disk."""

DATABASE = "scarp.db"
_MEMBER = re.compile(r"project\.json|[^/]+\.tiff?|layers/[^/]+\.(tiff?|geojson)|areas/[^/]+\.geojson"
                     r"|(runs|changes|versus)/[^/]+/[^/]+\.(tiff?|gpkg|geojson|json|txt|csv)", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:]|(^|/)\.|(^|/)$|//")
_CHUNK = 1 << 20

Report = Callable[[float], None]
"""Takes how far it is, between 0 and 1; what it raises stops the work and leaves nothing."""


def members(project: Path) -> list[Path]:
    """Return the files that make a project, relative to its folder, but for the database."""
    found = []
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project).as_posix()
        if _MEMBER.fullmatch(name) and not _UNSAFE.search(name) and path.is_file() and not path.is_symlink() and (
                not name.startswith("runs/") or (path.parent / RUN_FILE).is_file()):
            found.append(path.relative_to(project))
    return found


def pack(project: Project) -> Iterator[bytes]:
    """Yield a project as a zip, piece by piece: nothing is written to the disk, and nothing is held whole in memory.

    Raises:
        StorageError: The database is damaged or in use.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive, _database(project.folder) as database:
        files = [(project.folder / name, name.as_posix()) for name in members(project.folder)]
        for path, name in [*files, *([(database, DATABASE)] if database else [])]:
            about = zipfile.ZipInfo.from_file(path, f"{project.id}/{name}", strict_timestamps=False)
            if path.suffix in (".json", ".geojson", ".gpkg", ".db"):
                about.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as source, archive.open(about, "w", force_zip64=True) as target:
                while piece := source.read(_CHUNK):
                    target.write(piece)
                    yield sink.take()
    yield sink.take()


def unpack(file: BinaryIO, root: Path, report: Report | None = None) -> Project:
    """Open a zipped project of anyone as a new project.

    Args:
        file: The zip; it is only read.
        root: Folder of projects.
        report: Told how far it is.

    Raises:
        InputError: It is no zip, holds no project or something else than a project holds, or the gate refuses one of
            its files.
        StorageError: There is no room.
    """
    tell = report or (lambda _: None)
    with _checked(file) as (archive, names), _aside(root) as folder:
        _check_room(root, archive)
        total, done = sum(archive.getinfo(name).file_size for name in names) or 1, 0
        for name, inside in names.items():
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("xb") as out:
                while piece := source.read(_CHUNK):
                    out.write(piece)
                    done += len(piece)
                    tell(0.7 * done / total)
        checked = list(names.values())
        for number, inside in enumerate(checked):
            _check_file(folder / inside)
            tell(0.7 + 0.3 * (number + 1) / len(checked))
        return _place(open_project(folder), root)


def copy(project: Project, name: str) -> Project:
    """Make a copy of a project under another name, without its jobs.

    Raises:
        InputError: The name is empty.
        StorageError: There is no room.
    """
    root = project.folder.parent
    with _aside(root) as folder, _database(project.folder) as database:
        for inside in members(project.folder):
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project.folder / inside, folder / inside)
        if database:
            shutil.copy2(database, folder / DATABASE)
        made = change_project(open_project(folder), name=name, note=project.note, event=project.event)
        return _place(made, root)


def remove(project: Project) -> None:
    """Remove a project with all its files; it is gone at once, its files soon after.

    Raises:
        InputError: A job of it is at work or waiting.
        StorageError: It cannot be removed.
    """
    if active := sum(job.active for job in jobs(project.folder / "jobs")):
        raise InputError(f"removing {project.name!r}", got=f"{active} of its jobs at work or waiting", expected="none",
                         remedy="Cancel them on the Jobs page, or wait for their end.")
    try:
        gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=project.folder.parent))
        project.folder.rename(gone / "project")
    except OSError as error:
        raise StorageError(f"removing {project.name!r}", got=error.strerror or "an error",
                           expected="a folder that can be written", remedy="Check its permissions.") from error
    shutil.rmtree(gone, ignore_errors=True)


class _Sink(io.RawIOBase):
    """Where a zip is written to that is handed on in pieces."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:  # noqa: ANN401 - what has bytes
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


@contextmanager
def _database(project: Path) -> Iterator[Path | None]:
    """Give a copy of a project's database as it is at this moment, without jobs; None when it has none.

    SQLite makes the copy: reading the file by other means would drop the locks that this process holds on it.
    """
    if not (project / DATABASE).is_file():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="scarp-") as folder:
        target = Path(folder) / DATABASE
        try:
            with closing(sqlite3.connect(project / DATABASE, timeout=20)) as source:
                source.execute("VACUUM INTO ?", (str(target),))
            with closing(sqlite3.connect(target, isolation_level=None)) as made:
                if made.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'jobs'").fetchone():
                    made.execute("DELETE FROM jobs")
        except sqlite3.Error as error:
            raise StorageError("project database", got=str(error), expected="a database that can be read",
                               remedy="Try again when no job is at work, or restore scarp.db from a copy.") from error
        yield target


@contextmanager
def _checked(file: BinaryIO) -> Iterator[tuple[zipfile.ZipFile, dict[str, str]]]:
    """Open a zip and judge what it declares: give the names of its members and where each goes in the project."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive, _names(archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise _refused("a damaged file, or no zip", "a zip that Scarp made",
                       "Download the project again where it was made.") from error


def _names(archive: zipfile.ZipFile) -> dict[str, str]:
    found = [each for each in archive.infolist() if not each.is_dir()]
    if len(found) > MAX_FILES:
        raise _refused(f"{len(found):,} files", f"at most {MAX_FILES:,}")
    for each in found:
        kind = stat.S_IFMT(each.external_attr >> 16)
        if each.flag_bits & 1 or each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused("an encrypted file, or one packed in an unusual way", "a plain zip")
        if kind not in (0, stat.S_IFREG):
            raise _refused("a link or a device", "files and folders alone")
        if _UNSAFE.search(each.filename) or each.filename.startswith("/"):
            raise _refused("a name that leads elsewhere, or a hidden one", "names of a project's files")
    top = _top([each.filename for each in found])
    names = {each.filename: each.filename.removeprefix(top) for each in found}
    names = {name: inside for name, inside in names.items() if inside != DATABASE}
    for inside in names.values():
        if not _MEMBER.fullmatch(inside):
            raise _refused(f"{inside[-80:]!r}", "layers, areas and finished detections")
    if len({inside.lower() for inside in names.values()}) != len(names):
        raise _refused("two files of the same name", "one file a name")
    _check_sizes(archive, names)
    return names


def _top(names: list[str]) -> str:
    """Return the folder in which the project lies inside the zip, with a slash, or nothing."""
    tops = [name.removesuffix("project.json") for name in names if re.fullmatch(r"([^/]+/)?project\.json", name)]
    if len(tops) != 1 or not all(name.startswith(tops[0]) for name in names):
        raise _refused("files of another kind", "one project, with its project.json")
    return tops[0]


def _check_sizes(archive: zipfile.ZipFile, names: dict[str, str]) -> None:
    about = [archive.getinfo(name) for name in names]
    out, packed = sum(each.file_size for each in about), sum(each.compress_size for each in about)
    if out > max(EXPANSION_MATTERS_BYTES, MAX_EXPANSION * packed):
        raise _refused(f"{packed:,} bytes that would unpack to {out:,}", f"at most {MAX_EXPANSION} out of each byte")
    if big := [each for each in about if each.filename.endswith((".json", ".txt")) and each.file_size > MAX_TEXT_BYTES]:
        raise _refused(f"{big[0].filename.rpartition('/')[2]} of {big[0].file_size:,} bytes",
                       f"at most {MAX_TEXT_BYTES:,}")


def _check_room(root: Path, archive: zipfile.ZipFile) -> None:
    needed = sum(each.file_size for each in archive.infolist()) + SPARE_BYTES
    if (free := shutil.disk_usage(root).free) < needed:
        raise StorageError("zipped project", got=f"{free / 1e9:.1f} GB of free disk", expected=f"{needed / 1e9:.1f} GB",
                           remedy="Free some space, or keep projects on a larger disk.")


def _check_file(path: Path) -> None:
    """Send one file through the gate."""
    if path.suffix.lower() in (".tif", ".tiff"):
        with open_geotiff(path) as dataset:
            check_readable(dataset)
    elif path.suffix.lower() == ".gpkg":
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
                views = database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'view'").fetchone()[0]
        except sqlite3.Error:
            views = -1
        if views:
            raise _refused("a GeoPackage that is damaged or has views", "outlines as a detection writes them")
    elif path.parent.name == "areas":
        read_area(path)


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    """Give an empty folder in which a project is made unseen; what is left there is removed."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".making-", dir=root))
    except OSError as error:
        raise StorageError("projects folder", got=error.strerror or "an error", expected="a folder that can be written",
                           remedy="Choose another folder with SCARP_PROJECTS.") from error
    try:
        (folder / "project").mkdir()
        yield folder / "project"
    except OSError as error:
        if isinstance(error, ScarpError):
            raise
        raise StorageError("project", got=error.strerror or "an error", expected="room and permission to write",
                           remedy="Free some space or choose another folder.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(project: Project, root: Path) -> Project:
    """Move a finished project to its place among the others."""
    for part in ("layers", "areas", "runs", "jobs", "derived"):
        (project.folder / part).mkdir(exist_ok=True)
    return open_project(project.folder.rename(free_folder(root, project.name)))


def _refused(got: str, expected: str, remedy: str = "Use the zip that Scarp's own download gives.") -> InputError:
    return InputError("zipped project", got=got, expected=expected, remedy=remedy)
