"""The panel of results: a detection, its threshold, its landslides as a table, and the selected one."""

import pandas as pd
import streamlit as st

from core.project import Project, Run
from core.statistics import summarise
from ui import html, state
from ui.landslides_downloads import downloads
from ui.landslides_runs import another_model, run_head
from ui.landslides_threshold import threshold
from ui.outlines import Shown, facts_of, size, table_in

_PROBABILITY = st.column_config.ProgressColumn("Probability", format="%.2f", min_value=0, max_value=1, width=104)
COLUMNS = {
    "id": st.column_config.NumberColumn("No.", width=44),
    "area_m2": st.column_config.NumberColumn("Area, m²", format="localized", width=76),
    "probability_mean": _PROBABILITY,
    "slope_mean_deg": st.column_config.NumberColumn("Slope", format="%.0f°", width=54),
    "drop_m": st.column_config.NumberColumn("Drop, m", format="%.0f", width=64),
    "length_m": st.column_config.NumberColumn("Length, m", format="%.0f", width=76),
    "width_m": st.column_config.NumberColumn("Width, m", format="%.0f", width=72),
    "elevation_max_m": st.column_config.NumberColumn("Top, m", format="%.0f", width=64),
}
"""What the table shows, in this order; the first fit the panel, the rest shows when the table is made large."""


def landslides_panel(project: Project, run: Run | None, shown: Shown | None) -> None:
    """Show what a detection found, and what can be done with it."""
    if run is None or shown is None:
        html.empty("No detection yet",
                   "Run one in the Detect panel: its landslides are listed here and drawn on the map.")
        return
    run_head(project, run)
    table = table_in(shown.path)
    if table is not None and not table.empty:
        key_figures(run, table)
    threshold(project, run, shown, None if table is None else len(table))
    if table is None or table.empty:
        html.empty("No landslides found", "In this area the model saw none. Try a lower threshold, or another model.")
    else:
        _table(run, shown, table)
        _selected(table, measured=not shown.redrawn)
    _caveats(run)
    with st.container(horizontal=True):
        downloads(project, run)
        another_model(project, run)


def key_figures(run: Run, table: pd.DataFrame) -> None:
    """Show how many, how large and how dense."""
    figures = summarise(table["area_m2"], run.about.get("observed_m2"))
    third = {"Per km²": f"{figures.per_km2:,.1f}"} if figures.per_km2 is not None else {
        "Largest": size(figures.largest_m2)}
    html.figures({"Landslides": f"{figures.count:,}", "Total area": size(figures.total_m2), **third})


def _selected(table: pd.DataFrame, *, measured: bool) -> None:
    chosen = table[table["id"] == state.selected()]
    if chosen.empty:
        html.note("Click an outline on the map, or a row, to read its attributes.")
        return
    with st.container(border=True, key="selected"):
        html.title("Selected", f"Landslide {state.selected()}",
                   "" if measured else "Slope and drop are measured when the outlines are kept.")
        html.facts(facts_of(chosen.iloc[0], measured=measured))


def _caveats(run: Run) -> None:
    """Say what the result was made without, so that it is not read as more than it is."""
    missing = [f"Made without {name}." for name in run.about.get("missing", [])]
    observed = run.about.get("observed_share", 1)
    unseen = [f"{1 - observed:.0%} of the area was not observed and says nothing."] if observed < 0.995 else []
    if said := [*run.about.get("warnings", []), *missing, *unseen]:
        html.note(" ".join(said))


def _table(run: Run, shown: Shown, table: pd.DataFrame) -> None:
    """Show the landslides; a row that is clicked is selected on the map and the other way round."""
    key = f"table-{shown.path.parent.parent.name}-{shown.path.stem}-{run.id}-{state.get(state.TURN, 0)}"

    def on_row() -> None:
        chosen = st.session_state[key]["selection"]
        rows = [*(row for row, _ in chosen.get("cells", [])), *chosen["rows"]]
        row = table.iloc[rows[0]] if rows else None
        if row is None:
            state.select(None)
        else:
            state.select(int(row["id"]), tuple(float(row[side]) for side in ("west", "south", "east", "north")))

    at = table.index[table["id"] == state.selected()]
    present = [name for name in COLUMNS if name in table and table[name].notna().any()]
    st.dataframe(table[present].round({"area_m2": 0}), hide_index=True, height=212, key=key, placeholder="",
                 on_select=on_row, selection_mode=["single-row", "single-cell"], column_config=COLUMNS, width="stretch",
                 selection_default={"selection": {"rows": [int(at[0])]}} if len(at) else None)
