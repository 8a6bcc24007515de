"""What a comparison found: key figures, the landslides by what became of them, the selected one, and files."""

from functools import partial

import pandas as pd
import streamlit as st

from core.change.codes import KIND_COLOURS
from core.dates import Comparison, run_of, send_new
from core.export import FORMATS, outlines_as
from core.project import Project
from ui import html, state
from ui.outlines import size, table_in
from ui.picked import pick, picked, turn
from ui.words import errors_in_words

FORMS = {"before_m2": "Before", "after_m2": "After", "gained_m2": "Gained for certain",
         "lost_m2": "Lost for certain", "unobserved_m2": "Not observed on one date"}
_COLUMNS = {
    "id": st.column_config.NumberColumn("No.", width=44),
    "change": st.column_config.TextColumn("Change", width=84),
    "before_m2": st.column_config.NumberColumn("Before, m²", format="localized", width=78),
    "after_m2": st.column_config.NumberColumn("After, m²", format="localized", width=78),
    "gained_m2": st.column_config.NumberColumn("Gained, m²", format="localized", width=78),
    "lost_m2": st.column_config.NumberColumn("Lost, m²", format="localized", width=70),
}
_REVIEWER = "reviewer"


def key_figures(comparison: Comparison) -> None:
    """Show how many landslides became what, and how much ground they cover."""
    found = comparison.about["changes"]
    shown = {kind.capitalize(): f"{figures['count']:,}" for kind, figures in found.items()
             if figures["count"] or kind != "unobserved"}
    total = [sum(figures[side] for figures in found.values()) for side in ("before_m2", "after_m2")]
    html.figures({**shown, "Area before": size(total[0]), "Area after": size(total[1])},
                 {kind.capitalize(): ink for kind, ink in KIND_COLOURS.items()})


def objects(comparison: Comparison) -> pd.DataFrame:
    """Return the landslides, one a row."""
    table = table_in(comparison.objects)
    return pd.DataFrame() if table is None else table


def panel(project: Project, comparison: Comparison, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Show the landslides of the chosen kinds and what can be done with them; return those."""
    if table.empty:
        html.empty("No landslides on either date", "Neither map shows one of the smallest size that was asked for.")
        return table
    counts = table["change"].value_counts()
    kinds = [kind for kind in KIND_COLOURS if kind in counts]
    chosen = st.pills("What became of them", kinds, selection_mode="multi", key=f"kinds-{comparison.id}",
                      format_func=lambda kind: f"{kind.capitalize()} {counts[kind]}", label_visibility="collapsed")
    shown = table[table["change"].isin(chosen or kinds)]
    _table(shown, name)
    _selected(shown, name)
    with st.container(horizontal=True, gap="small"):
        _downloads(project, comparison)
        _review(project, comparison, int(counts.get("new", 0)))
    return shown


def _table(shown: pd.DataFrame, name: str) -> None:
    """Show them; a row that is clicked is selected on the map and the other way round."""
    key = f"{name}-{len(shown)}-{turn(name)}"

    def on_row() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        row = shown.iloc[rows[0]] if rows else None
        if row is None:
            pick(name, None)
        else:
            pick(name, int(row["id"]), tuple(float(row[side]) for side in ("west", "south", "east", "north")))

    at = [number for number, each in enumerate(shown["id"]) if each == picked(name)]
    st.dataframe(shown[list(_COLUMNS)].round(0), hide_index=True, height=300, key=key, on_select=on_row,
                 width="stretch", selection_mode="single-row", column_config=_COLUMNS,
                 selection_default={"selection": {"rows": at}} if at else None)


def _selected(shown: pd.DataFrame, name: str) -> None:
    chosen = shown[shown["id"] == picked(name)]
    if chosen.empty:
        html.note("Click a landslide on the map, or a row.")
        return
    row = chosen.iloc[0]
    with st.container(border=True, key="selected"):
        html.title("Selected", f"Landslide {row['id']}, {row['change']}")
        html.facts({name: size(row[column]) for column, name in FORMS.items() if row[column] > 0}
                   | {"Place": f"{row['lat']:.5f}, {row['lon']:.5f}"})


def _downloads(project: Project, comparison: Comparison) -> None:
    name = f"{project.id}-change-{comparison.id}"
    with st.popover("Download", icon=":material/download:"):
        st.caption("Landslides, with what became of each")
        for kind, each in FORMATS.items():
            st.download_button(each.title, partial(outlines_as, comparison.objects, kind), f"{name}{each.suffix}",
                               each.mime, key=f"get-{kind}", help=f"In {each.crs}.", on_click="ignore",
                               icon=":material/polyline:", width=250)
        st.caption("From what to what, as cloud-optimised GeoTIFF")
        st.download_button("From-to map", comparison.map.read_bytes, f"{name}.tif", "image/tiff", key="get-map",
                           on_click="ignore", icon=":material/grid_on:", width=250)


def _review(project: Project, comparison: Comparison, new: int) -> None:
    if not new or run_of(project, comparison) is None:
        return
    with st.popover("Send new ones to review", icon=":material/rate_review:"):
        html.note(f"The {new} new landslides go to the list of what is to be reviewed, each with a note since when.")
        who = st.text_input("Your name", state.get(_REVIEWER, ""), key="change-reviewer")
        if st.button("Send", type="primary", disabled=not who.strip(), width="stretch"):
            with errors_in_words():
                sent = send_new(project, comparison, who)
                st.session_state[_REVIEWER] = who
                state.note(f"{sent} new landslides are up for review.")
