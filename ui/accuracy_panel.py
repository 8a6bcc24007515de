"""How accurate the map is: random points that people label without seeing it, and what the labels say so far."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import pyproj
import shapely
import streamlit as st

from core.accuracy import Estimate, Figure, MapOf, Studies, Study
from core.errors import InputError
from core.ingest import open_geotiff
from core.review import POSITIVE
from ui import html, state
from ui.layers import map_layers, shapes
from ui.outlines import size
from ui.review_state import WHO, Review
from ui.words import errors_in_words

STUDY, POINT = "accuracy-study", "accuracy-point"
_LABELS = {"landslide": ("Landslide", ":material/landslide:", "l"),
           "other": ("Not a landslide", ":material/terrain:", "o"),
           "unclear": ("Cannot tell", ":material/question_mark:", "u")}
_AROUND_M = 60.0
_RING_M = 4.0


def accuracy_panel(look: Review) -> None:
    """Show the chosen study: the next point to label, how far it is, and what it says; or the way to a new one."""
    html.note("Random points, labelled without the map in sight, say how good it is (Olofsson et al., 2014). What was "
              "reviewed never counts here: it was chosen by the map.")
    studies = Studies(look.project.folder)
    known = {each.id: each for each in studies.all(look.run.id)}
    if not known:
        _new(look, studies)
        return
    if st.session_state.get(STUDY) not in known:
        st.session_state.pop(STUDY, None)
    study = known[st.selectbox("Study", list(known), key=STUDY, format_func=lambda name: _title(known[name]))]
    if not _named():
        return
    points = studies.blind(study.id, st.session_state[WHO])
    _label(studies, study, points)
    with st.expander("What the labels say", icon=":material/query_stats:", key="accuracy-result"):
        _result(studies, study)
    with st.expander("Another study", icon=":material/add:", key="accuracy-more"):
        _new(look, studies)


def accuracy_layers(look: Review) -> list[dict[str, Any]]:
    """Return what may be seen while points are labelled: images and terrain, and the point; nothing that was mapped."""
    seen = [layer for layer in map_layers(look.project) if layer["group"] not in ("Reference", "Detection")]
    point = st.session_state.get(POINT)
    rings = [] if point is None else [(_square(*point, _RING_M).boundary.buffer(2e-6), "The point is in the middle")]
    return [shapes("accuracy-point", "Accuracy", "Point to label", rings, "#ffd400"), *seen]


def _new(look: Review, studies: Studies) -> None:
    """Ask for points and draw them."""
    with st.form("accuracy-new", border=False):
        count = st.number_input("Points", 60, 5000, 200, 50, help="In proportion to area, at least 50 in each stratum: "
                                "mapped, near it, and all the rest.")
        near = st.number_input("Near is within, m", 1.0, 500.0, 30.0, 5.0)
        reviewed = st.toggle("The map as it is after review", bool((look.frame.get("status") == "accepted").any()),
                             help="Without what was rejected, with what was edited and drawn. Off: as it was detected.")
        if st.form_submit_button("Draw points", type="primary", icon=":material/scatter_plot:", width="stretch"):
            with errors_in_words(), st.spinner("Counting the ground ..."):
                study = studies.new(_map(look, near, reviewed=reviewed), look.run.id,
                                    st.session_state.get(WHO) or "somebody", int(count), seed=time.time_ns() % 2**31)
                st.session_state.update({STUDY: study.id, POINT: None})
                st.rerun()


def _map(look: Review, near_m: float, *, reviewed: bool) -> MapOf:
    """Return the map whose accuracy is asked for.

    Raises:
        InputError: The detection's class map is gone.
    """
    path = look.run.folder / "classes.tif"
    if not path.is_file():
        raise InputError("class map", got="none in this detection", expected="classes.tif", remedy="Run it again.")
    outlines = None
    if reviewed:
        with open_geotiff(path) as dataset:
            kept = look.frame[look.frame["status"].isin(["unreviewed", *POSITIVE])]
            outlines = tuple(kept.geometry.to_crs(dataset.crs.to_wkt()))
    return MapOf(path, look.run.classes.index("landslide"), outlines, near_m)


def _named() -> bool:
    if st.session_state.get(WHO):
        return True
    name = st.text_input("Your name", key="accuracy-who", max_chars=80, help="Each label is kept with who gave it.")
    if name.strip():
        st.session_state[WHO] = " ".join(name.split())
        st.rerun()
    return False


def _label(studies: Studies, study: Study, points: pd.DataFrame) -> None:
    """Show the first point that this person has not labelled, and take a label."""
    left = points[points["label"] == ""]
    done = len(points) - len(left)
    st.progress(done / len(points), f"{done} of {len(points)} labelled by {st.session_state[WHO]}")
    if left.empty:
        html.empty("All points are labelled", "Another person may label them as well: what most say counts.")
        st.session_state[POINT] = None
        return
    row = left.iloc[0]
    place = (float(row["lon"]), float(row["lat"]))
    if st.session_state.get(POINT) != place:
        st.session_state[POINT] = place
        state.select(None, _square(*place, _AROUND_M).bounds)
    html.labelled(f"Point {int(row['number'])}", "What is in the middle of the yellow square?")
    for label, (title, icon, key) in _LABELS.items():
        st.button(title, icon=icon, key=f"accuracy-{label}", width="stretch", shortcut=key,
                  on_click=_take, args=[studies, study.id, int(row["number"]), label])
    if done:
        st.button("Take the last one back", key="accuracy-back", icon=":material/undo:", type="tertiary",
                  on_click=_take, args=[studies, study.id, int(points[points["label"] != ""].iloc[-1]["number"]), ""])


def _take(studies: Studies, study: str, number: int, label: str) -> None:
    with errors_in_words():
        studies.label(study, number, st.session_state[WHO], label)


def _result(studies: Studies, study: Study) -> None:
    try:
        found = studies.estimate(study.id)
    except InputError as error:
        html.note(f"Not yet: {error.got}; {error.expected}.")
        return
    html.figures({"Landslides found (producer's)": _share(found.producer["landslide"]),
                  "Called rightly (user's)": _share(found.user["landslide"]), "Overall accuracy": _share(found.overall),
                  "Landslide area": _area(found.area_m2["landslide"])})
    html.note(f"On the map: {size(found.mapped_m2['landslide'])}. Intervals of 95 %.")
    st.dataframe(_matrix(found), width="stretch", key=f"accuracy-matrix-{study.id}")
    html.note("Shares of the area: the map in rows, the labels in columns.")
    for caution in found.cautions:
        st.warning(caution, icon=":material/warning:")


def _matrix(found: Estimate) -> pd.DataFrame:
    names = [name.capitalize() for name in found.classes]
    return pd.DataFrame(found.matrix, names, names).map(lambda share: f"{share:.2%}")


def _share(figure: Figure) -> str:
    return "–" if figure.value != figure.value else f"{figure.value:.0%} ({figure.low:.0%} to {figure.high:.0%})"


def _area(figure: Figure) -> str:
    return f"{size(figure.value)} ({size(figure.low)} to {size(figure.high)})"


def _title(study: Study) -> str:
    what = "reviewed map" if study.reviewed else "map as detected"
    return f"{study.points} points, {what}, {time.strftime('%-d %b %Y, %H:%M', time.localtime(study.created))}"


def _square(lon: float, lat: float, half_m: float) -> shapely.Polygon:
    """Return a square on the ground around a point, in degrees."""
    crs = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84"
    to = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    return shapely.transform(shapely.box(-half_m, -half_m, half_m, half_m), to.transform, interleaved=False)
