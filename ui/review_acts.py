"""What the buttons and keys of the review do; each is saved at once, and says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import shapely
import streamlit as st

from core.errors import InputError, ScarpError
from core.project import Project, Run
from core.request import source
from core.review import Conflict, Edit, Ledger, accept, change, draw, merge, reject, reshape, split
from core.review import shape as shapes
from core.scene import SceneSettings
from ui.map.component import drawn_on_map, ended_on_map
from ui.review_state import AT, REASON, SAID, TASK, WHO, Review, go, review, start

NEAR = 2
"""So many neighbours are offered to merge with."""


def _say(kind: str, text: str) -> None:
    st.session_state[SAID] = (kind, text)


def save(look: Review, edits: Callable[[], Sequence[Edit]]) -> bool:
    """Write, tell what became of it, and return whether it was taken."""
    who = st.session_state.get(WHO, "")
    try:
        result = Ledger(look.project).apply(edits(), who)
    except ScarpError as error:
        _say("error", f"Not saved: {error.what}, {error.got}. {error.remedy}")
        return False
    st.session_state.pop(TASK, None)
    if result.conflict:
        st.session_state[AT] = result.conflict.detection
        _say("conflict", "Somebody changed this one while you looked at it. Nothing was overwritten: both are below.")
        return False
    _say("saved", f"Saved {time.strftime('%H:%M:%S', time.localtime(result.at))} by {who}")
    return True


def decide(look: Review, detection: str, version: int, landslide: bool) -> None:
    """Accept or reject, and turn to the next."""
    edits = accept(detection, version) if landslide else reject(detection, version, st.session_state[REASON])
    if save(look, lambda: edits):
        go(look, look.beside(1, detection))


def tell(look: Review, row: pd.Series, field: str, key: str) -> None:
    """Keep what a widget says of a detection, unless it only tells again what it was given: a quick key lets it."""
    said = st.session_state[key]
    said = said.strip() if field == "note" else said or "unknown"
    if said != row[field]:
        save(look, lambda: change(row["id"], int(row["version"]), **{field: said}))


def undo(look: Review) -> None:
    """Take the last action back, and turn to what it was about."""
    who = st.session_state.get(WHO, "")
    try:
        result = Ledger(look.project).undo(who)
    except ScarpError as error:
        _say("error", f"Not undone: {error.got}. {error.remedy}")
        return
    if result is None:
        _say("error", "There is nothing of yours to undo.")
        return
    now = review(look.project, look.run)
    if there := [name for name in result.versions if name in now.frame.index]:
        go(now, there[0])
    _say("saved", f"Undone {time.strftime('%H:%M:%S', time.localtime(result.at))} by {who}")


def begin_edit(row: pd.Series) -> None:
    """Hand the outline to the map, with few enough corners to drag."""
    edited, holes = shapes.editable(row.geometry)
    start("edit", shapely.geometry.mapping(edited), detection=row["id"], version=int(row["version"]), holes=holes)


def begin_redraw(row: pd.Series) -> None:
    """Ask the map for another outline of a landslide."""
    start("polygon", detection=row["id"], version=int(row["version"]))


def begin_split(row: pd.Series) -> None:
    """Ask the map for a line across the outline."""
    start("linestring", detection=row["id"], version=int(row["version"]))


def begin_draw() -> None:
    """Ask the map for a landslide that was missed."""
    start("polygon")


def begin_merge(look: Review) -> None:
    """Ask for the other one; asked again, take the nearest."""
    task = st.session_state.get(TASK)
    near = neighbours(look)
    if task and task["mode"] == "merge" and near:
        merge_with(look, near[0])
    elif near:
        start("merge", detection=look.at)
    else:
        _say("error", "There is no other detection to merge with.")


def leave() -> None:
    """Give up what was begun."""
    st.session_state.pop(TASK, None)


def neighbours(look: Review) -> list[str]:
    """Return the nearest detections."""
    others = look.frame.drop(index=look.at)
    found = shapely.distance(others.geometry.values, look.row.geometry)
    return others.index[found.argsort()[:NEAR]].tolist()


def merge_with(look: Review, other: str) -> None:
    """Make one landslide of the one looked at and another."""
    row, second = look.row, look.frame.loc[other]

    def edits() -> list[Edit]:
        whole = shapes.join([row.geometry, second.geometry])
        return merge(row["id"], int(row["version"]), [(other, int(second["version"]))], whole, _measure(look, whole))

    save(look, edits)


def split_as(look: Review, row: pd.Series, parts: Sequence[shapely.Geometry]) -> None:
    """Put parts in the place of a detection."""
    if save(look, lambda: split(row["id"], int(row["version"]), [(part, _measure(look, part)) for part in parts],
                                look.run.id)):
        go(look, look.beside(1))


def take_drawn(look: Review) -> None:
    """Take what the map's task led to."""
    task = st.session_state.get(TASK)
    if not task or not ended_on_map(task["turn"]):  # begun in the middle of another one, which the map gives up
        return
    st.session_state.pop(TASK)
    if (drawn := drawn_on_map(task["turn"])) is None:
        return
    try:
        if task["mode"] == "linestring":
            split_as(look, look.frame.loc[task["detection"]], shapes.cut(look.frame.geometry[task["detection"]], drawn))
            return
        whole = shapes.outline(drawn)
        if "detection" in task:
            if "holes" in task:
                whole = shapes.join([whole.difference(task["holes"])])
            save(look, lambda: reshape(task["detection"], task["version"], whole, _measure(look, whole)))
        else:
            made = draw(whole, _measure(look, whole), look.run.id)
            if save(look, lambda: made):
                st.session_state[AT] = made[0].id
    except ScarpError as error:
        _say("error", f"Not saved: {error.what}, {error.got}. {error.remedy}")


def settle(look: Review, conflict: Conflict, expected: int, take: bool) -> None:
    """Decide between two people's versions."""
    try:
        Ledger(look.project).settle(conflict, st.session_state.get(WHO, ""), expected, take=take)
        _say("saved", f"Settled {time.strftime('%H:%M:%S')} by {st.session_state[WHO]}")
    except ScarpError as error:
        _say("error", f"Not settled: {error.got}. {error.remedy}")


def _measure(look: Review, whole: shapely.Geometry) -> dict[str, Any]:
    """Measure an outline on the layers that the detection was made from."""
    settings = scene(look.project, look.run)
    if settings is None:
        raise InputError("image", got="none in the project", expected="the image of this detection",
                         remedy="Add the image again.")
    return shapes.measured(whole, settings, look.run.folder / "probability.tif")


def scene(project: Project, run: Run) -> SceneSettings | None:
    """Return image and elevation of a detection, or the project's first."""
    image = source(project, run, "image") or next(iter(project.of("image")), None)
    dem = source(project, run, "dem") or next(iter(project.of("dem")), None)
    if image is None:
        return None
    return SceneSettings(project.path(image), project.path(dem) if dem else None, bands=image.bands,
                         dem_unit="ft" if dem and dem.unit == "ft" else "m")


