"""The map component: MapLibre GL in the page, with vendored assets."""
