"""A chart in its frame: a heading, the chart, and its numbers as CSV; the camera saves it as a picture."""

from collections.abc import Callable
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ui import html

FORMAT = "picture-format"
_ACCENT = {"light": ("#eef4f3", "#0c7473"), "dark": ("#1a2628", "#2b9088")}


def picture_format() -> None:
    """Choose what the camera of each chart saves."""
    st.segmented_control("Charts are saved as", ("PNG", "SVG"), default="PNG", required=True, key=FORMAT,
                         help="The camera in the corner of a chart saves it as a picture of this kind.")


def card(heading: str, figure: go.Figure | None, name: str, numbers: pd.DataFrame | None = None, *, note: str = "",
         height: int = 320, without: str = "", on_pick: Callable[[float], None] | None = None) -> None:
    """Show a chart with its heading, a line about it and its numbers to download.

    Args:
        heading: What it shows.
        figure: Drawn as wide as there is room; None where there is nothing to draw.
        name: Of the files that are saved, unique on the page.
        numbers: What is drawn, as a table.
        note: A line below the heading.
        height: In pixels.
        without: What is said in the place of a chart.
        on_pick: See ``show``.
    """
    with st.container(border=True, key=f"card-{name}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(f'<p class="scarp-title">{escape(heading)}</p>')
            if numbers is not None and figure is not None:
                st.download_button("CSV", lambda: numbers.to_csv(index=False).encode(), f"{name}.csv", "text/csv",
                                   key=f"csv-{name}", on_click="ignore", type="tertiary", icon=":material/table_view:",
                                   help="The numbers of this chart")
        if note:
            html.note(note)
        if figure is None:
            html.empty("Not known", without)
        else:
            show(figure, name, height, on_pick)


def show(figure: go.Figure, name: str, height: int = 320, on_pick: Callable[[float], None] | None = None) -> None:
    """Draw a chart in the look of the app.

    Args:
        figure: What is drawn.
        name: Of the file that is saved.
        height: In pixels.
        on_pick: Called with the ``customdata`` of a point that is clicked.
    """
    figure.update_layout(height=height, margin={"l": 8, "r": 8, "t": 10, "b": 8}, font={"size": 12}, dragmode=False,
                         hoverlabel={"font": {"size": 12}})
    figure.update_xaxes(automargin=True, tickfont={"size": 12})
    figure.update_yaxes(automargin=True, tickfont={"size": 12})
    kind = str(st.session_state.get(FORMAT, "PNG")).lower()
    key = f"chart-{name}"

    def picked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if on_pick and points and "customdata" in points[0]:
            on_pick(float(points[0]["customdata"]))

    st.plotly_chart(figure, width="stretch", key=key, on_select=picked if on_pick else "ignore",
                    selection_mode="points", config={
        "displaylogo": False, "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": kind, "filename": name, "scale": 3 if kind == "png" else 1,
                                 "width": 800, "height": round(height * 1.25)}})


def accent() -> tuple[str, str]:
    """Return the ends of a scale in the accent's hue, from the page's own ground up."""
    return _ACCENT[theme()]


def theme() -> str:
    """Return ``light`` or ``dark``."""
    return "dark" if st.context.theme.type == "dark" else "light"


def matrix(shares: pd.DataFrame, texts: pd.DataFrame, across: str, down: str) -> go.Figure:
    """Draw a square of figures, darker where they are larger.

    Args:
        shares: 0 to 1, how dark each is; its index and columns name rows and columns.
        texts: What is written in each.
        across: What the columns are.
        down: What the rows are.
    """
    low, high = accent()
    figure = go.Figure(go.Heatmap(
        z=shares, x=list(shares.columns), y=list(shares.index), text=texts, texttemplate="%{text}", xgap=2, ygap=2,
        colorscale=[[0, low], [1, high]], zmin=0, zmax=1, showscale=False,
        hovertemplate=f"{down} %{{y}}, {across} %{{x}}: %{{text}}<extra></extra>"))
    figure.update_xaxes(title={"text": across, "font": {"size": 12}}, side="top", showgrid=False)
    figure.update_yaxes(title={"text": down, "font": {"size": 12}}, autorange="reversed", showgrid=False)
    return figure
