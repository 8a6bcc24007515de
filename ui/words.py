"""Errors in words: what was found, what was expected, what to do."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import ScarpError

log = logging.getLogger(__name__)


def plain(text: object) -> str:
    """Return a text as it is, safe to be put into Markdown: no link, image or markup comes of it."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~:$&-])", r"\\\1", str(text))


def say(error: ScarpError) -> None:
    """Show an error of this project; the name of a file keeps its letters."""
    what = error.what if re.match(r"\S+\.\w+$", error.what) else error.what[:1].upper() + error.what[1:]
    st.error(f"**{plain(what)}.** Found {plain(error.got)}; "
             f"expected {plain(error.expected)}.\n\n{plain(error.remedy)}", icon=":material/error:")


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Show an error of this project in place of what was to come."""
    try:
        yield
    except ScarpError as error:
        log.warning("Shown to the user: %s", error)
        say(error)


def unexpected(error: Exception) -> bool:
    """Show what nobody foresaw as a calm box, and what is foreseen in its words; the log has the details."""
    if isinstance(error, ScarpError):
        log.warning("Shown to the user: %s", error)
        say(error)
    else:
        log.error("A page failed", exc_info=error)
        st.warning("**Something went wrong on this page.** Nothing that was saved is lost. Reload the page; if it "
                   "comes back, the server's log says what happened.", icon=":material/healing:")
    return True
