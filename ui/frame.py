"""The document at every page's address: Streamlit's own, with the app's name, style and font from the first moment.

A style that came with the page's content would come after it, and again at every change of the theme.
"""

import hashlib
import re
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ui.assets import asset_url, font_css
from ui.nav import ALL
from ui.settings import ROOT

_INDEX = Path(st.__file__).parent / "static" / "index.html"
_KINDS = {"frame.css": "text/css", "frame.js": "text/javascript"}


def routes() -> list[Route]:
    """Return the routes of all pages, and of what their document needs."""
    return [Route("/frame/{version}/{name}", _part), Route("/overview", _to_root),
            *(Route("/" if name == "overview" else f"/{name}", _document) for name in ALL)]


def document() -> str:
    """Return the HTML that every page starts with."""
    html = re.sub(r"<title>.*?</title>", "<title>Scarp</title>", _INDEX.read_text())
    html = re.sub(r"<link\s+rel=\"preload\".*?/>|<!--.*?-->|<script>.*?</script>|<noscript>.*?</noscript>", "", html,
                  flags=re.DOTALL)
    font = f'<link rel="preload" href="{asset_url("inter-latin.woff2")}" as="font" type="font/woff2" crossorigin>'
    html = html.replace("</title>", f'</title>{font}<script src="{_address("frame.js")}"></script>', 1)
    # In the body, behind the styles that Streamlit puts into the head while it runs: of equals the last one counts.
    style = f'<link rel="stylesheet" href="{_address("frame.css")}"><noscript>Scarp needs JavaScript.</noscript>'
    return html.replace("</body>", f"{style}</body>", 1)


def _content(name: str) -> str:
    return font_css() + (ROOT / "ui" / "style.css").read_text() if name == "frame.css" else \
        (ROOT / "ui" / name).read_text()


def _address(name: str) -> str:
    return f"/frame/{hashlib.sha256(_content(name).encode()).hexdigest()[:12]}/{name}"


async def _document(request: Request) -> Response:
    return HTMLResponse(document(), headers={"cache-control": "no-cache"})


async def _part(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _KINDS:
        return Response("Not found", 404)
    fresh = request.url.path == _address(name)
    return Response(_content(name), media_type=_KINDS[name], headers={
        "cache-control": "public, max-age=31536000, immutable" if fresh else "no-cache"})


async def _to_root(request: Request) -> Response:
    return RedirectResponse(request.url.replace(path="/"), 307)
