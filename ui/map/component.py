"""The Streamlit side of the map: what it is told, and what it tells."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from ui.assets import asset_url

KEY = "map"

# A few lines go over the websocket; the rest is fetched once from this origin and kept by the browser.
_LOADER = """
const base = location.origin + %(base)s;
let code;
const load = () => code ??= new Promise((resolve, reject) => {
  const style = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: base + 'map.css' });
  style.onload = () => import(base + 'map.js').then(resolve, reject);
  style.onerror = reject;
  document.head.append(style);
});
export default function (component) {
  let gone = false;
  let leave;
  const root = component.parentElement.querySelector('.sm-root');
  load().then(
    (module) => { if (!gone) leave = module.default(component); },
    () => { code = null; root.textContent = 'The map could not be loaded. Reload the page.'; },
  );
  return () => { gone = true; leave?.(); };
}
"""


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    base = asset_url("")
    return st.components.v2.component(
        "scarp_map", html='<div class="sm-root" tabindex="-1"></div>', js=_LOADER % {"base": repr(base)},
        isolate_styles=False)


def draw_map(*, project: str, bounds: tuple[float, float, float, float], layers: Sequence[Mapping[str, Any]],
             area: Mapping[str, Any] | None, selected: int | None, fly: Mapping[str, Any] | None,
             on_area: Callable[[], None], on_pick: Callable[[], None]) -> None:
    """Show the map; one instance lives through all reruns of a project.

    Args:
        project: Identifies what the browser remembers: view, visible layers, opacities.
        bounds: (west, south, east, north) in degrees, shown first.
        layers: Top first, as ``ui.layers`` makes them.
        area: Area of interest, GeoJSON geometry in degrees.
        selected: Id of the selected outline.
        fly: ``bounds`` to go to and a ``turn`` that changes each time.
        on_area: Called when the user drew or removed the area: ``area_from_map`` has it.
        on_pick: Called when the user clicked an outline or beside one: ``picked_from_map`` has it.
    """
    data = {"key": project, "bounds": bounds, "layers": layers, "area": area, "selected": selected, "fly": fly}
    _component()(key=KEY, data=data, on_area_change=on_area, on_picked_change=on_pick)


def area_from_map() -> dict[str, Any] | None:
    """Return the area that the user drew; None when it was removed."""
    return st.session_state[KEY].get("area")


def picked_from_map() -> int | None:
    """Return the id of the outline that was clicked; None for a click beside them."""
    picked = st.session_state[KEY].get("picked")
    return picked["id"] if picked else None
