"""The files that a training run reads, with their checksums, so that a model can say what it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from core.errors import InputError, StorageError
from core.files import read_json, write_json
from core.training.config import Source, TrainConfig

NAMED = 5
"""So many files are named in an error."""


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes:
        path: Relative to the data folder, with forward slashes.
        bytes: Its size.
        sha256: Its checksum.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Every file of a run, ordered by path."""

    files: tuple[Entry, ...]

    @cached_property
    def sha256(self) -> str:
        """The checksum of ``sha256sum``'s list of the files: the same data have it wherever they lie."""
        return hashlib.sha256("".join(f"{e.sha256}  {e.path}\n" for e in self.files).encode()).hexdigest()

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            InputError: The file is not one, or was changed since it was written.
        """
        content = read_json(path)
        try:
            found = cls(tuple(Entry(str(e["path"]), int(e["bytes"]), str(e["sha256"])) for e in content["files"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"manifest {path.name}", got="a JSON file of another kind", expected="a manifest of data",
                             remedy="Make it with scarp data manifest.") from error
        if content.get("sha256") != found.sha256:
            raise InputError(f"manifest {path.name}", got="a list that is not the one its checksum was taken of",
                             expected=found.sha256, remedy="Make it again with scarp data manifest.")
        return found

    def write(self, path: Path) -> None:
        """Write the manifest as JSON."""
        write_json(path, {"sha256": self.sha256, "files": [asdict(entry) for entry in self.files]})


def is_scene(source: Source) -> bool:
    """Tell whether a source is one georeferenced scene, and not a set of chips."""
    return source.images.lower().endswith((".tif", ".tiff")) and not any(mark in source.images for mark in "*?[")


def images_of(source: Source, data: Path) -> list[str]:
    """Return the paths of a source's images in the data folder, in order.

    Raises:
        InputError: There are none.
    """
    found = sorted(file.relative_to(data).as_posix() for file in data.glob(source.images))
    if not found:
        raise InputError(f"source {source.name}", got="no files", expected=f"images at {source.images}",
                         remedy="Point --data at the folder that holds the training data.")
    return found


def files_of(config: TrainConfig, data: Path) -> list[str]:
    """Return every file of the data folder that a configuration uses, in order, whether it is there or not.

    Raises:
        InputError: A source has no images.
    """
    found: set[str] = set()
    for source in config.sources:
        images = images_of(source, data)
        found.update(images)
        if source.labels and Path(source.labels).suffix:
            found.add(source.labels)
        elif source.labels:
            found.update(f"{source.labels.rstrip('/')}/{Path(image).stem}.png" for image in images)
        if source.dem:
            found.add(source.dem)
    if config.encoder_weights not in {"imagenet", "none"}:
        found.add(config.encoder_weights)
    return sorted(found)


def make_manifest(config: TrainConfig, data: Path) -> Manifest:
    """Take the checksum of every file that a configuration uses.

    Raises:
        InputError: Files are missing.
    """
    paths = files_of(config, data)
    if missing := [path for path in paths if not (data / path).is_file()]:
        raise _refuse("missing", missing, "Complete the data folder, or correct the configuration.")
    return Manifest(tuple(Entry(path, (data / path).stat().st_size, _sha256(data / path)) for path in paths))


def check(manifest: Manifest, config: TrainConfig, data: Path, *, record: Path | None = None,
          full: bool = False) -> None:
    """Make sure that a run would read exactly the files of its manifest.

    Sizes are compared first. A file's checksum is taken once and remembered with its size and time of change, so a
    second check of the same folder takes no longer than a look at the folder.

    Args:
        manifest: What the files should be.
        config: Whose files are to be read.
        data: The folder.
        record: Where checksums are remembered between calls; nowhere if left out.
        full: Take every checksum anew.

    Raises:
        InputError: A file is missing, differs or is not listed; the first of them are named.
    """
    wanted = {entry.path: entry for entry in manifest.files}
    used = files_of(config, data)
    if strange := [path for path in used if path not in wanted]:
        raise _refuse("not in the manifest", strange, "Remove them from the data folder, or make a new manifest with "
                                                      "scarp data manifest and train a new model.")
    entries = [wanted[path] for path in used]
    if missing := [entry.path for entry in entries if not (data / entry.path).is_file()]:
        raise _refuse("missing", missing, "Copy them into the data folder again.")
    remedy = "Restore them, or make a new manifest with scarp data manifest and train a new model."
    if other := [entry.path for entry in entries if (data / entry.path).stat().st_size != entry.bytes]:
        raise _refuse("of another size", other, remedy)
    known = {} if full else _remembered(record)
    seen = {entry.path: _looked_at(data / entry.path, known.get(entry.path, ())) for entry in entries}
    if record:
        _remember(record, known | seen)
    if other := [entry.path for entry in entries if seen[entry.path][2] != entry.sha256]:
        raise _refuse("of other content", other, remedy)


def _looked_at(path: Path, known: Sequence[object]) -> list[object]:
    """Return a file's time of change, size and checksum; the last is what is known where the first two still hold."""
    status = path.stat()
    stamp = [status.st_mtime_ns, status.st_size]
    return list(known) if list(known[:2]) == stamp and len(known) == 3 else [*stamp, _sha256(path)]


def _remembered(record: Path | None) -> dict[str, list[object]]:
    """Return what was remembered; a record that cannot be read is as good as none."""
    if record is None or not record.exists():
        return {}
    try:
        return {path: each for path, each in read_json(record).items() if isinstance(each, list)}
    except InputError:
        return {}


def _remember(record: Path, seen: dict[str, list[object]]) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, seen)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"file {path.name}", got=error.strerror or "an error", expected="a file that can be read",
                           remedy="Check your permission to read the data folder.") from error


def _refuse(how: str, paths: Iterable[str], remedy: str) -> InputError:
    listed = list(paths)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return InputError("training data", got=f"{len(listed)} file(s) {how}: {', '.join(listed[:NAMED])}{more}",
                      expected="the files of the manifest", remedy=remedy)
