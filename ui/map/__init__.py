"""The map: MapLibre GL in the page with vendored assets, and the tools beside it."""

from ui.map.area_tools import area_tools
from ui.map.component import area_from_map, draw_map, picked_from_map

__all__ = ["area_from_map", "area_tools", "draw_map", "picked_from_map"]
