"""Draw a detection's outlines over its image: python docs/picture.py --image I --run DIR --out P.png.

Detected outlines are orange; the outlines of labels, if given, are cyan.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas
import numpy as np
from PIL import Image, ImageDraw
from rasterio.enums import Resampling
from rasterio.windows import Window
from shapely.geometry import MultiPolygon, Polygon

from core.raster import band_roles, grid_of, open_raster

DETECTED, LABELLED = (255, 138, 31), (0, 229, 255)


def main() -> None:
    """Read a part of the image, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="GeoPackage of labelled landslides")
    parser.add_argument("--part", type=int, nargs=4, metavar=("COLUMN", "ROW", "WIDTH", "HEIGHT"))
    parser.add_argument("--width", type=int, default=1400, help="of the picture, in pixels")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with open_raster(options.image) as image:
        part = Window(*(options.part or (0, 0, image.width, image.height)))
        grid = grid_of(image).window(part)
        roles = band_roles(image)
        shape = (3, round(options.width * part.height / part.width), options.width)
        rgb = image.read([roles[r] for r in ("red", "green", "blue")], window=part, out_shape=shape,
                         resampling=Resampling.average)
    picture = Image.fromarray(np.moveaxis(rgb, 0, -1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    scale = options.width / part.width
    layers = [(options.run / "landslides.gpkg", "landslides", DETECTED)]
    if options.labels:
        layers.insert(0, (options.labels, None, LABELLED))
    for path, layer, colour in layers:
        table = geopandas.read_file(path, layer=layer, bbox=grid.bounds).to_crs(grid.crs)
        for geometry in table.geometry:
            for polygon in geometry.geoms if isinstance(geometry, MultiPolygon) else [geometry]:
                if isinstance(polygon, Polygon):
                    for ring in (polygon.exterior, *polygon.interiors):
                        x, y = np.asarray(ring.coords).T[:2]
                        columns, rows = ~grid.transform @ (x, y)
                        points = list(zip(columns * scale, rows * scale, strict=True))
                        draw.line(points, fill=colour, width=2)
    picture.save(options.out, quality=88)


if __name__ == "__main__":
    main()
