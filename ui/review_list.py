"""The queue as a table: a row that is clicked is looked at."""

import streamlit as st

from ui import html
from ui.review_panel import STATUS
from ui.review_state import NEXT_TAB, Review, go, name_of

_COLUMNS = {
    "Status": st.column_config.TextColumn(width=96),
    "Area": st.column_config.NumberColumn("Area, m²", format="localized", width=72),
    "Probability": st.column_config.NumberColumn(format="%.2f", width=72),
}


def list_panel(look: Review) -> None:
    """Show the queue."""
    if not look.open:
        html.empty("The list is empty", "Nothing is left to show with this choice. Choose All in the Review panel.")
        return
    rows = look.frame.loc[look.open]
    table = rows[["status", "reviewer"]].rename(columns={"status": "Status", "reviewer": "By"})
    table["Status"] = table["Status"].map(STATUS)
    table.insert(0, "Name", [name_of(row) for row in rows.to_dict("records")])
    for column, name in (("area_m2", "Area"), ("probability_mean", "Probability")):
        if column in rows:
            table[name] = rows[column].round(2 if name == "Probability" else 0)
    if look.blind:
        table = table.drop(columns=["Status", "By"])

    def on_row() -> None:
        chosen = st.session_state["review-table"]["selection"]
        rows = [*(row for row, _ in chosen.get("cells", [])), *chosen["rows"]]
        if rows:
            go(look, look.open[rows[0]])
            st.session_state[NEXT_TAB] = "Review"

    st.dataframe(table, hide_index=True, height=560, key="review-table", on_select=on_row,
                 selection_mode=["single-row", "single-cell"], column_config=_COLUMNS, width="stretch")
