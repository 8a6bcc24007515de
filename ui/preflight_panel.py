"""Will it do? What was found about an image, elevation and a model, in words and colours."""

import base64
import math
from html import escape
from typing import Any

import streamlit as st

from core.errors import ScarpError
from core.layers import Layer
from core.preflight import Days, Finding, Level, worst
from core.preflight import findings as look
from core.project import Project
from core.registry import ModelCard
from core.request import Request
from ui import html, nav
from ui.data_facts import ROLES, facts_of
from ui.models import models
from ui.words import errors_in_words

VERDICTS: dict[Level, tuple[str, str]] = {
    "good": ("Ready", "Nothing stands against a detection."),
    "note": ("Ready", "A detection can run. What is noted affects its result a little, or is open."),
    "warning": ("With care", "A detection can run, but do not trust its result without a look."),
    "stop": ("Not yet", "A detection cannot run like this.")}
GRAVE: tuple[Level, ...] = ("stop", "warning", "note", "good")
INK = {"image": "#2a9d96", "dem": "#c9822b"}


def findings(project: Project, image: Layer, dem: Layer | None, model: ModelCard) -> list[Finding]:
    """Return what can be said about a detection with these, the gravest first; kept until something of it changes."""
    used = [layer for layer in (image, dem, *project.of("ndvi"), *project.of("unobserved", "vector")) if layer]
    files = tuple((layer.id, layer.bands, layer.unit, _changed(project, layer)) for layer in used)
    dates = tuple((layer.id, layer.date) for layer in project.of("image"))
    version = str(project.folder), files, dates, project.event, model.name, model.sha256
    return _findings(project, image, dem, model, version)


def preflight(project: Project) -> None:
    """Choose what would be used, and show the verdict with its reasons."""
    images, dems, cards = project.of("image"), project.of("dem"), models()
    with st.container(border=True, key="preflight"):
        if not images:
            html.empty("An image is missing", "Add an orthophoto or a satellite image in red, green and blue. If it is "
                       "in the list below already, say there that it is one.")
            return
        image, dem, model = _chosen(project, images, dems, cards)
        if model is None:
            html.empty("No models here", "Put a model's folder into models/, or train one with: scarp train.")
            return
        with st.spinner("Looking at the files ..."), errors_in_words():
            found = findings(project, image, dem, model)
            left, right = st.columns([2, 1], gap="medium")
            with left:
                verdict(found)
                show(found)
            with right:
                coverage(project, [layer for layer in (image, dem) if layer])
                if worst(found) != "stop":
                    with st.container(key="next", horizontal_alignment="center"):
                        nav.link("detect", "Detect landslides")


def _chosen(project: Project, images: list[Layer], dems: list[Layer], cards: list[ModelCard],
            ) -> tuple[Layer, Layer | None, ModelCard | None]:
    """Return what would be used; where there is a choice, it is offered."""
    picked: list[Any] = [images[0], next(iter(dems), None), next(iter(cards), None)]
    offers = [("Image", images if len(images) > 1 else []), ("Elevation", [*dems, None] if dems else []),
              ("Model", cards if len(cards) > 1 else [])]
    count = sum(bool(options) for _, options in offers)
    places = iter(st.columns(count) if count else [])
    for number, (label, options) in enumerate(offers):
        if options:
            picked[number] = next(places).selectbox(label, options, format_func=_name, key=f"pre-{label}-{project.id}")
    return picked[0], picked[1], picked[2]


def verdict(found: list[Finding]) -> None:
    """Say in a word whether it will do."""
    level = worst(found)
    word, meaning = VERDICTS[level]
    colour = "good" if level == "note" else level
    st.html(f'<p class="scarp-verdict scarp-level-{colour}"><b>{word}</b>{meaning}</p>')


def show(found: list[Finding]) -> None:
    """List findings, the gravest first; what is good can be unfolded."""
    rows = [(f.level, f'<li class="scarp-level-{f.level}"><b>{escape(f.what)}</b><span>{escape(f.found)}</span>'
             f"{f'<em>{escape(f.meaning)}</em>' if f.meaning else ''}</li>") for f in found]
    good = [row for level, row in rows if level == "good"]
    folded = f'<details><summary>{len(good)} good</summary><ul class="scarp-findings">{"".join(good)}</ul></details>'
    st.html(f'<ul class="scarp-findings">{"".join(row for level, row in rows if level != "good")}</ul>'
            f"{folded if good else ''}")


def footprints(project: Project, layers: list[Layer]) -> dict[str, Any]:
    """Return the outlines of rasters as GeoJSON, longitude and latitude; a layer that cannot be read is left out."""
    features = []
    for layer in layers:
        try:
            ring = facts_of(project, layer).footprint
        except ScarpError:
            continue
        features.append({"type": "Feature", "properties": {"layer": layer.id, "role": layer.role},
                         "geometry": {"type": "Polygon", "coordinates": [[list(point) for point in ring]]}})
    return {"type": "FeatureCollection", "features": features}


def coverage(project: Project, layers: list[Layer]) -> None:
    """Draw how the rasters lie over each other."""
    shapes = footprints(project, layers)["features"]
    rings = [(each["properties"]["role"], each["geometry"]["coordinates"][0]) for each in shapes]
    points = [point for _, ring in rings for point in ring]
    if not points:
        return
    west, south = (min(point[axis] for point in points) for axis in (0, 1))
    east, north = (max(point[axis] for point in points) for axis in (0, 1))
    narrow = math.cos(math.radians((south + north) / 2))
    size = max((east - west) * narrow, north - south, 1e-12)
    drawn = "".join(
        f'<polygon fill="{INK[role]}" stroke="{INK[role]}" fill-opacity=".25" points="'
        + " ".join(f"{(x - west) * narrow / size * 100:.2f},{(north - y) / size * 100:.2f}" for x, y in ring)
        + '"/>' for role, ring in rings)
    width, height = (east - west) * narrow / size * 100, (north - south) / size * 100
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {width + 2:.1f} {height + 2:.1f}">{drawn}</svg>'
    legend = "".join(f'<span class="scarp-cover-{role}">{ROLES[role]}</span>' for role, _ in rings)
    address = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    st.html(f'<figure class="scarp-cover"><img src="{address}" alt="How image and elevation overlap">'
            f"<figcaption>{legend}</figcaption></figure>")


@st.cache_data(max_entries=64, show_spinner=False)
def _findings(_project: Project, _image: Layer, _dem: Layer | None, _model: ModelCard, version: object,
              ) -> list[Finding]:
    others = [layer.date for layer in _project.of("image") if layer.id != _image.id]
    try:
        found = look(Request(_image, _model, _dem).settings(_project), Days(_image.date, others, _project.event))
    except ScarpError as error:
        found = [Finding("stop", error.what, f"found {error.got}; expected {error.expected}", error.remedy)]
    return sorted(found, key=lambda finding: GRAVE.index(finding.level))


def _changed(project: Project, layer: Layer) -> int:
    file = project.folder / layer.path
    return file.stat().st_mtime_ns if file.is_file() else 0


def _name(each: Layer | ModelCard | None) -> str:
    if each is None:
        return "No elevation"
    return f"{each.title}, {each.date}" if isinstance(each, Layer) and each.date else each.title



