"""The paper's figures, plainly marked as measured by others on other data."""

import pandas as pd
import streamlit as st

from core.published import CITATION, TABLES, Table
from ui import html


def published() -> None:
    """Show the tables, with where they come from."""
    st.subheader("Published by others, on other data", anchor=False)
    st.html('<p class="scarp-published">Not measured here. These are the figures of the paper that FSTF-Net comes '
            "from, on images that are not in this project, with networks and labels of its authors. They say what has "
            "been reached elsewhere, not how good this map is.</p>")
    for table in TABLES:
        _show(table)
    html.note(CITATION)


def _show(table: Table) -> None:
    frame = pd.DataFrame([figures for _, figures in table.rows], [name for name, _ in table.rows], table.columns)
    with st.container(border=True, gap="xsmall"):
        html.title(f"Table {table.number} of the paper · {table.data}", table.title)
        st.dataframe(frame.rename_axis("Network").reset_index(), hide_index=True, width="stretch",
                     column_config={name: st.column_config.NumberColumn(format="%.2f") for name in table.columns})
        if table.note:
            html.note(table.note)
