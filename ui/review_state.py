"""What a review is about at the moment: the ledger's newest state, the queue, the detection that is looked at."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import streamlit as st

from core.project import Project, Run, open_project
from core.review import GONE, STATUSES, Conflict, Ledger
from core.review.agreement import verdicts
from core.review.queue import queue
from core.vectors import read_outlines
from ui import state

WHO, AT, ORDER, SHOW, TASK, SAID, REASON = (f"review-{name}" for name in (
    "who", "at", "order", "show", "task", "said", "reason"))
TAB, NEXT_TAB = "review-tab", "review-next-tab"
SHOWS = {"open": "To review", "second": "Second look", "all": "All"}
ORDER_NAMES = {"priority": "Doubtful and large first", "largest": "Largest first", "new": "New since the date before",
               "area": "In the area drawn"}


@dataclass(frozen=True)
class Review:
    """One look at the ledger.

    Attributes:
        project: The project.
        run: The detection run that is reviewed.
        frame: Its detections, as ``Ledger.detections`` gives them, by id.
        order: Ids, those that matter most first.
        open: Ids, in that order, of those that the filter shows.
        log: As ``Ledger.log`` gives it.
        conflicts: What waits to be settled.
    """

    project: Project
    run: Run
    frame: geopandas.GeoDataFrame
    order: list[str]
    open: list[str]
    log: list[Any]
    conflicts: list[Conflict]

    @property
    def at(self) -> str | None:
        """The detection that is looked at."""
        chosen = st.session_state.get(AT)
        return chosen if chosen in self.frame.index else next(iter(self.open), None)

    @property
    def row(self) -> pd.Series | None:
        """Its newest version."""
        return None if self.at is None else self.frame.loc[self.at]

    @property
    def blind(self) -> bool:
        """Whether what others decided is hidden."""
        return st.session_state.get(SHOW) == "second"

    def beside(self, step: int, of: str | None = None) -> str | None:
        """Return the next detection that the filter shows, before or after one, round the end."""
        at = of or self.at
        if at not in self.order:
            return next(iter(self.open), None)
        here, shown = self.order.index(at), set(self.open) - {at}
        around = self.order[here + 1:] + self.order[:here]
        return next((name for name in (around if step > 0 else reversed(around)) if name in shown), None)


def review(project: Project, run: Run) -> Review:
    """Take a run into the ledger where that is due, and look at it.

    Raises:
        InputError: Its outlines cannot be read.
        StorageError: The ledger cannot be used.
    """
    known = _known(project.folder, run.id)
    if (known["now"].frame["outline"] < 0).all():
        Ledger(project).take(run)
    now = known["now"] = _newer(known["now"], Ledger(project), run.id)
    frame, log = now.frame, now.log
    chosen = st.session_state.setdefault(ORDER, "priority")
    st.session_state.setdefault(SHOW, "open")
    ids = queue(frame, chosen, earlier=earlier_outlines(project, run) if chosen == "new" else None,
                area=state.current_area(project) if chosen == "area" else None)
    return Review(project, run, frame, ids, _open(frame, ids, log), log, Ledger(project).conflicts())


@dataclass(frozen=True)
class _Read:
    """What was read of a run so far, and up to which version."""

    newest: int
    frame: geopandas.GeoDataFrame
    log: list[Any]


@st.cache_resource(max_entries=12, show_spinner=False)
def _known(folder: Path, run: str) -> dict[str, _Read]:
    """Return where the newest reading of a run is kept, for all sessions."""
    return {"now": _newer(None, Ledger(open_project(folder)), run)}


def _newer(old: _Read | None, ledger: Ledger, run: str) -> _Read:
    """Read what was written since: a decision changes one row of thousands."""
    newest = ledger.newest
    if old is None or old.frame.empty or newest < old.newest:
        return _Read(newest, ledger.detections(run=run).set_index("id", drop=False), ledger.log(until=newest))
    if newest == old.newest:
        return old
    changed = ledger.detections(run=run, status=STATUSES, after=old.newest).set_index("id", drop=False)
    log = [*old.log, *ledger.log(old.newest, newest)]
    if changed.empty:
        return _Read(newest, old.frame, log)
    kept = old.frame.index[~old.frame.index.isin(changed.index[changed["status"].isin(GONE)])]
    frame = pd.concat([old.frame.drop(index=changed.index, errors="ignore"), changed[~changed["status"].isin(GONE)]])
    return _Read(newest, frame.loc[[*kept, *frame.index.difference(kept, sort=False)]], log)


def _open(frame: geopandas.GeoDataFrame, ids: list[str], log: list[Any]) -> list[str]:
    show, who = st.session_state[SHOW], st.session_state.get(WHO, "")
    if show == "all":
        return ids
    if show == "open":
        left = set(frame.index[frame["status"] == "unreviewed"])
    else:
        by = verdicts(log)
        left = {name for other, found in by.items() if other != who for name in found} - set(by.get(who, ()))
    return [name for name in ids if name in left]


def orders(project: Project, run: Run) -> dict[str, str]:
    """Return the orders that make sense here, with their names."""
    known = dict(ORDER_NAMES)
    if _earlier_run(project, run) is None:
        known.pop("new")
    if state.current_area(project) is None:
        known.pop("area")
    return known


def _earlier_run(project: Project, run: Run) -> Run | None:
    """Return the detection on the newest image that is older than this one's."""
    day = run.about.get("image_date") or ""
    older = [each for each in project.runs() if "" < (each.about.get("image_date") or "") < day]
    return max(older, key=lambda each: each.about["image_date"], default=None)


def earlier_outlines(project: Project, run: Run) -> geopandas.GeoSeries | None:
    """Return the outlines of the date before, in degrees."""
    before = _earlier_run(project, run)
    return None if before is None else read_outlines(before.folder / "landslides.gpkg").to_crs("EPSG:4326").geometry


def go(look: Review, to: str | None) -> None:
    """Turn to a detection; the map goes there."""
    st.session_state[AT] = to
    st.session_state.pop(TASK, None)
    if to is not None:
        st.session_state[state.FLY] = {"bounds": look.frame.geometry[to].bounds, "turn": time.time_ns()}


def start(mode: str, geometry: Mapping[str, Any] | None = None, **more: object) -> None:
    """Ask the map, or the user, for something: see ``ui.map.component.draw_map``."""
    st.session_state[TASK] = {"turn": time.time_ns() // 1000, "mode": mode, "geometry": geometry, **more}


def map_task(*modes: str) -> dict[str, Any] | None:
    """Return what was asked for, if it is one of these; as the map takes it."""
    task = st.session_state.get(TASK)
    return {name: task[name] for name in ("turn", "mode", "geometry")} if task and task["mode"] in modes else None


def name_of(row: pd.Series) -> str:
    """Return what a detection is called."""
    if row["outline"] > 0:
        return f"Landslide {row['outline']}"
    return f"{'Part' if row['parent'] else 'Drawn'} {row['id'][:4]}"
