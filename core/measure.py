"""What is known of one landslide outline: size, shape, relief, and how sure the model was.

Everything is planimetric and in true metres, whatever the CRS's unit: areas and lengths are taken in a Lambert
azimuthal equal-area projection whose centre is at most one degree away, where areas are exact and lengths are
true to 1 in 10,000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from core.errors import InputError
from core.grid import Grid

CROWN_SHARE = 0.05
"""Share of an outline's pixels that make its crown (the highest) and its toe (the lowest)."""

LEAST_DROP_M = 1.0
LEAST_DROP_PER_LENGTH = 0.02
LEAST_FALL_PER_LENGTH = 0.1
LEAST_DEM_SHARE = 0.5


@dataclass(frozen=True)
class Measured:
    """Attributes of one outline; None is unknown, never 0.

    Attributes:
        area_m2: Planimetric area, holes left out.
        perimeter_m: Length of the outline, holes included.
        length_m: Horizontal extent along the axis that ``length_from`` names.
        width_m: Horizontal extent across that axis.
        length_from: "fall": from the crown (mean position of the highest 5 % of the pixels) to the toe (of the lowest
            5 %); "shape": the long side of the smallest rotated rectangle, where the fall is not known.
        elevation_min_m: Lowest pixel.
        elevation_max_m: Highest pixel.
        drop_m: Between the two.
        reach_angle_deg: atan(drop / length); None unless the length is along the fall.
        slope_mean_deg: Mean slope.
        aspect_mean_deg: Mean downslope direction, 0 to 360 clockwise as in the aspect given: the direction of the sum
            of unit vectors weighted by the sine of the slope, so that flats have no say.
        dem_share: Share of the pixels with an elevation, 0 to 1.
        probability_mean: Mean landslide probability, 0 to 1.
        probability_max: Highest landslide probability.
        lon: Longitude of a point on the outline, degrees east, WGS 84.
        lat: Its latitude, degrees north.
    """

    area_m2: float
    perimeter_m: float
    length_m: float
    width_m: float
    length_from: Literal["fall", "shape"]
    elevation_min_m: float | None
    elevation_max_m: float | None
    drop_m: float | None
    reach_angle_deg: float | None
    slope_mean_deg: float | None
    aspect_mean_deg: float | None
    dem_share: float
    probability_mean: float | None
    probability_max: float | None
    lon: float
    lat: float


def measure(polygon: BaseGeometry, mask: NDArray[np.bool_], grid: Grid, *,
            elevation_m: NDArray[np.float32] | None = None, slope_deg: NDArray[np.float32] | None = None,
            aspect_deg: NDArray[np.float32] | None = None,
            probability: NDArray[np.float32] | None = None) -> Measured:
    """Measure one outline.

    The fall is taken as the axis only where it can be told: at least half of the pixels have an elevation, the drop is
    at least 1 m and 2 % of the outline's length, and crown and toe lie apart by a tenth of that length (on a
    dome they do not).

    Args:
        polygon: The outline in the grid's CRS; valid, with an area.
        mask: bool (height, width), True on the outline's pixels.
        grid: Grid of the mask and of every array; it may be coarser than the image.
        elevation_m: float32 (height, width), NaN where there is no DEM.
        slope_deg: Same shape, degrees, NaN where missing.
        aspect_deg: Same shape, degrees clockwise, NaN where missing or flat.
        probability: Same shape, 0 to 1, NaN where missing.

    Raises:
        InputError: An array does not have the grid's shape, or the polygon has no area.
    """
    if polygon.is_empty or polygon.area == 0:
        raise InputError("outline", got=polygon.geom_type, expected="a polygon with an area",
                         remedy="Leave empty outlines out.")
    pixels = {"mask": mask, "elevation_m": elevation_m, "slope_deg": slope_deg, "aspect_deg": aspect_deg,
              "probability": probability}
    for name, array in pixels.items():
        if array is not None and array.shape != grid.shape:
            raise InputError(f"array {name}", got=array.shape, expected=f"the grid's shape {grid.shape}",
                             remedy="Read every array on the outline's grid.")
    point = shapely.point_on_surface(polygon)
    lon, lat = _to_wgs84(grid.crs).transform(point.x, point.y)
    metric = _to_metres(grid.crs, round(lon), round(lat))
    ground = _project(polygon, metric)

    elevation = _inside(elevation_m, mask)
    known = np.isfinite(elevation)
    dem_share = float(known.mean()) if known.size else 0.0
    lowest, highest = (float(elevation[known].min()), float(elevation[known].max())) if known.any() else (None, None)
    drop = highest - lowest if lowest is not None and highest is not None else None

    long_side, short_side = _rectangle(ground)
    axis = None
    if elevation_m is not None and drop is not None and dem_share >= LEAST_DEM_SHARE and \
            drop >= max(LEAST_DROP_M, LEAST_DROP_PER_LENGTH * long_side):
        fall = _fall(mask, elevation_m, grid, metric)
        if np.hypot(*fall) >= LEAST_FALL_PER_LENGTH * long_side:
            axis = fall / np.hypot(*fall)
    length, width = (long_side, short_side) if axis is None else _extents(ground, axis)
    slope, odds = _inside(slope_deg, mask), _inside(probability, mask)
    odds = odds[np.isfinite(odds)]
    return Measured(
        area_m2=float(ground.area), perimeter_m=float(ground.length), length_m=length, width_m=width,
        length_from="shape" if axis is None else "fall",
        elevation_min_m=lowest, elevation_max_m=highest, drop_m=drop,
        reach_angle_deg=math.degrees(math.atan2(drop, length)) if axis is not None and drop is not None else None,
        slope_mean_deg=_mean(slope), aspect_mean_deg=_mean_aspect(_inside(aspect_deg, mask), slope),
        dem_share=dem_share, probability_mean=_mean(odds),
        probability_max=float(odds.max()) if odds.size else None, lon=float(lon), lat=float(lat))


def _inside(array: NDArray[np.float32] | None, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the values under the mask; none where there is no array."""
    return array[mask] if array is not None else np.zeros(0, np.float32)


def _mean(values: NDArray[np.float32]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if known.size else None


def _mean_aspect(aspect_deg: NDArray[np.float32], slope_deg: NDArray[np.float32]) -> float | None:
    """Return the circular mean; None where nothing is known or the directions cancel out."""
    weight = np.sin(np.radians(slope_deg, dtype=np.float64)) if slope_deg.size else np.ones(aspect_deg.size)
    known = np.isfinite(aspect_deg) & np.isfinite(weight)
    angle, weight = np.radians(aspect_deg[known], dtype=np.float64), weight[known]
    east, north = float((weight * np.sin(angle)).sum()), float((weight * np.cos(angle)).sum())
    if math.hypot(east, north) <= 1e-6 * weight.sum():
        return None
    return math.degrees(math.atan2(east, north)) % 360


def _fall(mask: NDArray[np.bool_], elevation_m: NDArray[np.float32], grid: Grid,
          metric: pyproj.Transformer) -> NDArray[np.float64]:
    """Return the vector from crown to toe in metres, in the metric projection."""
    rows, columns = np.nonzero(mask & np.isfinite(elevation_m))
    heights = elevation_m[rows, columns]
    ends = []
    for chosen in (heights >= np.quantile(heights, 1 - CROWN_SHARE), heights <= np.quantile(heights, CROWN_SHARE)):
        x, y = grid.transform @ (columns[chosen].mean() + 0.5, rows[chosen].mean() + 0.5)
        ends.append(metric.transform(x, y))
    crown, toe = np.asarray(ends, np.float64)
    return toe - crown


def _extents(ground: BaseGeometry, axis: NDArray[np.float64]) -> tuple[float, float]:
    """Return the extents along a unit vector and across it."""
    points = shapely.get_coordinates(ground)
    return float(np.ptp(points @ axis)), float(np.ptp(points @ np.array([-axis[1], axis[0]])))


def _rectangle(ground: BaseGeometry) -> tuple[float, float]:
    """Return the long and the short side of the smallest rotated rectangle."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(ground))
    sides = np.hypot(*np.diff(corners[:3], axis=0).T)
    return float(sides.max()), float(sides.min())


def _project(polygon: BaseGeometry, metric: pyproj.Transformer) -> BaseGeometry:
    """Bring a polygon to metres, with points enough along its edges that they stay where they were."""
    left, bottom, right, top = polygon.bounds
    dense = shapely.segmentize(polygon, max(right - left, top - bottom) / 16)
    return shapely.transform(dense, lambda points: np.column_stack(metric.transform(points[:, 0], points[:, 1])))


@lru_cache(maxsize=16)
def _to_wgs84(crs: CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(pyproj.CRS.from_wkt(crs.to_wkt()), "EPSG:4326", always_xy=True)


@lru_cache(maxsize=64)
def _to_metres(crs: CRS, lon: int, lat: int) -> pyproj.Transformer:
    """Return the way to an equal-area projection; whole degrees, so that neighbours share one."""
    local = f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m +no_defs"
    return pyproj.Transformer.from_crs(pyproj.CRS.from_wkt(crs.to_wkt()), local, always_xy=True)
