"""The layers of a project as a list with pictures; the chosen one in full, to be confirmed, changed or removed."""

from dataclasses import replace
from datetime import date

import plotly.graph_objects as go
import streamlit as st

from core.errors import ScarpError
from core.facts import Facts
from core.importing import as_unobserved
from core.layers import BANDS, Layer
from core.project import Project, change_layer, remove_layer
from ui import html
from ui.data_facts import ROLES, facts_of, in_words, line, picture_of, small_picture
from ui.words import errors_in_words, say

UNITS = {"m": "Metres", "ft": "Feet"}
INK = {"red": "#d1495b", "green": "#3f9d6a", "blue": "#3a86c8", "nir": "#8d5a97"}
GREY = "#8a979c"
NONE = "none"


def layers(project: Project) -> None:
    """Show the list and the chosen layer."""
    st.subheader("Layers", anchor=False)
    rows = [{"": small_picture(project, layer), "Layer": layer.title, "What it is": ROLES[layer.role],
             "Date": layer.date or "not given", "Raster": line(project, layer), "Open": str(len(layer.guesses) or "")}
            for layer in project.layers]
    key = f"layers-{project.id}"
    picked = st.dataframe(
        rows, hide_index=True, key=key, row_height=44, height=min(40 + 44 * len(rows), 436), width="stretch",
        on_select="rerun", selection_mode=["single-row", "single-cell"],
        column_config={
            "": st.column_config.ImageColumn(width=56), "Layer": st.column_config.TextColumn(width=520),
            "What it is": st.column_config.TextColumn(width=120), "Date": st.column_config.TextColumn(width=96),
            "Raster": st.column_config.TextColumn(width=190),
            "Open": st.column_config.TextColumn("To confirm", width=84, help="Guesses that wait for your word")})
    chosen = [*(row for row, _ in picked["selection"].get("cells", [])), *picked["selection"]["rows"]]
    if chosen and chosen[0] < len(project.layers):
        with st.container(border=True, key="layer"):
            layer_details(project, project.layers[chosen[0]])
    else:
        html.note("Click a row to see a layer in full, and to confirm or change what it is.")


def layer_details(project: Project, layer: Layer) -> None:
    """Show one layer with what can be changed."""
    left, right = st.columns([5, 6], gap="medium")
    facts = None
    with right:
        html.title(ROLES[layer.role], layer.title, f"From {layer.source}" if layer.source else "")
        try:
            facts = facts_of(project, layer) if layer.kind == "raster" else None
            changed = _inputs(layer, facts)
        except ScarpError as error:
            say(error)
            changed = {}
        _buttons(project, layer, changed)
    with left, errors_in_words():
        seen = replace(layer, role=changed.get("role", layer.role))
        st.image(picture_of(project, seen, 512, changed.get("bands")), width="stretch")
        if facts:
            _histogram(facts, dict(changed.get("bands", layer.bands)))
            html.facts(in_words(facts))


def _inputs(layer: Layer, facts: Facts | None) -> dict[str, object]:
    """Show what can be changed, each guess with its reason; return the fields that differ."""
    why = dict(layer.guesses)
    new: dict[str, object] = {"title": st.text_input("Name", layer.title, key=f"title-{layer.id}", max_chars=120)}
    roles = list(ROLES) if facts else ["truth", "unobserved"]
    role = st.selectbox("What it is", roles, index=roles.index(layer.role) if layer.role in roles else 0,
                        format_func=ROLES.get, key=f"role-{layer.id}")
    new["role"] = role
    _why(why, "role")
    day = st.date_input("Day it was taken", date.fromisoformat(layer.date) if layer.date else None,
                        min_value=date(1930, 1, 1), key=f"date-{layer.id}", format="YYYY-MM-DD")
    new["date"] = day.isoformat() if day else ""
    _why(why, "date")
    if role == "image" and facts:
        new["bands"] = _bands(layer, facts)
        _why(why, "bands")
    if role == "dem":
        units = list(UNITS)
        new["unit"] = st.segmented_control("Unit of elevation", units, format_func=UNITS.get, required=True,
                                           default=layer.unit or "m", key=f"unit-{layer.id}")
        _why(why, "unit")
    return {field: value for field, value in new.items() if value != getattr(layer, field)}


def _bands(layer: Layer, facts: Facts) -> tuple[tuple[str, int], ...]:
    names = {band.index: f"{band.index} {band.text}".strip()[:24] for band in facts.bands}
    known, chosen = dict(layer.bands), {}
    for column, name in zip(st.columns(4), BANDS, strict=True):
        options = [NONE, *names]
        index = options.index(known[name]) if known.get(name) in options else 0
        picked = column.selectbox(name.upper() if name == "nir" else name.title(), options, index=index,
                                  format_func=lambda each: names.get(each, NONE), key=f"{name}-{layer.id}")
        if picked != NONE:
            chosen[name] = picked
    return tuple(chosen.items())


def _why(why: dict[str, str], field: str) -> None:
    if field in why:
        st.html(f'<p class="scarp-guess"><b>Guessed</b> {html.escape(why[field])}</p>')


def _buttons(project: Project, layer: Layer, changed: dict[str, object]) -> None:
    with st.container(horizontal=True):
        guessed = {field: getattr(layer, field) for field, _ in layer.guesses}
        label = "Save" if changed else "That is right" if guessed else "Saved"
        if st.button(label, type="primary", key=f"save-{layer.id}", disabled=not (changed or guessed),
                     icon=":material/check:"):
            with errors_in_words():
                saved = change_layer(project, layer.id, **guessed | changed)
                if changed.get("role") == "unobserved" and layer.kind == "raster":
                    as_unobserved(saved, saved.layer(layer.id))
                st.rerun()
        if st.button("Remove", key=f"remove-{layer.id}", icon=":material/delete:"):
            _confirm_removal(project, layer)


@st.dialog("Remove this layer?")
def _confirm_removal(project: Project, layer: Layer) -> None:
    html.note(f"{layer.title} is taken out of the project and its copy here is deleted. The file it came from stays "
              "where it is, and so do detections that were made with it.")
    with st.container(horizontal=True):
        if st.button("Remove", type="primary"):
            with errors_in_words():
                remove_layer(project, layer.id)
                st.rerun()
        if st.button("Keep"):
            st.rerun()


def _histogram(facts: Facts, bands: dict[str, int]) -> None:
    """Draw how often each value occurs, the colours in theirs."""
    ink = {index: INK[name] for name, index in bands.items()}
    shown = [band for band in facts.bands if band.counts and (band.index in ink or not ink)][:4]
    figure = go.Figure()
    for band in shown:
        figure.add_scatter(x=[band.low + band.step * i for i in range(len(band.counts))], y=band.counts, mode="lines",
                           line={"width": 1.5, "shape": "spline", "color": ink.get(band.index, GREY)},
                           fill="tozeroy", opacity=0.7, hovertemplate=f"band {band.index}: %{{x:,.4~g}}<extra></extra>")
    figure.update_layout(height=120, margin={"l": 4, "r": 4, "t": 6, "b": 22}, showlegend=False,
                         yaxis={"visible": False}, xaxis={"showgrid": False, "nticks": 6})
    if shown:
        st.plotly_chart(figure, width="stretch", config={"displayModeBar": False}, key=f"histogram-{hash(facts)}")
