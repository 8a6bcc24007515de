"""What a fine-tuning changed: before and after on ground kept apart, pictures, and keeping the model or not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.config import OUTCOMES
from core.project import Project
from core.tuning import Tuning, keep, remove, tunings
from ui import charts, html, nav, state, train_charts
from ui.job_card import job_card
from ui.models import models
from ui.settings import models_root
from ui.words import errors_in_words

_BETTER_LOW = "free ground called landslide"
COLUMNS = {"Score": st.column_config.TextColumn(width=220), "Difference": st.column_config.NumberColumn(format="%+.3f"),
            **{name: st.column_config.NumberColumn(format="%.3f") for name in (
                "Before", "After", "IoU before", "IoU after")},
            "Elsewhere": st.column_config.NumberColumn(format="%+.3f")}


def result(tuning: Tuning) -> None:
    """Show all of one finished fine-tuning."""
    rows = tuning.rows
    html.figures(_headline(rows[0]))
    html.note(_verdict(rows[0]))
    _keeping(tuning)
    st.subheader("Before and after", anchor=False)
    html.note("On ground that neither model was trained on. Intervals are of the difference, paired by blocks, 95 %.")
    st.dataframe(_table(rows), hide_index=True, width="stretch", key=f"train-table-{tuning.id}", column_config=COLUMNS)
    if tuning.pictures:
        st.subheader("What changed", anchor=False)
        html.keys("From left to right: the image, before, after.", OUTCOMES)
        columns = st.columns(2, gap="medium")
        for at, path in enumerate(tuning.pictures):
            with columns[at % 2]:
                st.image(path, width="stretch")
    st.subheader("How it learned", anchor=False)
    curves(tuning)


def curves(tuning: Tuning) -> None:
    """Show loss and IoU by step, side by side."""
    if not tuning.curve:
        html.empty("No curve yet", "The first figures come after five steps.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        charts.show(train_charts.loss(tuning), f"train-loss-{tuning.id}")
    with right:
        charts.show(train_charts.iou(tuning), f"train-iou-{tuning.id}")


def name_of(tuning: Tuning) -> str:
    """Return what people call it."""
    about = tuning.about
    return tuning.kept or f"{about['model_title']}, {about['labels']}, {about['created'][:16].replace('T', ' ')}"


def comparison(found: list[Tuning]) -> pd.DataFrame:
    """Return finished fine-tunings side by side, one a row."""
    lines = []
    for tuning in found:
        here, *elsewhere = tuning.rows
        score = here["scores"].get("IoU", dict.fromkeys(("before", "after", "difference", "interval")))
        far = elsewhere[0]["scores"].get("IoU") if elsewhere else None
        lines.append({
            "Fine-tuning": name_of(tuning), "Landslides": tuning.about["counts"].get("landslide", 0),
            "Minutes": tuning.about["minutes"], "IoU before": score["before"], "IoU after": score["after"],
            "Difference": score["difference"], "95 % interval": _interval(score["interval"]),
            "Elsewhere": far["difference"] if far else None, "Kept as": tuning.kept or "not kept"})
    return pd.DataFrame(lines)


def delete_button(tuning: Tuning) -> None:
    """Offer to throw a fine-tuning away."""
    with st.popover("", icon=":material/delete:", help="Delete this fine-tuning", type="tertiary",
                    key=f"train-delete-{tuning.id}"):
        html.note("Its curves, pictures and unkept model are removed. A model that was kept stays.")
        st.button("Delete", key=f"train-remove-{tuning.id}", on_click=_remove, args=[tuning])


def _remove(tuning: Tuning) -> None:
    with errors_in_words():
        remove(tuning)


@st.fragment(run_every=2.0)
def live(tuning: Tuning, project: Project) -> None:
    """Show a fine-tuning that is under way; when it ends the whole page is drawn again."""
    now = next((each for each in tunings(project) if each.id == tuning.id), None)
    if now is None or now.job is None or not now.job.active:
        st.rerun()
    job_card(now.job, log=False)
    curves(now)


def _keeping(tuning: Tuning) -> None:
    if tuning.kept and tuning.kept in {card.name for card in models() if card.has_weights}:
        html.note(f"Kept as {tuning.kept}. It is among the models of every detection.")
        if st.button("Detect with it", icon=":material/radar:", key=f"train-detect-{tuning.id}"):
            st.session_state["detect-model"] = tuning.kept
            nav.go("detect")
        return
    with st.form(f"train-keep-{tuning.id}", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        name = left.text_input("Name of the model", placeholder="such as jiuzhaigou-1", key=f"train-name-{tuning.id}",
                               max_chars=64)
        if right.form_submit_button("Keep this model", type="primary", icon=":material/bookmark_add:", width="stretch"):
            with errors_in_words():
                title = " ".join(name.split())
                keep(tuning, title.replace(" ", "-"), models_root(), f"{tuning.about['model_title']}: {title}")
                state.note(f"{title} is among the models now.")
                st.rerun()


def _headline(row: dict[str, Any]) -> dict[str, str]:
    shown = {}
    for name, score in row["scores"].items():
        if name in ("IoU", "precision", "recall", _BETTER_LOW):
            shown[name[:1].upper() + name[1:]] = " → ".join(
                "–" if score[key] is None else f"{score[key]:.1%}" if name == _BETTER_LOW else f"{score[key]:.2f}"
                for key in ("before", "after"))
    return shown


def _verdict(row: dict[str, Any]) -> str:
    """Say in a sentence whether it got better, and how sure that is."""
    score = row["scores"].get("IoU")
    if not score or not score["interval"]:
        return (f"{row['blocks']} blocks of ground are too few to say how sure the difference is: draw a larger test "
                "area.")
    low, high = score["interval"]
    blocks = f"on {row['blocks']} blocks of ground kept apart"
    if low > 0:
        return f"Better {blocks}: IoU rose by {low:.3f} to {high:.3f}."
    if high < 0:
        return f"Worse {blocks}: IoU fell by {-high:.3f} to {-low:.3f}. The first model is the better one."
    return f"No certain change {blocks}: IoU changed by {low:+.3f} to {high:+.3f}. The first model may do as well."


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    lines = []
    for at, row in enumerate(rows):
        ground = row["ground"].capitalize() if at else "Ground kept apart"
        for name, score in row["scores"].items():
            lines.append({"Ground": f"{ground} ({row['blocks']} blocks)", "Score": name[:1].upper() + name[1:],
                          **{key.capitalize(): score[key] for key in ("before", "after", "difference")},
                          "95 % interval": _interval(score["interval"])})
    return pd.DataFrame(lines)


def _interval(ends: list[float] | None) -> str:
    return f"{ends[0]:+.3f} to {ends[1]:+.3f}" if ends else "too few blocks"
