"""How good a detection is against a reference: stored scores as charts, and what others have published."""

import streamlit as st

from core.project import Project
from ui import html, nav, state
from ui.empty import no_project
from ui.followed import follow
from ui.metrics_published import published
from ui.metrics_scores import scores
from ui.metrics_setup import choose, failed


def metrics_page(project: Project) -> None:
    """Show the scores of the chosen detection, or what is missing for them."""
    html.title("Metrics", project.name, "A detection scored against a reference: by pixel, by landslide, along the "
               "edges, and in its probabilities.")
    run = state.current_run(project)
    if run is None:
        html.empty("No detection yet", "Run one on the map; then it can be scored here.")
        nav.link("detect", "Open the map", ":material/map:")
    else:
        found, known = choose(project, run)
        follow(project, ("evaluate",))
        if found:
            scores(project, run, found)
        elif known:
            html.empty("Not scored yet", "Score it against the chosen reference; it takes seconds to minutes.")
            failed(project, run)
        else:
            html.empty("No reference yet", "Add labels of this ground as a layer (a GeoTIFF of 1 landslide, 0 other, "
                       "255 unknown, or outlines), or review its detections: what you decide can be a reference.")
            with st.container(horizontal=True, gap="small"):
                nav.link("data", "Add data", ":material/layers:")
                nav.link("review", "Review detections")
    st.space("medium")
    published()


current = state.current_project()
if current is None or not current.of("image"):
    no_project(current)
else:
    metrics_page(current)
