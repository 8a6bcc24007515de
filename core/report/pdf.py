"""A report as a PDF of A4 pages, by matplotlib: maps with scale bar, north arrow, legend and coordinates."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import geopandas
import matplotlib.patheffects as effects
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from PIL import Image

from core.config import SCHEMES
from core.grid import Grid
from core.picture import scale_bar
from core.project import Project, Run
from core.report.content import Landslide, Report
from core.report.maps import Picture, frame_of, graticule, image_map, probability_colours, probability_map, relief_map
from core.report.sheet import ACCENT, HEIGHT, INK, INNER, LINE, PALE, WIDTH, Sheets
from core.review import chips
from core.statistics import bins_for, size_frequency
from core.styles import Style, imagery

_BINARY = SCHEMES["binary"]
COLOUR = _BINARY.colours[_BINARY.landslide]
_HALO = [effects.withStroke(linewidth=2.5, foreground="white")]
_SLIDE = (Patch(facecolor=COLOUR + "55", edgecolor=COLOUR, label="landslide"),)
_TALLEST, _LEAST, _GAP, _WIDE = 6.4, 4.5, 0.35, 0.6
_A_TICK = 1.0
"""Inches that a coordinate needs beside a map."""

_FEW = 5


def report_pdf(project: Project, run: Run, report: Report,
               progress: Callable[[float], None] = lambda _: None) -> bytes:
    """Return a report as a PDF.

    Args:
        project: Where the layers are.
        run: The detection.
        report: What ``gather`` found.
        progress: Told the share that is done.

    Raises:
        InputError: A raster of the project cannot be read.
        rasterio.errors.RasterioError: One breaks off.
    """
    file = io.BytesIO()
    about = {"Title": f"{report.title}: landslides", "Creator": "Scarp", "Subject": report.note}
    with Sheets(file, f"Scarp  ·  {report.title}  ·  {report.facts['Report of']}", about) as sheets:
        sheets.text("LANDSLIDE REPORT", 8, colour=PALE)
        sheets.text(report.title, 22, weight="bold")
        if report.note:
            sheets.text(report.note, 10, colour=PALE)
        sheets.space(0.12)
        sheets.text("   ·   ".join(f"{name} {value}" for name, value in report.facts.items()
                                  if name in ("Place", "Image of", "Event", "Detection")), 8.5)
        sheets.space(0.2)
        sheets.figures(report.figures)
        grid = frame_of(run.folder / "classes.tif" if run.about.get("area") else project.path(report.image))
        _maps(sheets, report, [("Landslides on the image", image_map(project, report.image, report.dem, grid), _SLIDE)])
        progress(0.3)
        _maps(sheets, report, [*_others(project, run, report, grid)])
        progress(0.6)
        if report.since:
            sheets.heading(f"What changed since {report.since.first}", 1.4)
            sheets.table({"": 0.18, " ": 0.82}, [*report.since.figures.items()])
            sheets.space(0.08)
            sheets.text(report.since.note)
        sheets.heading("How it was made")
        for paragraph in report.method:
            sheets.text(paragraph)
            sheets.space(0.06)
        sheets.heading("The model", 2.2)
        sheets.table({"": 0.18, " ": 0.82}, [*report.model.items()])
        sheets.heading("How good it is")
        if report.accuracy:
            sheets.table({"Measured on": 0.5, "Measure": 0.27, "Value, with 95 % interval": 0.23},
                         [(each.ground, each.measure, each.words) for each in report.accuracy])
        else:
            sheets.text("Nothing has been measured.")
        sheets.heading("What this report does not say", 0.6)
        for limit in report.limits:
            sheets.text(f"–  {limit}")
        _sizes(sheets, report)
        _largest(sheets, project, report)
        sheets.heading("Data", 1.6)
        columns = {"Role": 0.11, "Layer": 0.22, "Day": 0.12, "Raster": 0.26, "CRS": 0.29}
        sheets.table(columns, [[row[name] for name in columns] for row in report.sources])
    progress(1.0)
    return file.getvalue()


def _others(project: Project, run: Run, report: Report, grid: Grid) -> Iterator[tuple[str, Picture, list[Patch]]]:
    """Yield the maps of probability, and of the relief where there is elevation."""
    if (path := run.folder / "probability.tif").is_file():
        ramp = probability_colours()
        steps = [Patch(facecolor=ramp[round(each * 250)] / 255, label=f"{each:g}") for each in (1, 0.75, 0.5, 0.25, 0)]
        yield "Probability of landslide", probability_map(path, grid), steps
    if report.dem is not None:
        yield "Landslides on the relief", relief_map(project.path(report.dem), grid), _SLIDE


def _maps(sheets: Sheets, report: Report, maps: Sequence[tuple[str, Picture, Sequence[Patch]]]) -> None:
    """Draw maps of the same ground side by side, each with its legend; wide ones one below the other."""
    if not maps:
        return
    left, right, bottom, top = maps[0][1].extent
    shape = (top - bottom) / (right - left)
    if len(maps) > 1 and shape < _WIDE:
        for each in maps:
            _maps(sheets, report, [each])
        return
    tallest = min(_TALLEST, sheets.left - 0.7) if sheets.left > _LEAST else _TALLEST
    width = min((INNER - _GAP * (len(maps) - 1)) / len(maps), tallest / shape)
    sheets.room(width * shape + 0.7)
    sheets.space(0.1)
    for place, (title, _, _) in enumerate(maps):
        sheets.label(title, place * (width + _GAP), 0.13, 10, weight="bold")
    sheets.space(0.22)
    for place, (_, picture, legend) in enumerate(maps):
        axes = sheets.axes(width * shape, left=place * (width + _GAP), width=width, take=False)
        _map(axes, picture, report, legend, small=len(maps) > 1)
    sheets.space(width * shape + 0.3)


def _map(axes: Axes, picture: Picture, report: Report, legend: Sequence[Patch], *, small: bool) -> None:
    left, right, bottom, top = picture.extent
    axes.imshow(_light(picture.rgba), extent=picture.extent, interpolation="bilinear", aspect="auto")
    shapes = report.outlines.to_crs(picture.grid.crs.to_wkt()).geometry
    axes.add_collection(_patches(shapes, filled=legend is _SLIDE))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    wide, tall = axes.get_position().width * WIDTH, axes.get_position().height * HEIGHT
    for longitude, axis, inches in ((True, axes.xaxis, wide), (False, axes.yaxis, tall)):
        ticks = min(3 if small else 4, max(1, int(inches / _A_TICK)))
        axis.set_ticks(*graticule(picture.grid, longitude=longitude, ticks=ticks))
    axes.tick_params(labelsize=6.5, colors=PALE, width=0.5, length=3, direction="out")
    axes.tick_params(axis="y", labelrotation=90)
    for label in axes.get_yticklabels():
        label.set_verticalalignment("center")
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.6)
    _scale(axes, picture, tall)
    x = 0.2 / wide  # upper left, of one size in a flat map too
    axes.annotate("N", xy=(x, 1 - 0.07 / tall), xytext=(x, 1 - 0.42 / tall), xycoords="axes fraction",
                  ha="center", va="center", size=9, weight="bold", color=INK, path_effects=_HALO,
                  arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.2, "path_effects": _HALO})
    axes.legend(handles=legend, loc="lower right", fontsize=7, framealpha=0.9, edgecolor=LINE, borderpad=0.6,
                handlelength=1.2)


def _light(rgba: np.ndarray) -> np.ndarray:
    """Lay a picture on white paper: a PDF reader need not know of transparency."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return (rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _patches(shapes: object, *, filled: bool) -> PatchCollection:
    patches = []
    for part in shapely.get_parts(np.asarray(shapes)):
        rings = [np.asarray(ring.coords) for ring in (part.exterior, *part.interiors)]
        codes = [np.r_[Outline.MOVETO, np.full(len(ring) - 2, Outline.LINETO), Outline.CLOSEPOLY] for ring in rings]
        patches.append(PathPatch(Outline(np.concatenate(rings)[:, :2], np.concatenate(codes))))
    return PatchCollection(patches, facecolor=(COLOUR + "40") if filled else "none", edgecolor=COLOUR, linewidth=0.8)


def _scale(axes: Axes, picture: Picture, tall: float) -> None:
    """Draw a scale bar of a round length at the lower left; its length is true on the ground."""
    grid = picture.grid
    a_metre = grid.gsd_m / abs(grid.transform.a)
    left, right, bottom, top = picture.extent
    metres, words = scale_bar((right - left) * a_metre / 5)
    an_inch = (top - bottom) / tall
    x, y, length = left + 0.03 * (right - left), bottom + 0.1 * an_inch, metres / a_metre
    axes.plot([x, x + length], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt",
              path_effects=[effects.withStroke(linewidth=5, foreground="white")])
    axes.text(x + length / 2, y + 0.04 * an_inch, words, ha="center", va="bottom", size=7.5, color=INK,
              path_effects=_HALO)


def _sizes(sheets: Sheets, report: Report) -> None:
    """Draw how often each size occurs, where there are enough."""
    if len(report.outlines) < _FEW:
        return
    found = size_frequency(report.outlines["area_m2"], bins_for(len(report.outlines)))
    sheets.heading("Sizes", 2.6)
    sheets.space(0.05)
    axes = sheets.axes(2.0, left=0.55, width=INNER - 0.6)
    some = found.count > 0
    axes.loglog(found.centres_m2[some], found.density[some], "o-", color=COLOUR, linewidth=1.2, markersize=4)
    axes.set_xlabel("Area of a landslide, m²", size=7.5, color=PALE)
    axes.set_ylabel("Probability density, 1/m²", size=7.5, color=PALE)
    axes.tick_params(labelsize=7, colors=PALE, which="both", width=0.5)
    axes.grid(color=LINE, linewidth=0.4)
    axes.spines[["top", "right"]].set_visible(False)
    sheets.space(0.5)


def _largest(sheets: Sheets, project: Project, report: Report) -> None:
    """Show the largest landslides, each with a picture of it."""
    if not report.largest:
        return
    sheets.heading("The largest landslides", 1.5)
    path = project.path(report.image)
    sources = [chips.Source("Image", path, imagery(path, dict(report.image.bands) or None).style() or Style())]
    side, across = 1.25, INNER / 2
    for first in range(0, len(report.largest), 2):
        sheets.room(side + 0.15)
        for place, each in enumerate(report.largest[first:first + 2]):
            _one(sheets, sources[0], each, place * across, side)
        sheets.space(side + 0.15)


def _one(sheets: Sheets, source: chips.Source, each: Landslide, left: float, side: float) -> None:
    grid = chips.place(each.outline)
    axes = sheets.axes(side, left=left, width=side, take=False)
    b_left, b_bottom, b_right, b_top = grid.bounds
    with Image.open(io.BytesIO(chips.draw(source, grid))) as picture:
        axes.imshow(np.asarray(picture), extent=(b_left, b_right, b_bottom, b_top), aspect="auto")
    outline = geopandas.GeoSeries([each.outline], crs="EPSG:4326").to_crs(grid.crs.to_wkt())
    axes.add_collection(_patches(outline, filled=False))
    axes.set(xlim=(b_left, b_right), ylim=(b_bottom, b_top))
    axes.set_axis_off()
    sheets.label(each.name, left + side + 0.12, 0.13, 9, ACCENT, "bold")
    for number, (name, value) in enumerate(each.facts.items()):
        sheets.label(name, left + side + 0.12, 0.33 + 0.16 * number, 7, PALE)
        sheets.label(value, left + side + 0.85, 0.33 + 0.16 * number, 7.5)
