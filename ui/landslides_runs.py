"""The detections of a project: choose one, name it, see what made it, remove it, or run it with another model."""

import streamlit as st

from core.project import Project, Run
from core.request import again
from core.runs import TITLE_LENGTH, made_with, remove, rename, title_of, when
from ui import html, state
from ui.models import models
from ui.settings import models_root
from ui.words import errors_in_words


def run_head(project: Project, run: Run) -> None:
    """Show which detection this is, a choice of others, and what can be done with it."""
    runs = {each.id: each for each in project.runs()}
    left, right = st.columns([6, 1], vertical_alignment="bottom", gap="small")
    chosen = left.selectbox("Detection", list(runs), index=list(runs).index(run.id), key=f"run-{run.id}-{len(runs)}",
                            format_func=lambda name: " · ".join(filter(None, (title_of(runs[name]), when(runs[name])))))
    if chosen != run.id:
        state.show_run(chosen)
        st.rerun()
    with right.popover("", key="run-menu", icon=":material/more_horiz:"):
        st.text_input("Name", title_of(run), key=f"name-{run.id}", max_chars=TITLE_LENGTH, placeholder=run.model,
                      on_change=_rename, args=[run])
        html.facts(made_with(run))
        if st.button("Delete ...", key=f"delete-{run.id}", icon=":material/delete:", type="tertiary"):
            _confirm(project, run)


def _rename(run: Run) -> None:
    with errors_in_words():
        rename(run, st.session_state[f"name-{run.id}"])


@st.dialog("Delete this detection?")
def _confirm(project: Project, run: Run) -> None:
    html.note(f"{title_of(run)}, {when(run)}: its maps and outlines are removed and cannot be brought back.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it"):
            st.rerun()
        if st.button("Delete", type="primary"):
            with errors_in_words():
                remove(project, run.id)
                state.show_run(None)
                st.rerun()


def another_model(project: Project, run: Run) -> None:
    """Offer the same image and area to the other models, one click each."""
    others = [card for card in models() if card.name != run.model]
    if not others:
        return
    with st.popover("Another model", icon=":material/compare_arrows:"):
        st.caption("The same image and area, with")
        for card in others:
            if st.button(card.title, key=f"again-{run.id}-{card.name}", disabled=not card.has_weights, width=250,
                         help="" if card.has_weights else "It has no weights here."):
                with errors_in_words():
                    state.show_job(again(project, run, card).submit(project, models_root()).id)
                    st.session_state[state.NEXT_TAB] = "Detect"
                    st.rerun()
