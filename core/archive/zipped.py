"""A project as one zip: packed as it is sent, and opened with every file in it checked.

What can be made again (``derived``), what is not finished, and jobs, which belong to the computer that ran them, stay
behind. A zip may come from anyone: names, sizes and kinds are judged before a byte is unpacked, every file and every
row of the ledger before the project is there; until then nothing can be seen of it.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from core.archive import ledger
from core.archive.files import admit
from core.errors import InputError, ScarpError, StorageError
from core.jobs import jobs
from core.project import RUN_FILE, Project, change_project, free_folder, open_project
from core.store import forget

MAX_FILES = 20_000
MAX_TEXT_BYTES = 64 * 2**20
"""Of one text or picture; GeoJSON and GeoPackage have the gate's own limits, the ledger its own."""

MAX_EXPANSION = 100
"""Bytes out of each byte of zip; rasters in it are compressed already. Below ``EXPANSION_MATTERS_BYTES`` any."""

EXPANSION_MATTERS_BYTES = 256 * 2**20
SPARE_BYTES = 512 * 2**20
"""Left free on the disk."""

LEFT_BEHIND = "scarp.db"
"""Earlier versions packed their database; it is not unpacked."""

_MEMBER = re.compile(
    r"project\.json|[^/]+\.tiff?|layers/[^/]+\.(tiff?|geojson)|areas/[^/]+\.geojson|photos/[0-9a-f]{24}\.jpg"
    r"|(runs|changes|versus)/[^/]+/[^/]+\.(tiff?|gpkg|geojson|json|txt|csv)"
    r"|trainings/[^/]+/((tuning|model/card|run/(settings|scores))\.json|(labels|area|test)\.geojson|model/model\.safetensors"
    r"|run/(scores\.md|(log|curve)\.jsonl|pictures/\d+\.webp))"
    r"|field/[^/]+/(package\.zip|given\.gpkg|outing\.json)", re.IGNORECASE)
_FINISHED = {"runs": RUN_FILE, "trainings": "run/scores.json", "field": "outing.json"}
"""What is in each of these folders once it is finished."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:]|(^|/)\.|(^|/)$|//")
_SMALL = (".json", ".jsonl", ".txt", ".md", ".jpg", ".webp")
_CHUNK = 1 << 20

Report = Callable[[float], None]
"""Takes how far it is, between 0 and 1; what it raises stops the work and leaves nothing."""


def members(project: Path) -> list[Path]:
    """Return the files that make a project, relative to its folder, but for its database."""
    found = []
    for path in sorted(project.rglob("*")):
        inside = path.relative_to(project)
        name, kind = inside.as_posix(), _FINISHED.get(inside.parts[0])
        if _MEMBER.fullmatch(name) and not _UNSAFE.search(name) and path.is_file() and not path.is_symlink() and (
                kind is None or (project.joinpath(*inside.parts[:2]) / kind).is_file()):
            found.append(inside)
    return found


def pack(project: Project) -> Iterator[bytes]:
    """Yield a project as a zip, piece by piece; of all that goes, only the ledger is first written to the disk.

    Raises:
        StorageError: The database is damaged or in use.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive, tempfile.TemporaryFile() as rows:
        for line in ledger.lines_of(project.folder):
            rows.write(line)
        rows.seek(0)
        for inside in members(project.folder):
            about = zipfile.ZipInfo.from_file(project.folder / inside, f"{project.id}/{inside.as_posix()}",
                                              strict_timestamps=False)
            if inside.suffix in (".json", ".jsonl", ".geojson", ".gpkg"):
                about.compress_type = zipfile.ZIP_DEFLATED
            with (project.folder / inside).open("rb") as source:
                yield from _packed(archive, about, source, sink)
        about = zipfile.ZipInfo(f"{project.id}/{ledger.FILE}", time.gmtime()[:6])
        about.compress_type = zipfile.ZIP_DEFLATED
        yield from _packed(archive, about, rows, sink)
    yield sink.take()


def _packed(archive: zipfile.ZipFile, about: zipfile.ZipInfo, source: IO[bytes], sink: _Sink) -> Iterator[bytes]:
    with archive.open(about, "w", force_zip64=True) as target:
        while piece := source.read(_CHUNK):
            target.write(piece)
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
            if inside == ledger.FILE:
                continue
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("xb") as out:
                while piece := source.read(_CHUNK):
                    out.write(piece)
                    done += len(piece)
                    tell(0.6 * done / total)
        admit(folder, lambda share: tell(0.6 + 0.3 * share))
        project = _named(open_project(folder), root)
        for name in (name for name, inside in names.items() if inside == ledger.FILE):
            with archive.open(name) as source:
                ledger.take(ledger.read_lines(source), project.folder)
        tell(1.0)
        return _place(project, root)


def copy(project: Project, name: str) -> Project:
    """Make a copy of a project under another name, without its jobs.

    Raises:
        InputError: The name is empty.
        StorageError: There is no room.
    """
    root = project.folder.parent
    with _aside(root) as folder:
        for inside in members(project.folder):
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project.folder / inside, folder / inside)
        made = _named(change_project(open_project(folder), name=name, note=project.note, event=project.event), root)
        ledger.take(ledger.lines_of(project.folder), made.folder)
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
    forget(project.folder)
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
    names = {name: inside for name, inside in names.items() if inside != LEFT_BEHIND}
    for inside in names.values():
        if inside != ledger.FILE and not _MEMBER.fullmatch(inside):
            raise _refused(f"{inside[-80:]!r}", "what belongs to a project")
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
    for each in about:
        most = ledger.MAX_BYTES if each.filename.endswith(f"/{ledger.FILE}") or each.filename == ledger.FILE else (
            MAX_TEXT_BYTES)
        if each.filename.lower().endswith(_SMALL) and each.file_size > most:
            raise _refused(f"{each.filename.rpartition('/')[2]} of {each.file_size:,} bytes", f"at most {most:,}")


def _check_room(root: Path, archive: zipfile.ZipFile) -> None:
    needed = sum(each.file_size for each in archive.infolist()) + SPARE_BYTES
    if (free := shutil.disk_usage(root).free) < needed:
        raise StorageError("zipped project", got=f"{free / 1e9:.1f} GB of free disk", expected=f"{needed / 1e9:.1f} GB",
                           remedy="Free some space, or keep projects on a larger disk.")


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


def _named(project: Project, root: Path) -> Project:
    """Give the folder its name before it is there: a database elsewhere knows a project by it."""
    return open_project(project.folder.rename(project.folder.with_name(free_folder(root, project.name).name)))


def _place(project: Project, root: Path) -> Project:
    """Move a finished project to its place among the others."""
    for part in ("layers", "areas", "runs", "jobs", "derived"):
        (project.folder / part).mkdir(exist_ok=True)
    return open_project(project.folder.rename(free_folder(root, project.name)))


def _refused(got: str, expected: str, remedy: str = "Use the zip that Scarp's own download gives.") -> InputError:
    return InputError("zipped project", got=got, expected=expected, remedy=remedy)
