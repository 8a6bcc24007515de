"""The Streamlit side of the map: what it is told, and what it tells."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from ui.assets import asset_url
from ui.fallback_map import fallback_map

NAME = "map"
_PLAIN = "map_without_webgl"

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


@lru_cache(maxsize=2)
def _component(inset: bool) -> Callable[..., Any]:
    kind = "sm-root sm-inset" if inset else "sm-root"
    return st.components.v2.component(
        "scarp_map_inset" if inset else "scarp_map", html=f'<div class="{kind}" tabindex="-1"></div>',
        js=_LOADER % {"base": repr(asset_url(""))}, isolate_styles=False)


def draw_map(*, project: str, bounds: tuple[float, float, float, float], layers: Sequence[Mapping[str, Any]],
             area: Mapping[str, Any] | None = None, selected: int | str | None = None, highlight: Sequence[int] = (),
             colours: Mapping[str, str] | None = None, fly: Mapping[str, Any] | None = None,
             compare: tuple[str, str] | None = None, task: Mapping[str, Any] | None = None,
             on_area: Callable[[], None] | None = None, on_pick: Callable[[], None] | None = None,
             on_drawn: Callable[[], None] | None = None, height: int | None = None, group: str = "",
             name: str = NAME) -> None:
    """Show the map; one instance lives through all reruns of a project.

    Without WebGL 2 in the browser a plainer map by leafmap takes its place: it shows the same layers and the
    outlines' attributes, and cannot draw an area.

    Args:
        project: Identifies what the browser remembers: view, order, visibility, opacity and bands of the layers.
        bounds: (west, south, east, north) in degrees, shown first.
        layers: Top first, as ``ui.layers`` makes them (``map_layers``, ``shapes``, ``footprints``). A layer whose
            address has changed under the same ``id`` is loaded anew in its place, so a preview may be given again
            and again.
        area: Area of interest, GeoJSON geometry in degrees.
        selected: Id of the selected outline.
        highlight: Ids of outlines that stand out, such as those that a filter found.
        colours: Colours of outlines by id, in place of the ones they have.
        fly: ``bounds`` to go to and a ``turn`` that changes each time.
        compare: Slots of two layers to compare with a swipe from the start, left and right.
        task: What the user is to do now: ``mode`` "edit" (with the ``geometry`` to edit), "polygon" or "linestring",
            and a ``turn`` that changes each time.
        on_area: Called when the user drew, edited or removed the area: ``area_from_map`` has it. Without it the
            map has no drawing tools.
        on_pick: Called when the user clicked an outline or beside one: ``picked_from_map`` has it.
        on_drawn: Called when the task was done or given up: ``drawn_on_map`` has its shape.
        height: In pixels; without it the map fills the page below the header.
        group: Maps of one group show the same place: moving one moves all.
        name: Key of the component; another one where a page has a map of its own.
    """
    if st.session_state.get(_PLAIN):
        fallback_map(bounds=bounds, layers=layers, area=area, height=height)
        return

    def on_plain() -> None:
        st.session_state[_PLAIN] = True

    data = {"key": f"{name}:{project}", "bounds": bounds, "layers": layers, "area": area, "selected": selected,
            "highlight": list(highlight), "fly": fly, "compare": compare, "draw": on_area is not None,
            "height": height, "colours": dict(colours or {}), "task": task, "group": group}
    _component(height is not None)(
        key=name, data=data, on_area_change=on_area or _nothing, on_picked_change=on_pick or _nothing,
        on_drawn_change=on_drawn or _nothing, on_plain_change=on_plain)


def area_from_map(name: str = NAME) -> dict[str, Any] | None:
    """Return the area that the user drew, a GeoJSON geometry in degrees; None when it was removed."""
    return st.session_state[name].get("area")


def ended_on_map(turn: int, name: str = NAME) -> bool:
    """Tell whether it is this task that was done or given up, and not one whose place it took."""
    drawn = st.session_state[name].get("drawn")
    return bool(drawn) and drawn["turn"] == turn


def drawn_on_map(turn: int, name: str = NAME) -> dict[str, Any] | None:
    """Return the GeoJSON geometry that a task led to; None when it was given up, or was another one's."""
    return st.session_state[name]["drawn"]["geometry"] if ended_on_map(turn, name) else None


def picked_from_map(name: str = NAME) -> int | str | None:
    """Return the id of the outline that was clicked; None for a click beside them."""
    picked = st.session_state[name].get("picked")
    return picked["id"] if picked else None


def _nothing() -> None:
    pass
