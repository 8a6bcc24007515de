"""What a report says, in words and numbers ready to be printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import rasterio

from core.accuracy import Studies
from core.errors import InputError, ScarpError
from core.facts import name_of
from core.grid import Grid
from core.layers import Layer
from core.project import Project, Run
from core.registry import ModelCard, find_model
from core.report.since import Since, since
from core.report.words import area, day
from core.review import GONE, Ledger
from core.reviewed import REVIEWED
from core.runs import title_of, when
from core.scored import evaluations
from core.statistics import Summary, summarise
from core.vectors import read_outlines

LARGEST = 12
_ALL = 0.9995
"""Share of the ground from which it is called all."""

ROLES = {"image": "Image", "dem": "Elevation", "ndvi": "NDVI", "truth": "Labels", "unobserved": "Not observed"}
_SCORES = {"iou": "IoU", "f1": "F1", "precision": "Precision", "recall": "Recall"}


@dataclass(frozen=True)
class Accuracy:
    """One figure of accuracy.

    Attributes:
        ground: What it was measured on.
        measure: Its name.
        value: 0 to 1, or an area in m2 where the name says so.
        low: Lower end of the 95 % interval; None where there is none.
        high: Upper end.
    """

    ground: str
    measure: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def words(self) -> str:
        """The figure with its interval."""
        form = area if "area" in self.measure else "{:.2f}".format
        interval = "" if self.low is None or self.high is None else f" [{form(self.low)}, {form(self.high)}]"
        return form(self.value) + interval


@dataclass(frozen=True)
class Landslide:
    """One of the largest landslides.

    Attributes:
        name: "Landslide" and its number.
        facts: Attributes with units, by name.
        outline: In degrees.
    """

    name: str
    facts: Mapping[str, str]
    outline: Any


@dataclass(frozen=True)
class Report:
    """All of a report.

    Attributes:
        title: The project's name.
        note: What it is about.
        facts: Where, when, by what.
        figures: Key figures, by name.
        method: Paragraphs.
        model: What its card says, by name.
        accuracy: Figures on this ground first.
        largest: Landslides, largest first.
        sources: One row a layer, by column.
        limits: What the report does not say, one sentence each.
        outlines: All landslides, in degrees.
        image: The layer that was searched.
        dem: Its elevation.
        saw_terrain: Whether the network took slope and aspect from it.
        since: What changed since an earlier date; None where none was compared.
    """

    title: str
    note: str
    facts: Mapping[str, str]
    figures: Mapping[str, str]
    method: tuple[str, ...]
    model: Mapping[str, str]
    accuracy: tuple[Accuracy, ...]
    largest: tuple[Landslide, ...]
    sources: tuple[Mapping[str, str], ...]
    limits: tuple[str, ...]
    outlines: geopandas.GeoDataFrame
    image: Layer
    dem: Layer | None
    saw_terrain: bool
    since: Since | None = None


def gather(project: Project, run: Run, models: Path) -> Report:
    """Collect what a report of a detection says; what people made of it in review counts.

    Args:
        project: With at least one image.
        run: The detection.
        models: Folder of the models.

    Raises:
        InputError: The project has no image any more, or a file of it is damaged.
    """
    if not project.of("image"):
        raise InputError("report", got="a project without an image", expected="the image that was searched",
                         remedy="Add it again on the Data page.")
    image, dem = _input(project, run, "image") or project.of("image")[0], _input(project, run, "dem")
    frame, reviewed = _landslides(project, run)
    frame = frame.sort_values("area_m2", ascending=False, ignore_index=True)
    frame["id"] = range(1, len(frame) + 1)
    summary = summarise(frame["area_m2"], run.about.get("observed_m2"))
    try:
        card = find_model(run.model, models)
    except ScarpError:
        card = None
    with_dem = bool((run.about.get("inputs") or {}).get("dem"))
    saw_terrain = with_dem and (card is None or "dem" in card.trained_topography)
    here = (*_sampled(project, run), *_scored(project, run))
    return Report(
        title=project.name, note=project.note, facts=_facts(project, image, run), figures=_figures(summary),
        method=tuple(_method(run, card, reviewed, saw_terrain=saw_terrain)), model=_model(card, run),
        accuracy=(*here, *_held_out(card)),
        largest=tuple(Landslide(f"Landslide {row['id']}", dict(_attributes(row)), row["geometry"])
                      for _, row in frame.head(LARGEST).iterrows()),
        sources=tuple(_source(project, layer) for layer in project.layers if layer.kind == "raster"),
        limits=tuple(_limits(run, card, image, reviewed, measured=bool(here))),
        outlines=frame, image=image, dem=dem, saw_terrain=saw_terrain,
        since=since(project, run))


def _input(project: Project, run: Run, role: str) -> Layer | None:
    """Return the layer that a detection was made from, if it is still in the project."""
    name = ((run.about.get("inputs") or {}).get(role) or {}).get("file")
    return next((layer for layer in project.of(role) if Path(layer.path).name == name), None)


def _landslides(project: Project, run: Run) -> tuple[geopandas.GeoDataFrame, Mapping[str, int]]:
    """Return the landslides in degrees, and how many there are of each verdict; none where nobody looked."""
    ledger = Ledger(project).detections(run=run.id)
    counts = {str(name): int(count) for name, count in ledger["status"].value_counts().items()}
    if set(counts) - {"unreviewed"}:
        return ledger[~ledger["status"].isin(["rejected", *GONE])], counts
    return read_outlines(run.folder / "landslides.gpkg").to_crs("EPSG:4326"), {}


def _facts(project: Project, image: Layer, run: Run) -> dict[str, str]:
    with rasterio.open(project.path(image), driver="GTiff") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
    west, south, east, north = grid.bounds_lonlat
    lon, lat = (west + east) / 2, (south + north) / 2
    known = {
        "Place": f"{abs(lat):.3f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.3f}° {'E' if lon >= 0 else 'W'}",
        "Image of": day(image.date), "Event": day(project.event), "Pixel size": f"{grid.gsd_m:.2g} m",
        "CRS": name_of(grid.crs), "Detection": f"{title_of(run)}, {when(run)}".strip(", "),
        "Report of": f"{datetime.now().astimezone():%-d %B %Y}"}
    return {name: value for name, value in known.items() if value}


def _figures(found: Summary) -> dict[str, str]:
    figures = {"Landslides": f"{found.count:,}", "Total area": area(found.total_m2),
               "Largest": area(found.largest_m2)}
    if found.observed_m2:
        figures |= {"Per km²": f"{found.per_km2:,.1f}", "Of the ground": f"{found.share:.2%}",
                    "Observed": area(found.observed_m2)}
    return figures


def _method(run: Run, card: ModelCard | None, reviewed: Mapping[str, int], *, saw_terrain: bool) -> Iterator[str]:
    name = card.title if card else run.model
    network = f"The model “{name}”" if name else "A model that is not here any more"
    outlines = run.about.get("outlines") or {}
    terrain = " and at slope and aspect from the elevation model" if saw_terrain else ""
    yield (f"{network} looked at the image{terrain} in overlapping windows and gave every pixel a probability of "
           "being landslide. Pixels of at least "
           f"{run.about.get('threshold', 0):.2f} are called landslide.")
    yield (f"Connected ones of at least {outlines.get('min_area_m2', 0):g} m² became outlines. Areas are planimetric, "
           "in a metric projection of this place; lengths and slopes are measured on each outline.")
    if run.about.get("observed_share", 0) >= _ALL:
        yield "All of the ground that was searched was observed."
    if reviewed:
        said = ", ".join(f"{reviewed[name]:,} {name}" for name in ("accepted", "edited", "drawn", "rejected",
                                                                 "unreviewed") if reviewed.get(name))
        yield f"People reviewed the outlines: {said}. Rejected ones are left out here."


def _model(card: ModelCard | None, run: Run) -> dict[str, str]:
    if card is None:
        return {"Name": run.model or "unknown"}
    low, high = card.gsd_range_m
    training = card.training
    known = {"Name": card.title, "What it is": card.summary, "Pixel sizes": f"{low:g} to {high:g} m",
             "Trained on": ", ".join(map(str, training.get("sources", ()))),
             "Licence": card.licence, "Weights": f"sha256 {card.sha256[:16]}"}
    return {name: value for name, value in known.items() if value}


def _sampled(project: Project, run: Run) -> Iterator[Accuracy]:
    """Yield what random points say about this map, if people labelled enough of them."""
    studies = Studies(project.folder)
    for study in studies.all(run.id):
        try:
            found = studies.estimate(study.id)
        except InputError:
            continue
        ground = f"This map, {sum(sum(each.values()) for each in found.counts.values())} random points"
        for name, figure in (("User's accuracy of landslide", found.user["landslide"]),
                             ("Producer's accuracy of landslide", found.producer["landslide"]),
                             ("Overall accuracy", found.overall),
                             ("Error-adjusted landslide area", found.area_m2["landslide"])):
            if not pd.isna(figure.value):
                yield Accuracy(ground, name, figure.value, figure.low, figure.high)


def _scored(project: Project, run: Run) -> Iterator[Accuracy]:
    """Yield the scores of this map against labels of the project."""
    titles = {layer.id: f"the labels “{layer.title}”" for layer in project.layers} | {
        REVIEWED: "reviewed detections, which are no random sample"}
    for each in evaluations(run):
        values, ends = each.about.get("landslide") or {}, (each.about.get("intervals") or {}).get("landslide") or {}
        for name, title in _SCORES.items():
            if isinstance(value := values.get(name), int | float):
                low, high = ends.get(name) or (None, None)
                against = titles.get(each.layer, "labels that are gone")
                yield Accuracy(f"This map against {against}", title, value, low, high)


def _held_out(card: ModelCard | None) -> Iterator[Accuracy]:
    """Yield what the model's card says about ground of other places."""
    for ground, scores in ((card.metrics.get("held out") or {}).items() if card else ()):
        if isinstance(value := scores.get("iou"), int | float):
            low, high = scores.get("iou_interval") or (None, None)
            yield Accuracy(f"Elsewhere: {ground}, not trained on", "IoU", value, low, high)


def _attributes(row: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - a row of a table
    yield "Area", area(row["area_m2"])
    for column, name, form in (("length_m", "Length", "{:,.0f} m"), ("width_m", "Width", "{:,.0f} m"),
                               ("slope_mean_deg", "Slope", "{:.0f}°"), ("drop_m", "Drop", "{:,.0f} m"),
                               ("probability_mean", "Probability", "{:.2f}")):
        value = row.get(column)
        if not pd.isna(value):
            yield name, form.format(value)
    yield "Place", f"{row['lat']:.5f}, {row['lon']:.5f}"


def _source(project: Project, layer: Layer) -> dict[str, str]:
    try:
        with rasterio.open(project.path(layer), driver="GTiff") as dataset:
            grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        size, crs = f"{grid.width:,} × {grid.height:,} px of {grid.gsd_m:.2g} m", name_of(grid.crs)
    except (rasterio.errors.RasterioError, ScarpError):
        size, crs = "cannot be read", ""
    return {"Role": ROLES.get(layer.role, layer.role), "Layer": layer.title, "Day": layer.date or "not known",
            "Raster": size, "CRS": crs, "From": layer.source or Path(layer.path).name}


def _limits(run: Run, card: ModelCard | None, image: Layer, reviewed: Mapping[str, int], *, measured: bool,
            ) -> Iterator[str]:
    share = run.about.get("observed_share")
    if isinstance(share, int | float) and share < _ALL:
        yield (f"{1 - share:.1%} of the ground was not observed (no image, or masked as cloud, shadow or snow). It is "
               "not counted as free of landslides.")
    if run.about.get("area"):
        yield "Only the area that was drawn was searched."
    if not measured:
        yield ("The accuracy of this map has not been measured. The figures of other places tell how good the model "
               "can be, not how good it was here.")
    if not reviewed:
        yield "Nobody has reviewed the outlines: each is what the model says, not what a person saw."
    elif reviewed.get("unreviewed"):
        count = reviewed["unreviewed"]
        yield f"{count:,} {'outline has' if count == 1 else 'outlines have'} not been reviewed yet."
    if missing := run.about.get("missing"):
        yield f"Made without {' and '.join(missing)}."
    if not image.date:
        yield "The day of the image is not known: a landslide may be older than the event."
    if card is None:
        yield "The model's card is not here any more."
    yield from map(str, run.about.get("warnings") or ())
    yield "A landslide is mapped as one outline: source, transport and deposit are not told apart."
