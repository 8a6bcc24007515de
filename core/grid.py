"""A raster's place on Earth: shape, transform and coordinate reference system, as one value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from core.errors import GridError

# A projection that is true to scale within this share is taken as metric, as every GIS does for
# UTM and national grids; others (Web Mercator, degrees) are brought to true metres.
SCALE_TOLERANCE = 0.002


@dataclass(frozen=True)
class Grid:
    """A regular grid of pixels.

    Attributes:
        shape: (height, width) in pixels.
        transform: Affine from (column, row), pixel corners, to CRS coordinates.
        crs: Coordinate reference system.
    """

    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    def __post_init__(self) -> None:
        """Refuse a grid that cannot exist."""
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise GridError("grid shape", got=self.shape, expected="two positive numbers",
                            remedy="Use a raster or an area that holds at least one pixel.")
        values = tuple(self.transform)[:6]
        if not all(math.isfinite(v) for v in values) or self.transform.determinant == 0:
            raise GridError("grid transform", got=values, expected="a finite, invertible affine",
                            remedy="Georeference the raster again.")
        if not self.crs:
            raise GridError("coordinate reference system", got="none", expected="a CRS, such as EPSG:32648",
                            remedy="Assign the raster's CRS (gdal_edit.py -a_srs EPSG:xxxx, or Layer CRS in QGIS).")
        if not (self.crs.is_geographic or self.crs.is_projected):
            raise GridError("coordinate reference system", got="one without a place on the map (local, vertical, 3D)",
                            expected="a geographic or projected CRS, such as EPSG:32648",
                            remedy="Assign the raster's CRS (gdal_edit.py -a_srs EPSG:xxxx, or Layer CRS in QGIS).")

    @property
    def height(self) -> int:
        """Rows."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.shape[1]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in CRS units, also for rotated grids."""
        corners = [self.transform @ c for c in ((0, 0), (self.width, 0), (0, self.height), (self.width, self.height))]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def bounds_lonlat(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees, WGS 84, edges followed; west > east across the antimeridian."""
        west, south, east, north = _to_wgs84(self.crs).transform_bounds(*self.bounds, densify_pts=21)
        if not (-90 <= south <= north <= 90 and abs(west) <= 540 and abs(east) <= 540):
            raise _outside(self.crs, *self.centre)
        west, east = (west + 360 if west < -180 else west), (east - 360 if east > 180 else east)
        return west, south, east, north

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the grid's centre in CRS units."""
        x, y = self.transform @ (self.width / 2, self.height / 2)
        return x, y

    def coarser(self, times: int) -> Grid:
        """Return the grid of pixels so many times as wide, from the same corner; the last ones may reach beyond."""
        return Grid((-(-self.height // times), -(-self.width // times)), self.transform @ Affine.scale(times), self.crs)

    def finer(self, times: int) -> Grid:
        """Return the grid whose pixels are a whole part as wide, over the same ground."""
        return Grid((self.height * times, self.width * times), self.transform @ Affine.scale(1 / times), self.crs)

    def window(self, window: Window) -> Grid:
        """Return the grid of a window of this one; the window may reach over the edge."""
        transform = self.transform @ Affine.translation(window.col_off, window.row_off)
        return Grid((int(window.height), int(window.width)), transform, self.crs)

    def frame_m(self, x: float | None = None, y: float | None = None) -> NDArray[np.float64]:
        """Return how a step of one pixel moves on the ground, near a point.

        The axes are the CRS's own east and north (grid north, as in every GIS); lengths are true
        metres, whatever the CRS's unit.

        Args:
            x: CRS coordinate of the point; the grid's centre by default.
            y: See ``x``.

        Returns:
            2 x 2 float64 ``[[de/dcol, de/drow], [dn/dcol, dn/drow]]`` in metres.
        """
        px, py = self.centre if x is None or y is None else (x, y)
        t = self.transform
        affine = np.array([[t.a, t.b], [t.d, t.e]])
        return axes_m(self.crs, px, py)[0] @ affine

    @property
    def gsd_m(self) -> float:
        """Ground sampling distance in true metres at the centre: the square root of a pixel's area."""
        return math.sqrt(self.pixel_area_m2)

    @property
    def pixel_area_m2(self) -> float:
        """Area of the centre pixel on the ground, in square metres."""
        return float(abs(np.linalg.det(self.frame_m())))

    @property
    def local_metric_crs(self) -> CRS:
        """A Lambert azimuthal equal-area CRS in metres, centred on this grid."""
        lon, lat = _lonlat(self.crs, *self.centre)
        return CRS.from_string(f"+proj=laea +lat_0={lat:.6f} +lon_0={lon:.6f} +datum=WGS84 +units=m +no_defs")


@lru_cache(maxsize=256)
def _pyproj(crs: CRS) -> pyproj.CRS:
    return pyproj.CRS.from_wkt(crs.to_wkt())


@lru_cache(maxsize=256)
def _to_wgs84(crs: CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(_pyproj(crs), "EPSG:4326", always_xy=True)


def _lonlat(crs: CRS, x: float, y: float) -> tuple[float, float]:
    """Bring one point to WGS 84 degrees, or say that it lies nowhere."""
    try:
        lon, lat = _to_wgs84(crs).transform(x, y, errcheck=True)
    except pyproj.exceptions.ProjError as error:
        raise _outside(crs, x, y) from error
    if not (abs(lat) <= 90 and abs(lon) <= 540):
        raise _outside(crs, x, y)
    return lon, lat


def _outside(crs: CRS, x: float, y: float) -> GridError:
    return GridError("coordinate reference system", got=f"{crs} at ({x:g}, {y:g})",
                     expected="coordinates inside the CRS's area of use",
                     remedy="Check that the raster's CRS is the one its coordinates are in.")


def _geocentric(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Return points on the WGS 84 ellipsoid in metres from the Earth's centre, (3, n)."""
    semi_major, e2 = 6_378_137.0, 0.006_694_379_990_141_3
    a, b = np.radians(np.asarray(lon, float)), np.radians(np.asarray(lat, float))
    radius = semi_major / np.sqrt(1 - e2 * np.sin(b) ** 2)  # along the normal, down to the axis
    return radius * np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), (1 - e2) * np.sin(b)])


def axes_m(crs: CRS, x: float, y: float) -> tuple[NDArray[np.float64], float]:
    """Return what one CRS unit is worth on the ground at a point, and where grid north points.

    Args:
        crs: Geographic or projected.
        x: First coordinate (easting or longitude).
        y: Second coordinate (northing or latitude).

    Returns:
        A 2 x 2 float64 matrix from CRS units to metres along the CRS's own east and north axes,
        and the convergence: degrees clockwise from true north to the CRS's north.

    Raises:
        GridError: The CRS has no horizontal coordinates that can be brought to metres.
    """
    proj = _pyproj(crs)
    lon, lat = _lonlat(crs, x, y)
    unit = 1e-4 if proj.is_geographic else 10.0
    try:
        around = _to_wgs84(crs).transform([x + unit, x - unit, x, x], [y, y, y + unit, y - unit], errcheck=True)
    except pyproj.exceptions.ProjError as error:
        raise _outside(crs, x, y) from error
    right, left, up, down = _geocentric(*around).T
    (sl, cl), (sp, cp) = ((math.sin(a), math.cos(a)) for a in np.radians([lon, lat]))
    east_north = np.array([[-sl, cl, 0], [-sp * cl, -sp * sl, cp]])
    true = east_north @ np.column_stack([right - left, up - down]) / (2 * unit)
    convergence = math.atan2(true[0, 1], true[1, 1])
    c, s = math.cos(convergence), math.sin(convergence)
    axes = np.array([[c, -s], [s, c]]) @ true
    if not proj.is_geographic:
        factor = proj.axis_info[0].unit_conversion_factor
        if np.allclose(np.linalg.svd(axes)[1], factor, rtol=SCALE_TOLERANCE):
            axes = np.eye(2) * factor
    return axes, math.degrees(convergence)
