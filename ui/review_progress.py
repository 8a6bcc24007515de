"""How far the review is, who did it, how well they agree, and what waits to be settled."""

import pandas as pd
import streamlit as st

from core.review.agreement import agreement, progress
from ui import html
from ui.review_conflicts import conflict_box
from ui.review_keys import KEYS
from ui.review_panel import ask_who
from ui.review_state import Review

_LANDIS = ((0.0, "poor"), (0.2, "slight"), (0.4, "fair"), (0.6, "moderate"), (0.8, "substantial"),
           (1.01, "almost perfect"))
"""Landis and Koch (1977), doi:10.2307/2529310: up to each kappa, its name."""


def progress_panel(look: Review) -> None:
    """Show figures, conflicts, reviewers and agreement."""
    status = look.frame["status"] if len(look.frame) else pd.Series(dtype=str)
    done = int((status != "unreviewed").sum())
    html.figures({"Reviewed": f"{done:,} of {len(status):,}",
                  "Landslides": f"{int(status.isin(['accepted', 'edited', 'drawn']).sum()):,}",
                  "Rejected": f"{int((status == 'rejected').sum()):,}"})
    st.progress(done / len(status) if len(status) else 0.0)
    for conflict in look.conflicts:
        conflict_box(look, conflict)
    found = progress(look.log)
    st.subheader("Reviewers", anchor=False)
    if found:
        st.dataframe(pd.DataFrame([{"Who": each.who, "Yes": each.accepted, "No": each.rejected, "Drawn": each.drawn}
                                   for each in found]), hide_index=True, width="stretch")
    else:
        html.note("Nobody has reviewed anything yet.")
    st.subheader("Agreement", anchor=False)
    pairs = agreement(look.log)
    for each in pairs:
        said = "not defined: both always said the same" if each.kappa is None else (
            f"{each.kappa:.2f}, {next(name for top, name in _LANDIS if each.kappa <= top)}")
        html.facts({f"{each.first} and {each.second}": f"agree on {each.observed:.0%} of {each.both:,}",
                    "Cohen's kappa": said})
    if not pairs:
        html.note("It is known when two people have judged the same detections: the second takes a Second look.")
    html.note("Reviewing in this order says nothing about the accuracy of the map: what was looked at was chosen.")
    st.subheader("Keys", anchor=False)
    html.facts(KEYS)
    ask_who(look)
