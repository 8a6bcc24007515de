"""A scene: imagery, terrain and NDVI brought to the image's grid, window by window, with what is missing known."""

from __future__ import annotations

from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import pyproj
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.features import geometry_mask
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from core.errors import GridError, InputError
from core.grid import Grid
from core.indices import ndvi as ndvi_of
from core.indices import visible_index
from core.ingest import check_readable
from core.normalize import ImageScaling, image_tensor, topography_tensor
from core.raster import band_roles, grid_of, interpolated, observed_on, open_raster, read_on, reduced
from core.terrain import aspect_deg, slope_deg, turn
from core.terrain_on import Order, dem_window, terrain_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FEET_M = 0.3048
SAMPLED_BLOCKS = 64
FINE_PIXELS = 1 << 22
"""Pixels of an image read at once, where larger ones are made of them."""


@dataclass(frozen=True)
class SceneSettings:
    """What a scene is made of.

    Attributes:
        image: GeoTIFF with red, green, blue and perhaps near infrared; its grid rules.
        dem: GeoTIFF of elevation.
        ndvi: GeoTIFF of NDVI, -1 to 1 after its scale and offset.
        area: Polygon to predict in and its CRS; None: the whole image.
        unobserved: Polygon of cloud, shadow or snow and its CRS: nothing is predicted there.
        bands: 1-based index of each role that is not to be guessed.
        dem_unit: Unit of elevation: ``m`` or ``ft``.
        terrain: ``gradients`` (default) or ``dem``, the paper's order.
        vegetation: ``ndvi`` where there is near infrared; ``visible`` allows the visible-band index in its place.
        times: How many of the image's pixels one of the scene's is wide, see ``suited``.
    """

    image: Path
    dem: Path | None = None
    ndvi: Path | None = None
    area: tuple[BaseGeometry, CRS] | None = None
    unobserved: tuple[BaseGeometry, CRS] | None = None
    bands: tuple[tuple[str, int], ...] = ()
    dem_unit: Literal["m", "ft"] = "m"
    terrain: Order = "gradients"
    vegetation: Literal["ndvi", "visible"] = "ndvi"
    times: int = 1


@dataclass(frozen=True)
class Stack:
    """One window of a scene, ready for a network.

    Attributes:
        image: (3, h, w) float32, normalised; 0 where invalid.
        topography: (6, h, w) float32, see ``core.normalize.topography_tensor``.
        valid: (h, w) True where the image was observed, inside the area: where a prediction counts.
        observed: (h, w) True where the image was observed at all.
    """

    image: Floats
    topography: Floats
    valid: Mask
    observed: Mask


@dataclass(frozen=True)
class Relief:
    """Terrain of one window, (h, w) float32 each, NaN where missing."""

    elevation_m: Floats
    slope_deg: Floats
    aspect_deg: Floats


class Scene:
    """Opened rasters of one scene; use as a context manager. Several threads may read.

    Attributes:
        grid: The image's grid, or that of larger pixels where the settings ask for them.
        roles: Band index of each role.
        scaling: From stored values to 0 to 255.
        part: The window of the image that holds the area.
    """

    def __init__(self, settings: SceneSettings) -> None:
        self.settings = settings
        self._stack = ExitStack()
        self._lock = Lock()  # a GDAL dataset serves one thread at a time
        self._times, self._finer, self._own = settings.times, 1, self
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        s = self.settings
        self.image = self._layer(s.image)
        self.grid = grid_of(self.image).coarser(s.times)
        self.roles = {**band_roles(self.image), **dict(s.bands)}
        if bad := {role: i for role, i in self.roles.items() if not 1 <= i <= self.image.count}:
            raise InputError("band roles", got=bad, expected=f"band numbers from 1 to {self.image.count}",
                             remedy="Correct --bands.")
        alpha = [i for i, c in enumerate(self.image.colorinterp, start=1) if c is ColorInterp.alpha]
        self._use_alpha = not set(alpha) & set(self.roles.values())
        self.dem = self._layer(s.dem) if s.dem else None
        self.ndvi = self._layer(s.ndvi) if s.ndvi else None
        for name, layer in (("DEM", self.dem), ("NDVI raster", self.ndvi)):
            if layer is not None and dem_window(grid_of(layer), self.grid) is None:
                raise GridError(f"{name} extent", got="a raster that does not touch the image",
                                expected=f"one that covers the image at {_place(self.grid)}",
                                remedy=f"Use the {name} of this place, and check that its CRS is right.")
        self.area = _in_crs(s.area, self.grid.crs)
        self.unobserved = _in_crs(s.unobserved, self.grid.crs)
        self.part = _part(self.grid, self.area)
        self.scaling = self._find_scaling()

    def _layer(self, path: Path) -> rasterio.DatasetReader:
        dataset = self._stack.enter_context(open_raster(path))
        check_readable(dataset)
        return dataset

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.close()

    def coarser(self, times: int) -> Scene:
        """Return the whole scene with pixels so many times as wide: means of its own; area and cloud do not count.

        It reads this scene's files, and is of no use when this one is closed.
        """
        if times < self._finer:
            view = copy(self._own.finer(self._finer // times))
        else:
            times //= self._finer
            view = copy(self._own)
            view._times, view.grid = view._times * times, view.grid.coarser(times)
        view.area, view.unobserved = None, None
        view.part = Window(0, 0, view.grid.width, view.grid.height)
        return view

    def finer(self, times: int) -> Scene:
        """Return the scene with so many times as many pixels each way, bilinear between its own.

        It reads this scene's files, and is of no use when this one is closed. With ``coarser`` powers of two go.
        """
        view, part = copy(self), self.part
        view._finer, view._own, view.grid = times, self, self.grid.finer(times)
        view.part = Window(*(times * each for each in (part.col_off, part.row_off, part.width, part.height)))
        return view

    @property
    def rgb_indexes(self) -> list[int]:
        """Band indexes of red, green and blue."""
        return [self.roles[role] for role in ("red", "green", "blue")]

    @property
    def ndvi_source(self) -> str:
        """Where the vegetation index comes from: ``raster``, ``image``, ``visible bands`` or ``absent``."""
        if self.ndvi is not None:
            return "raster"
        if "nir" in self.roles:
            return "image"
        return "visible bands" if self.settings.vegetation == "visible" else "absent"

    def valid(self, window: Window) -> Mask:
        """Return where a window of the scene is to be predicted: observed, and inside the area."""
        grid = self.grid.window(window)

        def observed(fine: Grid) -> tuple[Floats, Mask]:
            seen = observed_on(self.image, fine, self.rgb_indexes, use_alpha=self._use_alpha)
            return np.zeros((0, *fine.shape), np.float32), seen

        return self._inside(self._from_image(grid, observed)[1], grid)

    def read(self, window: Window, *, use_dem: bool = True, use_ndvi: bool = True) -> Stack:
        """Read a window, which may reach over the image's edge.

        Args:
            window: In pixels of the scene.
            use_dem: False forces the DEM absent, as for a model that never saw one.
            use_ndvi: False forces NDVI absent.
        """
        grid = self.grid.window(window)
        indexes = self.rgb_indexes
        with_nir = use_ndvi and self.ndvi_source == "image"
        bands, observed = self._bands(grid, [*indexes, self.roles["nir"]] if with_nir else indexes)
        rgb = self.scaling.apply(bands[:3])
        absent = np.full(grid.shape, np.nan, np.float32)
        right, up = self.gradients(grid) if use_dem and observed.any() else (absent, absent)
        vegetation = absent
        if use_ndvi and observed.any():
            vegetation = self._vegetation(grid, bands, rgb, absent)
        topography = topography_tensor(right, up, vegetation, observed)
        return Stack(image_tensor(rgb, observed), topography, self._inside(observed, grid), observed)

    def gradients(self, grid: Grid) -> tuple[Floats, Floats]:
        """Return the terrain's gradients to the array's right and up, (h, w) each, on a grid near the image's."""
        de, dn, _ = self._terrain(grid, heights=False)
        return _along_the_array(grid, de, dn)

    def relief(self, grid: Grid) -> Relief:
        """Return elevation, slope and aspect on a grid near the image's."""
        de, dn, elevation = self._terrain(grid)
        return Relief(elevation, slope_deg(de, dn), aspect_deg(de, dn))

    def _bands(self, grid: Grid, indexes: list[int]) -> tuple[Floats, Mask]:
        return self._from_image(grid, lambda fine: read_on(self.image, fine, indexes, use_alpha=self._use_alpha))

    def _from_image(self, grid: Grid, read: Callable[[Grid], tuple[Floats, Mask]]) -> tuple[Floats, Mask]:
        """Read on the image's own grid and return what its pixels make on this one, strip by strip."""
        if self._finer > 1:
            return self._between(grid, read)
        if self._times == 1:
            with self._lock:
                return read(grid)
        rows, found = max(1, FINE_PIXELS // (grid.shape[1] * self._times**2)), []
        for top in range(0, grid.shape[0], rows):
            strip = grid.window(Window(0, top, grid.shape[1], min(rows, grid.shape[0] - top)))
            with self._lock:
                fine = read(strip.finer(self._times))
            found.append(reduced(*fine, self._times))
        return np.concatenate([values for values, _ in found], 1), np.concatenate([seen for _, seen in found])

    def _between(self, grid: Grid, read: Callable[[Grid], tuple[Floats, Mask]]) -> tuple[Floats, Mask]:
        """Read the pixels around a grid of narrower ones, and return what lies between them."""
        times, own = self._finer, self._own
        column, row = (round(each) for each in ~self.grid.transform @ (grid.transform.c, grid.transform.f))
        left, top = column // times - 1, row // times - 1
        right, bottom = (-(-end // times) + 1 for end in (column + grid.width, row + grid.height))
        around = own.grid.window(Window(left, top, right - left, bottom - top))
        values, seen = interpolated(*own._from_image(around, read), times)
        inner = np.s_[..., row - top * times:, column - left * times:]
        values, seen = values[inner], seen[inner]
        return values[:, :grid.height, :grid.width], seen[:grid.height, :grid.width]

    def _terrain(self, grid: Grid, *, heights: bool = True) -> tuple[Floats, Floats, Floats]:
        absent = (np.broadcast_to(np.float32(np.nan), grid.shape),) * 3
        if self.dem is None:
            return absent
        dem_grid = grid_of(self.dem)
        window = dem_window(dem_grid, grid)
        if window is None:
            return absent
        part = dem_grid.window(window)
        with self._lock:
            elevation, present = read_on(self.dem, part, [1])
        if not present.any():
            return absent
        unit = FEET_M if self.settings.dem_unit == "ft" else 1.0
        found = terrain_on(np.where(present, elevation[0], np.float32(np.nan)), part, grid,
                           vertical_unit_m=unit, order=self.settings.terrain, heights=heights)
        return found.de, found.dn, found.elevation_m

    def _vegetation(self, grid: Grid, bands: Floats, rgb: Floats, absent: Floats) -> Floats:
        if self.ndvi is not None:
            with self._lock:
                values, present = read_on(self.ndvi, grid, [1], "cubic")
            values = values[0] * self.ndvi.scales[0] + self.ndvi.offsets[0]
            return np.where(present, np.clip(values, -1, 1), np.float32(np.nan)).astype(np.float32)
        if self.ndvi_source == "image":
            return ndvi_of(bands[3], bands[0])
        return visible_index(*rgb) if self.ndvi_source == "visible bands" else absent

    def _inside(self, valid: Mask, grid: Grid) -> Mask:
        """Return ``valid`` without what lies outside the area or was not observed."""
        for shape, outside in ((self.area, True), (self.unobserved, False)):
            if shape is None or not valid.any():
                continue
            box = shapely.box(*grid.bounds)
            if not shape.intersects(box):
                if outside:
                    return np.zeros_like(valid)
                continue
            valid = valid & geometry_mask([shape], grid.shape, grid.transform, invert=outside)
        return valid

    def _find_scaling(self) -> ImageScaling:
        """Return the identity for bytes, else the range of a sample of the image's values."""
        indexes = self.rgb_indexes
        if {self.image.dtypes[i - 1] for i in indexes} == {"uint8"}:
            return ImageScaling.identity(3)
        side = -(-256 // self._times)
        rows = np.linspace(0, max(self.grid.height - side, 0), 8).astype(int)
        columns = np.linspace(0, max(self.grid.width - side, 0), SAMPLED_BLOCKS // 8).astype(int)
        sample = []
        for row in rows:
            for column in columns:
                window = Window(column, row, min(side, self.grid.width), min(side, self.grid.height))
                values, valid = self._bands(self.grid.window(window), indexes)
                sample.append(values[:, valid][:, ::7])
        seen = np.concatenate(sample, axis=1)
        if seen.shape[1] == 0:
            raise InputError("image values", got="no valid pixel in the sample", expected="observed ground",
                             remedy="Check the image's nodata value.")
        low, high = np.percentile(seen, (0.5, 99.5), axis=1)
        high = np.maximum(high, low + 1e-6)
        return ImageScaling(tuple(map(float, low)), tuple(map(float, high)), "percentile 0.5-99.5")


def suited(settings: SceneSettings, finest_m: float) -> SceneSettings:
    """Return the settings for a network that was trained on pixels no finer than these.

    A finer image, as a drone takes it, is seen in means of its pixels that are about as wide; a network would take
    boulders and crowns of trees for what it knows as slopes and woods.

    Args:
        settings: Of a scene.
        finest_m: Smallest pixel that the network knows.

    Raises:
        InputError: The image cannot be opened.
    """
    with open_raster(settings.image) as image:
        return replace(settings, times=max(1, round(finest_m / grid_of(image).gsd_m)))


def _in_crs(shape: tuple[BaseGeometry, CRS] | None, crs: CRS) -> BaseGeometry | None:
    """Return a polygon in the image's CRS, its sides followed."""
    if shape is None:
        return None
    polygon, own = shape
    if own == crs:
        return polygon
    to_image = pyproj.Transformer.from_crs(own.to_wkt(), crs.to_wkt(), always_xy=True)
    left, bottom, right, top = polygon.bounds
    dense = shapely.segmentize(polygon, max(right - left, top - bottom) / 64)
    return shapely.transform(dense, lambda points: np.column_stack(to_image.transform(points[:, 0], points[:, 1])))


def _along_the_array(grid: Grid, de: Floats, dn: Floats) -> tuple[Floats, Floats]:
    """Turn gradients from east and north to the array's right and up, as they lie in training.

    On a north-up image these are the same; on a rotated or south-up one they are not.
    """
    right, down = (column / np.hypot(*column) for column in grid.frame_m().T)
    return turn(de, dn, [right, -down])


def _part(grid: Grid, area: BaseGeometry | None) -> Window:
    """Return the window of whole pixels that holds the area inside the image."""
    if area is None:
        return Window(0, 0, grid.width, grid.height)
    corners = shapely.get_coordinates(shapely.box(*area.bounds))
    inverse = ~grid.transform
    columns, rows = zip(*(inverse @ (x, y) for x, y in corners), strict=True)
    left, top = max(0, int(np.floor(min(columns)))), max(0, int(np.floor(min(rows))))
    right, bottom = min(grid.width, int(np.ceil(max(columns)))), min(grid.height, int(np.ceil(max(rows))))
    if left >= right or top >= bottom:
        raise GridError("area", got="a polygon outside the image", expected=f"one inside {_place(grid)}",
                        remedy="Draw the area on the image, and check the CRS of its file.")
    return Window(left, top, right - left, bottom - top)


def _place(grid: Grid) -> str:
    west, south, east, north = grid.bounds_lonlat
    return f"longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"


def describe(dataset: rasterio.DatasetReader) -> dict[str, object]:
    """Return what a record of a run says about a raster."""
    grid = grid_of(dataset)
    return {"width": grid.width, "height": grid.height, "bands": dataset.count, "dtype": dataset.dtypes[0],
            "crs": grid.crs.to_string(), "gsd_m": round(grid.gsd_m, 4), "nodata": dataset.nodata}
