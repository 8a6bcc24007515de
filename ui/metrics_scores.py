"""All charts of an evaluation, in the order in which they are read."""

from collections.abc import Mapping
from math import isnan
from typing import Any

import streamlit as st

from core.project import Project, Run
from core.reviewed import REVIEWED
from core.scored import Evaluation, at_threshold, training_log
from ui import html
from ui import metrics_charts as charts
from ui.metrics_card import card, picture_format
from ui.metrics_reviews import explain
from ui.models import models

_LEAST, _MOST = 0.02, 0.98
_WAYS = ("Counts", "By row", "By column")
_NO_TERRAIN = "Elevation of the ground is needed; score again once the project has some."


def scores(project: Project, run: Run, found: Evaluation) -> None:
    """Show key figures and charts."""
    about, name = found.about, f"{run.id}-{found.layer}"
    if found.layer == REVIEWED:
        explain(project, run, found)
    _key_figures(about)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        html.note(f"On {about['labelled_pixels']:,} labelled pixels. Bars and brackets are 95 % intervals from "
                  f"{about['blocks']} blocks of ground of {about['block_m']:g} m.")
        picture_format()
    left, right = st.columns(2, gap="medium")
    with left:
        _confusion(about, name)
    with right:
        figure, numbers = charts.classes(about)
        card("By class", figure, f"{name}-classes", numbers, height=330)
    _thresholds(run, about, name)
    for pair in (
            (("Landslides as objects", *charts.objects(about), "objects", "A detection matches a landslide where they "
              "share half of what both cover.", ""),
             ("By size of the landslide", *charts.object_sizes(about), "sizes",
              "DP and QP by the landslide's size, CE by the detection's.", "")),
            (("By slope", *charts.terrain(about, "slope"), "slope", "", _NO_TERRAIN),
             ("By aspect", *charts.terrain(about, "aspect"), "aspect", "Ground of 5° and more.", _NO_TERRAIN)),
            (("Along the edges", *charts.edges(about), "edges", "F1 of edge pixels that have one of the other map "
              "within reach.", ""),
             ("Training", *charts.training(_log(run)), "training", "", "The log of its training does not lie beside "
              "this model."))):
        for column, (heading, figure, numbers, key, note, without) in zip(st.columns(2, gap="medium"), pair,
                                                                          strict=True):
            with column:
                card(heading, figure, f"{name}-{key}", numbers, note=note, without=without)


def _key_figures(about: Mapping[str, Any]) -> None:
    slide, shapes, spans = about["landslide"], about["object"], about["intervals"]
    html.figures({
        "Landslide IoU": _figure(slide["iou"], spans["landslide"]["iou"]),
        "F1": _figure(slide["f1"], spans["landslide"]["f1"]),
        "Precision": _figure(slide["precision"], spans["landslide"]["precision"]),
        "Recall": _figure(slide["recall"], spans["landslide"]["recall"]),
        "Found (DP)": _figure(shapes["dp"], spans["object"]["dp"]),
        "Quality (QP)": _figure(shapes["qp"], spans["object"]["qp"]),
    })


def _figure(value: float | None, span: list[float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f} ({span[0]:.2f}–{span[1]:.2f})" if span else f"{value:.2f}"


def _confusion(about: Mapping[str, Any], name: str) -> None:
    way = st.session_state.get(f"way-{name}", _WAYS[0])
    figure, numbers = charts.confusion(about, way)
    card("Confusion matrix", figure, f"{name}-confusion", numbers, height=284)
    st.segmented_control("Shares", _WAYS, default=_WAYS[0], required=True, key=f"way-{name}",
                         label_visibility="collapsed")


def _thresholds(run: Run, about: Mapping[str, Any], name: str) -> None:
    """Show the curve with its handle beside the reliability diagram."""
    left, right = st.columns(2, gap="medium")
    with left:
        own = float(run.about.get("threshold", 0.5))
        key = f"threshold-{name}"
        threshold = st.slider("Working threshold", _LEAST, _MOST, own, 0.01, key=key,
                              help="Figures as they would be at another threshold. The map stays; it is drawn again "
                                   "on the page Detect.")

        def move(to: float) -> None:
            st.session_state[key] = min(max(round(to, 2), _LEAST), _MOST)

        now = at_threshold(about, threshold)
        figure, numbers = charts.precision_recall(about, threshold, now)
        card("Precision and recall at every threshold", figure, f"{name}-curve", numbers,
             note="The point is the working threshold: move it with the slider, or click on the curve.",
             without="No probabilities were stored.", on_pick=move)
    with right:
        html.figures({title: "–" if isnan(now[name]) else f"{now[name]:.3f}" for title, name in (
            ("Precision", "precision"), ("Recall", "recall"), ("F1", "f1"), ("IoU", "iou"))})
        figure, numbers = charts.reliability(about)
        card("Are the probabilities right?", figure, f"{name}-reliability", numbers,
             note=f"Calibration error {_figure(about['calibration_error'], about['intervals']['calibration_error'])}.",
             without="No probabilities were stored.")


def _log(run: Run) -> list[dict[str, Any]]:
    return next((training_log(each) for each in models() if each.name == run.model), [])
