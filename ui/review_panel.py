"""The panel of the review: one detection with its pictures, its attributes, and a button and a key for each action."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import pandas as pd
import shapely
import streamlit as st

from core.inventory.schema import field
from core.review import CLASSES, REASONS, Ledger
from ui import html, nav
from ui import review_acts as acts
from ui.outlines import facts_of, size
from ui.review_chips import AHEAD, show_chips
from ui.review_conflicts import conflict_box
from ui.review_keys import review_keys
from ui.review_photos import photos
from ui.review_state import AT, ORDER, REASON, SAID, SHOW, SHOWS, TASK, WHO, Review, go, name_of, orders

STATUS = {"unreviewed": "Not reviewed", "accepted": "Accepted", "rejected": "Rejected", "edited": "Accepted, reshaped",
          "drawn": "Drawn by hand"}
_GROUND = ["other", *(name for name in CLASSES if name not in ("landslide", "other"))]
_MODES = {"edit": "Drag the corners on the map, then press Done.", "polygon": "Click the corners on the map.",
          "linestring": "Draw a line right across the outline, on the map."}
_AGAIN = "Click the corners of its new outline on the map."


def review_panel(look: Review) -> None:
    """Show the detection that is looked at."""
    _choices(look)
    row = look.row
    if row is None:
        _nothing(look)
        return
    if st.session_state.get(AT) != look.at:  # the first one that is looked at here
        go(look, look.at)
    _head(look, row)
    ahead = [look.frame.loc[name] for name in _next_ones(look)]
    parts = show_chips(look.project, look.run, row, ahead)
    html.note(" · ".join(_short(row)))
    for conflict in look.conflicts:
        if conflict.detection == row["id"]:
            conflict_box(look, conflict)
    if not st.session_state.get(WHO):
        _ask_name()
        return
    _task(look, row)
    _buttons(look, row, parts)
    _said()
    review_keys()  # from here on a key acts on what is shown
    _attributes(look, row)


def no_run() -> None:
    """Say what comes first."""
    html.empty("No detection to review yet", "Run one on the Detect page: its landslides are reviewed here.")
    nav.link("detect", "Detect landslides")


def ask_who(look: Review) -> None:
    """Change the name that is written to what is decided from now on."""
    st.text_input("You review as", st.session_state.get(WHO, ""), key="review-rename", max_chars=80,
                  on_change=lambda: st.session_state.update({WHO: " ".join(st.session_state["review-rename"].split())}))


def _choices(look: Review) -> None:
    known = orders(look.project, look.run)
    if st.session_state[ORDER] not in known:
        st.session_state[ORDER] = "priority"
    left, right = st.columns([7, 4], gap="small")
    left.selectbox("Order", list(known), key=ORDER, format_func=known.get, label_visibility="collapsed")
    right.selectbox("Show", list(SHOWS), key=SHOW, format_func=SHOWS.get, label_visibility="collapsed",
                    help="A second look shows what others have reviewed and you have not, without what they said.")


def _nothing(look: Review) -> None:
    if look.frame.empty:
        html.empty("Nothing to review", "This detection found no landslides. Draw those it missed.")
    elif look.blind:
        html.empty("Nothing for a second look", "There is nothing that others have reviewed and you have not.")
    else:
        html.empty("All reviewed", "Every detection here has been looked at. Draw what was missed, or look at "
                                   "the progress and at what reviewers agree on.")
    if st.session_state.get(WHO):
        _task(look, None)
        with st.container(horizontal=True, gap="small"):
            _button("Draw a missed one", "draw", ":material/draw:", acts.begin_draw)
            _button("Undo", "undo", ":material/undo:", partial(acts.undo, look))
        _said()
        review_keys()
    else:
        _ask_name()


def _head(look: Review, row: pd.Series) -> None:
    left, right = st.columns([3, 1], gap="small", vertical_alignment="bottom")
    done = len(look.order) - sum(look.frame.loc[look.order, "status"] == "unreviewed") if look.order else 0
    status = "Second look" if look.blind else STATUS[row["status"]]
    if row["reason"] and not look.blind:
        status += f", {row['reason']}"
    if row["reviewer"] and not look.blind:
        status += f" by {row['reviewer']}"
    with left:
        html.title(f"{done:,} of {len(look.order):,} reviewed", name_of(row), status)
    with right.container(horizontal=True, gap=None, horizontal_alignment="right", key="review-steps"):
        _button("", "previous", ":material/chevron_left:", lambda: go(look, look.beside(-1)), help="Previous (K or ←)")
        _button("", "next", ":material/chevron_right:", lambda: go(look, look.beside(1)), help="Next (J or →)")


def _next_ones(look: Review) -> list[str]:
    names, at = [], look.at
    for _ in range(AHEAD):
        at = look.beside(1, at)
        if at is None or at in names or at == look.at:
            break
        names.append(at)
    return names


def _short(row: pd.Series) -> list[str]:
    """Return what matters most, in a line."""
    known = {"area_m2": size, "probability_mean": "probability {:.2f}".format, "slope_mean_deg": "{:.0f}°".format,
             "drop_m": "drop {:,.0f} m".format}
    return [say(row[name]) for name, say in known.items() if not pd.isna(row.get(name))]


def _ask_name() -> None:
    """Ask once; the browser keeps it."""
    review_keys()
    with st.form("review-name", border=True):
        name = st.text_input("Your name", max_chars=80, help="It is written to everything you decide. This browser "
                                                             "remembers it.")
        if st.form_submit_button("Start reviewing", type="primary", width="stretch") and name.strip():
            st.session_state[WHO] = " ".join(name.split())
            st.rerun()


def _task(look: Review, row: pd.Series | None) -> None:
    """Say what the map, or the user, is to do now."""
    if not (task := st.session_state.get(TASK)):
        return
    with st.container(border=True, key="review-task"):
        if task["mode"] == "merge":
            html.labelled("Merge with", "Click the other outline on the map, press M again for the nearest, or choose.")
            with st.container(horizontal=True, gap="small"):
                for other in acts.neighbours(look):
                    st.button(name_of(look.frame.loc[other]), key=f"merge-{other}", on_click=acts.merge_with,
                              args=[look, other])
                _button("Leave it", "leave", None, acts.leave, type="tertiary")
        else:
            with st.container(horizontal=True, vertical_alignment="center"):
                html.note(_AGAIN if task["mode"] == "polygon" and "detection" in task else _MODES[task["mode"]])
                if task["mode"] == "edit" and row is not None:
                    _button("Redraw", "redraw", None, partial(acts.begin_redraw, row), help="Draw it anew (W)")
                _button("Leave it", "leave", None, acts.leave, type="tertiary")


def _buttons(look: Review, row: pd.Series, parts: Sequence[shapely.Geometry]) -> None:
    split = partial(acts.split_as, look, row, parts) if parts else partial(acts.begin_split, row)
    if parts:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="review-parts"):
            html.note(f"This may be {len(parts)} landslides: their crowns lie apart. Split parts it along the dashes.")
            _button("Draw a line instead", "line", None, partial(acts.begin_split, row), type="tertiary")
    detection, version = row["id"], int(row["version"])
    st.session_state.setdefault(REASON, REASONS[0])
    with st.container(gap="small"):
        left, right = st.columns(2, gap="small")
        with left:
            _button("Accept", "accept", ":material/check:", partial(acts.decide, look, detection, version, True),
                    type="primary", width="stretch")
        with right:
            _button("Reject", "reject", ":material/close:", partial(acts.decide, look, detection, version, False),
                    width="stretch")
        with st.container(horizontal=True, gap=None, key="review-tools"):
            _button("Edit", "edit", None, partial(acts.begin_edit, row), help="Move corners (E)")
            _button("Split", "split", None, split, help="As proposed, or along a line (S)")
            _button("Merge", "merge", None, partial(acts.begin_merge, look), help="With another one (M)")
            _button("Draw", "draw", None, acts.begin_draw, help="A landslide that was missed (D)")
            _button("Undo", "undo", None, partial(acts.undo, look), help="What you did last (U)")
        with st.container(key="review-because", horizontal=True, gap="small", vertical_alignment="center"):
            _button("Rejected as", "reason", None, _next_reason, type="tertiary", help="T turns to the next reason")
            st.selectbox("Because", REASONS, key=REASON, label_visibility="collapsed", format_func=str.capitalize)


def _next_reason() -> None:
    at = REASONS.index(st.session_state[REASON])
    st.session_state[REASON] = REASONS[(at + 1) % len(REASONS)]


def _button(label: str, act: str, icon: str | None, do: object, **more: object) -> None:
    """Show a button that the key of its action presses too."""
    st.button(label, key=f"act-{act}", icon=icon, on_click=do, **more)


def _attributes(look: Review, row: pd.Series) -> None:
    with st.container(gap="small", key="review-attributes"):
        for name in ("class" if row["status"] == "rejected" and not look.blind else "type", "certainty", "note"):
            key = f"review-{name}-{row['id']}-{row['version']}"
            on = {"key": key, "on_change": acts.tell, "args": [look, row, name, key]}
            with st.container(key=f"review-{name}"):
                if name == "class":
                    at = _GROUND.index(row["class"]) if row["class"] in _GROUND else 0
                    st.selectbox("Class", _GROUND, at, format_func=str.capitalize,
                                 help="What is there instead: a model that knows the class can learn it.", **on)
                elif name == "type":
                    values = field("type").values
                    st.selectbox("Type", values, values.index(row["type"]), format_func=str.capitalize, **on)
                elif name == "certainty":
                    st.segmented_control("Certainty", field("certainty").values, default=row["certainty"],
                                         format_func=str.capitalize, **on)
                else:
                    st.text_area("Note", row["note"], height=68, max_chars=4000, **on)
    photos(look, row)
    more = st.expander("All attributes and history", icon=":material/history:", key="review-more", on_change="rerun")
    if more.open:
        with more:
            html.facts(facts_of(row))
            _history(look, row)


def _history(look: Review, row: pd.Series) -> None:
    if look.blind:
        html.note("What others decided is hidden in a second look.")
        return
    found = Ledger(look.project).history(row["id"])
    table = pd.DataFrame({"When": found["at"].dt.tz_convert(None), "Who": found["who"].replace("", look.run.model),
                          "What": found["action"], "Status": found["status"]})
    st.dataframe(table.iloc[::-1], hide_index=True, height=min(38 + 35 * len(table), 220))


def _said() -> None:
    """Show what became of the last action."""
    if said := st.session_state.get(SAID):
        kind, text = said
        icon = {"saved": ":material/check_circle:", "conflict": ":material/call_split:"}.get(kind, ":material/error:")
        st.html(f'<p class="review-said review-{kind}" role="status">{escape(text)}</p>') if kind == "saved" else (
            st.warning if kind == "conflict" else st.error)(text, icon=icon)
