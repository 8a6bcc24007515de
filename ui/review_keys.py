"""Keys for the review's buttons, and the reviewer's name as this browser keeps it."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import streamlit as st

from ui.review_state import TASK, WHO
from ui.settings import ROOT

_NAME = "review-keys"


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("scarp_review_keys", html="<span hidden></span>",
                                      js=(ROOT / "ui" / "review_keys.js").read_text("utf-8"), isolate_styles=False)


def review_keys() -> None:
    """Listen for keys; those that come before this is called again wait, as what they would act on is on its way."""
    def on_name() -> None:
        if not st.session_state.get(WHO) and (kept := st.session_state[_NAME].get("name")):
            st.session_state[WHO] = " ".join(str(kept).split())[:80]

    with st.container(key="review-keys-box"):
        _component()(key=_NAME, on_name_change=on_name,
                     data={"turn": time.time_ns(), "name": st.session_state.get(WHO, ""),
                           "tool": (st.session_state.get(TASK) or {}).get("turn", 0)})


KEYS = {"A": "Accept", "R": "Reject", "T": "Next reason to reject", "E": "Edit the shape", "E W": "Draw it anew",
        "S": "Split", "M": "Merge", "D": "Draw a missed one", "C": "Type, or class of the rejected",
        "1 2 3": "Certain, probable, possible", "N": "Note", "U": "Undo", "J → ↓": "Next", "K ← ↑": "Previous",
        "O": "Outline on and off", "Esc": "Leave a field, give up a tool"}
"""What the keys do, for people."""
