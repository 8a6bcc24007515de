"""A finished detection scored against labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import shapely
from rasterio.windows import Window

from core.config import CLASS_NODATA, PROBABILITY_SCALE, scheme
from core.errors import InputError
from core.export import LAYER
from core.files import read_json
from core.metrics import (
    calibration_table,
    confusion_matrix,
    expected_calibration_error,
    object_scores,
    pixel_scores,
)
from core.raster import grid_of, open_raster, read_on
from core.vectorize import OutlineSettings, outlines

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 512


def evaluate(result: Path, labels: Path) -> dict[str, Any]:
    """Score the maps and outlines of a detection.

    Args:
        result: Folder of a finished detection.
        labels: GeoTIFF of 1 landslide, 0 other, 255 unlabelled, on any grid; brought to the map's by nearest pixel.

    Returns:
        ``pixel``: scores of other against landslide; ``calibration_error``; ``object``: scores of the outlines against
        the labels' own outlines, made with the same settings; outlines on unlabelled ground do not count.

    Raises:
        InputError: There is no finished detection, or no labelled ground in it.
    """
    run = read_json(result / "run.json")
    matrix = np.zeros((2, 2), np.int64)
    table = np.zeros((15, 3))
    binary = scheme("binary")
    with open_raster(result / "classes.tif") as classes, open_raster(result / "probability.tif") as odds, \
            open_raster(labels) as reference:
        grid = grid_of(classes)
        landslide = run["model"]["classes"].index("landslide")
        truth = np.full(grid.shape, CLASS_NODATA, np.uint8)
        for top in range(0, grid.height, ROWS):
            window = Window(0, top, grid.width, min(ROWS, grid.height - top))
            values, known = read_on(reference, grid.window(window), [1], "nearest")
            label = np.where(known, values[0], CLASS_NODATA).astype(np.uint8)
            found = classes.read(1, window=window)
            called = np.where(found == CLASS_NODATA, CLASS_NODATA, found == landslide).astype(np.uint8)
            matrix += confusion_matrix(label, called, 2)
            scored = (label != CLASS_NODATA) & (called != CLASS_NODATA)
            probability = odds.read(1, window=window)[scored] * np.float32(PROBABILITY_SCALE)
            table += calibration_table(probability, label[scored] == binary.landslide)
            truth[top:top + label.shape[0]] = label
    if not matrix.sum():
        raise InputError("labels", got="no labelled pixel where the detection looked", expected="labels of this scene",
                         remedy="Use the labels of this place, and check their CRS.")
    settings = OutlineSettings(**run["outlines"])
    wanted = [o.polygon for o in outlines(lambda a, b: truth[a:b], grid, binary.landslide, settings)]
    polygons = shapely.from_wkb(pyogrio.raw.read(result / "landslides.gpkg", layer=LAYER, columns=[])[2])
    columns, rows = ~grid.transform @ shapely.get_coordinates(shapely.point_on_surface(polygons)).T
    inside = truth[rows.astype(int).clip(0, grid.height - 1), columns.astype(int).clip(0, grid.width - 1)]
    scores = pixel_scores(matrix)
    return {
        "model": run["model"], "labels": labels.name, "labelled_pixels": int(matrix.sum()),
        "confusion": matrix.tolist(), "pixel": scores.as_dict(),
        "landslide": {name: round(getattr(scores, name)[binary.landslide], 4)
                      for name in ("iou", "f1", "precision", "recall")},
        "calibration_error": round(expected_calibration_error(table), 4),
        "object": object_scores(wanted, list(polygons[inside != CLASS_NODATA])).as_dict(),
    }
