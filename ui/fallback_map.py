"""The map for a browser without WebGL 2: leafmap's folium backend, with the same signed tiles and outlines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.tokens import signer
from core.vectors import map_geojson
from ui.leaflet import Bounds, add_outlines, html_of, inert, new_map, read_features
from ui.security import allowed
from ui.settings import projects_root

NOTE = "No WebGL 2 in this browser: a plainer map, without drawing. An area can be typed or uploaded."
MAX_FEATURES = 5_000
_AREA_COLOUR = "#0c7473"


def fallback_map(*, bounds: Bounds, layers: Sequence[Mapping[str, Any]], area: Mapping[str, Any] | None,
                 height: int | None = None) -> None:
    """Show layers and the area of interest as ``draw_map`` is given them; a height in pixels, or the whole page."""
    with st.container(key="plain-map" if height is None else None):
        st.caption(NOTE)
        page = _page(tuple(bounds), json.dumps(list(layers)), json.dumps(area))
        st.iframe(allowed(page), height=height or 700, alt="Map")


@st.cache_data(max_entries=4, show_spinner="Drawing the map ...")
def _page(bounds: Bounds, layers: str, area: str) -> str:
    """Return the map as a page; what is the same is not made again, so the browser does not load it again."""
    made = new_map(bounds)
    for layer in reversed(json.loads(layers)):  # the last one that is added lies on top
        if layer["kind"] == "raster":
            choice = (layer.get("choices") or {}).get("default", "")
            west, south, east, north = layer["bounds"]
            made.add_tile_layer(
                layer["url"].replace("{choice}", choice), name=inert(layer["title"]), attribution="Scarp",
                shown=layer["visible"], opacity=layer["opacity"], max_zoom=24, max_native_zoom=layer["maxzoom"],
                bounds=[[south, west], [north, east]])
        else:
            collection, colour = _features(layer)
            facts = [{"": f["properties"].get("label", layer["title"]), "About": f["properties"].get("note", "")}
                     for f in collection["features"]]
            add_outlines(made, collection, layer["title"], facts, colour=colour, visible=layer["visible"])
    if geometry := json.loads(area):
        add_outlines(made, {"features": [{"geometry": geometry}]}, "Area of interest", [{"": "Area of interest"}],
                     colour=_AREA_COLOUR)
    return html_of(made, "Map")


def _features(layer: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a layer's shapes and their colour, from what it carries or from the file that its address names."""
    if "url" not in layer:
        return layer["data"], layer["colour"]
    path, use = signer(projects_root()).open(layer["url"].rpartition("/")[2].removesuffix(".geojson")) or (None, {})
    if path is None:
        return {"features": []}, "#000000"
    collection = read_features(map_geojson(path, use["colour"]) if "colour" in use else path)
    return collection | {"features": collection["features"][:MAX_FEATURES]}, use.get("colour", layer.get("colour"))
