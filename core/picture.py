"""A picture of a detection: imagery with the relief of the ground in it, the landslides' outlines, a scale bar.

It is made once into ``derived`` and made again when one of its files changes. North is up.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from core.config import SCHEMES
from core.errors import InputError, StorageError
from core.files import write_atomic
from core.grid import Grid
from core.raster import wants_alpha
from core.styles import Style, imagery
from core.terrain import gradients, hillshade
from core.vectors import read_outlines

SIZE = (1920, 1080)
"""Width and height in pixels."""

_SOURCE_PIXELS = 400_000_000  # read at most, where a raster has no overviews: some ten seconds
_SMOOTH = 2  # outlines are drawn so many times larger
_RELIEF = 0.55  # 0 is flat, 1 as dark as the relief itself
_PALE = (255, 255, 255)


@dataclass(frozen=True)
class Picture:
    """A picture of an image.

    Attributes:
        image: GeoTIFF, of a project.
        folder: Where the picture is kept.
        outlines: GeoPackage of a detection.
        dem: GeoTIFF of elevation, for the relief.
        bands: 1-based band of "red", "green" and "blue", as a layer has them; told from the image if empty.
    """

    image: Path
    folder: Path
    outlines: Path | None = None
    dem: Path | None = None
    bands: tuple[tuple[str, int], ...] = ()

    @property
    def path(self) -> Path:
        """Where it is once it is made, as WebP; another place when one of its files changes."""
        files = [path for path in (self.image, self.outlines, self.dem) if path]
        mark = repr([(path.name, path.stat().st_mtime_ns) for path in files] + [self.bands]).encode()
        return self.folder / f"picture-{hashlib.sha256(mark).hexdigest()[:16]}.webp"

    def make(self) -> Path:
        """Return its path; it is made when it is missing.

        Raises:
            InputError: A file cannot be read.
            GridError: The image has no place on Earth.
            StorageError: The project is not there any more, or cannot be written.
        """
        if (target := self.path).is_file():
            return target
        file = io.BytesIO()
        self._draw().save(file, "WEBP", quality=88, method=4)
        try:
            self.folder.mkdir(exist_ok=True)  # and not its parents: the project may have been removed meanwhile
        except OSError as error:
            raise StorageError(f"folder {self.folder.name}", got=error.strerror or "an error",
                               expected="a project that is there and can be written",
                               remedy="Open the project again.") from error
        for old in self.folder.glob("picture-*.webp"):
            old.unlink(missing_ok=True)
        write_atomic(target, file.getvalue())
        return target

    def _draw(self) -> Image.Image:
        frame = read_outlines(self.outlines) if self.outlines else None
        try:
            with rasterio.open(self.image, driver="GTiff") as source:
                crs = upright(Grid(source.shape, source.transform, source.crs))
                shapes = [] if frame is None else [each for each in frame.to_crs(crs.to_wkt()).geometry if each]
                grid = view(source, crs, shapes)
                drawn = colours(source, grid, imagery(self.image, dict(self.bands) or None).style())
            if self.dem:
                drawn[..., :3] = with_relief(drawn[..., :3], self.dem, grid)
        except rasterio.errors.RasterioError as error:
            raise InputError(f"picture of {self.image.name}", got="a file that cannot be read to the end",
                             expected="a whole GeoTIFF", remedy="Copy the file again.") from error
        made = Image.fromarray(drawn, "RGBA")
        _draw_outlines(made, shapes, grid)
        _draw_scale(made, grid.gsd_m)
        return made


def upright(grid: Grid) -> CRS:
    """Return a CRS in which the picture is not squeezed: the image's own, but metres in place of degrees."""
    return grid.local_metric_crs if grid.crs.is_geographic else grid.crs


def view(source: rasterio.DatasetReader, crs: CRS, shapes: list[shapely.Geometry]) -> Grid:
    """Return the grid of the picture: as much of the image as fills it, about the middle of the landslides."""
    with WarpedVRT(source, crs=crs) as whole:
        left, bottom, right, top = whole.bounds
        pixels = whole.width * whole.height
    width, height = SIZE
    step = min((right - left) / width, (top - bottom) / height)
    if not source.overviews(1):
        step *= min(1.0, math.sqrt(_SOURCE_PIXELS / pixels))
    x, y = _middle(shapes) or ((left + right) / 2, (bottom + top) / 2)
    x = min(max(x, left + step * width / 2), right - step * width / 2)
    y = min(max(y, bottom + step * height / 2), top - step * height / 2)
    corner = Affine.translation(x - step * width / 2, y + step * height / 2)
    return Grid((height, width), corner @ Affine.scale(step, -step), crs)


def _middle(shapes: list[shapely.Geometry]) -> tuple[float, float] | None:
    """Return the median place of the landslides' area."""
    if not shapes:
        return None
    weights = shapely.area(shapes)
    places = shapely.get_coordinates(shapely.centroid(shapes))

    def median(values: NDArray[np.float64]) -> float:
        order = np.argsort(values)
        return float(values[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)])

    return median(places[:, 0]), median(places[:, 1])


def warped(source: rasterio.DatasetReader, grid: Grid, resampling: Resampling) -> WarpedVRT:
    """Return an open raster as it would lie on another grid."""
    return WarpedVRT(source, crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height,
                     resampling=resampling, add_alpha=wants_alpha(source))


def colours(source: rasterio.DatasetReader, grid: Grid, style: Style | None) -> NDArray[np.uint8]:
    """Return the image as the map shows it at first, uint8 (h, w, 4), clear where it has no data."""
    style = style or Style()
    finer = abs(grid.transform.a) * math.sqrt(grid.pixel_area_m2) < 1
    with warped(source, grid, Resampling.cubic if finer else Resampling.average) as view:
        values = style.paint(view.read(style.indexes, masked=True))
    rgb = np.broadcast_to(values.filled(0).astype(np.uint8), (3, *grid.shape))
    seen = ~np.ma.getmaskarray(values).any(0)
    return np.dstack([*rgb, np.where(seen, 255, 0).astype(np.uint8)])


def with_relief(rgb: NDArray[np.uint8], dem: Path, grid: Grid) -> NDArray[np.uint8]:
    """Let slopes away from the light darken the image and those towards it lighten it; no elevation, no change."""
    with rasterio.open(dem, driver="GTiff") as source, warped(source, grid, Resampling.cubic_spline) as view:
        elevation = view.read(1, masked=True).astype(np.float32).filled(np.nan)
    de, dn = gradients(elevation, grid.frame_m(), edges=True)
    light = hillshade(de, dn, multidirectional=True).astype(np.float32)
    flat = float(hillshade(np.zeros(1), np.zeros(1), multidirectional=True)[0])
    gain = np.where(light > 0, 1 + _RELIEF * (light / flat - 1), 1)[..., None]
    return np.clip(rgb * gain, 0, 255).astype(np.uint8)


def _draw_outlines(made: Image.Image, shapes: list[shapely.Geometry], grid: Grid) -> None:
    """Draw landslides in their colour: a light fill, and a line with a pale edge that shows on any ground."""
    scheme = SCHEMES["binary"]
    colour = scheme.rgb(scheme.landslide)
    to_pixel = ~grid.transform
    fill, edge, line = (Image.new("L", (_SMOOTH * made.width, _SMOOTH * made.height)) for _ in range(3))
    for shape in shapes:
        for part in shapely.get_parts(shape):
            rings = [[(_SMOOTH * column, _SMOOTH * row) for column, row in (to_pixel @ xy for xy in ring.coords)]
                     for ring in (part.exterior, *part.interiors)]
            ImageDraw.Draw(fill).polygon(rings[0], fill=60)
            for hole in rings[1:]:
                ImageDraw.Draw(fill).polygon(hole, fill=0)
            for ring in rings:
                ImageDraw.Draw(edge).line(ring, fill=200, width=8 * _SMOOTH, joint="curve")
                ImageDraw.Draw(line).line(ring, fill=255, width=4 * _SMOOTH, joint="curve")
    for mask, ink in ((fill, colour), (edge, _PALE), (line, colour)):
        made.paste(Image.new("RGB", made.size, ink), mask=mask.resize(made.size, Image.Resampling.LANCZOS))


def _draw_scale(made: Image.Image, gsd_m: float) -> None:
    """Draw a scale bar of a round length at the lower left."""
    metres, text = scale_bar(gsd_m * made.width / 6)
    length, x, y = round(metres / gsd_m), 52, made.height - 52
    font = ImageFont.load_default(36)
    draw = ImageDraw.Draw(made)
    for width, ink in ((12, (20, 30, 34)), (6, _PALE)):
        draw.line([(x, y - 18), (x, y), (x + length, y), (x + length, y - 18)], fill=ink, width=width, joint="curve")
    draw.text((x + length / 2, y - 16), text, _PALE, font, "ms", stroke_width=4, stroke_fill=(20, 30, 34))


def scale_bar(longest_m: float) -> tuple[float, str]:
    """Return the longest round length of at most so many metres, and how it is written.

    >>> scale_bar(730)
    (500.0, '500 m')
    >>> scale_bar(2400)
    (2000.0, '2 km')
    """
    power = 10.0 ** math.floor(math.log10(longest_m))
    metres = next(step * power for step in (5, 2, 1) if step * power <= longest_m)
    return metres, f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
