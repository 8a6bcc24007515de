"""Where labels come from: what was reviewed, a reference of the project, or a file; and what its values mean."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.errors import ScarpError
from core.layers import Layer
from core.project import Project
from core.registry import ModelCard
from core.request import source
from core.review import Ledger
from core.tuning import LabelFile, Labels, from_file, from_reviews, look_at
from core.tuning.labels import IGNORED
from ui import html
from ui.words import plain, say

REVIEWED, FILE = "Reviewed detections", "A file ..."
TYPES = ["gpkg", "geojson", "json", "zip", "tif", "tiff"]
MOST_MEGABYTES, MOST_ROWS = 200, 12
_UNLABELLED = "no label"


def choose_labels(project: Project, image: Layer, card: ModelCard) -> Labels | None:
    """Choose labels and say what they hold; None until there are any."""
    references = {layer.title if layer.kind == "raster" else f"{layer.title} (outlines)": layer
                  for kind in ("raster", "vector") for layer in project.of("truth", kind)}
    chosen = st.selectbox("Labels", [REVIEWED, *references, FILE], key="train-labels",
                          help="What is known of the ground: landslides, and ground that has none.")
    try:
        if chosen == REVIEWED:
            return _reviewed(project, image, card)
        path = _uploaded(project) if chosen == FILE else project.path(references[chosen])
        return _meant(_look(path, path.stat().st_mtime_ns), card) if path else None
    except ScarpError as error:
        say(error)
        return None


def _reviewed(project: Project, image: Layer, card: ModelCard) -> Labels | None:
    """Take reviews of detections on this image."""
    runs = {run.id for run in project.runs() if source(project, run, "image") in (image, None)} | {""}
    frame = Ledger(project).detections()
    labels = from_reviews(frame[frame["run"].fillna("").isin(runs)], card.classes)
    if labels.frame.empty:
        html.empty("Nothing is reviewed yet", "Accept, reject and draw landslides on the Review page, or take a file.")
        return None
    open_ = int((frame["status"] == "unreviewed").sum())
    slides = labels.counts.get("landslide", 0)
    html.note(f"{slides} accepted, edited or drawn; {len(labels.frame) - slides} rejected." + (
                  f" {open_} not reviewed: their ground is left out, and counts as neither." if open_ else ""))
    return labels


def _uploaded(project: Project) -> Path | None:
    """Take a file into the project's folder of trainings; the gate judges it when it is read."""
    given = st.file_uploader("Polygons or a class raster", TYPES, max_upload_size=MOST_MEGABYTES,
                             key=f"train-file-{project.id}", help="GeoPackage, GeoJSON, zipped Shapefile or GeoTIFF.")
    if given is None:
        return None
    path = project.folder / "trainings" / f"labels{Path(given.name).suffix.lower()}"
    path.parent.mkdir(exist_ok=True)
    data = bytes(given.getbuffer())
    if not path.is_file() or path.read_bytes() != data:
        path.write_bytes(data)
    return path


@st.cache_data(max_entries=8, show_spinner="Reading the labels ...")
def _look(path: Path, changed: int) -> LabelFile:
    return look_at(path)


@st.cache_data(max_entries=8, show_spinner="Reading the labels ...")
def _read(path: Path, changed: int, attribute: str, classes: tuple[tuple[str, str], ...]) -> Labels:
    return from_file(look_at(path), attribute, dict(classes))


def _meant(file: LabelFile, card: ModelCard) -> Labels | None:
    """Ask what the values mean; return the labels."""
    attribute = ""
    named = [name for name in file.values if name]
    if named:
        attribute = st.selectbox("Attribute", ["", *named], key=f"train-attribute-{file.path.name}",
                                 format_func=lambda name: name or "None: all polygons are landslides")
    values = list(file.values[attribute].items())[:MOST_ROWS]
    classes = [*dict.fromkeys([*card.classes.names, "other"]), IGNORED]
    what = "px" if file.kind == "raster" else "polygons"
    meant = {}
    if file.kind == "polygons" and not attribute:
        meant = {"": "landslide"}
    else:
        html.labelled("What the values mean", "Values without a label count as unknown ground.")
        columns = st.columns(2, gap="small")
        for at, (value, count) in enumerate(values):
            name = file.names.get(value) or value or "(empty)"
            meant[value] = columns[at % 2].selectbox(
                f"{plain(name)} · {count:,} {what}", classes, classes.index(_guess(value, file, classes)),
                key=f"train-value-{file.path.name}-{attribute}-{value}", format_func=lambda name: name or _UNLABELLED)
    if "landslide" not in meant.values():
        html.note("Say which value is a landslide.")
        return None
    labels = _read(file.path, file.path.stat().st_mtime_ns, attribute, tuple(meant.items()))
    said = [", ".join(f"{count:,} {name}" for name, count in labels.counts.items()) + " outlines."]
    if file.repaired:
        said.append(f"{file.repaired:,} touched or crossed themselves and were repaired.")
    if more := len(file.values[attribute]) - len(values):
        said.append(f"Values that are not shown, being rarer, count as unknown ground: {more:,}.")
    html.note(" ".join(said))
    return labels


def _guess(value: str, file: LabelFile, classes: list[str]) -> str:
    """Guess what a value means by its name; of a raster of 0 and 1, by their order."""
    text, other = file.names.get(value, value).strip().lower(), "other" if "other" in classes else IGNORED
    if text in classes:
        return text
    if text in ("accepted", "edited", "drawn", "yes", "true"):
        return "landslide"
    if text in ("rejected", "no", "false", "background") or file.names:
        return other
    if set(file.values[""]) <= {"0", "1"} and text:
        return "landslide" if text == "1" else other
    return IGNORED
