"""What is picked on a page whose map and list are its own: a number, and where the map goes with it."""

import time

import streamlit as st

Bounds = tuple[float, float, float, float]


def picked(name: str) -> int | None:
    """Return the number that is picked."""
    return st.session_state.get(f"picked-{name}")


def pick(name: str, number: int | None, bounds: Bounds | None = None) -> None:
    """Pick a number, or nothing; with bounds the map goes there."""
    st.session_state[f"picked-{name}"] = number
    st.session_state[f"picked-turn-{name}"] = turn(name) + 1
    if bounds:
        st.session_state[f"picked-fly-{name}"] = {"bounds": bounds, "turn": time.time_ns()}


def turn(name: str) -> int:
    """Return how often something was picked: a list that shows what is picked on the map is another one each time."""
    return st.session_state.get(f"picked-turn-{name}", 0)


def fly(name: str) -> dict[str, object] | None:
    """Return where the map goes."""
    return st.session_state.get(f"picked-fly-{name}")
