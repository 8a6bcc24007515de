"""What a raster says at a place, in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyproj
import rasterio
from rasterio.windows import Window

from core import versus
from core.change import codes
from core.config import PROBABILITY_SCALE, SCHEMES
from core.display import ASPECT_STEP_DEG, NDVI_STEP, SLOPE_STEP_DEG
from core.errors import GridError, InputError
from core.styles import Imagery, Style

MAX_BANDS = 8
_FORMS = {"probability": ("{:.2f}", PROBABILITY_SCALE), "slope": ("{:.1f}°", SLOPE_STEP_DEG),
          "elevation": ("{:,.1f} m", 1.0), "elevation-ft": ("{:,.1f} ft", 1.0)}
_WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def value_at(path: Path, look: Style | Imagery, lon: float, lat: float) -> dict[str, Any]:
    """Return what a raster says at a place.

    Args:
        path: GeoTIFF of a project.
        look: How it is drawn, which says what its numbers mean.
        lon: Degrees, WGS 84.
        lat: See ``lon``.

    Returns:
        ``x`` and ``y`` in the raster's CRS, ``crs`` (its short name), ``metric`` (whether the two are lengths), and
        ``text``: the value with its unit, empty outside the raster and where it has none.

    Raises:
        InputError: The raster cannot be read.
        GridError: The place lies outside what the raster's CRS can say.
    """
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            to = pyproj.Transformer.from_crs("EPSG:4326", pyproj.CRS.from_wkt(dataset.crs.to_wkt()), always_xy=True)
            x, y = to.transform(lon, lat)
            if not (math.isfinite(x) and math.isfinite(y)):
                raise GridError("place", got=f"{lon}, {lat}", expected=f"a place that {dataset.crs} knows",
                                remedy="Move the pointer over the raster.")
            said = {"x": round(x, 6), "y": round(y, 6), "crs": _short(dataset.crs),
                    "metric": not dataset.crs.is_geographic, "text": ""}
            column, row = (math.floor(v) for v in ~dataset.transform @ (x, y))
            if 0 <= column < dataset.width and 0 <= row < dataset.height:
                indexes = list(range(1, min(dataset.count, MAX_BANDS) + 1)) if isinstance(look, Imagery) else [1]
                pixel = dataset.read(indexes, window=Window(column, row, 1, 1), masked=True)[:, 0, 0]
                known = [float(value) for value in pixel.compressed() if math.isfinite(value)]
                said["text"] = (", ".join(f"{v:.6g}" for v in known) if isinstance(look, Imagery)
                                else _words(look.name, known[0]) if known else "")
            return said
    except rasterio.errors.RasterioError as error:
        raise InputError(f"raster {path.name}", got="a file that cannot be read", expected="a whole GeoTIFF",
                         remedy="Copy the file again.") from error


def _short(crs: rasterio.CRS) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else "own CRS"


def _words(name: str, value: float) -> str:
    """Say what one value means."""
    if name.startswith("agreement:"):
        return versus.words(int(value), int(name.partition(":")[2]))
    if name.startswith("change:"):
        return codes.words(SCHEMES[name.partition(":")[2]], int(value))
    if name.startswith("classes:"):
        names = SCHEMES[name.partition(":")[2]].names
        return names[int(value)] if value < len(names) else ""
    if name == "aspect":
        degrees = (value + 0.5) * ASPECT_STEP_DEG
        return f"{_WINDS[round(degrees / 45) % 8]}, {degrees:.0f}°"
    if name == "ndvi":
        return f"{value * NDVI_STEP - 1:.2f}"
    form, step = _FORMS.get(name, ("{:.6g}", 1.0))
    return form.format(value * step)
