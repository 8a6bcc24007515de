"""Beneath the map: whether the dates lie on each other, and areas from class to class."""

import streamlit as st

from core.change import read_shift
from core.dates import Comparison
from ui import change_charts, html
from ui.metrics_card import card, picture_format


def figures(comparison: Comparison) -> None:
    """Show the co-registration card, the flow and the matrix."""
    table = change_charts.areas(comparison)
    numbers = change_charts.long(table)
    left, right = st.columns([4, 8], gap="medium")
    with left:
        registration(comparison)
        picture_format()
    some = change_charts.changed(table)
    with right:
        card("What became what", change_charts.flows(table) if some else None, f"{comparison.id}-flow",
             numbers[numbers["before"] != numbers["after"]], note="Only what changed; as wide as its area.",
             height=360, without="Every pixel has the same class on both dates.")
    card("Areas from class to class", change_charts.transitions(table), f"{comparison.id}-areas", numbers,
         note="Each pixel by its class on both dates. What stayed the same is on the diagonal.",
         height=150 + 46 * len(table))


def registration(comparison: Comparison) -> None:
    """Show whether the two images lie on each other."""
    about, shift = comparison.about, read_shift(comparison.about)
    with st.container(border=True, key="registration", gap="small"):
        html.title("Co-registration", _verdict(comparison))
        if shift is None:
            html.note("The images of both dates are needed to tell whether they lie on each other.")
        else:
            if shift.warning and not about["corrected"]:
                st.warning(shift.warning, icon=":material/warning:")
            facts = {"Shift": f"{shift.length_px:.2f} px, {shift.length_m:.2f} m",
                     "To the right, down": f"{shift.columns:+.2f}, {shift.rows:+.2f} px",
                     "Windows that agree": f"{shift.agreement:.0%} of {shift.windows}",
                     "Spread": f"{shift.spread_px:.2f} px"}
            html.facts(facts | ({"Left after correction": f"{shift.left_px:.2f} px"} if about["corrected"] else {}))
        html.note(f"Edges may lie {about['tolerance_m']:g} m apart, pieces under {about['min_area_m2']:g} m² do not "
                  "count: what is gained or lost for certain is beyond both.")


def _verdict(comparison: Comparison) -> str:
    shift = read_shift(comparison.about)
    if shift is None:
        return "Not checked"
    if not shift.certain:
        return "Could not be told"
    if comparison.about["corrected"]:
        return f"Shifted by {shift.length_px:.1f} px, corrected"
    return f"Shifted by {shift.length_px:.1f} px" if shift.warning else "The images lie on each other"
