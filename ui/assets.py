"""The vendored browser files, at an address that changes with their content."""

import hashlib
from base64 import b64encode
from functools import lru_cache

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ui.settings import MAP_ASSETS


@lru_cache(maxsize=1)
def version() -> str:
    """Return a fingerprint of all assets."""
    digest = hashlib.sha256()
    for file in sorted(MAP_ASSETS.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def asset_url(name: str) -> str:
    """Return the address of an asset on this server."""
    return f"/assets/{version()}/{name}"


def font_css(*, inside: bool = False) -> str:
    """Return the style that brings the vendored font, split as its makers split it; ``inside``: with the font."""
    def address(name: str) -> str:
        data = b64encode((MAP_ASSETS / name).read_bytes()).decode() if inside else ""
        return f"data:font/woff2;base64,{data}" if inside else asset_url(name)

    spans = {"inter-latin": "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02DC,U+2000-206F,U+20AC,U+2122,U+2212",
             "inter-latin-ext": "U+0100-02BA,U+1E00-1E9F,U+1EF2-1EFF,U+20A0-20AB,U+2C60-2C7F"}
    return "".join(f"@font-face{{font-family:Inter;font-weight:100 900;font-display:swap;unicode-range:{span};"
                   f"src:url({address(f'{name}.woff2')}) format('woff2')}}" for name, span in spans.items())


class _Versioned(StaticFiles):
    """Serves ``/<version>/<file>``; what has the right version may be kept for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        head, _, name = path.partition("/")
        response = await super().get_response(name, scope)
        fresh = "public, max-age=31536000, immutable" if head == version() else "no-cache"
        response.headers["cache-control"] = fresh
        return response


def assets() -> StaticFiles:
    """Return the app that serves them."""
    return _Versioned(directory=MAP_ASSETS)
