"""What a layer is, in words, figures and a picture; read once for each version of its file."""

import base64
import math
from pathlib import Path

import streamlit as st

from core.errors import ScarpError
from core.facts import Facts, look, picture
from core.layers import Layer
from core.project import Project

ROLES = {"image": "Image", "dem": "Elevation", "ndvi": "Vegetation index", "truth": "Labels",
         "unobserved": "Not observed"}


@st.cache_data(max_entries=256, show_spinner=False)
def _facts(path: Path, changed: int) -> Facts:
    return look(path)


@st.cache_data(max_entries=256, show_spinner=False)
def _picture(path: Path, changed: int, role: str, bands: tuple[int, ...], side: int) -> bytes:
    return picture(path, role=role, bands=bands, side=side)


def facts_of(project: Project, layer: Layer) -> Facts:
    """Return the facts of a raster layer.

    Raises:
        ScarpError: Its file is gone or cannot be read.
    """
    path = project.path(layer)
    return _facts(path, path.stat().st_mtime_ns)


def picture_of(project: Project, layer: Layer, side: int, bands: tuple[tuple[str, int], ...] | None = None) -> str:
    """Return a picture of a layer as an address that holds the PNG itself, with its bands or with others.

    One at an address of Streamlit's own is gone when the page is drawn again before the browser has asked for it.

    Raises:
        ScarpError: Its file is gone or cannot be read.
    """
    path = project.path(layer)
    shown = dict(layer.bands if bands is None else bands) or {"red": 1, "green": 2, "blue": 3}
    rgb = tuple(shown[name] for name in ("red", "green", "blue") if name in shown)
    drawn = _picture(path, path.stat().st_mtime_ns, layer.role, rgb, side)
    return f"data:image/png;base64,{base64.b64encode(drawn).decode()}"


def small_picture(project: Project, layer: Layer) -> str:
    """Return a small picture as an address; nothing when it cannot be read."""
    try:
        return picture_of(project, layer, 96)
    except ScarpError:
        return ""


def line(project: Project, layer: Layer) -> str:
    """Return size and pixel size of a layer in a line, or what is wrong with it."""
    try:
        if layer.kind == "vector":
            project.path(layer)
            return "Outlines"
        facts = facts_of(project, layer)
        return f"{facts.width:,} × {facts.height:,} px, {metres(facts.gsd_m)}"
    except ScarpError:
        return "File missing or damaged"


def in_words(facts: Facts) -> dict[str, str]:
    """Return facts by name."""
    width, height = facts.extent_m
    low, high = min(b.low for b in facts.bands), max(b.high for b in facts.bands)
    values = "none observed" if math.isnan(low) else f"{number(low)} to {number(high)}"
    kind = {"u": "whole numbers", "i": "whole numbers", "f": "floating point"}[facts.dtype.rstrip("0123456789")[0]]
    return {
        "Pixel size": metres(facts.gsd_m), "Extent": f"{kilometres(width)} × {kilometres(height)}",
        "Pixels": f"{facts.width:,} × {facts.height:,}", "Bands": f"{len(facts.bands)}, {facts.dtype} ({kind})",
        "Without data": share(1 - facts.observed), "Values": values,
        "Nodata value": "none" if facts.nodata is None else number(facts.nodata), "CRS": facts.crs}


def metres(value: float) -> str:
    """Return a pixel size in words."""
    return f"{value:.2f} m" if value < 10 else f"{value:,.0f} m"


def kilometres(value: float) -> str:
    """Return a length in words."""
    return f"{value / 1000:,.1f} km" if value >= 1000 else f"{value:,.0f} m"


def share(value: float) -> str:
    """Return a share in words."""
    return "under 1 %" if 0 < value < 0.01 else f"{value:.0%}".replace("%", " %")


def number(value: float) -> str:
    """Return a number in as few digits as it needs."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
