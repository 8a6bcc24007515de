"""The web server's guards: raster tiles and outlines by signed address, and nothing else.

localtileserver draws the tiles. It would open any path or URL it is asked for, so it sits behind
``TileGuard``, which takes the file and the style from the token and builds the request itself.
"""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import ScarpError
from core.ingest.geotiff import open_geotiff
from core.styles import Style
from core.tokens import PATTERN, Signer
from core.vectors import map_geojson

log = logging.getLogger(__name__)

GDAL_ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_SKIP": "GTI WMS WMTS WCS HTTP OGCAPI PLMOSAIC DAAS NGW EEDAI STACTA STACIT",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
}
"""For the server's process, set before GDAL starts: no drivers that reach a network, no sidecar files."""

MAX_ZOOM = 24
_TILE = re.compile(rf"/(?P<token>{PATTERN})/(?P<z>\d{{1,2}})/(?P<x>\d{{1,8}})/(?P<y>\d{{1,8}})\.(?P<kind>png|webp)")
_VECTOR = re.compile(rf"/(?P<token>{PATTERN})\.geojson")
_HEADERS = {"cache-control": "private, max-age=604800, immutable", "x-content-type-options": "nosniff"}
_EMPTY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=")


def tile_url(sign: Signer, raster: Path, style: Style, kind: str = "png") -> str:
    """Return the address template of a raster's tiles, with {z}, {x} and {y} in it.

    Raises:
        InputError: The file is missing, outside the projects folder, or no harmless GeoTIFF.
    """
    token = sign.token(raster, asdict(style))
    open_geotiff(raster).close()
    return f"/tiles/{token}/{{z}}/{{x}}/{{y}}.{kind}"


def vector_url(sign: Signer, outlines: Path, colour: str) -> str:
    """Return the address of a GeoPackage's outlines as GeoJSON, drawn in one colour (``#rrggbb``).

    Raises:
        InputError: The file is missing or outside the projects folder.
    """
    return f"/vectors/{sign.token(outlines, {'colour': colour})}.geojson"


class TileGuard:
    """ASGI app: ``/<token>/<z>/<x>/<y>.png`` or ``.webp`` to a tile; 404 to all else, never a 500."""

    def __init__(self, sign: Signer, inner: ASGIApp) -> None:
        """Take the signer and ``localtileserver.web.create_app()``."""
        self.sign, self.inner = sign, inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = _match(_TILE, scope)
        opened = self.sign.open(match["token"]) if match else None
        style = _style(opened[1]) if opened else None
        if not match or not opened or not style or not _exists(int(match["z"]), int(match["x"]), int(match["y"])):
            await _not_found(scope, receive, send)
            return
        query = {"filename": str(opened[0]), **style.query()}
        inner = {**scope, "method": "GET", "root_path": "", "raw_path": None, "headers": [],
                 "path": f"/api/tiles/{match['z']}/{match['x']}/{match['y']}.{match['kind']}",
                 "query_string": urlencode(query).encode()}
        await self._relay(inner, scope, receive, send)

    async def _relay(self, inner: Scope, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a tile on; in place of an error give an empty tile (outside the raster) or a 404."""
        passing = True

        async def answer(message: Message) -> None:
            nonlocal passing
            if message["type"] == "http.response.start" and message["status"] != 200:
                passing = False
                if message["status"] == 404:
                    await Response(_EMPTY_PNG, 200, _HEADERS, "image/png")(scope, receive, send)
                else:
                    log.warning("A tile of a raster could not be drawn: status %s", message["status"])
                    await _not_found(scope, receive, send)
            elif passing:
                if message["type"] == "http.response.start":
                    extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                    message = {**message, "headers": [*message["headers"], *extra]}
                await send(message)

        await self.inner(inner, receive, answer)


class VectorGuard:
    """ASGI app: ``/<token>.geojson`` to the outlines of a GeoPackage; 404 to all else."""

    def __init__(self, sign: Signer) -> None:
        """Take the signer."""
        self.sign = sign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = _match(_VECTOR, scope)
        opened = self.sign.open(match["token"]) if match else None
        if not opened or "colour" not in opened[1]:
            await _not_found(scope, receive, send)
            return
        try:
            file = await run_in_threadpool(map_geojson, opened[0], opened[1]["colour"])
        except ScarpError as error:
            log.warning("Outlines could not be shown: %s", error)
            await _not_found(scope, receive, send)
            return
        await FileResponse(file, headers=_HEADERS, media_type="application/geo+json")(scope, receive, send)


def _match(pattern: re.Pattern[str], scope: Scope) -> re.Match[str] | None:
    """Match a request's path below its mount; only reading is allowed."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None
    return pattern.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))


def _exists(z: int, x: int, y: int) -> bool:
    return z <= MAX_ZOOM and x < 1 << z and y < 1 << z


def _style(use: dict[str, Any]) -> Style | None:
    """Return the style that a token names; None when it names none, as the token of an outline."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in use.items()}
    try:
        return Style(**values)
    except (TypeError, ScarpError):
        return None


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("Not found", 404, {"cache-control": "no-store"})(scope, receive, send)
