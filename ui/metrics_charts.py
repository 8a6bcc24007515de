"""Charts of an evaluation, each with its numbers: classes, thresholds, landslides as objects, ground, training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.config import SCHEMES
from ui.charts import GROUND, LANDSLIDE
from ui.metrics_card import accent, matrix

Drawn = tuple[go.Figure | None, pd.DataFrame]
_NAMES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "iou": "IoU"}
_OBJECT = {"dp": "DP, detection probability", "oe": "OE, omission", "ce": "CE, commission", "qp": "QP, quality"}
_SHADES = ("#0c7473", "#3a86c8", "#8d5a97", "#d9a441")


def confusion(about: Mapping[str, Any], by: str) -> Drawn:
    """Draw the confusion matrix: pixels, or shares of the reference (by row) or of the map (by column)."""
    counts = pd.DataFrame(about["confusion"], about["classes"], about["classes"]).astype(float)
    rows, columns = counts.div(counts.sum(1), axis=0), counts.div(counts.sum(0), axis=1)
    shares = {"Counts": counts / counts.to_numpy().max(), "By row": rows, "By column": columns}[by]
    texts = counts.map(lambda pixels: f"{pixels:,.0f}") if by == "Counts" else shares.map(
        lambda share: "" if np.isnan(share) else f"{share:.1%}")
    numbers = counts.rename_axis(index="reference", columns="map").stack().rename("pixels").reset_index()
    numbers["share_of_reference"], numbers["share_of_map"] = rows.stack().to_numpy(), columns.stack().to_numpy()
    return matrix(shares.fillna(0), texts, "Map", "Reference"), numbers


def classes(about: Mapping[str, Any]) -> Drawn:
    """Draw precision, recall, F1 and IoU of each class, with intervals."""
    names = about["classes"]
    known = [each for each in SCHEMES.values() if list(each.names) == names]
    figure, parts = go.Figure(), []
    for at, name in enumerate(names):
        values = [about["pixel"][score][at] for score in _NAMES]
        spans = [(about["intervals"]["pixel"][score] or [None] * len(names))[at] for score in _NAMES]
        parts.append(_rows(list(_NAMES.values()), values, spans).assign(score_of=name))
        figure.add_bar(name=name, x=list(_NAMES.values()), y=values, error_y=_bars(values, spans),
                       marker={"color": known[0].colours[at] if known else _SHADES[at % 4]},
                       hovertemplate=f"{name}, %{{x}}: %{{y:.3f}}<extra></extra>")
    return _shares(figure, legend=True), pd.concat(parts, ignore_index=True)


def precision_recall(about: Mapping[str, Any], threshold: float, now: Mapping[str, float]) -> Drawn:
    """Draw precision against recall, with the threshold that is chosen as a handle on it."""
    curve = pd.DataFrame(about["curve"]).dropna()
    if curve.empty:
        return None, curve
    figure = go.Figure(go.Scatter(
        x=curve["recall"], y=curve["precision"], mode="lines+markers", customdata=curve["threshold"],
        name="every threshold", line={"color": accent()[1], "width": 2}, marker={"size": 12, "opacity": 0},
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},  # there to be clicked
        hovertemplate="threshold %{customdata:.2f}: recall %{x:.3f}, precision %{y:.3f}<extra></extra>"))
    figure.add_scatter(x=[now["recall"]], y=[now["precision"]], mode="markers+text", name=f"{threshold:.2f}",
                       text=[f" {threshold:.2f}"], textposition="middle right", cliponaxis=False,
                       textfont={"size": 13},
                       marker={"size": 13, "color": LANDSLIDE, "line": {"width": 2, "color": "#fff"}}, hoverinfo="skip")
    figure.update_xaxes(title="Recall (producer's accuracy)", range=[0, 1.02])
    figure.update_yaxes(title="Precision (user's accuracy)", range=[0, 1.03])
    return figure.update_layout(showlegend=False), curve


def reliability(about: Mapping[str, Any]) -> Drawn:
    """Draw how often there is a landslide where a probability is said; bins with many pixels are large."""
    table = pd.DataFrame(about["reliability"])
    table = table[table["pixels"] > 0]
    if table.empty:
        return None, table
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip",
                                  line={"color": GROUND, "width": 1, "dash": "dot"}))
    size = 7 + 15 * np.sqrt(table["pixels"] / table["pixels"].max())
    figure.add_scatter(x=table["probability"], y=table["landslide"], mode="lines+markers", customdata=table["pixels"],
                       line={"color": accent()[1], "width": 1.5},
                       marker={"size": size, "color": accent()[1], "opacity": 0.85},
                       hovertemplate="said %{x:.2f}, is %{y:.2f}; %{customdata:,} pixels<extra></extra>")
    figure.update_xaxes(title="Probability that is said", range=[-0.02, 1.02])
    figure.update_yaxes(title="Share that is landslide", range=[-0.03, 1.04])
    return figure.update_layout(showlegend=False), table


def objects(about: Mapping[str, Any]) -> Drawn:
    """Draw DP, OE, CE and QP of landslides, by number and by area, with intervals."""
    figure, parts = go.Figure(), []
    for weight, suffix, colour in (("by number", "", LANDSLIDE), ("by area", "_by_area", GROUND)):
        values = [about["object"][name + suffix] for name in _OBJECT]
        spans = [about["intervals"]["object"][name + suffix] for name in _OBJECT]
        figure.add_bar(name=weight, x=[name.upper() for name in _OBJECT], y=values, error_y=_bars(values, spans),
                       marker={"color": colour}, hovertemplate="%{x} " + weight + ": %{y:.3f}<extra></extra>")
        parts.append(_rows(list(_OBJECT.values()), values, spans).assign(weight=weight))
    return _shares(figure, legend=True), pd.concat(parts, ignore_index=True)


def object_sizes(about: Mapping[str, Any]) -> Drawn:
    """Draw DP, CE and QP of landslides by their size."""
    figure, parts, sizes = go.Figure(), [], about["size_classes"]
    there = about["object_by_size"]["reference"]
    names = [f"{size}<br>{count:,} there" for size, count in zip(sizes, there, strict=True)]
    for name, colour in zip(("dp", "ce", "qp"), (LANDSLIDE, GROUND, accent()[1]), strict=True):
        values = about["object_by_size"][name]
        spans = about["intervals"]["object_by_size"][name] or [None] * len(sizes)
        figure.add_bar(name=name.upper(), x=names, y=values, error_y=_bars(values, spans), marker={"color": colour},
                       hovertemplate=f"{name.upper()}, %{{x}}: %{{y:.3f}}<extra></extra>")
        parts.append(_rows(sizes, values, spans).assign(of=name.upper(), in_reference=there))
    return _shares(figure, legend=True), pd.concat(parts, ignore_index=True)


def edges(about: Mapping[str, Any]) -> Drawn:
    """Draw boundary F1 at each reach."""
    reaches, values = about["reaches_px"], about["boundary_f1"]
    spans = about["intervals"]["boundary_f1"] or [None] * len(values)
    names = [f"within {reach} px" for reach in reaches]
    figure = go.Figure(go.Bar(x=names, y=values, error_y=_bars(values, spans), marker={"color": accent()[1]}, width=0.5,
                              hovertemplate="%{x}: %{y:.3f}<extra></extra>"))
    return _shares(figure), _rows(names, values, spans)


def terrain(about: Mapping[str, Any], kind: str) -> Drawn:
    """Draw precision, recall and F1 by slope or by aspect, over the ground there is."""
    rows = pd.DataFrame(about.get("terrain", {}).get(kind, []))
    if rows.empty:
        return None, rows
    area = rows[["tp", "fp", "fn", "tn"]].sum(1)
    rows = rows.assign(ground=area / area.sum(), precision=rows["tp"] / (rows["tp"] + rows["fp"]),
                       recall=rows["tp"] / (rows["tp"] + rows["fn"]),
                       f1=2 * rows["tp"] / (2 * rows["tp"] + rows["fp"] + rows["fn"]))
    names = rows["wind"] if kind == "aspect" else [f"{low:g}–{high:g}" for low, high in zip(
        rows["from"], rows["to"], strict=True)]
    figure = go.Figure(go.Bar(name="share of the ground", x=names, y=rows["ground"], marker={"color": GROUND},
                              opacity=0.35, hovertemplate="%{x}: %{y:.1%} of the ground<extra></extra>"))
    for name, colour in zip(("precision", "recall", "f1"), (accent()[1], LANDSLIDE, _SHADES[2]), strict=True):
        figure.add_scatter(name=_NAMES[name], x=names, y=rows[name], mode="lines+markers", line={"color": colour},
                           connectgaps=True, hovertemplate=f"%{{x}}: {_NAMES[name]} %{{y:.3f}}<extra></extra>")
    figure.update_xaxes(type="category", title="Faces" if kind == "aspect" else "Slope, degrees")
    return _shares(figure, legend=True), rows


def training(lines: Sequence[Mapping[str, Any]]) -> Drawn:
    """Draw the loss, and what was gained on ground that was held out."""
    table = pd.DataFrame(lines)
    if table.empty or not {"loss", "gain"} & set(table.columns):
        return None, table
    figure = go.Figure()
    if "loss" in table:
        some = table.dropna(subset="loss")
        figure.add_scatter(name="Loss", x=some["step"], y=some["loss"], mode="lines", line={"color": GROUND})
    if "gain" in table:
        some = table.dropna(subset="gain")
        figure.add_scatter(name="Held out", x=some["step"], y=some["gain"], mode="lines+markers", yaxis="y2",
                           line={"color": LANDSLIDE})
        figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "showgrid": False, "title": "Held out"})
    figure.update_xaxes(title="Step")
    figure.update_yaxes(title="Loss", selector={"side": None})
    return figure.update_layout(legend=_LEGEND), table


_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}


def _shares(figure: go.Figure, *, legend: bool = False) -> go.Figure:
    figure.update_yaxes(range=[0, 1.03], nticks=6)
    return figure.update_layout(barmode="group", bargap=0.3, showlegend=legend, legend=_LEGEND)


def _bars(values: Sequence[float | None], spans: Sequence[Sequence[float] | None]) -> dict[str, Any]:
    """Return error bars; nothing where a score or its interval is not known."""
    pairs = [(0, 0) if value is None or span is None else (span[1] - value, value - span[0])
             for value, span in zip(values, spans, strict=True)]
    return {"type": "data", "symmetric": False, "array": [up for up, _ in pairs],
            "arrayminus": [down for _, down in pairs], "thickness": 1.2, "width": 4, "color": GROUND}


def _rows(names: Sequence[str], values: Sequence[float | None],
          spans: Sequence[Sequence[float] | None]) -> pd.DataFrame:
    low, high = ([span[side] if span else None for span in spans] for side in (0, 1))
    return pd.DataFrame({"score": names, "value": values, "low_95": low, "high_95": high})
