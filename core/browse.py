"""Folders of data on the server's own disks: what is in them, and no way out of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.incoming import SUFFIXES

MOST = 2_000
"""So many entries of a folder are shown."""


@dataclass(frozen=True)
class Entry:
    """A folder, or a file of a kind that is read here."""

    name: str
    folder: bool
    size: int
    changed: float


def roots(setting: str) -> list[Path]:
    """Return the allowed folders: those of a list as in PATH that are there."""
    return [Path(each).resolve() for each in setting.split(os.pathsep) if each.strip() and Path(each).is_dir()]


def inside(root: Path, *parts: str) -> Path:
    """Return a place below an allowed folder.

    Raises:
        InputError: It is not there, or links or ``..`` lead out.
    """
    place = root.joinpath(*parts)
    try:
        real = place.resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise _refuse(parts) from error
    if not real.is_relative_to(root):
        raise _refuse(parts)
    return real


def listing(root: Path, *parts: str) -> list[Entry]:
    """Return folders, then files of a kind that is read here, by name; what leads out is left out.

    Raises:
        InputError: The folder is not there, cannot be read or lies outside.
    """
    found = []
    try:
        for each in os.scandir(inside(root, *parts)):
            entry = _entry(root, each)
            if entry:
                found.append(entry)
    except OSError as error:
        raise InputError("data folder", got=(error.strerror or "an error").lower(),
                         expected="a folder that can be read", remedy="Check its permissions.") from error
    return sorted(found, key=lambda each: (not each.folder, each.name.lower()))[:MOST]


def _entry(root: Path, each: os.DirEntry[str]) -> Entry | None:
    if each.name.startswith("."):
        return None
    try:
        if each.is_symlink() and not Path(each.path).resolve(strict=True).is_relative_to(root):
            return None
        status = each.stat()
        if each.is_dir():
            return Entry(each.name, True, 0, status.st_mtime)
        wanted = each.is_file() and Path(each.name).suffix.lower() in SUFFIXES
        return Entry(each.name, False, status.st_size, status.st_mtime) if wanted else None
    except (OSError, RuntimeError):
        return None


def _refuse(parts: tuple[str, ...]) -> InputError:
    return InputError("data folder", got=f"{'/'.join(parts)[-80:] or 'nothing'}, which is not in it",
                      expected="a file or folder inside", remedy="Choose from the list.")
