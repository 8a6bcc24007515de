"""What changed between two dates: on the map, landslide by landslide, and from class to class."""

import streamlit as st

from core.project import Project
from ui import html, state
from ui.change_figures import figures
from ui.change_layers import change_layers, images
from ui.change_results import key_figures, objects, panel
from ui.change_setup import WATCHED, choose, shown_key
from ui.empty import no_project
from ui.followed import follow
from ui.layers import bounds_of
from ui.map.component import draw_map, picked_from_map
from ui.picked import fly, pick, picked

MAP = "change-map"


def change_page(project: Project) -> None:
    """Show the chosen comparison, or the way to one."""
    html.title("Change", project.name, "Two dates compared: which landslides are new, which grew, what became what.")
    comparison = choose(project)
    follow(project, WATCHED, shown_key(project))
    if comparison is None:
        html.empty("No comparison yet", "Choose two detections or references of different dates under New comparison.")
        return
    key_figures(comparison)
    table, name = objects(comparison), f"change-{comparison.id}"
    left, right = st.columns([7, 5], gap="medium")
    with right:
        shown = panel(project, comparison, table, name)
    with left:
        draw_map(project=f"{project.id}-{comparison.id}", bounds=bounds_of(comparison.map), name=MAP, height=560,
                 layers=change_layers(project, comparison, list(dict.fromkeys(table.get("change", [])))),
                 selected=picked(name), fly=fly(name),
                 highlight=shown["id"].tolist() if len(shown) < len(table) else [],
                 compare=images(project, comparison), on_pick=lambda: pick(name, picked_from_map(MAP)))
    figures(comparison)


current = state.current_project()
if current is None or not current.of("image"):
    no_project(current)
else:
    change_page(current)
