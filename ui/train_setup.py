"""Setting up a fine-tuning: model, image, labels, the two areas, how long; what is wrong; and the button."""

from __future__ import annotations

from typing import Any

import shapely
import streamlit as st

from core.errors import ScarpError
from core.layers import Layer
from core.project import Project
from core.tuning import MODES, Finding, Labels, Request, check
from core.vectors import area_m2
from ui import html, state
from ui.layers import map_layers, shapes
from ui.map.area_tools import upload_area
from ui.map.component import area_from_map, draw_map
from ui.models import models
from ui.outlines import size
from ui.settings import models_root
from ui.train_labels import choose_labels
from ui.train_state import AREAS, COLOURS, DRAWS, MAP, areas, drawn, set_area
from ui.words import errors_in_words, say

_MODES = {"quick": "Quick", "full": "Full"}
_LEARNS = {"full": "The whole network", "decoder": "Its last part alone"}
_LEVELS = {"stop": (st.error, ":material/error:"), "warn": (st.warning, ":material/warning:")}
_SHOWN = 3_000
"""Labels drawn on the map at most."""


def setup(project: Project, bounds: tuple[float, float, float, float]) -> None:
    """Show the form beside the map."""
    left, right = st.columns([5, 7], gap="large")
    with left:
        request = _form(project)
    with right:
        _map(project, bounds, request)


def _form(project: Project) -> Request | None:
    cards = {card.name: card for card in models() if card.has_weights}
    if not cards:
        html.empty("No model has weights yet", "Train one with scarp train, or put a model's folder into models/.")
        return None
    card = cards[st.selectbox("Start from", list(cards), format_func=lambda name: cards[name].title, key="train-model")]
    image = _layer("Image", project.of("image"), "train-image")
    dem = project.of("dem")[0] if project.of("dem") and "dem" in card.trained_topography else None
    labels = choose_labels(project, image, card)
    _areas(project)
    mode = st.segmented_control("How long", list(_MODES), default="quick", key="train-mode", required=True,
                                format_func=lambda name: f"{_MODES[name]}, {MODES[name]:.0f} min", width="stretch")
    with st.expander("More settings", icon=":material/tune:"):
        learns = st.radio("What learns", list(_LEARNS), format_func=_LEARNS.__getitem__, key="train-learns",
                          help="The last part alone learns twice as fast and changes less: for under 15 landslides.")
        steps = st.number_input("Steps, in the place of minutes", 0, 100_000, 0, 20, key="train-steps",
                                help="0: as many as fit into the time.")
    if labels is None:
        st.button("Start fine-tuning", type="primary", icon=":material/model_training:", width="stretch", disabled=True)
        return None
    known = areas(project)
    request = Request(card, image, labels, dem, known.get("area"), known.get("test"), mode, 0.0, learns, int(steps))
    ready = _checked(project, request)
    if not steps:
        html.note(f"About {request.seconds / 60:.0f} minutes in all: {MODES[mode]:.0f} of learning, the rest for "
                  "reading the ground and comparing. Longer while other work runs on this computer.")
    if st.button("Start fine-tuning", type="primary", icon=":material/model_training:", width="stretch",
                 disabled=not ready):
        with errors_in_words():
            state.show_job(request.submit(project, models_root()).id)
            st.rerun()
    return request


def _areas(project: Project) -> None:
    """Choose which area the map draws, and say what is drawn."""
    st.segmented_control("Draw on the map", list(AREAS), default="area", key=DRAWS, required=True,
                         format_func=AREAS.__getitem__, width="stretch",
                         help="Training area: where all landslides are labelled. Test area: ground that is kept apart, "
                              "to see whether the model got better.")
    known, name = areas(project), drawn()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        html.note(" · ".join(f"{title}: {size(area_m2(known[key])) if key in known else _without(key)}"
                             for key, title in AREAS.items()))
        with st.popover("", icon=":material/upload:", type="tertiary", key="train-upload",
                        help=f"The {AREAS[name].lower()} from a file: GeoJSON, GeoPackage or zipped Shapefile"):
            upload_area(project, lambda area: set_area(project, name, area), f"train-{name}")
        if name in known and st.button("", icon=":material/close:", help=f"Remove the {AREAS[name].lower()}",
                                       key="train-clear", type="tertiary"):
            set_area(project, name, None)
            st.rerun()


def _without(name: str) -> str:
    return "chosen by the program" if name == "test" else "the labels and their surroundings"


def _checked(project: Project, request: Request) -> bool:
    """Show what a look at labels and areas found; return whether it can start."""
    try:
        found = check(project, request)
    except ScarpError as error:
        say(error)
        return False
    for each in found:
        _show(each)
    return all(each.level != "stop" for each in found)


def _show(finding: Finding) -> None:
    if finding.level == "good":
        html.note(finding.text)
    else:
        box, icon = _LEVELS[finding.level]
        box(finding.text, icon=icon)


def _map(project: Project, bounds: tuple[float, float, float, float], request: Request | None) -> None:
    """Show image, labels and both areas; the one that is chosen can be drawn."""
    known, name = areas(project), drawn()

    def on_area() -> None:
        set_area(project, name, area_from_map(MAP))

    layers: list[dict[str, Any]] = [
        shapes(f"train-{key}", "Fine-tuning", title, [(known[key], title)] if key in known and key != name else [],
               COLOURS[key]) for key, title in AREAS.items() if key != name]
    if request:
        layers += _labels(request.labels)
    draw_map(project=project.id, bounds=bounds, layers=layers + map_layers(project), area=known.get(name), name=MAP,
             height=640, on_area=on_area)


def _labels(labels: Labels) -> list[dict[str, Any]]:
    found = labels.frame.iloc[:_SHOWN]
    slides = found["class"] == "landslide"
    parts = (("Landslides", "#e4572e", slides), ("Other labels", "#5c6470", ~slides))
    return [shapes(f"train-labels-{title}", "Fine-tuning", title,
                   [(shapely.simplify(place, 1e-6), name) for place, name in
                    zip(found.geometry[part], found["class"][part], strict=True)], colour)
            for title, colour, part in parts if part.any()]


def _layer(label: str, layers: list[Layer], key: str) -> Layer:
    known = {layer.id: layer for layer in layers}
    if st.session_state.get(key) not in known:
        st.session_state.pop(key, None)
    return known[st.selectbox(label, list(known), key=key,
                              format_func=lambda name: f"{known[name].title}, {known[name].date}".rstrip(", "))]
