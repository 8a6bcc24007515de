"""Which detections to compare, several models on one ground, and the comparisons there are."""

import streamlit as st

from core.layers import Layer
from core.project import Project, Run
from core.request import Request, source
from core.rivals import Contest, compare, contests, detect_each, remove
from core.runs import title_of, when
from core.scored import references
from core.versus import MOST
from ui import html, state
from ui.models import models
from ui.place import day
from ui.settings import models_root
from ui.words import errors_in_words

WATCHED = ("versus", "detect-each")


def shown_key(project: Project) -> str:
    """Return where the session keeps which comparison is looked at."""
    return f"versus-shown-{project.id}"


def choose(project: Project) -> Contest | None:
    """Show which comparison this is, a choice of others, and a way to a new one."""
    known, key = {each.id: each for each in contests(project)}, shown_key(project)
    if st.session_state.get(key) not in known:
        st.session_state.pop(key, None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = None
        if known:
            chosen = known[st.selectbox("Comparison", list(known), key=key, width=460,
                                        format_func=lambda name: " and ".join(known[name].names))]
        with st.popover("New comparison", icon=":material/add:"):
            _runs(project)
        with st.popover("Run several models", icon=":material/radar:"):
            _models(project)
        if chosen:
            with st.popover("", icon=":material/delete:", help="Remove this comparison", type="tertiary"):
                html.note("Its maps and its list are removed; the detections stay.")
                st.button("Remove", key=f"remove-{chosen.id}", on_click=_remove, args=[chosen])
    return chosen


def _runs(project: Project) -> None:
    """Choose finished detections and a reference; start."""
    runs = {run.id: run for run in project.runs()}
    if len(runs) < 2:  # noqa: PLR2004
        html.note("A comparison needs two detections of the same ground, of two models or with other settings.")
        return
    chosen = st.multiselect("Detections", list(runs), _same_ground(project, list(runs.values())), key="versus-runs",
                            max_selections=MOST, format_func=lambda name: _name(runs[name]))
    layers = {"": None} | {layer.id: layer for layer in references(project)}
    days = {runs[name].about.get("image_date") or "" for name in chosen}
    own = next((name for name, layer in layers.items() if layer and layer.date in days), "")
    reference = layers[st.selectbox("Reference", list(layers), list(layers).index(own), key=f"versus-labels-{own}",
                                    format_func=lambda name: _layer(layers[name]))]
    smallest = st.number_input("Smallest disagreement, m²", 0.0, 1e6, 50.0, 10.0, format="%.0f", key="versus-smallest")
    if st.button("Compare", type="primary", icon=":material/compare:", width="stretch", disabled=len(chosen) < 2,  # noqa: PLR2004
                 key="versus-start"):
        with errors_in_words():
            compare(project, [runs[name] for name in chosen], reference, min_area_m2=smallest)
            st.rerun()


def _same_ground(project: Project, runs: list[Run]) -> list[str]:
    """Return each model's newest detection of one image, or one model's newest two, oldest first; or none."""
    for number, run in enumerate(runs):
        image = source(project, run, "image")
        same = [other for other in runs[number:] if image and source(project, other, "image") == image]
        newest: dict[str, Run] = {}
        for other in same:
            newest.setdefault(other.model, other)
        found = list(newest.values())[:MOST] if len(newest) > 1 else same[:2]
        if len(found) > 1:
            return [other.id for other in reversed(found)]
    return []


def _models(project: Project) -> None:
    """Choose models, image and elevation; start them as one job."""
    cards = {card.name: card for card in models() if card.has_weights}
    image = {layer.id: layer for layer in project.of("image")}
    chosen = st.multiselect("Models", list(cards), list(cards), format_func=lambda name: cards[name].title,
                            key="versus-models")
    layer = image[st.selectbox("Image", list(image), format_func=lambda name: _layer(image[name]), key="versus-image")]
    area = state.current_area(project)
    html.note(("In the area that is outlined on the map. " if area else "On the whole image. ")
              + "One job: the models run one after another, each reads the image for itself.")
    if len(cards) < 2:  # noqa: PLR2004
        html.note("Only one model has weights here. Detections of one model with other settings can be compared too.")
    if st.button("Detect with each", type="primary", icon=":material/radar:", width="stretch", disabled=not chosen,
                 key="versus-detect"):
        with errors_in_words():
            request = Request(layer, cards[chosen[0]], next(iter(project.of("dem")), None), area)
            detect_each(project, request, [cards[name] for name in chosen], models_root())
            st.rerun()


def _name(run: Run) -> str:
    return " · ".join(filter(None, (title_of(run), when(run))))


def _layer(layer: Layer | None) -> str:
    if layer is None:
        return "None"
    return f"{layer.title}, {day(layer.date)}" if layer.date else layer.title


def _remove(contest: Contest) -> None:
    with errors_in_words():
        remove(contest)
