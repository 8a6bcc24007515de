"""Errors in words: what was found, what was expected, what to do."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import ScarpError

log = logging.getLogger(__name__)


def say(error: ScarpError) -> None:
    """Show an error of this project."""
    st.error(f"**{error.what[:1].upper()}{error.what[1:]}.** Found {error.got}; expected {error.expected}.\n\n"
             f"{error.remedy}", icon=":material/error:")


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Show an error of this project in place of what was to come."""
    try:
        yield
    except ScarpError as error:
        log.warning("Shown to the user: %s", error)
        say(error)
