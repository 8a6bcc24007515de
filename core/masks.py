"""A raster of ground that was not observed, as the outlines that a detection takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from rasterio.features import shapes
from rasterio.windows import Window

from core.errors import InputError
from core.files import write_json

SIDE = 4096
"""A larger mask is brought to so many cells a side; a cell counts when any pixel of it does."""

MAX_VERTICES = 500_000


def outlines_of(mask: Path, target: Path) -> None:
    """Write where a raster of this project is neither 0 nor nodata, as GeoJSON in WGS 84.

    Raises:
        InputError: That is nowhere, or in too many pieces.
    """
    with rasterio.open(mask, driver="GTiff") as dataset:
        k = max(1, -(-max(dataset.shape) // SIDE))
        rows, columns = -(-dataset.height // k), -(-dataset.width // k)
        cells = np.zeros((rows, columns), np.uint8)
        for row in range(rows):
            window = Window(0, row * k, dataset.width, min(k, dataset.height - row * k))
            marked = (dataset.read(1, window=window) != 0) & (dataset.dataset_mask(window=window) > 0)
            starts = np.arange(0, dataset.width, k)
            cells[row] = np.maximum.reduceat(marked.any(0), starts)
        transform, crs = dataset.transform @ Affine.scale(k), dataset.crs
    found = [shapely.geometry.shape(shape) for shape, _ in shapes(cells, cells > 0, transform=transform)]
    if not found or shapely.get_num_coordinates(found).sum() > MAX_VERTICES:
        raise InputError(mask.name, got="a mask without a mark" if not found else "a mask in too many pieces",
                         expected="areas that were not observed, other than 0", remedy="Check the mask, or sieve it.")
    to_degrees = pyproj.Transformer.from_crs(crs.to_wkt(), "EPSG:4326", always_xy=True)
    moved = shapely.transform(found, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    write_json(target, {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(each)} for each in moved]})
