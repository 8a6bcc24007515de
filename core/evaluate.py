"""Finished detections scored against labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio.windows import Window

from core.config import CLASS_NODATA, ClassScheme, scheme
from core.errors import InputError
from core.export import LAYER
from core.files import read_json
from core.metrics import BLOCK_M, RESAMPLES, Blocks, Tally, comparison, scores
from core.metrics.counting import count_pixels, ground_pixels, of_counts
from core.metrics.edges import MARGIN_PX, edge_counts
from core.metrics.objects import object_counts, overlaps_of_polygons
from core.raster import grid_of, open_raster, read_on
from core.reference import open_labels
from core.vectorize import OutlineSettings, outlines

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from core.grid import Grid

ROWS = 512

Report = Callable[[str, float], None]
"""Told the stage (``pixels``, ``objects``, ``scores``) and its share; what it raises stops the work."""

CACHE_BYTES = 128 << 20
"""For blocks of rasters that are read again for the next strip."""


def evaluate(result: Path, labels: Path, *, classes: str = "binary", block_m: float = BLOCK_M,
             resamples: int = RESAMPLES, seed: int = 0, counts: Path | None = None,
             report: Report = lambda _stage, _share: None) -> dict[str, Any]:
    """Score the maps and outlines of a detection.

    Args:
        result: Folder of a finished detection.
        labels: GeoTIFF on any grid, brought to the map's by nearest pixel; see ``tallies``.
        classes: Class scheme of the labels.
        block_m: Side of the blocks of ground that are drawn for the intervals.
        resamples: Draws.
        seed: Of the draws.
        counts: File (.npz) for the counts, for later comparisons without the rasters.
        report: Progress.

    Returns:
        ``model``, ``labels``, ``block_m``, and all that ``core.metrics.scores`` gives.

    Raises:
        InputError: There is no finished detection, or no labelled ground in it.
    """
    found, = tallies([result], labels, classes=classes, block_m=block_m, report=report)
    report("scores", 0.0)
    if counts:
        found.save(counts)
    model = read_json(result / "run.json")["model"]
    return {"name": model["name"], "model": model, "labels": labels.name, "block_m": block_m,
            **scores(found, resamples, seed)}


def compare(runs: Sequence[Path], labels: Path | None, *, classes: str = "binary", block_m: float = BLOCK_M,
            resamples: int = RESAMPLES, seed: int = 0, report: Report = lambda _stage, _share: None) -> dict[str, Any]:
    """Score several detections on the ground that all of them looked at, and each against the first.

    Args:
        runs: Folders of finished detections; without labels, files of counts that ``evaluate`` kept.
        labels: See ``evaluate``.
        classes: Class scheme of the labels.
        block_m: See ``evaluate``.
        resamples: Draws.
        seed: Of the draws.
        report: Progress.

    Returns:
        ``labels``, ``block_m``, and what ``core.metrics.comparison`` gives. A run goes by its model's name, or by its
        folder's or file's where several runs are of one model.

    Raises:
        InputError: A detection or its counts cannot be read, or there is no common labelled ground.
    """
    if labels is None:
        found, names = [Tally.read(path) for path in runs], [path.stem for path in runs]
    else:
        found = tallies(runs, labels, classes=classes, block_m=block_m, report=report)
        names = [read_json(path / "run.json")["model"]["name"] for path in runs]
    for others in ([path.resolve().name for path in runs], [str(path) for path in runs]):
        names = names if len(set(names)) == len(names) else others
    if len(set(names)) < len(names):
        raise InputError("runs", got="one of them twice", expected="different runs", remedy="Name each run once.")
    return {"labels": labels.name if labels else None, "block_m": block_m if labels else None,
            **comparison(dict(zip(names, found, strict=True)), resamples, seed)}


def tallies(results: Sequence[Path], labels: Path, *, classes: str = "binary", block_m: float = BLOCK_M,
            report: Report = lambda _stage, _share: None) -> list[Tally]:
    """Count detections against labels, on the first one's grid, where all of them predicted.

    Landslides as objects are the detections' outlines against the labels' own outlines, made with the settings of the
    first detection. An outline counts where it has its point on the surface, and not at all on unlabelled ground.

    Args:
        results: Folders of finished detections.
        labels: GeoTIFF on any grid of values of ``classes``, 255 unlabelled. Of ``binary``: 1 landslide, 0 other. Or
            outlines, or a raster of more classes that says so; see ``core.reference``.
        classes: Class scheme of the labels. By ``binary`` any model can be scored; by another only one that knows
            all its classes.
        block_m: Side of the blocks.
        report: Progress.

    Raises:
        InputError: A detection is not finished, is of other classes or in another CRS, or has no labelled ground.
    """
    wanted, runs = scheme(classes), [read_json(result / "run.json") for result in results]
    lookups = [_lookup(run["model"]["classes"], wanted) for run in runs]
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES))
        maps, odds = ([stack.enter_context(open_raster(result / f"{name}.tif")) for result in results]
                      for name in ("classes", "probability"))
        reference = stack.enter_context(open_labels(labels, wanted))
        grid = grid_of(maps[0])
        if other := next((m.crs for m in maps if m.crs != grid.crs), None):
            raise InputError("comparison", got=f"detections in {grid.crs} and {other}", expected="one CRS",
                             remedy="Detect again on images of one CRS.")
        blocks = Blocks.of_grid(grid, block_m)
        truth = np.full(grid.shape, CLASS_NODATA, np.uint8)
        counts: list[dict[str, NDArray[Any]]] = [{} for _ in results]
        for top in range(0, grid.height, ROWS):
            rows = min(ROWS, grid.height - top)
            wide = grid.window(Window(0, top - MARGIN_PX, grid.width, rows + 2 * MARGIN_PX))
            label = reference(wide)
            found = [lookup[_read(m, wide)] for m, lookup in zip(maps, lookups, strict=True)]
            for called in found:
                label[called == CLASS_NODATA] = CLASS_NODATA
            truth[top:top + rows] = label[MARGIN_PX:-MARGIN_PX]
            for total, called, probability in zip(counts, found, odds, strict=True):
                strip = _count(label, called, _read(probability, wide), wanted, blocks.strip(top, top + rows))
                for name, value in strip.items():
                    total[name] = total.get(name, 0) + value
            report("pixels", (top + rows) / grid.height)
    unit = grid.pixel_area_m2
    settings = OutlineSettings(**runs[0]["outlines"])

    def truth_rows(start: int, stop: int) -> NDArray[np.uint8]:
        report("objects", 0.8 * stop / grid.height)
        return truth[start:stop]

    slides = np.array([o.polygon for o in outlines(truth_rows, grid, wanted.landslide, settings)], object)
    for done, (result, total) in enumerate(zip(results, counts, strict=True)):
        report("objects", 0.8 + 0.2 * done / len(results))
        total["ground_m2"] = ground_pixels(total["confusion"], wanted.landslide) * unit
        total["objects"] = _objects(slides, result, truth, grid, blocks)
    return [of_counts(wanted, blocks, total) for total in counts]


def _lookup(model: list[str], wanted: ClassScheme) -> NDArray[np.uint8]:
    """Return the wanted scheme's value for each value of a model's class map."""
    lookup = np.full(256, CLASS_NODATA, np.uint8)
    if wanted.name == "binary":
        lookup[:len(model)] = [wanted.landslide if name == "landslide" else 1 - wanted.landslide for name in model]
        return lookup
    if sorted(model) != sorted(wanted.names):
        raise InputError("class scheme of the labels", got=f"{wanted.name} ({', '.join(wanted.names)})",
                         expected=f"the model's classes ({', '.join(model)})",
                         remedy="Score landslides alone with binary labels, or use labels of the model's scheme.")
    lookup[:len(model)] = [wanted.names.index(name) for name in model]
    return lookup


def _read(dataset: rasterio.DatasetReader, grid: Grid) -> NDArray[np.uint8]:
    values, known = read_on(dataset, grid, [1], "nearest")
    return np.where(known, values[0], CLASS_NODATA).astype(np.uint8)


def _count(label: NDArray[np.uint8], called: NDArray[np.uint8], probability: NDArray[np.uint8], wanted: ClassScheme,
           blocks: Blocks) -> dict[str, NDArray[Any]]:
    """Count the pixels and edges of a strip that comes with its margins."""
    inner = slice(MARGIN_PX, -MARGIN_PX)
    known = label != CLASS_NODATA
    margined = Blocks(blocks.names, np.pad(blocks.rows, MARGIN_PX), blocks.columns)
    edges = edge_counts(label == wanted.landslide, called == wanted.landslide, known, margined, MARGIN_PX)
    return count_pixels(label[inner], called[inner], probability[inner], wanted, blocks) | {"edges": edges}


def _objects(slides: NDArray[np.object_], result: Path, truth: NDArray[np.uint8], grid: Grid,
             blocks: Blocks) -> NDArray[np.float64]:
    """Count the outlines of the labels and of a detection."""
    def pixels(polygons: Sequence[BaseGeometry] | NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        columns, rows = ~grid.transform @ shapely.get_coordinates(shapely.point_on_surface(polygons)).T
        return rows.astype(int).clip(0, grid.height - 1), columns.astype(int).clip(0, grid.width - 1)

    polygons = shapely.from_wkb(pyogrio.raw.read(result / "landslides.gpkg", layer=LAYER, columns=[])[2])
    found = polygons[truth[pixels(polygons)] != CLASS_NODATA]
    (rows, columns), (found_rows, found_columns) = pixels(slides), pixels(found)
    unit = grid.pixel_area_m2 / abs(grid.transform.determinant)
    return object_counts(overlaps_of_polygons(slides, found, unit), blocks.rows[rows] + blocks.columns[columns],
                         blocks.rows[found_rows] + blocks.columns[found_columns], len(blocks.names))
