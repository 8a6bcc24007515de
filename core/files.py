"""Small files written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError, StorageError


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file beside its place, then move it there: a reader sees the old file or the new one.

    Raises:
        StorageError: It could not be written; nothing partial is left.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StorageError(f"file {path.name}", got=error.strerror or "an error",
                           expected="room and permission to write",
                           remedy="Free some space or choose another folder.") from error


def dated_name() -> str:
    """Return a new folder's name: the time in UTC, to sort by, and eight digits that keep those of a second apart."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: The file is not there, cannot be read or does not hold a JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = (error.strerror or "an error") if isinstance(error, OSError) else "damaged JSON"
        raise InputError(f"file {path.name}", got=reason, expected="a readable JSON file",
                         remedy="Restore the file from a copy.") from error
    if not isinstance(value, dict):
        raise InputError(f"file {path.name}", got=f"a JSON {type(value).__name__}", expected="a JSON object",
                         remedy="Restore the file from a copy.")
    return value
