"""The figures of a comparison: each model's scores and cost, and how far any two agree."""

from typing import Any

import pandas as pd
import streamlit as st

from core.rivals import Contest
from ui import html
from ui.metrics_card import card, matrix
from ui.outlines import size

_SCORES = (("IoU", "landslide", "iou"), ("F1", "landslide", "f1"), ("Precision", "landslide", "precision"),
           ("Recall", "landslide", "recall"), ("DP", "object", "dp"), ("QP", "object", "qp"), ("OE", "object", "oe"),
           ("CE", "object", "ce"))


def models_table(contest: Contest) -> None:
    """Show one row a model: what it found, what it took, and its scores where there is a reference."""
    frame = table(contest)
    scores = contest.about["scores"]
    with st.container(border=True, gap="xsmall"):
        html.title("Models", "Scores and cost" if scores else "What each found and took")
        forms = {name: st.column_config.NumberColumn(format="%.3f") for name in frame if name not in (
            "Model", "Threshold", "Landslides", "Area, m²", "s per km²", "Memory, MB")}
        st.dataframe(frame, hide_index=True, width="stretch", column_config=forms | {
            "Area, m²": st.column_config.NumberColumn(format="localized"),
            "s per km²": st.column_config.NumberColumn(format="%.1f", help="From start to end, where it ran."),
            "Memory, MB": st.column_config.NumberColumn(format="localized", help="The most its process held.")})
        if scores:
            html.note(_differences(contest, scores))
        else:
            html.note("Without a reference nobody can say which is right, only where they agree.")


def table(contest: Contest) -> pd.DataFrame:
    """Return one row a model."""
    rows = []
    scores = contest.about["scores"]["runs"] if contest.about["scores"] else [None] * len(contest.names)
    for name, about, score in zip(contest.names, contest.about["runs"], scores, strict=True):
        row: dict[str, Any] = {"Model": name, "Threshold": about["threshold"], "Landslides": about["landslides"],
                               "Area, m²": about["landslides_m2"]}
        if score:
            row |= {title: score[kind][key] for title, kind, key in _SCORES}
            if len(score["classes"]) > 2:  # noqa: PLR2004
                row |= {f"F1 {each}": value for each, value in zip(score["classes"], score["pixel"]["f1"], strict=True)}
        rows.append(row | {"s per km²": about["seconds_per_km2"], "Memory, MB": about["memory_mb"]})
    return pd.DataFrame(rows).round({"Area, m²": 0, "Memory, MB": 0})


def pairs(contest: Contest) -> None:
    """Show how far any two agree, as a square."""
    names = contest.names
    shares = pd.DataFrame(1.0, names, names)
    texts = pd.DataFrame("", names, names)
    for pair in contest.about["pairs"]:
        a, b = names[pair["first"]], names[pair["second"]]
        iou, many = pair["iou"], pair["matched"] != 1
        shares.loc[a, b] = shares.loc[b, a] = iou or 0.0
        texts.loc[a, b] = texts.loc[b, a] = (
            f"{'No landslide by either' if iou is None else f'IoU {iou:.2f}'}<br>{pair['agreement']:.1%} of the ground"
            f"<br>{pair['matched']} {'landslides match' if many else 'landslide matches'}")
    rows = pd.DataFrame(contest.about["pairs"]).assign(
        first=lambda frame: frame["first"].map(lambda at: names[at]),
        second=lambda frame: frame["second"].map(lambda at: names[at]))
    for name in names:
        shares.loc[name, name] = 0.0
    places = contest.about["apart"]
    card("Agreement of any two", matrix(shares, texts, "", ""), f"{contest.id}-pairs", rows,
         note=f"{places:,} {'place' if places == 1 else 'places'} of {contest.about['min_area_m2']:g} m² and more "
              f"{'is' if places == 1 else 'are'} not agreed on, {size(contest.about['apart_m2'])}.",
         height=90 + 95 * len(names))


def _differences(contest: Contest, scores: dict[str, Any]) -> str:
    """Say by how much each differs from the first, with the interval of the difference."""
    said = []
    for name, apart in zip(contest.names[1:], scores["differences"], strict=True):
        value, span = apart["landslide"]["iou"], apart["intervals"]["landslide"]["iou"]
        if value is not None and span:
            sure = "this ground can show it" if span[0] > 0 or span[1] < 0 else "not certain on this ground"
            said.append(f"{name}: IoU {value:+.3f} [{span[0]:+.3f}, {span[1]:+.3f}], {sure}")
    return f"Against {contest.names[0]}, on the same draws: {'; '.join(said)}." if said else ""
