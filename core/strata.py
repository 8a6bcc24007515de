"""How good a detection is on gentle and on steep ground, and on slopes that face north, east, south and west."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from core.config import CLASS_NODATA, scheme
from core.errors import InputError
from core.files import read_json
from core.grid import Grid
from core.raster import open_raster
from core.reference import open_labels
from core.slopes import terrain_at
from core.statistics import slope_classes
from core.terrain import aspect_deg, slope_deg

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAMPLES = 4_000_000
"""About so many places are looked at, in a regular pattern."""

STRIP_ROWS = 256
FLAT_DEG = 5.0
"""Gentler ground faces nowhere."""

WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
COUNTS = ("tp", "fp", "fn", "tn")


def by_terrain(result: Path, labels: Path, dem: Path, unit_m: float = 1.0,
               report: Callable[[float], None] = lambda _: None) -> dict[str, Any]:
    """Count what was called landslide rightly and wrongly, by slope and by aspect.

    Args:
        result: Folder of a finished detection.
        labels: See ``core.reference``.
        dem: GeoTIFF of elevation.
        unit_m: Metres in one unit of elevation.
        report: Told the share that is done; what it raises stops the work.

    Returns:
        ``slope``: a list of classes, ``from`` and ``to`` degrees; ``aspect``: ``wind`` of eight; each with square
        metres of ``tp``, ``fp``, ``fn`` and ``tn``. ``spacing_m``: between the places that were looked at.

    Raises:
        InputError: A raster cannot be read, or there is no elevation where the detection was scored.
    """
    slide = read_json(result / "run.json")["model"]["classes"].index("landslide")
    parts: list[NDArray[np.float32]] = []
    with (rasterio.open(result / "classes.tif", driver="GTiff") as classes, open_raster(dem) as relief,
          open_labels(labels, scheme("binary")) as reference):
        step = max(1.0, math.sqrt(classes.width * classes.height / SAMPLES))
        height, width = max(1, int(classes.height / step)), max(1, int(classes.width / step))
        scale = classes.transform.scale(classes.width / width, classes.height / height)
        grid = Grid((height, width), classes.transform @ scale, classes.crs)
        found = classes.read(1, out_shape=(height, width))
        for top in range(0, height, STRIP_ROWS):
            strip = grid.window(Window(0, top, width, min(STRIP_ROWS, height - top)))
            report(top / height)
            called, truth = found[top:top + strip.height], reference(strip)
            terrain = terrain_at(relief, strip, unit_m)
            if terrain is None:
                continue
            known = (called != CLASS_NODATA) & (truth != CLASS_NODATA) & terrain.present
            kind = np.where(truth[known] == 1, np.where(called[known] == slide, 0, 2), np.where(
                called[known] == slide, 1, 3))
            parts.append(np.stack([slope_deg(terrain.de, terrain.dn)[known], aspect_deg(terrain.de, terrain.dn)[known],
                                   kind]).astype(np.float32))
    if not sum(part.shape[1] for part in parts):
        raise InputError("elevation", got="none where the detection was scored", expected="a DEM of this ground",
                         remedy="Score without it.")
    slope, aspect, kind = np.concatenate(parts, axis=1)
    unit = grid.pixel_area_m2
    edges = slope_classes(slope)
    steep = slope >= FLAT_DEG
    octant = np.rint(aspect[steep] / 45).astype(int) % 8
    return {
        "spacing_m": round(grid.gsd_m, 3),
        "slope": [{"from": float(low), "to": float(high)} | row for low, high, row in zip(
            edges[:-1], edges[1:], _rows(np.digitize(slope, edges[1:-1]), kind, len(edges) - 1, unit), strict=True)],
        "aspect": [{"wind": wind} | row for wind, row in zip(WINDS, _rows(octant, kind[steep], 8, unit), strict=True)],
    }


def _rows(place: NDArray[np.intp], kind: NDArray[np.float32], classes: int, unit: float) -> list[dict[str, float]]:
    counts = np.bincount(place * 4 + kind.astype(int), minlength=classes * 4).reshape(classes, 4) * unit
    return [dict(zip(COUNTS, row.round(1).tolist(), strict=True)) for row in counts]
