"""Which two dates to compare and how; detection on dates that have none; the comparisons there are."""

import streamlit as st

from core.dates import Comparison, Side, compare, comparisons, remove, sides, suggested, undetected
from core.layers import Layer
from core.project import Project
from core.request import Request
from ui import html, state
from ui.models import models
from ui.place import day
from ui.settings import models_root
from ui.words import errors_in_words

WATCHED = ("change", "detect")


def shown_key(project: Project) -> str:
    """Return where the session keeps which comparison is looked at."""
    return f"change-shown-{project.id}"


def choose(project: Project) -> Comparison | None:
    """Show which comparison this is, a choice of others, and a way to a new one."""
    known = {each.id: each for each in comparisons(project)}
    if st.session_state.get(shown_key(project)) not in known:
        st.session_state.pop(shown_key(project), None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = None
        if known:
            chosen = known[st.selectbox("Comparison", list(known), key=shown_key(project), width=460,
                                        format_func=lambda name: title_of(known[name]))]
        with st.popover("New comparison", icon=":material/add:", width="content"):
            setup(project)
        if chosen:
            with st.popover("", icon=":material/delete:", help="Remove this comparison", type="tertiary"):
                html.note("Its maps and its list are removed; the detections stay.")
                st.button("Remove", key=f"remove-{chosen.id}", on_click=_remove, args=[chosen])
    return chosen


def title_of(comparison: Comparison) -> str:
    """Return the two days, and what was compared."""
    about = comparison.about
    first, second = (_day(about[side].get("date"), about[side]["title"]) for side in ("before", "after"))
    titles = {about[side]["title"].split(",")[0] for side in ("before", "after")}
    return f"{first} → {second} · {' and '.join(sorted(titles))}"


def setup(project: Project) -> None:
    """Choose two dates and what counts; start."""
    known = {side.id: side for side in sides(project)}
    if len(known) >= 2:
        first, second = suggested(list(known.values())) or tuple(known.values())[:2]
        before = known[_side("First date", known, first, f"change-before-{project.id}")]
        after = known[_side("Second date", known, second, f"change-after-{project.id}")]
        _options(project, before, after)
    else:
        html.note("A comparison needs a detection, or a reference, of each of two dates.")
    _detect(project, undetected(project))


def _options(project: Project, before: Side, after: Side) -> None:
    with st.expander("What counts as a change", icon=":material/tune:"):
        tolerance = st.number_input("Tolerance, m", 0.0, 100.0, None, 0.5, placeholder="3 pixels",
                                    key="change-tolerance", help="How far two maps of the same edge may lie apart.")
        smallest = st.number_input("Smallest change, m²", 0.0, 1e6, 50.0, 10.0, format="%.0f", key="change-smallest")
        correct = st.toggle("Correct a shift between the images", True, key="change-correct",
                            help="The second date is laid onto the first before they are compared.")
    if before.date and after.date and before.date >= after.date:
        st.warning("The first date is not the earlier one.", icon=":material/swap_horiz:")
    if not (before.image and after.image):
        html.note("Without both images it is not checked whether the dates lie on each other.")
    if st.button("Compare", type="primary", icon=":material/difference:", width="stretch",
                 disabled=before.id == after.id):
        with errors_in_words():
            compare(project, before, after, correct=correct, tolerance_m=tolerance, min_area_m2=smallest)
            st.rerun()


def _side(label: str, known: dict[str, Side], first: Side, key: str) -> str:
    if st.session_state.get(key) not in known:
        st.session_state[key] = first.id
    return st.selectbox(label, list(known), key=key, format_func=lambda name: _name(known[name]))


def _name(side: Side) -> str:
    return f"{day(side.date)} · {side.title}" if side.date else side.title


def _detect(project: Project, images: list[Layer]) -> None:
    """Offer a detection on each image of a date that has none."""
    cards = [card for card in models() if card.has_weights]
    if not images or not cards:
        return
    html.labelled("Not searched yet", ", ".join(f"{image.title} ({day(image.date)})" for image in images))
    names = {card.name: card for card in cards}
    model = names[st.selectbox("Model", list(names), format_func=lambda name: names[name].title, key="change-model")]
    if st.button(f"Detect on {'it' if len(images) == 1 else f'all {len(images)}'}", icon=":material/radar:",
                 width="stretch", key="change-detect"):
        with errors_in_words():
            for image in images:
                dem = next(iter(project.of("dem")), None)
                Request(image, model, dem, state.current_area(project)).submit(project, models_root())
            st.rerun()


def _day(text: str | None, otherwise: str) -> str:
    return day(text) if text else otherwise


def _remove(comparison: Comparison) -> None:
    with errors_in_words():
        remove(comparison)
