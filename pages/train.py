"""Teach a model this ground: labels, two areas kept apart, a job with live curves, and what it changed."""

import streamlit as st

from core.project import Project
from core.tuning import Tuning, remove, tunings
from ui import html, state
from ui.empty import no_project
from ui.job_card import job_card
from ui.layers import bounds_of
from ui.train_results import COLUMNS, comparison, delete_button, live, name_of, result
from ui.train_setup import setup
from ui.train_state import SHOWN


def train_page(project: Project) -> None:
    """Show what runs, the form, and what is finished."""
    html.title("Train", project.name, "Teach a model this ground from a few labelled landslides, and see on ground "
               "kept apart whether it got better. The first model stays as it is.")
    st.space("small")
    found = tunings(project)
    active = [each for each in found if each.job and each.job.active]
    for each in active:
        live(each, project)
    ended = [each for each in found if each not in active]
    for each in ended:
        if each.left_over:
            remove(each)
        elif each.job and not each.rows:
            job_card(each.job, log=False)
    done = [each for each in ended if each.rows]
    with st.expander("New fine-tuning", icon=":material/model_training:", expanded=not active and not done):
        setup(project, bounds_of(project.path(project.of("image")[0])))
    if done:
        finished(done)


def finished(done: list[Tuning]) -> None:
    """Choose a finished fine-tuning and show it; two or more are compared."""
    st.subheader("Finished", anchor=False)
    known = {each.id: each for each in done}
    if st.session_state.get(SHOWN) not in known:
        st.session_state.pop(SHOWN, None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = known[st.selectbox("Fine-tuning", list(known), key=SHOWN, width=520, label_visibility="collapsed",
                                    format_func=lambda name: name_of(known[name]))]
        delete_button(chosen)
    result(chosen)
    if len(done) > 1:
        st.subheader("Side by side", anchor=False)
        html.note("Elsewhere: the change on generated scenes, which says how much was forgotten.")
        st.dataframe(comparison(done), hide_index=True, width="stretch", key="train-compared", column_config=COLUMNS)


current = state.current_project()
if current is None or not current.of("image"):
    no_project(current)
else:
    train_page(current)
