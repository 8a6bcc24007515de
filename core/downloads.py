"""The web server's way out for a whole project: packed while it is sent, by signed address."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from core.archive import pack
from core.errors import ScarpError
from core.project import open_project
from core.tokens import PATTERN, Signer

_PATH = re.compile(rf"/(?P<token>{PATTERN})\.zip")


def archive_url(sign: Signer, project: Path) -> str:
    """Return the address of a project as a zip.

    Raises:
        InputError: There is no such project below the projects folder.
    """
    return f"/archives/{sign.token(project / 'project.json', {'archive': True})}.zip"


class ArchiveGuard:
    """ASGI app: ``/<token>.zip`` to a project as a zip; 404 to all else."""

    def __init__(self, sign: Signer) -> None:
        """Take the signer."""
        self.sign = sign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        match = _PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        opened = self.sign.open(match["token"]) if match and scope["method"] == "GET" else None
        try:
            project = open_project(opened[0].parent) if opened and opened[1] == {"archive": True} else None
        except ScarpError:
            project = None
        if project is None:
            await PlainTextResponse("Not found", 404, {"cache-control": "no-store"})(scope, receive, send)
            return
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{project.id}.zip"'}
        await StreamingResponse(pack(project), 200, headers, "application/zip")(scope, receive, send)
