"""Figures of a detection: key numbers, sizes, and on which slopes and elevations its landslides lie."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.project import Project, Run
from core.request import source
from core.slopes import Ground, ground_of
from core.statistics import (
    GroundShares,
    Summary,
    bins_for,
    elevation_classes,
    ground_shares,
    size_frequency,
    slope_classes,
    summarise,
)
from core.vectors import read_outlines
from ui import charts, html
from ui.outlines import Shown, size, table_in
from ui.words import errors_in_words

FEET_M = 0.3048
_AXES = {"Slope": ("Slope, degrees", "°"), "Elevation": ("Elevation, m", "m")}


def figures_panel(project: Project, run: Run | None, shown: Shown | None) -> None:
    """Show numbers and charts of the outlines that are on the map."""
    table = table_in(shown.path) if shown else None
    if run is None or shown is None or table is None or table.empty:
        html.empty("No figures yet", "They are drawn of a detection that has found landslides.")
        return
    if shown.redrawn:
        html.note(f"Of the outlines drawn at threshold {shown.cut.threshold:.2f}.")
    found = summarise(table["area_m2"], run.about.get("observed_m2"))
    html.facts(_key_figures(found, run))
    _sizes(table["area_m2"].to_numpy(), f"{project.id}-{run.id}")
    dem = source(project, run, "dem")
    if dem is None:
        html.note("Slope and elevation need the elevation model that the detection was made with.")
        return
    with errors_in_words():
        path = project.path(dem)
        ground = _ground(run.folder / "probability.tif", shown.path, path, FEET_M if dem.unit == "ft" else 1.0,
                         (shown.path.stat().st_mtime_ns, path.stat().st_mtime_ns))
        _terrain(ground, f"{project.id}-{run.id}")


def _key_figures(found: Summary, run: Run) -> dict[str, str]:
    small, middle, large = found.percentiles_m2
    facts = {"Landslides": f"{found.count:,}", "Total area": size(found.total_m2)}
    if found.observed_m2:
        facts |= {"Per km²": f"{found.per_km2:,.2f}", "Of the ground": f"{found.share:.2%}",
                  "Observed": f"{size(found.observed_m2)}, {run.about.get('observed_share', 1):.0%}"}
    return facts | {"Largest": size(found.largest_m2), "Median": size(middle),
                    "Eight in ten lie between": f"{size(small)} and {size(large)}"}


def _sizes(areas: np.ndarray, name: str) -> None:
    st.subheader("Sizes", anchor=False)
    kind = st.segmented_control("Curve", ("Density", "Cumulative"), default="Density", required=True, key="curve",
                                label_visibility="collapsed")
    found = size_frequency(areas, bins_for(len(areas)))
    figure = charts.size_density(found) if kind == "Density" else charts.size_cumulative(areas)
    charts.show(figure, f"{name}-sizes-{kind.lower()}")
    _csv(pd.DataFrame({"from_m2": found.edges_m2[:-1], "to_m2": found.edges_m2[1:], "landslides": found.count,
                       "density_per_m2": found.density, "landslides_of_at_least": found.at_least[:-1]}),
         f"{name}-sizes")


@st.cache_data(max_entries=8, show_spinner="Looking at the slopes ...")
def _ground(probability: Path, outlines: Path, dem: Path, unit_m: float, changed: tuple[int, int]) -> Ground:
    return ground_of(probability, read_outlines(outlines), dem, unit_m)


def _terrain(ground: Ground, name: str) -> None:
    if not np.isfinite(ground.slope_deg).any():
        html.note("There is no elevation where the detection looked.")
        return
    st.subheader("Where they lie", anchor=False)
    kind = st.segmented_control("Terrain", tuple(_AXES), default="Slope", required=True, key="terrain",
                                label_visibility="collapsed")
    values = ground.slope_deg if kind == "Slope" else ground.elevation_m
    found = ground_shares(values, ground.landslide, (slope_classes if kind == "Slope" else elevation_classes)(values))
    charts.show(charts.ground(found, *_AXES[kind]), f"{name}-{kind.lower()}")
    _csv(_shares(found), f"{name}-{kind.lower()}")
    html.note(f"From places {ground.spacing_m:.1f} m apart.")


def _shares(found: GroundShares) -> pd.DataFrame:
    return pd.DataFrame({"from": found.edges[:-1], "to": found.edges[1:], "share_of_ground": found.ground,
                         "share_of_landslides": found.landslides, "covered_by_landslides": found.affected})


def _csv(numbers: pd.DataFrame, name: str) -> None:
    st.download_button("Numbers as CSV", lambda: numbers.to_csv(index=False).encode(), f"{name}.csv", "text/csv",
                       key=f"csv-{name}", on_click="ignore", type="tertiary", icon=":material/table_view:")
