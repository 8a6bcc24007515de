"""Maps by leafmap made to stand alone: Leaflet from this origin, nothing from elsewhere, data that stays inert."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.assets import asset_url
from ui.settings import MAP_ASSETS

if TYPE_CHECKING:
    from leafmap.foliumap import Map

Bounds = tuple[float, float, float, float]
_STYLE = """<style>
html, body { height: 100%%; margin: 0; }
.leaflet-container.leaflet-container { background: %(ground)s; font: 13px/1.4 Inter, system-ui, sans-serif; }
.leaflet-popup-content table { border-spacing: 0; font-variant-numeric: tabular-nums; }
.leaflet-popup-content th { text-align: left; font-weight: 500; color: #5a6b70; padding: 1px 12px 1px 0; }
.leaflet-popup-content caption { text-align: left; font-weight: 600; padding-bottom: 4px; }
.leaflet-control-layers, .scarp-legend { border-radius: 8px; }
.scarp-legend { background: #ffffffee; border: 1px solid #d8dfe1; padding: 8px 12px; max-width: 240px; color: #17262b; }
.scarp-legend b { display: block; font-weight: 600; }
.scarp-legend div { display: flex; align-items: center; gap: 7px; }
.scarp-legend i { width: 12px; height: 12px; border-radius: 3px; flex: none; box-shadow: inset 0 0 0 1px #0003; }
.scarp-legend p { margin: 4px 0 0; font-size: 12px; color: #5a6b70; }
</style>"""

# In a frame of its own process the page may run before it has a size.
_FIT = """<script>addEventListener("load", () => {
const fit = () => { if (%(map)s.getSize().x) %(map)s.fitBounds(%(box)s, { animate: false }); };
%(map)s.invalidateSize();
if (%(map)s.getSize().x) fit(); else %(map)s.once("resize", fit);
});</script>"""


def inert(text: object) -> str:
    """Return a text as HTML that is only text, also inside a JavaScript template."""
    return escape(str(text)).replace("\\", "&#92;").replace("`", "&#96;").replace("$", "&#36;")


@lru_cache(maxsize=1)
def _map_class() -> type[Map]:
    """Return leafmap's map with Leaflet alone, from here; importing leafmap takes seconds, so it waits until needed."""
    from leafmap.foliumap import Map  # noqa: PLC0415

    class Offline(Map):
        default_js = [("leaflet", asset_url("leaflet.js"))]
        default_css = [("leaflet_css", asset_url("leaflet.css"))]

    return Offline


def new_map(bounds: Bounds, *, ground: str = "#eef2f3") -> Map:
    """Return an empty map of a place.

    Args:
        bounds: (west, south, east, north) in degrees.
        ground: Colour where there is nothing.
    """
    from folium import Element  # noqa: PLC0415

    west, south, east, north = bounds
    made = _map_class()(center=((south + north) / 2, (west + east) / 2), zoom=14, tiles=None, fullscreen_control=False,
                        prefer_canvas=True)
    made.get_root().header.add_child(Element(_STYLE % {"ground": ground}))
    made.zoom_to_bounds(list(bounds))
    made.get_root().header.add_child(Element(_FIT % {"map": made.get_name(), "box": [[south, west], [north, east]]}))
    return made


def add_picture(to: Map, title: str, url: str, bounds: Bounds, opacity: float, *, visible: bool) -> None:
    """Add a picture in Web Mercator, given as a data address, that covers ``bounds`` (degrees)."""
    from folium.raster_layers import ImageOverlay  # noqa: PLC0415

    west, south, east, north = bounds
    to.add_layer(ImageOverlay(url, [[south, west], [north, east]], name=inert(title), opacity=opacity, show=visible))


def add_outlines(to: Map, collection: Mapping[str, Any], title: str, facts: Iterable[Mapping[str, str]], *,
                 colour: str, visible: bool = True) -> None:
    """Add polygons that say what they are when they are clicked.

    Args:
        to: The map.
        collection: GeoJSON in degrees; its properties are left out.
        title: Name in the list of layers.
        facts: Names and values of each feature, in the same order; a name "" is its heading.
        colour: ``#rrggbb``.
        visible: Whether it shows at first.
    """
    from folium import GeoJson, GeoJsonPopup  # noqa: PLC0415

    features = [{"type": "Feature", "geometry": feature["geometry"], "properties": {"facts": _table(known)}}
                for feature, known in zip(collection["features"], facts, strict=True)]
    if not features:
        return
    look = {"color": colour, "weight": 2, "fillColor": colour, "fillOpacity": 0.12}
    to.add_layer(GeoJson(
        {"type": "FeatureCollection", "features": features}, name=inert(title), show=visible, zoom_on_click=False,
        style_function=lambda _: look, highlight_function=lambda _: {"weight": 4, "fillOpacity": 0.25},
        popup=GeoJsonPopup(fields=["facts"], labels=False, localize=False)))


def _table(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{inert(name)}</th><td>{inert(value)}</td></tr>" for name, value in facts.items() if name)
    return f"<table><caption>{inert(facts.get('', ''))}</caption>{rows}</table>"


def add_legend(to: Map, title: str, colours: Mapping[str, str], note: str = "") -> None:
    """Add a legend of names and ``#rrggbb`` colours, and a line below it."""
    rows = "".join(f'<div><i style="background:{inert(colour)}"></i>{inert(name)}</div>'
                   for name, colour in colours.items())
    below = f"<p>{inert(note)}</p>" if note else ""
    to.add_html(f'<div class="scarp-legend"><b>{inert(title)}</b>{rows}{below}</div>', position="bottomright")


def html_of(made: Map, title: str, *, embed: bool = False) -> str:
    """Return a map as a page.

    Args:
        made: The map with its layers.
        title: Of the page.
        embed: Put Leaflet into the page, so that it opens without a server.
    """
    made.add_layer_control()
    page = made.get_root().render().replace("<head>", f"<head><title>{inert(title)}</title>", 1)
    if embed:
        script = (MAP_ASSETS / "leaflet.js").read_text().replace("</script", "<\\/script")
        page = page.replace(f'<script src="{asset_url("leaflet.js")}"></script>', f"<script>{script}</script>")
        page = page.replace(f'<link rel="stylesheet" href="{asset_url("leaflet.css")}"/>',
                            f"<style>{(MAP_ASSETS / 'leaflet.css').read_text()}</style>")
    return page


def read_features(path: Path) -> dict[str, Any]:
    """Return a GeoJSON file of this project."""
    return json.loads(path.read_bytes())
