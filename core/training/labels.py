"""Labels from outlines: polygons of landslides or of classes, drawn onto an image's grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import geometry_mask, rasterize

from core.config import CLASS_NODATA
from core.errors import GridError, InputError
from core.grid import Grid
from core.ingest import read_area, read_attributed


@dataclass(frozen=True)
class OutlineLabels:
    """Labelled polygons in an image's CRS; where they overlap, the later one counts.

    Attributes:
        crs: Of the polygons and the mapped area.
        shapes: (n,) polygons, valid.
        values: (n,) uint8: what each is drawn as; 255 where its attribute names no class.
        names: The class that each value means. 0 is the ground without polygons, where that is known.
        mapped: Where outlines were looked for; None: everywhere.
    """

    crs: CRS
    shapes: NDArray[np.object_]
    values: NDArray[np.uint8]
    names: dict[int, str]
    mapped: shapely.Geometry | None = None

    def on(self, grid: Grid) -> NDArray[np.uint8]:
        """Draw the labels on a grid, which may be that of a window; a pixel is what its centre lies in.

        Returns:
            (h, w) uint8: keys of ``names``; 255 where there is no label.

        Raises:
            GridError: The grid has another CRS.
        """
        if grid.crs != self.crs:
            raise GridError("coordinate reference system", got=grid.crs, expected=self.crs,
                            remedy="Read the outlines for the image they are drawn on.")
        ground = 0 if 0 in self.names else CLASS_NODATA
        near = np.flatnonzero(shapely.intersects(self.shapes, shapely.box(*grid.bounds)))
        label = np.full(grid.shape, ground, np.uint8)
        if len(near):
            drawn = [(self.shapes[i], int(self.values[i])) for i in near]
            label = rasterize(drawn, grid.shape, fill=ground, transform=grid.transform, dtype="uint8")
        if self.mapped is not None:
            label[geometry_mask([self.mapped], grid.shape, grid.transform)] = CLASS_NODATA
        return label


def read_labels(path: Path, crs: CRS, *, attribute: str = "", classes: Mapping[str, str] | None = None,
                ground: str = "other", mapped: Path | None = None) -> OutlineLabels:
    """Read labels from GeoJSON, GeoPackage or a zipped Shapefile.

    Args:
        path: Polygons.
        crs: Of the image that they are to be drawn on.
        attribute: The attribute that tells a polygon's class; without one, all are landslides.
        classes: The class, by its name in a class scheme, for each value of the attribute as text. Polygons with
            another value are unlabelled.
        ground: Class of the mapped ground where no polygon lies; "" where that is not known.
        mapped: Polygons of the area in which outlines were looked for; outside it nothing is labelled.

    Raises:
        InputError: A file cannot be used, or no polygon's attribute names a class.
    """
    found, own = read_attributed(path, attribute)
    meant = dict(classes or {}) if attribute else {"": "landslide"}
    said = [value if attribute else "" for _, value in found]
    if not set(said) & set(meant):
        raise InputError(f"labels {path.name}", got=f"{attribute!r} is {', '.join(map(repr, sorted(set(said))[:8]))}",
                         expected=f"some of {', '.join(map(repr, meant)) or 'the values that classes are given for'}",
                         remedy="Check the attribute's name, and give a class for each of its values.")
    names = ({0: ground} if ground else {}) | dict(enumerate(dict.fromkeys(meant.values()), start=1))
    numbers = {name: number for number, name in names.items()}
    return OutlineLabels(
        crs, _moved(np.array([shape for shape, _ in found], object), own, crs),
        np.array([numbers[meant[value]] if value in meant else CLASS_NODATA for value in said], np.uint8),
        names, read_on_crs(mapped, crs))


def read_on_crs(path: Path | None, crs: CRS) -> shapely.Geometry | None:
    """Return a file's polygons as one area in another CRS; None without a file.

    Raises:
        InputError: The file cannot be used.
    """
    if path is None:
        return None
    area, own = read_area(path)
    return _moved(np.array([area], object), own, crs)[0]


def _moved(shapes: NDArray[np.object_], source: CRS, target: CRS) -> NDArray[np.object_]:
    """Bring shapes to another CRS; one of four corners is given more, as straight sides may be curves there."""
    if source == target:
        return shapes
    left, bottom, right, top = shapely.total_bounds(shapes)
    dense = shapely.segmentize(shapes, max(right - left, top - bottom) / 64)
    to = pyproj.Transformer.from_crs(source.to_wkt(), target.to_wkt(), always_xy=True)
    return shapely.transform(dense, to.transform, interleaved=False)
