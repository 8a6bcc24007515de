"""Where a project is and when it was seen, in words."""

from datetime import date
from pathlib import Path

import numpy as np
import rasterio
import streamlit as st

from core.facts import name_of
from core.grid import Grid
from core.project import Project


@st.cache_data(max_entries=64, show_spinner=False)
def _place(path: Path, changed: int) -> dict[str, str]:
    with rasterio.open(path, driver="GTiff") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
    west, south, east, north = grid.bounds_lonlat
    lon, lat = (west + east) / 2 if west <= east else west, (south + north) / 2
    width, height = (float(side) for side in np.hypot(*grid.frame_m()) * (grid.width, grid.height))
    return {
        "Place": f"{abs(lat):.3f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.3f}° {'E' if lon >= 0 else 'W'}",
        "Ground": f"{_length(width, height)}, {grid.gsd_m:.2g} m a pixel", "CRS": name_of(grid.crs)}


def place_of(project: Project) -> dict[str, str]:
    """Return where a project's first image is, how much ground it shows, and the days of all."""
    images = project.of("image")
    if not images:
        return {}
    path = project.path(images[0])
    days = sorted({image.date for image in images if image.date})
    return _place(path, path.stat().st_mtime_ns) | {
        name: value for name, value in (("Seen on", " and ".join(day(each) for each in days)),
                                        ("Event", day(project.event) if project.event else "")) if value}


@st.cache_data(max_entries=64, show_spinner=False)
def describe(path: Path, changed: int) -> str:
    """Return a raster's size, pixel size and CRS in a line."""
    with rasterio.open(path, driver="GTiff") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        crs = dataset.crs.to_string() if dataset.crs.to_epsg() else "own CRS"
    return f"{grid.width:,} × {grid.height:,} px · {grid.gsd_m:.2g} m · {crs}"


def day(text: str) -> str:
    """Return an ISO day for people."""
    return f"{date.fromisoformat(text):%-d %B %Y}"


def _length(width: float, height: float) -> str:
    return f"{width / 1000:,.1f} × {height / 1000:,.1f} km" if max(width, height) >= 1000 else \
        f"{width:,.0f} × {height:,.0f} m"
