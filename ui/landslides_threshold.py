"""The slider that draws a detection's outlines at another threshold, and keeps them as a detection of their own."""

import streamlit as st

from core.project import Project, Run
from core.redraw import Cut, cut_of, keep
from core.request import again
from ui import html, state
from ui.models import card_of
from ui.outlines import Shown, refine
from ui.words import errors_in_words

_STEP = 0.01


def threshold(project: Project, run: Run, shown: Shown, count: int | None) -> None:
    """Choose threshold and smallest area; a detection whose record does not say its own has no slider."""
    if shown.own is None:
        return
    sliding, typing = f"threshold-{run.id}", f"smallest-{run.id}"
    for key, value in ((sliding, shown.cut.threshold), (typing, shown.cut.min_area_m2)):
        if st.session_state.get(key) != value:  # at first, and when the address was changed by back or forward
            st.session_state[key] = value

    def on_change() -> None:
        chosen = Cut(st.session_state[sliding], st.session_state[typing])
        state.show_cut(run.id, None if chosen == shown.own else (chosen.threshold, chosen.min_area_m2))

    def back() -> None:
        state.show_cut(run.id, None)

    left, right = st.columns([5, 3], gap="medium")
    left.slider("Threshold", 0.02, 0.98, step=_STEP, key=sliding, on_change=on_change,
                help="Landslide probability from which a pixel counts. Lower finds more and is wrong more often.")
    right.number_input("Smallest, m²", 0.0, 1e6, step=50.0, format="%.0f", key=typing, on_change=on_change)
    if not shown.redrawn:
        return
    found = "none" if count == 0 else f"{count:,}"
    html.note(f"Drawn at threshold {shown.cut.threshold:.2f}: {found} instead of "
              f"{run.about.get('landslides', 'those')} at {shown.own.threshold:.2f}."
              + ("" if shown.exact else " A first look; every pixel is being drawn."))
    if not shown.exact:
        _refine(run, shown.cut)
    with st.container(horizontal=True):
        if st.button("Keep these outlines", icon=":material/bookmark_add:", disabled=not shown.exact,
                     help="Measured in full and kept as a detection of their own. The first one stays."):
            _keep(project, run, shown.cut, count or 0)
        st.button("Back", icon=":material/undo:", on_click=back,
                  help=f"To the detection's own, at {shown.own.threshold:.2f}.")


@st.fragment(run_every=0.3)
def _refine(run: Run, cut: Cut) -> None:
    """Wait for the outlines from every pixel; they are shown as soon as they are there."""
    work = refine(run, cut)
    if work.done() and not work.cancelled():
        with errors_in_words():
            work.result()
            st.rerun()


def _keep(project: Project, run: Run, cut: Cut, count: int) -> None:
    """Keep the outlines and turn to them; a page that is drawn again in the middle of it keeps them once."""
    with errors_in_words():
        for each in project.runs():
            if (each.about.get("redrawn_from") or {}).get("run") == run.id and cut_of(dict(each.about)) == cut:
                state.show_run(each.id)
                st.rerun()
        out, bar = project.new_run(), st.progress(0.0, "Measuring ...")
        keep(run.folder, out, cut, again(project, run, card_of(run)).scene(project),
             lambda done: bar.progress(min(1.0, done / max(count, 1)), f"Measuring {done} of {count}"))
        state.show_run(out.name)
        st.rerun()
