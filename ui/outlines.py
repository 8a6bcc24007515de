"""Outlines as a table for people: names, units and formats of the attributes; and which outlines are shown."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.project import Run
from core.redraw import Cut, Draft, cut_of, draft
from core.vectors import read_outlines
from ui import state

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

_RELIEF = ("slope_mean_deg", "aspect_mean_deg", "drop_m", "reach_angle_deg", "elevation_min_m", "elevation_max_m",
           "dem_share")


@dataclass(frozen=True)
class Shown:
    """The outlines of a detection that the map and the panel show.

    Attributes:
        path: Their GeoPackage.
        own: Where the detection's own outlines were cut; None in a record that does not say.
        cut: Where these are cut.
        exact: Whether every pixel was looked at.
    """

    path: Path
    own: Cut | None
    cut: Cut | None
    exact: bool = True

    @property
    def redrawn(self) -> bool:
        """Whether they are others than the detection's own."""
        return self.cut != self.own


def shown_outlines(run: Run) -> Shown:
    """Return the outlines at the threshold that is chosen in the panel, else the detection's own."""
    own = _own(run)
    cut = _asked() or own
    if own is None or cut is None or cut == own:
        return Shown(run.folder / "landslides.gpkg", own, own)
    found = draft(run.folder, cut, quick=True)
    return Shown(found.path, own, cut, found.exact)


def _asked() -> Cut | None:
    """Return the threshold that the address names, if it can be one."""
    asked = state.current_cut()
    try:
        return Cut(*asked) if asked else None
    except InputError:
        return None


def refine(run: Run, cut: Cut) -> Future[Draft]:
    """Draw outlines from every pixel in the background; asking again asks for the same."""
    waiting: dict[tuple[str, Cut], Future[Draft]] = _refining()
    key = (str(run.folder), cut)
    if key not in waiting:
        for old in waiting.values():
            old.cancel()  # what is not looked at any more
        waiting.clear()
        waiting[key] = _worker().submit(draft, run.folder, cut)
    return waiting[key]


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "refine")


@st.cache_resource(show_spinner=False)
def _refining() -> dict[tuple[str, Cut], Future[Draft]]:
    return {}


def _own(run: Run) -> Cut | None:
    try:
        return cut_of(dict(run.about)) if (run.folder / "probability.tif").is_file() else None
    except InputError:
        return None


@st.cache_data(max_entries=16, show_spinner=False)
def _table(path: Path, changed: int) -> pd.DataFrame:
    frame = read_outlines(path)
    west, south, east, north = frame.to_crs("EPSG:4326").bounds.to_numpy().T if len(frame) else ((), (), (), ())
    return pd.DataFrame(frame.drop(columns="geometry")).assign(west=west, south=south, east=east, north=north)


def table_of(run: Run) -> pd.DataFrame | None:
    """Return a detection's own landslides, one a row, with their bounds in degrees; None without outlines."""
    return table_in(run.folder / "landslides.gpkg")


def table_in(path: Path) -> pd.DataFrame | None:
    """Return the landslides of a GeoPackage in the same way."""
    return _table(path, path.stat().st_mtime_ns) if path.is_file() else None


def facts_of(row: pd.Series, *, measured: bool = True) -> dict[str, str]:
    """Return the known attributes of one landslide, with units; a draft's relief is not measured yet."""
    known = {}
    for column, (name, form) in FORMATS.items():
        value = row.get(column)
        if not pd.isna(value) and value != "" and (measured or column not in _RELIEF):
            known[name] = form.format(f"{value:%d %b %Y}" if isinstance(value, pd.Timestamp) else value)
    if not math.isnan(row.get("lat", math.nan)):
        known["Place"] = f"{row['lat']:.5f}, {row['lon']:.5f}"
    return known


def size(area_m2: float) -> str:
    """Return an area in the unit that reads best."""
    for limit, unit, form in ((1e6, "km²", ",.2f"), (1e4, "ha", ",.2f"), (0, "m²", ",.0f")):
        if area_m2 >= limit:
            return f"{area_m2 / max(limit, 1):{form}} {unit}"
    return "0 m²"
