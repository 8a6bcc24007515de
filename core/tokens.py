"""Signed names of files: a browser can use the ones it was given, and make none.

A token is a path inside the projects folder, what is to be done with the file, and a keyed hash of both.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import InputError, StorageError

KEY_FILE = ".tile-key"
PATTERN = r"[A-Za-z0-9_-]{8,1600}\.[A-Za-z0-9_-]{22}"
"""What a token looks like, as a regular expression."""


class Signer:
    """Makes and checks tokens for files below one folder."""

    def __init__(self, root: Path, key: bytes) -> None:
        """Take the projects folder and a secret of at least 16 bytes."""
        if len(key) < 16:
            raise InputError("signing key", got=f"{len(key)} bytes", expected="at least 16",
                             remedy=f"Remove {KEY_FILE} from the projects folder; it is made again.")
        self.root, self._key = root.resolve(), key

    def token(self, path: Path, use: Mapping[str, Any]) -> str:
        """Return the token of a file for a use; a changed file gets another one.

        Raises:
            InputError: The file is missing or outside the folder.
        """
        inside = path.resolve()
        if not inside.is_file() or not inside.is_relative_to(self.root):
            raise InputError(f"file {path.name}", got="one that is missing or outside the projects folder",
                             expected="a file of a project", remedy="Open the project again.")
        what = {"p": inside.relative_to(self.root).as_posix(), "t": inside.stat().st_mtime_ns, "u": dict(use)}
        body = _encode(json.dumps(what, separators=(",", ":"), sort_keys=True).encode())
        return f"{body}.{self._sign(body)}"

    def open(self, token: str) -> tuple[Path, dict[str, Any]] | None:
        """Return the file and the use of a token; None when it was not made here or its file is gone."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode()):
            return None
        try:
            what = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ValueError, binascii.Error):
            return None
        path = (self.root / PurePosixPath(what["p"])).resolve()
        return (path, what["u"]) if path.is_relative_to(self.root) and path.is_file() else None

    def _sign(self, body: str) -> str:
        return _encode(hmac.digest(self._key, body.encode(), hashlib.sha256)[:16])


@lru_cache(maxsize=8)
def signer(root: Path) -> Signer:
    """Return the signer of a projects folder; its secret is made on first use, readable by its owner alone.

    Raises:
        StorageError: The secret cannot be read or written.
    """
    file, aside = root / KEY_FILE, root / f"{KEY_FILE}.{secrets.token_hex(6)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
                handle.write(secrets.token_bytes(32))
            with contextlib.suppress(FileExistsError):  # another process was first: then its key counts
                os.link(aside, file)
            aside.unlink()
        return Signer(root, file.read_bytes())
    except OSError as error:
        raise StorageError("projects folder", got=error.strerror or "an error", expected="a folder that can be written",
                           remedy="Choose another folder with SCARP_PROJECTS.") from error


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
