"""Photos from the field: only their pixels come in, re-encoded in a process of its own, with the place they tell."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError, StorageError
from core.files import write_atomic
from core.review.reencode import MAX_BYTES

FOLDER = "photos"
PATIENCE_S = 30
_PROGRAM = Path(__file__).with_name("reencode.py")


def take_photo(project: Path, raw: bytes) -> dict[str, Any]:
    """Store a photo; return ``file`` (inside the project), ``lon``, ``lat`` (degrees or None) and ``taken``.

    Args:
        project: Folder of the project.
        raw: A JPEG or PNG, as it was uploaded.

    Raises:
        InputError: It is none, too large or damaged.
        StorageError: It cannot be stored.
    """
    about, picture = _reencoded(raw)
    name = f"{FOLDER}/{hashlib.sha256(picture).hexdigest()[:24]}.jpg"
    try:
        (project / FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(f"folder {FOLDER}", got=error.strerror or "an error",
                           expected="a project that can be written",
                           remedy="Check who owns the folder.") from error
    write_atomic(project / name, picture)
    return {"file": name, **json.loads(about)}


def renew(path: Path, kind: Literal["JPEG", "WEBP"] = "JPEG") -> None:
    """Put a picture's own pixels in its place, so that nothing else of a file of anyone is ever opened.

    Raises:
        InputError: It is none, too large or damaged.
    """
    raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    write_atomic(path, _reencoded(raw, kind)[1])


def _reencoded(raw: bytes, kind: str = "JPEG") -> tuple[bytes, bytes]:
    """Return what a picture tells, as JSON, and the picture made anew."""
    if len(raw) > MAX_BYTES:
        raise _refused("more than 40 MB")
    try:
        done = subprocess.run([sys.executable, "-I", str(_PROGRAM), kind], input=raw, capture_output=True, check=False,
                              timeout=PATIENCE_S, env={"OPENBLAS_NUM_THREADS": "1"}, cwd="/")
    except subprocess.TimeoutExpired as error:
        raise _refused("one that takes too long") from error
    if done.returncode:
        raise _refused(done.stderr.decode(errors="replace").strip().splitlines()[-1][:120] if done.returncode == 1
                       and done.stderr.strip() else "one that cannot be decoded")
    about, _, picture = done.stdout.partition(b"\n")
    return about, picture


def _refused(got: str) -> InputError:
    return InputError("photo", got=got, expected="a JPEG or PNG of at most 40 MB",
                      remedy="Save it as a JPEG and upload it again.")
