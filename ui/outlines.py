"""Outlines as a table for people: names, units and formats of the attributes."""

import math
from pathlib import Path

import pandas as pd
import streamlit as st

from core.project import Run
from core.vectors import read_outlines

FORMATS = {
    "area_m2": ("Area", "{:,.0f} m²"),
    "perimeter_m": ("Perimeter", "{:,.0f} m"),
    "length_m": ("Length", "{:,.0f} m"),
    "width_m": ("Width", "{:,.0f} m"),
    "probability_mean": ("Probability, mean", "{:.2f}"),
    "probability_max": ("Probability, highest", "{:.2f}"),
    "slope_mean_deg": ("Slope, mean", "{:.1f}°"),
    "aspect_mean_deg": ("Faces", "{:.0f}°"),
    "drop_m": ("Drop", "{:,.0f} m"),
    "reach_angle_deg": ("Reach angle", "{:.1f}°"),
    "elevation_min_m": ("Lowest point", "{:,.0f} m"),
    "elevation_max_m": ("Highest point", "{:,.0f} m"),
    "dem_share": ("With elevation", "{:.0%}"),
    "model": ("Model", "{}"),
    "image_date": ("Image of", "{}"),
}
"""Attributes in the order they are shown."""


@st.cache_data(max_entries=16, show_spinner=False)
def _table(path: Path, changed: int) -> pd.DataFrame:
    frame = read_outlines(path)
    west, south, east, north = frame.to_crs("EPSG:4326").bounds.to_numpy().T if len(frame) else ((), (), (), ())
    return pd.DataFrame(frame.drop(columns="geometry")).assign(west=west, south=south, east=east, north=north)


def table_of(run: Run) -> pd.DataFrame | None:
    """Return a detection's landslides, one a row, with their bounds in degrees; None without outlines."""
    path = run.folder / "landslides.gpkg"
    return _table(path, path.stat().st_mtime_ns) if path.is_file() else None


def facts_of(row: pd.Series) -> dict[str, str]:
    """Return the known attributes of one landslide, with units."""
    known = {}
    for column, (name, form) in FORMATS.items():
        value = row.get(column)
        if not pd.isna(value) and value != "":
            known[name] = form.format(value)
    if not math.isnan(row.get("lat", math.nan)):
        known["Place"] = f"{row['lat']:.5f}, {row['lon']:.5f}"
    return known


def size(area_m2: float) -> str:
    """Return an area in the unit that reads best."""
    for limit, unit, form in ((1e6, "km²", ",.2f"), (1e4, "ha", ",.2f"), (0, "m²", ",.0f")):
        if area_m2 >= limit:
            return f"{area_m2 / max(limit, 1):{form}} {unit}"
    return "0 m²"
