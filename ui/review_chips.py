"""Pictures of the ground around the detection that is looked at, and those of the next ones made ahead of time."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
import shapely
import streamlit as st

from core.display import relief
from core.errors import ScarpError
from core.layers import Layer
from core.project import Project, Run
from core.request import source
from core.review.chips import Source, draw, path, place
from core.review.shape import proposal
from core.scene import FEET_M, SceneSettings
from core.styles import Style, imagery
from ui import html
from ui.review_acts import scene

AHEAD = 4
KEPT = 64
_WAITING = "review-chips"
_LINE = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" fill="none" stroke-linejoin="round">'
         '<path d="{0}" stroke="#fff" stroke-opacity="0.75" stroke-width="5"/>'
         '<path d="{1}" stroke="#fff" stroke-width="2" stroke-dasharray="6 4"/>'
         '<path d="{0}" stroke="#e4572e" stroke-width="2.5"/></svg>')


@dataclass(frozen=True)
class Chips:
    """Pictures of one place.

    Attributes:
        pictures: WebP by title.
        outline: Path of an SVG.
        parts: Outlines in degrees of the landslides that it seems to be, if several.
        cuts: Their paths.
    """

    pictures: Mapping[str, bytes]
    outline: str
    parts: Sequence[shapely.Geometry]
    cuts: str


def show_chips(project: Project, run: Run, row: pd.Series, ahead: Sequence[pd.Series]) -> Sequence[shapely.Geometry]:
    """Show a detection, make the chips of those that come next, and return the parts that it seems to have."""
    sources = _sources(project.folder, tuple(_images(project, run)), source(project, run, "dem") or next(
        iter(project.of("dem")), None))
    settings = scene(project, run)
    waiting: dict[tuple[str, str, int], Future[Chips]] = st.session_state.setdefault(_WAITING, {})
    wanted = {(project.id, each["id"], int(each["version"])): each.geometry for each in (row, *ahead)}
    for key in waiting.keys() - wanted.keys():
        if waiting[key].cancel() or len(waiting) > KEPT:
            del waiting[key]
    for key, outline in wanted.items():
        if key not in waiting:
            waiting[key] = _worker().submit(_make, sources, settings, outline)
    try:
        found = waiting[next(iter(wanted))].result()
    except ScarpError as error:
        waiting.clear()  # so that it is tried again
        html.note(f"{error.what}: {error.got}")
        return []
    line = _address("svg+xml", _LINE.format(found.outline, found.cuts).encode())
    figures = "".join(
        f'<figure><img alt="" src="{_address("webp", picture)}"><img class="review-line" alt="" src="{line}">'
        f"<figcaption>{escape(title)}</figcaption></figure>" for title, picture in found.pictures.items())
    st.html(f'<div class="review-chips" data-detection="{row["id"]}" data-version="{row["version"]}">{figures}</div>')
    return found.parts


def _address(kind: str, content: bytes) -> str:
    """Return a picture as an address of its own, so that it comes with the page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _make(sources: Sequence[Source], settings: SceneSettings | None, outline: shapely.Geometry) -> Chips:
    grid = place(outline)
    pictures = {each.title: draw(each, grid) for each in sources}
    parts = proposal(outline, settings) if settings else []
    return Chips(pictures, path(outline, grid), parts, "".join(path(part, grid) for part in parts))


def _images(project: Project, run: Run) -> list[Layer]:
    """Return the image that was searched, and the one of another date that lies nearest before it, else after it."""
    images = project.of("image")
    own = source(project, run, "image") or images[0]
    others = [each for each in images if each is not own and each.date and each.date != own.date]
    before = sorted((each for each in others if each.date < own.date), key=lambda each: each.date, reverse=True)
    return [own, *(before or sorted(others, key=lambda each: each.date))[:1]]


@st.cache_resource(max_entries=16, show_spinner="Preparing the pictures ...")
def _sources(folder: Path, images: tuple[Layer, ...], dem: Layer | None) -> list[Source]:
    """Return what chips are made of; the key holds all of a layer, and a changed file is another layer."""
    found = []
    for layer in images:
        file = folder / layer.path
        style = imagery(file, dict(layer.bands) or None).style()
        found.append(Source(f"{layer.date} {layer.title}".strip(), file, style or Style()))
    if dem:
        made = relief(folder / dem.path, folder / "derived", FEET_M if dem.unit == "ft" else 1.0)
        found += [Source("Hillshade", made["hillshade"], Style()), Source("Slope", made["slope"], Style("slope"))]
    return found


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "chips")
