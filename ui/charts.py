"""Charts: one look for all, in the colours of the classes; the theme's own text and lines, light and dark."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.config import SCHEMES
from core.statistics import GroundShares, SizeFrequency

_BINARY = SCHEMES["binary"]
LANDSLIDE, GROUND = _BINARY.colours[_BINARY.landslide], "#8a979c"
_HEIGHT = 230
_AREA = "Area of a landslide, m²"


def show(figure: go.Figure, name: str) -> None:
    """Draw a chart as wide as its place; the button in its corner saves a PNG of that name."""
    st.plotly_chart(figure, width="stretch", key=f"chart-{name}", config={
        "displaylogo": False, "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 3, "width": 640, "height": 420}})


def size_density(found: SizeFrequency) -> go.Figure:
    """How often each size occurs; both axes are logarithmic."""
    some = found.count > 0
    figure = go.Figure(go.Scatter(
        x=found.centres_m2[some], y=found.density[some], mode="lines+markers", customdata=found.count[some],
        line={"color": LANDSLIDE, "width": 1.5}, marker={"size": 7, "color": LANDSLIDE},
        hovertemplate="%{x:,.0f} m²: %{customdata} landslides<extra></extra>"))
    if peak := found.rollover_m2:
        figure.add_vline(peak, line={"dash": "dot", "width": 1, "color": GROUND}, annotation_text="rolls over",
                         annotation_position="top right", annotation_font={"size": 11, "color": GROUND})
    return _logarithmic(figure, "Probability density, 1/m²")


def size_cumulative(areas_m2: np.ndarray) -> go.Figure:
    """How many landslides have at least a size; both axes are logarithmic."""
    areas = np.sort(areas_m2)
    figure = go.Figure(go.Scatter(
        x=areas, y=np.arange(len(areas), 0, -1), mode="lines+markers", marker={"size": 4, "color": LANDSLIDE},
        line={"color": LANDSLIDE, "width": 1.5, "shape": "hv"},
        hovertemplate="%{y} of at least %{x:,.0f} m²<extra></extra>"))
    return _logarithmic(figure, "Landslides of at least that area")


def ground(found: GroundShares, axis: str, unit: str) -> go.Figure:
    """Share of the landslides' area and of all observed ground in each class of terrain."""
    names = [f"{low:g}–{high:g}" for low, high in zip(found.edges[:-1], found.edges[1:], strict=True)]
    figure = go.Figure([
        go.Bar(name="observed ground", x=names, y=found.ground, marker_color=GROUND, opacity=0.55,
               hovertemplate=f"%{{x}} {unit}: %{{y:.1%}} of the ground<extra></extra>"),
        go.Bar(name="landslide area", x=names, y=found.landslides, marker_color=LANDSLIDE, customdata=found.affected,
               hovertemplate=f"%{{x}} {unit}: %{{y:.1%}} of the landslides' area;<br>"
                             "they cover %{customdata:.2%} of this class<extra></extra>")])
    figure.update_layout(bargap=0.25, bargroupgap=0, barmode="group")
    figure.update_yaxes(tickformat=".0%", nticks=5)
    figure.update_xaxes(type="category", tickangle=-45 if len(names) > 7 else 0)
    return framed(figure, axis, "")


def _logarithmic(figure: go.Figure, vertical: str) -> go.Figure:
    figure.update_xaxes(type="log", dtick=1, exponentformat="power")
    figure.update_yaxes(type="log", dtick=1, exponentformat="power")
    return framed(figure, _AREA, vertical)


def framed(figure: go.Figure, horizontal: str, vertical: str) -> go.Figure:
    """Return a figure in the look of all, with names of its axes."""
    figure.update_layout(
        height=_HEIGHT, margin={"l": 8, "r": 8, "t": 26, "b": 8}, font={"size": 11}, hoverlabel={"font": {"size": 12}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11}}, dragmode=False)
    for axis, title in ((figure.update_xaxes, horizontal), (figure.update_yaxes, vertical)):
        axis(title={"text": title, "font": {"size": 11}, "standoff": 5}, tickfont={"size": 11}, automargin=True)
    return figure
