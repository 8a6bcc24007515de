"""A project as a guided tour for an audience: six stops over one view of the ground, driven by the keyboard."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

import geopandas
import numpy as np
import shapely
import streamlit as st
from PIL import Image

from core.change.codes import KIND_COLOURS
from core.grid import Grid
from core.layers import Layer
from core.project import Project, Run
from core.report import Report, gather
from core.report.maps import Picture, image_map, relief_map, slope_map, wide_frame
from core.report.since import Since
from core.report.words import day
from core.review import Ledger
from ui.assets import font_css
from ui.charts import LANDSLIDE
from ui.security import allowed
from ui.settings import ROOT, models_root
from ui.words import errors_in_words

_SOURCE = ROOT / "ui" / "presentation.html"
_TIED = "\u00a0"
_WITH = "Slope and aspect went into the network beside the image."
_WITHOUT = "This detection was made from colour alone."
_SHAPES = Template('<svg class="layer shapes" id="layer-$name" viewBox="0 0 $width $height" '
                   'preserveAspectRatio="xMidYMid slice" aria-hidden="true">$paths</svg>')


@dataclass(frozen=True)
class Stop:
    """One stop of the tour.

    Attributes:
        kicker: What it is about, in a word.
        title: What it says.
        text: The same in a sentence.
        layers: Names of the layers that are seen, the last on top.
        facts: Key figures, by name.
        swipe: Name of the layer that is drawn right of a line only; what is below it is seen left of it.
        inks: Colour of a key figure that stands for something on the map, by name.
    """

    kicker: str
    title: str
    text: str
    layers: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    swipe: str = ""
    inks: Mapping[str, str] = field(default_factory=dict)


def shown(project: Project, run: Run) -> None:
    """Show the tour in its place on the page."""
    with errors_in_words():
        files = [path for path in (project.folder / "project.json", run.folder / "landslides.gpkg") if path.is_file()]
        page = _made(project, run, tuple(path.stat().st_mtime_ns for path in files), Ledger(project).revision)
        st.iframe(allowed(page), height=720, alt="Presentation")


@st.cache_data(max_entries=2, show_spinner="Preparing the tour ...", hash_funcs={
    Project: lambda each: str(each.folder), Run: lambda each: str(each.folder)})
def _made(project: Project, run: Run, changed: tuple[int, ...], revision: str) -> str:
    return presentation(project, run, models_root())


def presentation(project: Project, run: Run, models: Path) -> str:
    """Return the tour as one page with everything in it.

    Raises:
        InputError: A file of the project is missing or damaged.
        rasterio.errors.RasterioError: A raster cannot be read to the end.
    """
    report = gather(project, run, models)
    grid = wide_frame(project.path(report.image), report.outlines)
    earlier = _earlier(project, report.image)
    layers = {"image": _webp(image_map(project, report.image, None, grid))}
    if earlier:
        layers["before"] = _webp(image_map(project, earlier, None, grid))
    if dem := report.dem or next(iter(project.of("dem")), None):
        layers["relief"] = _webp(relief_map(project.path(dem), grid))
        layers["slope"] = _webp(slope_map(project.path(dem), grid))
    stops = [*_stops(report, earlier, dem)]
    pictures = "".join(f'<img class="layer" id="layer-{name}" src="{data}" alt="">' for name, data in layers.items())
    shapes = _shapes("outlines", {LANDSLIDE: report.outlines}, grid)
    if report.since:
        of = report.since.outlines
        shapes += _shapes("changes", {ink: of[of["change"] == kind] for kind, ink in KIND_COLOURS.items()}, grid)
    return Template(_SOURCE.read_text("utf-8")).substitute(
        title=escape(report.title), fonts=font_css(inside=True), pictures=pictures, shapes=shapes,
        cards="".join(_card(number, stop, len(stops)) for number, stop in enumerate(stops, 1)))


def _stops(report: Report, earlier: Layer | None, dem: Layer | None) -> Iterator[Stop]:
    facts, figures = report.facts, report.figures
    yield Stop("Place", report.title, report.note or "Where the ground gave way, and how we know.", ("image",),
               tuple((name, facts[name]) for name in ("Place", "Event", "Image of") if name in facts))
    seen = facts.get("Image of", "").replace(" ", _TIED)
    yield Stop("Imagery", f"Seen on {seen}" if seen else "What the camera saw",
               f"Each pixel is {facts['Pixel size']} of ground. "
               + (f"Before: {day(earlier.date)}. Move the line to compare." if earlier else "There is one date."),
               ("before", "image") if earlier else ("image",), swipe="image" if earlier else "")
    if dem:
        slopes = report.outlines.get("slope_mean_deg")
        known = slopes is not None and slopes.notna().any()
        yield Stop("Terrain", "Steep ground tells where to look",
                   f"{_WITH if report.saw_terrain else _WITHOUT} Dark ground is steep.", ("relief", "slope"),
                   (("Landslides lie at", f"{slopes.quantile(0.1):.0f}° to {slopes.quantile(0.9):.0f}°"),)
                   if known else ())
    else:
        yield Stop("Terrain", "No elevation was given", "The network looked at colour alone.", ("image",))
    count = f"{figures['Landslides']} landslide{'s' * (len(report.outlines) != 1)}"
    yield Stop("Detection", f"{count} found" if len(report.outlines) else "No landslide found",
               f"{figures['Total area']} in all, by the model “{report.model.get('Name', 'not known')}”. "
               + ("People reviewed the outlines." if any("reviewed" in each for each in report.method)
                  else "Nobody has reviewed the outlines yet."),
               ("image", "outlines"), tuple((name, figures[name]) for name in ("Total area", "Largest")))
    yield _change(earlier, report.since)
    best = next(iter(report.accuracy), None)
    yield Stop("Numbers", f"{count}, {figures['Total area']}",
               f"{best.ground}: {best.measure} {best.words}." if best else report.limits[0], ("image", "outlines"),
               tuple(figures.items()))


def _change(earlier: Layer | None, since: Since | None) -> Stop:
    pictures, swipe = (("before", "image"), "image") if earlier else (("image",), "")
    if since is None:
        text = ("The two dates have not been compared landslide by landslide yet." if earlier
                else "There is one date: what is new cannot be told from what is old.")
        return Stop("Change", "What is new?", text, (*pictures, "outlines"), swipe=swipe)
    count = since.counts.get("new", 0)
    move = " Move the line to compare." if earlier else ""
    return Stop("Change", f"{count:,} new landslide{'s' * (count != 1)}" if count else "No new landslide",
                f"From {since.first} to {since.second}{f', {since.new_area} of them' * bool(count)}.{move}",
                (*pictures, "changes"), tuple((kind.capitalize(), f"{each:,}") for kind, each in since.counts.items()),
                swipe, {kind.capitalize(): KIND_COLOURS[kind] for kind in since.counts})


def _earlier(project: Project, image: Layer) -> Layer | None:
    """Return the image of the day before an image's own that is nearest to it."""
    older = [each for each in project.of("image") if each.date and image.date and each.date < image.date]
    return max(older, key=lambda each: each.date, default=None)


def _webp(picture: Picture) -> str:
    file = io.BytesIO()
    rgba = picture.rgba.astype(np.float32)
    alpha = rgba[..., 3:] / 255
    Image.fromarray((rgba[..., :3] * alpha + 24 * (1 - alpha)).astype(np.uint8)).save(file, "WEBP", quality=84)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _shapes(name: str, kinds: Mapping[str, geopandas.GeoDataFrame], grid: Grid) -> str:
    """Return outlines as a layer, a path for each colour."""
    paths = "".join(f'<path vector-effect="non-scaling-stroke" style="--ink: {ink}" d="{_path(some, grid)}"/>'
                    for ink, some in kinds.items() if len(some))
    return _SHAPES.substitute(name=name, width=grid.width, height=grid.height, paths=paths)


def _path(outlines: geopandas.GeoDataFrame, grid: Grid) -> str:
    """Return outlines as the path of an SVG of the grid's pixels."""
    shapes = outlines.to_crs(grid.crs.to_wkt()).geometry.simplify(0.5 * grid.transform.a)
    rings = [ring for part in shapely.get_parts(np.asarray(shapes)) if isinstance(part, shapely.Polygon)
             for ring in (part.exterior, *part.interiors)]
    pixels = [[~grid.transform @ xy for xy in ring.coords[:-1]] for ring in rings]
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z" for ring in pixels)


def _card(number: int, stop: Stop, count: int) -> str:
    facts = "".join(f"<div><dt>{_dot(stop.inks.get(name))}{escape(name)}</dt><dd>{escape(value)}</dd></div>"
                    for name, value in stop.facts)
    swipe = f' data-swipe="{stop.swipe}"' * bool(stop.swipe)
    return (f'<section class="card" data-layers="{escape(_words(stop.layers))}"{swipe} '
            f'aria-label="{number} of {count}"><div class="kicker">{escape(stop.kicker)}</div><h1>{escape(stop.title)}'
            f"</h1><p>{escape(stop.text)}</p>{f'<dl>{facts}</dl>' if facts else ''}</section>")


def _dot(ink: str | None) -> str:
    return f'<i style="background: {ink}"></i>' if ink else ""


def _words(names: Sequence[str]) -> str:
    return " ".join(names)
