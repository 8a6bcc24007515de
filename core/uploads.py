"""The web server's way in: a file is streamed to the disk of one project, under a name of ours, and nothing else.

``PUT /<token>?name=<what its owner calls it>``, with the file as the body. The answer is JSON: ``{"id": ...}``, or
``{"error": {what, got, expected, remedy}}``. Nothing of the file is looked at here; ``core.importing`` judges it.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from core.errors import InputError, ScarpError, StorageError
from core.incoming import add, new_file, told
from core.tokens import PATTERN, Signer

log = logging.getLogger(__name__)

MAX_GB = 8.0
SPARE_BYTES = 512 * 2**20
"""Left free on the disk; and an imported raster takes about the room of its file once more."""

TOKEN_S, TOKEN_STEP_S = 3600, 600
_CHUNK_BYTES = 4 * 2**20
_PATH = re.compile(rf"/(?P<token>{PATTERN})")


def max_bytes() -> int:
    """Return how large an upload may be: SCARP_MAX_UPLOAD_GB, or 8 GB.

    Raises:
        InputError: It is set to something that is no positive number.
    """
    text = os.environ.get("SCARP_MAX_UPLOAD_GB") or str(MAX_GB)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError("SCARP_MAX_UPLOAD_GB", got=repr(text), expected="a positive number of gigabytes",
                         remedy="Correct it, or leave it unset for 8.")
    return int(value * 1e9)


def upload_url(sign: Signer, project: Path) -> str:
    """Return the address that takes files for one project, for about an hour.

    Raises:
        InputError: There is no such project below the projects folder.
    """
    until = (int(time.time()) // TOKEN_STEP_S + 1) * TOKEN_STEP_S + TOKEN_S  # in steps, so that a page keeps its own
    return f"/uploads/{sign.token(project / 'project.json', {'upload': until})}"


@dataclass(frozen=True)
class _Refused(Exception):  # noqa: N818 - an answer, not an error of the program
    """What is answered, and with which status."""

    status: int
    error: ScarpError


class UploadGuard:
    """ASGI app: takes what ``upload_url`` allows, from a page of this server, and refuses all else in words."""

    def __init__(self, sign: Signer, limit: int | None = None) -> None:
        """Take the signer, and the largest upload in bytes (by default ``max_bytes()``)."""
        self.sign, self.limit = sign, limit or max_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            answer = JSONResponse({"id": await self._take(scope, receive)}, 201)
        except _Refused as refused:
            answer = JSONResponse({"error": told(refused.error)}, refused.status, {"connection": "close"})
        answer.headers["cache-control"] = "no-store"
        await answer(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive) -> str:
        """Store one file and return its id."""
        headers = Headers(scope=scope)
        if scope["method"] != "PUT" or not _same_origin(headers):
            raise _Refused(403, InputError("upload", got="a request from elsewhere", expected="one of this app's pages",
                                           remedy="Upload the file on the Data page."))
        project = self._project(scope)
        name = parse_qs(scope["query_string"].decode("ascii", "replace")).get("name", [""])[0]
        name = name.replace("\\", "/").rpartition("/")[2][-200:]
        try:
            file = new_file(project, name)
        except InputError as error:
            raise _Refused(415, error) from error
        length = int(headers.get("content-length") or 0)
        self._check(project, length, length)
        part = file.with_suffix(".part")
        try:
            size = await self._store(part, _body(receive))
            part.replace(file)
        except OSError as error:
            log.warning("An upload could not be stored: %s", error.strerror)
            raise _Refused(507, StorageError("upload", got=error.strerror or "an error", expected="room on the disk",
                                             remedy="Free some space and upload the file again.")) from error
        finally:
            part.unlink(missing_ok=True)
        log.info("Took an upload of %d bytes", size)
        return add(project, name, file, ours=True).id

    def _project(self, scope: Scope) -> Path:
        match = _PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        opened = self.sign.open(match["token"]) if match else None
        until = opened[1].get("upload") if opened else None
        if not opened or not isinstance(until, int) or until < time.time():
            raise _Refused(403, InputError("upload", got="an address that is not valid any more",
                                           expected="that of an open page", remedy="Reload the page and try again."))
        return opened[0].parent

    def _check(self, folder: Path, size: int, coming: int) -> None:
        """Refuse a file of more than the limit, or that the disk has no room for."""
        if size > self.limit:
            raise _Refused(413, InputError(
                "upload", got=f"{size / 1e9:.1f} GB", expected=f"at most {self.limit / 1e9:g} GB",
                remedy="Put the file into a data folder of the server, or raise SCARP_MAX_UPLOAD_GB."))
        free, needed = shutil.disk_usage(folder).free, 2 * coming + SPARE_BYTES
        if free < needed:
            raise _Refused(507, StorageError("upload", got=f"{free / 1e9:.1f} GB of free disk",
                                             expected=f"{needed / 1e9:.1f} GB",
                                             remedy="Free some space, or keep projects on a larger disk."))

    async def _store(self, part: Path, body: AsyncIterator[bytes]) -> int:
        """Write the body as it comes, a few megabytes at a time; the event loop never waits for the disk."""
        size, pending = 0, bytearray()
        with part.open("xb") as out:
            async for chunk in body:
                pending += chunk
                if len(pending) >= _CHUNK_BYTES:
                    size += await run_in_threadpool(out.write, pending)
                    pending = bytearray()
                    self._check(part.parent, size, 0)
            size += await run_in_threadpool(out.write, pending)
        self._check(part.parent, size, 0)
        if not size:
            raise _Refused(400, InputError("upload", got="an empty file", expected="a file with content",
                                           remedy="Copy or download the file again."))
        return size


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the request's body; one that breaks off is no file."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Refused(400, InputError("upload", got="a broken connection", expected="the whole file",
                                           remedy="Upload the file again."))
        if body := message.get("body"):
            yield body
        if not message.get("more_body"):
            return


def _same_origin(headers: Headers) -> bool:
    """Tell whether a page of this very server asks; a browser cannot be made to lie about this."""
    origin, site = urlsplit(headers.get("origin", "")).netloc, headers.get("sec-fetch-site", "same-origin")
    return bool(origin) and origin == headers.get("host") and site == "same-origin"
