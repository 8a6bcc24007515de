"""The maps of a comparison: every model's beside the image, two over one image, and the terrain from four sides."""

from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from core.layers import Layer
from core.project import Project
from core.request import source
from core.rivals import Contest
from core.styles import Style
from core.tiles import vector_url
from core.tokens import signer
from core.versus import ALL, COLOURS, SOME
from ui import html
from ui.layers import Look, bounds_of, map_layers, raster_layer
from ui.map.component import draw_map, picked_from_map
from ui.picked import fly, pick, picked
from ui.settings import projects_root

MAP = "compare-map"
Layers = list[dict[str, Any]]
_TERRAIN = ("hillshade", "slope", "aspect")
_ROW, _MOST_A_ROW = 3, 4


def side_by_side(project: Project, contest: Contest) -> None:
    """Show image, reference and every model's map in rows of maps that move together."""
    image = _image(project, contest)
    known = _by_slot(map_layers(project))
    ground = known[f"image-{image.id}"]
    panels = [("Image", [ground])]
    for layer in project.of("truth"):
        if layer.date == image.date or not layer.date:
            panels.append((f"Reference, {layer.title}", [known[f"truth-{layer.id}"] | {"opacity": 0.9}, ground]))
            break
    for name, run, colour in zip(contest.names, contest.runs, COLOURS, strict=False):
        if run:
            own = _by_slot(map_layers(project, run))
            panels.append((name, [_outlines(run.folder / "landslides.gpkg", f"outlines-{run.id}", name, colour),
                                  own["classes"] | {"opacity": 0.8}, ground]))
    _together(project, contest, panels, 300, row=len(panels) if len(panels) <= _MOST_A_ROW else _ROW)


def terrain(project: Project, contest: Contest) -> None:
    """Show image, hillshade, slope and aspect, each with the models' outlines, in maps that move together."""
    known = _by_slot(map_layers(project))
    lines = _lines(contest)
    if not set(_TERRAIN) <= set(known):
        html.empty("No elevation", "This view needs an elevation model of the ground.")
        return
    panels = [("Image", [*lines, known[f"image-{_image(project, contest).id}"]])]
    panels += [(known[slot]["title"], [*lines, known[slot] | {"opacity": 1.0}]) for slot in _TERRAIN]
    legend(contest)
    _together(project, contest, panels, 340, row=2)


def legend(contest: Contest) -> None:
    """Say which model's outlines have which colour."""
    html.keys("Outlines of", {name: colour for name, run, colour in zip(
        contest.names, contest.runs, COLOURS, strict=False) if run})


def overlay(project: Project, contest: Contest) -> None:
    """Show all outlines over one image, where the models differ, and any two layers to swipe between."""
    image = f"image-{_image(project, contest).id}"
    layers: Layers = [*_lines(contest), {
        "kind": "outlines", "slot": "apart", "id": f"apart-{contest.id}", "group": "Comparison",
        "title": "Where they differ", "url": vector_url(signer(projects_root()), contest.apart, _hex(SOME)),
        "visible": True, "opacity": 0.9, "legend": {"classes": [{"name": "not agreed on", "colour": _hex(SOME)}]}}]
    count = len(contest.names)
    legend = [{"name": f"only {name}", "colour": ink} for name, ink in zip(contest.names, COLOURS, strict=False)]
    legend += [{"name": "several, not all", "colour": _hex(SOME)}] * (count > 2)  # noqa: PLR2004
    layers.append(raster_layer(contest.map, Look(
        "agreement", "Comparison", "Agreement", Style(f"agreement:{count}"), visible=False, opacity=0.75,
        legend={"classes": [*legend, {"name": "all of them", "colour": _hex(ALL)}]}), f"agreement-{contest.id}"))
    for name, run in zip(contest.names, contest.runs, strict=True):
        if run:
            layers += [layer | {"slot": f"{layer['slot']}-{run.id}", "title": f"{layer['title']}, {name}",
                                "group": "Models", "visible": False}
                       for layer in map_layers(project, run) if layer["slot"] in ("classes", "probability")]
    layers += [layer | {"visible": layer["slot"] == image} if layer["slot"].startswith("image-") else layer
               for layer in map_layers(project)]
    draw_map(project=f"{project.id}-{contest.id}", bounds=bounds_of(contest.map), name=MAP, height=560, layers=layers,
             selected=picked(contest.id), fly=fly(contest.id), on_pick=lambda: pick(contest.id, picked_from_map(MAP)))


def _together(project: Project, contest: Contest, panels: list[tuple[str, Layers]], height: int,
              row: int) -> None:
    for start in range(0, len(panels), row):
        for column, (at, (title, layers)) in zip(
                st.columns(row, gap="small"), list(enumerate(panels))[start:start + row], strict=False):
            with column:
                st.html(f'<p class="scarp-panel">{escape(title)}</p>')
                draw_map(project=f"{project.id}-{contest.id}", name=f"compare-{row}-{at}", height=height,
                         bounds=bounds_of(contest.map), layers=[layer | {"visible": True} for layer in layers],
                         group=f"compare-{row}", fly=fly(contest.id) if at == 0 else None)


def _image(project: Project, contest: Contest) -> Layer:
    found = next((source(project, run, "image") for run in contest.runs if run), None)
    return found or project.of("image")[0]


def _lines(contest: Contest) -> Layers:
    """Return the outlines of every model, each in its colour."""
    return [_outlines(run.folder / "landslides.gpkg", f"outlines-{run.id}", name, colour)
            for name, run, colour in zip(contest.names, contest.runs, COLOURS, strict=False) if run]


def _outlines(path: Path, slot: str, title: str, colour: str) -> dict[str, Any]:
    return {"kind": "shapes", "slot": slot, "id": slot, "group": "Models", "title": f"Outlines, {title}",
            "colour": colour, "url": vector_url(signer(projects_root()), path, colour), "visible": True,
            "opacity": 1.0, "legend": {"classes": [{"name": title, "colour": colour}]}}


def _by_slot(layers: Layers) -> dict[str, dict[str, Any]]:
    return {layer["slot"]: layer for layer in layers}


def _hex(ink: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*ink)


