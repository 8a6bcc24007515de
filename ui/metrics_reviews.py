"""Reviews as a reference: what they hold, which ground counts, and what such figures can and cannot tell."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from core.project import Project, Run
from core.review import Ledger
from core.reviewed import FILE, Reviews, reviews_of
from core.scored import Evaluation
from ui import html, nav, state

SEARCHED = "metrics-searched"


def reviews(project: Project, run: Run, within: Mapping[str, Any] | None = None) -> Reviews:
    """Return what was decided on a detection's image."""
    return _reviews(project, run, within, Ledger(project).revision)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={
    Project: lambda each: str(each.folder), Run: lambda each: str(each.folder)})
def _reviews(project: Project, run: Run, within: Mapping[str, Any] | None, revision: str) -> Reviews:
    return reviews_of(project, run, within)


def searched_area(project: Project, run: Run, *, scored: bool) -> Mapping[str, Any] | None:
    """Ask whether the area on the map was searched wholly, and return it if so; before a score, say what counts."""
    area = state.current_area(project)
    whole = bool(area) and st.toggle(
        "All landslides in the area on the map were looked for", key=SEARCHED,
        help="What nobody outlined there counts as free of landslides, and ground outside of it does not count.")
    if not scored:
        found = reviews(project, run, area if whole else None)
        _facts(found.landslides, found.rejected, found.unreviewed, whole=whole)
    if not area:
        html.note("Misses count where somebody drew them. If you searched an area for all landslides, outline it on "
                  "the page Detect: then what is not outlined in it counts too.")
    return area if whole else None


def explain(project: Project, run: Run, found: Evaluation) -> None:
    """Say how the reference of an evaluation was made, and what its figures can tell."""
    about = found.about["reference"]
    with st.container(border=True, key="reviews-reference", gap="small"):
        made = datetime.fromisoformat(about["made"]).astimezone()
        html.title("Reference", f"Reviewed detections, as of {made:%-d %B %Y at %H:%M}")
        _facts(about["landslides"], about["rejected"], about["unreviewed"], whole=about["searched"])
        st.html('<p class="scarp-published">Not a random sample. The review comes to some detections first, so these '
                "figures favour what was shown first. The edge of an accepted detection is the model's own, so IoU and "
                "edges look better than they are, and what nobody drew is not missed. How accurate the map is, random "
                "points tell: <b>Accuracy</b> on the page Review.</p>")
        if about["revision"] != Ledger(project).revision:
            html.note("The reviews have changed since: score again to count them.")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            nav.link("review", "Random points", ":material/casino:")
            file = run.folder / FILE
            if file.is_file():
                st.download_button("Reference", file.read_bytes, f"{project.id}-{run.id}-reviews.tif", "image/tiff",
                                   on_click="ignore", icon=":material/grid_on:", key="get-reviews", type="tertiary",
                                   help="As GeoTIFF: 1 landslide, 0 other, 255 where nobody decided.")


def _facts(landslides: int, rejected: int, unreviewed: int, *, whole: bool) -> None:
    html.facts({
        "Landslides": f"{landslides:,} accepted, edited or drawn", "Not landslides": f"{rejected:,} rejected",
        "Left out": f"{unreviewed:,} not reviewed",
        "Ground that counts": "the area that was searched" if whole else
        "the decided outlines, and a ring of about twice its area around each"})
