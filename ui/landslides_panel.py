"""The panel of results: a detection, its landslides as a table, and the attributes of the selected one."""

from pathlib import Path

import pandas as pd
import streamlit as st

from core.project import Project, Run
from ui import html, state
from ui.outlines import facts_of, size, table_of


def landslides_panel(project: Project, run: Run | None) -> None:
    """Show what a detection found."""
    if run is None:
        html.empty("No detection yet",
                   "Run one in the Detect panel: its landslides are listed here and drawn on the map.")
        return
    _picker(project, run)
    table = table_of(run)
    if table is None or table.empty:
        html.empty("No landslides found", "In this area the model saw none. Try another area or another model.")
        return
    html.figures({"Landslides": f"{len(table):,}", "Total area": size(table["area_m2"].sum()),
                  "Largest": size(table["area_m2"].max())})
    _table(run, table)
    chosen = table[table["id"] == state.get(state.SELECTED)]
    if chosen.empty:
        html.note("Click an outline on the map, or a row, to read its attributes.")
    else:
        with st.container(border=True, key="selected"):
            html.title("Selected", f"Landslide {state.get(state.SELECTED)}")
            html.facts(facts_of(chosen.iloc[0]))
    _caveats(run)
    _download(run.folder / "landslides.gpkg", f"{project.id}-{run.id}.gpkg")


def _picker(project: Project, run: Run) -> None:
    runs = project.runs()
    if len(runs) < 2:
        return
    names = {each.id: f"{each.model}, {_when(each.id)}" for each in runs}
    chosen = st.selectbox("Detection", list(names), index=list(names).index(run.id), format_func=names.get)
    if chosen != run.id:
        state.show_run(chosen)
        st.rerun()


def _when(run: str) -> str:
    try:
        return f"{pd.to_datetime(run[:15], format='%Y%m%d-%H%M%S'):%d %b %Y %H:%M} UTC"
    except ValueError:
        return run


def _caveats(run: Run) -> None:
    """Say what the result was made without, so that it is not read as more than it is."""
    missing = [f"Made without {name}." for name in run.about.get("missing", [])]
    observed = run.about.get("observed_share", 1)
    unseen = [f"{1 - observed:.0%} of the area was not observed and says nothing."] if observed < 0.995 else []
    if said := [*run.about.get("warnings", []), *missing, *unseen]:
        html.note(" ".join(said))


def _table(run: Run, table: pd.DataFrame) -> None:
    """Show the landslides; a row that is clicked is selected on the map and the other way round."""
    key = f"table-{run.id}-{state.get(state.TURN, 0)}"

    def on_row() -> None:
        chosen = st.session_state[key]["selection"]
        rows = [*(row for row, _ in chosen.get("cells", [])), *chosen["rows"]]
        row = table.iloc[rows[0]] if rows else None
        if row is None:
            state.select(None)
        else:
            state.select(int(row["id"]), tuple(float(row[side]) for side in ("west", "south", "east", "north")))

    at = table.index[table["id"] == state.get(state.SELECTED)]
    columns = {"id": st.column_config.NumberColumn("No.", width=44),
               "area_m2": st.column_config.NumberColumn("Area, m²", format="localized", width=76),
               "probability_mean": st.column_config.ProgressColumn(
                   "Probability", format="%.2f", min_value=0, max_value=1, width=104),
               "slope_mean_deg": st.column_config.NumberColumn("Slope", format="%.0f°", width=54)}
    present = [name for name in columns if name in table]
    st.dataframe(table[present].round({"area_m2": 0}), hide_index=True, height=212, key=key, placeholder="",
                 on_select=on_row, selection_mode=["single-row", "single-cell"], column_config=columns, width="stretch",
                 selection_default={"selection": {"rows": [int(at[0])]}} if len(at) else None)


def _download(path: Path, name: str) -> None:
    st.download_button("Download outlines (GeoPackage)", path.read_bytes, file_name=name, icon=":material/download:",
                       mime="application/geopackage+sqlite3", on_click="ignore", width="stretch")
