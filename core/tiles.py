"""The web server's guards: tiles, outlines and values by signed address, and nothing else.

localtileserver draws the tiles. It is given an opened raster and a style, both named by the token; its own web
server, which would open any path or URL it is asked for, is not used.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rasterio
from localtileserver.tiler import get_part, get_tile  # type: ignore[import-untyped]
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds
from rio_tiler.errors import RioTilerError, TileOutsideBounds
from rio_tiler.io import Reader
from rio_tiler.reader import Options
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from core.errors import ScarpError
from core.ingest.geotiff import open_geotiff
from core.styles import Imagery, Style
from core.tokens import PATTERN, Signer
from core.values import value_at
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
Bounds = tuple[float, float, float, float]
_TILE = re.compile(rf"/(?P<token>{PATTERN})(?:/(?P<choice>[a-z0-9]{{1,12}}-[a-z]{{1,12}}))?"
                   r"/(?P<z>\d{1,2})/(?P<x>\d{1,8})/(?P<y>\d{1,8})\.(?P<kind>png|webp)")
_VECTOR = re.compile(rf"/(?P<token>{PATTERN})\.geojson")
_VALUE = re.compile(rf"/(?P<token>{PATTERN})/(?P<lon>-?\d{{1,3}}(?:\.\d{{1,9}})?)/(?P<lat>-?\d{{1,2}}(?:\.\d{{1,9}})?)")
_HEADERS = {"cache-control": "private, max-age=604800, immutable", "x-content-type-options": "nosniff"}
_FRESH = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_EMPTY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=")


def tile_url(sign: Signer, raster: Path, look: Style | Imagery, kind: str = "png") -> str:
    """Return the address template of a raster's tiles, with {z}, {x} and {y} in it, and {choice} for imagery.

    Raises:
        InputError: The file is missing, outside the projects folder, or no harmless GeoTIFF.
    """
    token = sign.token(raster, asdict(look))
    open_geotiff(raster).close()
    choice = "/{choice}" if isinstance(look, Imagery) else ""
    return f"/tiles/{token}{choice}/{{z}}/{{x}}/{{y}}.{kind}"


def value_url(sign: Signer, raster: Path, look: Style | Imagery) -> str:
    """Return the address of what a raster says; a longitude and a latitude in degrees are added to it.

    Raises:
        InputError: The file is missing or outside the projects folder.
    """
    return f"/values/{sign.token(raster, asdict(look))}/"


def vector_url(sign: Signer, outlines: Path, colour: str) -> str:
    """Return the address of a GeoPackage's outlines as GeoJSON, drawn in one colour (``#rrggbb``).

    Raises:
        InputError: The file is missing or outside the projects folder.
    """
    return f"/vectors/{sign.token(outlines, {'colour': colour})}.geojson"


def shapes_url(sign: Signer, outlines: Path) -> str:
    """Return the address of a GeoJSON file of a project, in degrees.

    Raises:
        InputError: The file is missing or outside the projects folder.
    """
    return f"/vectors/{sign.token(outlines, {'shapes': 1})}.geojson"


def draw_tile(raster: Path, style: Style, z: int, x: int, y: int, kind: str = "png") -> bytes | None:
    """Return one web tile of a raster; None where the raster is not.

    Raises:
        rasterio.errors.RasterioError: The raster cannot be read.
    """
    with _reading(raster, style) as (reader, dataset):
        try:
            return bytes(get_tile(reader, z, x, y, **_drawing(dataset, style, kind)))
        except TileOutsideBounds:
            return None


def draw_whole(raster: Path, style: Style, side_px: int, kind: str = "png") -> tuple[bytes, Bounds]:
    """Return a raster as one picture in Web Mercator, reduced, with its (west, south, east, north) in degrees.

    Raises:
        rasterio.errors.RasterioError: The raster cannot be read.
    """
    with _reading(raster, style) as (reader, dataset):
        bounds = transform_bounds(dataset.crs, "EPSG:3857", *dataset.bounds)
        drawn = get_part(reader, bounds, max_size=side_px, dst_crs="EPSG:3857", bounds_crs="EPSG:3857",
                         **_drawing(dataset, style, kind))
    return bytes(drawn), transform_bounds("EPSG:3857", "EPSG:4326", *bounds)


@contextmanager
def _reading(raster: Path, style: Style) -> Iterator[tuple[Reader, DatasetReader]]:
    options: Options = {"post_process": style.paint,
                        "resampling_method": "nearest" if style.categorical else "bilinear"}
    with (rasterio.open(raster, driver="GTiff") as dataset,
          Reader(None, dataset=dataset, options=options) as reader):
        yield reader, dataset


def _drawing(dataset: DatasetReader, style: Style, kind: str) -> dict[str, Any]:
    return {"indexes": list(style.indexes), "colormap": style.colormap or None, "nodata": dataset.nodata,
            "img_format": kind.upper()}


class Guard:
    """ASGI app: one kind of signed address to an answer; 404 to all else, never a 500, never a path."""

    pattern: re.Pattern[str]

    def __init__(self, sign: Signer) -> None:
        """Take the signer."""
        self.sign = sign

    def answer(self, path: Path, use: dict[str, Any], asked: re.Match[str]) -> Response | None:
        """Return the answer for a file that a token named; None for none."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        response = await run_in_threadpool(self._answer, scope)
        await (response or PlainTextResponse("Not found", 404, _FRESH))(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        asked = self.pattern.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        opened = self.sign.open(asked["token"]) if asked and scope["method"] in ("GET", "HEAD") else None
        if not asked or not opened:
            return None
        try:
            return self.answer(*opened, asked)
        except (ScarpError, rasterio.errors.RasterioError, RioTilerError, ValueError, IndexError) as error:
            log.warning("Something of %s could not be shown: %s", opened[0].name, error)
            return None


class TileGuard(Guard):
    """``/<token>/<z>/<x>/<y>.png`` or ``.webp`` to a tile; for imagery with a choice after the token."""

    pattern = _TILE

    def answer(self, path: Path, use: dict[str, Any], asked: re.Match[str]) -> Response | None:
        """Draw a tile; outside the raster it is an empty one."""
        look, z, x, y = _look(use), int(asked["z"]), int(asked["x"]), int(asked["y"])
        style = look.style(asked["choice"] or "") if isinstance(look, Imagery) else look
        if style is None or z > MAX_ZOOM or x >= 1 << z or y >= 1 << z:
            return None
        drawn = draw_tile(path, style, z, x, y, asked["kind"])
        return Response(drawn or _EMPTY_PNG, 200, _HEADERS, f"image/{asked['kind'] if drawn else 'png'}")


class VectorGuard(Guard):
    """``/<token>.geojson`` to the outlines of a GeoPackage, or to a GeoJSON file of a project."""

    pattern = _VECTOR

    def answer(self, path: Path, use: dict[str, Any], asked: re.Match[str]) -> Response | None:
        """Give the outlines, converted once."""
        if not use.keys() & {"colour", "shapes"}:
            return None
        file = map_geojson(path, use["colour"]) if "colour" in use else path
        return FileResponse(file, headers=_HEADERS, media_type="application/geo+json")


class ValueGuard(Guard):
    """``/<token>/<lon>/<lat>`` to what a raster says there."""

    pattern = _VALUE

    def answer(self, path: Path, use: dict[str, Any], asked: re.Match[str]) -> Response | None:
        """Read one pixel."""
        look = _look(use)
        return JSONResponse(value_at(path, look, float(asked["lon"]), float(asked["lat"])), 200, _FRESH) if look \
            else None


def _look(use: dict[str, Any]) -> Style | Imagery | None:
    """Return the look that a token names; None when it names none, as the token of an outline."""
    make: Callable[..., Style | Imagery] = Imagery if "bands" in use else Style
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in use.items()}
    try:
        return make(**values)
    except (TypeError, ScarpError):
        return None
