"""Charts of a comparison: areas from class to class as a matrix and as a flow."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.config import SCHEMES
from core.dates import Comparison
from ui.metrics_card import matrix, theme
from ui.outlines import size

UNSEEN = "not observed"
_UNSEEN_COLOUR = "#9aa4a8"


def areas(comparison: Comparison) -> pd.DataFrame:
    """Return square metres from class (rows) to class, without what is on no date."""
    names = [*comparison.about["classes"], UNSEEN]
    table = pd.DataFrame(comparison.about["areas_m2"], names, names)
    seen = [name for name in names if table.loc[name].sum() + table[name].sum() > 0]
    return table.loc[seen, seen]


def long(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each pair, as it is saved."""
    flat = table.rename_axis(index="before", columns="after").stack().rename("area_m2").reset_index()
    return flat[flat["area_m2"] > 0]


def transitions(table: pd.DataFrame) -> go.Figure:
    """Draw the matrix; a cell is as dark as its area, on a logarithmic scale, and what stayed the same is pale."""
    values = table.to_numpy()
    shares = np.log10(np.maximum(values, 1)) / max(np.log10(max(values.max(), 10)), 1)
    shares = np.where(np.eye(len(values), dtype=bool), 0, shares)
    texts = table.map(lambda area: size(area) if area > 0 else "")
    return matrix(pd.DataFrame(shares, table.index, table.columns), texts, "After", "Before")


def flows(table: pd.DataFrame) -> go.Figure:
    """Draw what changed as a flow from the classes of the first date to those of the second."""
    names, count = list(table.index), len(table)
    pairs = [(i, j, table.iat[i, j]) for i in range(count) for j in range(count) if i != j and table.iat[i, j] > 0]
    used = sorted({i for i, _, _ in pairs}) + [count + j for j in sorted({j for _, j, _ in pairs})]
    place = {node: at for at, node in enumerate(used)}
    colours = [_colour(names[node % count]) for node in used]
    return go.Figure(go.Sankey(
        arrangement="snap", textfont={"size": 13, "color": "#e8eef0" if theme() == "dark" else "#1c2b2e"},
        node={"label": [names[node % count] for node in used], "color": colours, "pad": 18, "thickness": 14,
              "line": {"width": 0}, "customdata": [size(_through(pairs, node, count)) for node in used],
              "hovertemplate": "%{label}: %{customdata}<extra></extra>"},
        link={"source": [place[i] for i, _, _ in pairs], "target": [place[count + j] for _, j, _ in pairs],
              "value": [area for _, _, area in pairs], "customdata": [size(area) for _, _, area in pairs],
              "color": [_pale(_colour(names[j])) for _, j, _ in pairs],
              "hovertemplate": "%{source.label} → %{target.label}: %{customdata}<extra></extra>"}))


def changed(table: pd.DataFrame) -> bool:
    """Return whether anything did."""
    return bool((table.to_numpy() * (1 - np.eye(len(table)))).sum() > 0)


def _through(pairs: list[tuple[int, int, float]], node: int, count: int) -> float:
    return sum(area for i, j, area in pairs if node in (i, count + j))


def _colour(name: str) -> str:
    known = SCHEMES["paper"], SCHEMES["binary"]
    return next((scheme.colours[scheme.names.index(name)] for scheme in known if name in scheme.names), _UNSEEN_COLOUR)


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[at:at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.45)"
