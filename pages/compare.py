"""Which model: several detections of one ground side by side, over each other, and in figures."""

import streamlit as st

from core.project import Project
from core.rivals import Contest
from ui import html, state
from ui.compare_apart import panel
from ui.compare_maps import legend, overlay, side_by_side, terrain
from ui.compare_setup import WATCHED, choose, shown_key
from ui.compare_table import models_table, pairs
from ui.empty import no_project
from ui.followed import follow

VIEWS = ("Side by side", "Over each other", "Terrain")


def maps(project: Project, contest: Contest) -> None:
    """Show the maps in the chosen view."""
    view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key="compare-view",
                                label_visibility="collapsed")
    if view == VIEWS[0]:
        side_by_side(project, contest)
    elif view == VIEWS[2]:
        terrain(project, contest)
    else:
        legend(contest)
        left, right = st.columns([7, 5], gap="medium")
        with right:
            panel(project, contest)
        with left:
            overlay(project, contest)


def compare_page(project: Project) -> None:
    """Show the chosen comparison, or the way to one."""
    html.title("Compare", project.name, "Detections of one ground by several models, or by one with other settings.")
    contest = choose(project)
    follow(project, WATCHED, shown_key(project))
    if contest is None:
        html.empty("No comparison yet", "Choose two or more detections of the same ground under New comparison.")
        return
    if None in contest.runs:
        html.note("A detection of this comparison was removed: its maps are missing here, its figures stay.")
    maps(project, contest)
    models_table(contest)
    pairs(contest)


current = state.current_project()
if current is None or not current.of("image"):
    no_project(current)
else:
    compare_page(current)
