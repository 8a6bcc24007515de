"""Background maps from the internet, out of leafmap's catalogue: a list that the browser asks for when it is wanted."""

from functools import lru_cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlparse

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

CHOSEN = {
    "OpenStreetMap.Mapnik": "OpenStreetMap",
    "OpenTopoMap": "OpenTopoMap, with contours",
    "Esri.WorldImagery": "Esri imagery",
    "Esri.WorldTopoMap": "Esri topographic",
    "Esri.WorldStreetMap": "Esri streets",
}
"""Free maps of the whole world that need no key, by their names in the catalogue."""


class _Credit(HTMLParser):
    """Splits an attribution into texts, each with the link it has."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[tuple[str, str | None]] = []
        self._link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a link."""
        href = dict(attrs).get("href") if tag == "a" else None
        self._link = href if href and href.startswith("https://") else None

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        self._link = None

    def handle_data(self, data: str) -> None:
        """Keep a piece of text."""
        self.parts.append((data, self._link))


@lru_cache(maxsize=1)
def basemaps() -> list[dict[str, Any]]:
    """Return the maps offered: id, title, tile addresses, highest zoom, who is asked, and the credit with its links."""
    from leafmap.basemaps import get_xyz_dict  # noqa: PLC0415 - takes seconds, so it waits until needed

    catalogue, found = get_xyz_dict(free_only=True), []
    for name, title in CHOSEN.items():
        if name not in catalogue:
            continue
        provider = catalogue[name]
        url = provider.build_url(fill_subdomain=False, scale_factor="")
        servers = provider.get("subdomains", "abc") if "{s}" in url else ("",)
        credit = _Credit()
        credit.feed(provider.html_attribution)
        found.append({"id": name, "title": title, "tiles": [url.replace("{s}", server) for server in servers],
                      "maxzoom": provider.get("max_zoom", 19), "host": urlparse(url.replace("{s}.", "")).netloc,
                      "credit": credit.parts})
    return found


async def basemaps_json(request: Request) -> JSONResponse:
    """Answer with the list."""
    return JSONResponse(await run_in_threadpool(basemaps), headers={"cache-control": "private, max-age=3600"})
