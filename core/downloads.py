"""The web server's way out: a whole project, packed while it is sent, and pictures of it; by signed address."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from core.archive import pack
from core.errors import ScarpError
from core.project import open_project
from core.tokens import PATTERN, Signer

_PATH = re.compile(rf"/(?P<token>{PATTERN})\.(?P<kind>zip|webp)")
_ARCHIVE, _PICTURE = {"download": "archive"}, {"download": "picture"}
_USES = {"zip": _ARCHIVE, "webp": _PICTURE}


def archive_url(sign: Signer, project: Path) -> str:
    """Return the address of a project as a zip.

    Raises:
        InputError: There is no such project below the projects folder.
    """
    return f"/downloads/{sign.token(project / 'project.json', _ARCHIVE)}.zip"


def picture_url(sign: Signer, picture: Path) -> str:
    """Return the address of a WebP picture.

    Raises:
        InputError: There is no such file below the projects folder.
    """
    return f"/downloads/{sign.token(picture, _PICTURE)}.webp"


class DownloadGuard:
    """ASGI app: ``/<token>.zip`` or ``/<token>.webp`` to what the token names; 404 to all else."""

    def __init__(self, sign: Signer) -> None:
        """Take the signer."""
        self.sign = sign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        match = _PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        opened = self.sign.open(match["token"]) if match and scope["method"] in ("GET", "HEAD") else None
        use = opened[1] if match and opened and opened[1] == _USES[match["kind"]] else {}
        await self._answer(opened[0] if opened else Path(), use)(scope, receive, send)

    def _answer(self, path: Path, use: dict[str, str]) -> Response:
        if use == _PICTURE:
            return FileResponse(path, headers={"cache-control": "private, max-age=604800, immutable"},
                                media_type="image/webp")
        try:
            project = open_project(path.parent) if use == _ARCHIVE else None
        except ScarpError:
            project = None
        if project is None:
            return PlainTextResponse("Not found", 404, {"cache-control": "no-store"})
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{project.id}.zip"'}
        return StreamingResponse(pack(project), 200, headers, "application/zip")
