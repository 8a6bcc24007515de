"""What two people decided of one detection at once: both are shown, and somebody settles it."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from core.review import Conflict
from ui import html
from ui import review_acts as acts
from ui.review_state import WHO, Review

WORDS = {"accept": "accepted it", "reject": "rejected it", "edit": "reshaped it", "merge": "merged it",
         "split": "split it", "change": "changed what is said of it", "undo": "took a change back",
         "import": "changed it in the field", "draw": "drew it", "take": "found it"}


def conflict_box(look: Review, conflict: Conflict) -> None:
    """Show both versions and what can be done."""
    row = look.frame.loc[conflict.detection] if conflict.detection in look.frame.index else None
    with st.container(border=True, key=f"conflict-{conflict.id}"):
        there = "It is no detection of its own any more" if row is None else (
            f"{row['reviewer'] or 'Somebody'} {WORDS.get(row['action'], row['action'])}"
            f"{_reason(row['reason'])}, {_clock(row['reviewed'])}")
        edit = conflict.edits[0]
        kept = (f"{conflict.who} {WORDS.get(edit.action, edit.action)}{_reason(edit.changes.get('reason', ''))}"
                f"{_fields(edit.changes)}, {time.strftime('%H:%M:%S', time.localtime(conflict.at))}")
        html.title("Conflict", "Two people, one detection", "Nothing was overwritten.")
        html.facts({"Now": there, "Waiting": kept})
        if row is not None and st.session_state.get(WHO):
            with st.container(horizontal=True, gap="small"):
                for label, take in (("Leave it as it is", False), (f"Take {conflict.who}'s", True)):
                    st.button(label, key=f"settle-{conflict.id}-{take}", on_click=acts.settle,
                              args=[look, conflict, int(row["version"]), take])


def _reason(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _fields(changes: object) -> str:
    told = {name: value for name, value in dict(changes).items() if name in ("type", "certainty", "note")}
    return f": {', '.join(f'{name} {value!r}' for name, value in told.items())}" if told else ""


def _clock(when: pd.Timestamp) -> str:
    return "" if pd.isna(when) else time.strftime("%H:%M:%S", time.localtime(when.timestamp()))
