"""Small pieces of HTML; every value is escaped."""

from collections.abc import Mapping
from html import escape

import streamlit as st


def title(kicker: str, text: str, note: str = "") -> None:
    """Show a heading with a word above and a line below it."""
    below = f'<p class="scarp-note">{escape(note)}</p>' if note else ""
    st.html(f'<p class="scarp-kicker">{escape(kicker)}</p><p class="scarp-title">{escape(text)}</p>{below}')


def figures(values: Mapping[str, str], colours: Mapping[str, str] | None = None) -> None:
    """Show a few key figures side by side, some with the colour that they have on the map."""
    st.html(f'<dl class="scarp-figures">{_pairs(values, colours or {})}</dl>')


def facts(values: Mapping[str, str]) -> None:
    """Show a list of names and values."""
    st.html(f'<dl class="scarp-facts">{_pairs(values)}</dl>')


def note(text: str) -> None:
    """Show a quiet line."""
    st.html(f'<p class="scarp-note">{escape(text)}</p>')


def keys(text: str, colours: Mapping[str, str]) -> None:
    """Show a quiet line, and what colours in the pictures below it mean."""
    shown = (f'<span class="scarp-key" style="--key:{colour}">{escape(name)}</span>'
             for name, colour in colours.items())
    st.html(f'<p class="scarp-note">{escape(text)} {" ".join(shown)}</p>')


def labelled(label: str, text: str) -> None:
    """Show a quiet line under a label like that of an input."""
    st.html(f'<p class="scarp-label">{escape(label)}</p><p class="scarp-note">{escape(text)}</p>')


def empty(heading: str, text: str) -> None:
    """Say why there is nothing here, and what to do."""
    st.html(f'<div class="scarp-empty"><b>{escape(heading)}</b>{escape(text)}</div>')


def off(heading: str, text: str) -> None:
    """Name something that cannot be used here, and why."""
    st.html(f'<div class="scarp-off"><b>{escape(heading)}</b>{escape(text)}</div>')


def blank(heading: str, text: str) -> None:
    """Show a place where a picture will be."""
    st.html(f'<div class="scarp-blank"><div><b>{escape(heading)}</b>{escape(text)}</div></div>')


def picture(address: str, what: str) -> None:
    """Show a picture of this server's, as wide as there is room."""
    st.html(f'<img class="scarp-picture" src="{escape(address)}" alt="{escape(what)}">')


def button(label: str, address: str) -> None:
    """Show a link to a file as a button; the browser saves what it leads to."""
    st.html(f'<a class="scarp-button" href="{escape(address)}" download>{escape(label)}</a>')


def _pairs(values: Mapping[str, str], colours: Mapping[str, str] | None = None) -> str:
    return "".join(f"<div><dt>{_named(name, (colours or {}).get(name))}</dt><dd>{escape(value)}</dd></div>"
                   for name, value in values.items())


def _named(name: str, colour: str | None) -> str:
    return f'<span class="scarp-key" style="--key:{colour}">{escape(name)}</span>' if colour else escape(name)
