"""Labels from outlines: drawn where they lie, in any CRS, with classes of one's own, and only where it was mapped."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window
from shapely.geometry import Polygon, box

from core.errors import GridError, InputError
from core.grid import Grid
from core.raster import grid_of
from core.training.labels import read_labels

UTM = CRS.from_epsg(32648)
GRID = Grid((40, 60), Affine(0.5, 0, 388000.0, 0, -0.5, 3676000.0), UTM)


def place(left: int, top: int, right: int, bottom: int) -> Polygon:
    """Return a rectangle of whole pixels of ``GRID``."""
    return box(*(GRID.transform @ (left, bottom)), *(GRID.transform @ (right, top)))


def write(path: Path, shapes: list[Polygon], crs: str = "EPSG:32648", **columns: list) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32648").to_crs(crs)
    if path.suffix == ".geojson":
        path.write_text(frame.to_json(to_wgs84=False) if crs == "EPSG:4326" else frame.to_json())
    else:
        frame.to_file(path)
    return path


@pytest.mark.parametrize(("name", "crs"), [("slides.gpkg", "EPSG:32648"), ("slides.gpkg", "EPSG:3857"),
                                           ("slides.geojson", "EPSG:4326")])
def test_landslides_are_drawn_where_they_lie(tmp_path, name: str, crs: str) -> None:
    hole = Polygon(place(5, 5, 20, 30).exterior, [place(10, 10, 15, 20).exterior])
    label = read_labels(write(tmp_path / name, [hole, place(50, 30, 70, 50)], crs), UTM).on(GRID)
    wanted = np.zeros((40, 60), np.uint8)
    wanted[5:30, 5:20] = 1
    wanted[10:20, 10:15] = 0
    wanted[30:, 50:] = 1
    np.testing.assert_array_equal(label, wanted)


def test_outside_the_mapped_area_nothing_is_known(tmp_path) -> None:
    slides = write(tmp_path / "slides.gpkg", [place(5, 5, 20, 30)])
    mapped = write(tmp_path / "mapped.geojson", [place(10, 0, 40, 20)], "EPSG:4326")
    label = read_labels(slides, UTM, mapped=mapped).on(GRID)
    assert (label[5:20, 10:20] == 1).all()
    assert (label[:20, 20:40] == 0).all()
    assert (label == 255).sum() == 40 * 60 - 20 * 30


@pytest.mark.parametrize("name", ["classes.gpkg", "classes.geojson"])
def test_a_scheme_of_ones_own_is_mapped_by_name(tmp_path, name: str) -> None:
    shapes = [place(0, 0, 60, 40), place(5, 5, 10, 10), place(20, 5, 30, 10), place(40, 5, 50, 10)]
    path = write(tmp_path / name, shapes, "EPSG:4326" if name.endswith("json") else "EPSG:32648",
                 kind=["wood", "slide", "rockfall", "cloud"], code=[1.0, 2.0, 3.0, None])
    classes = {"slide": "landslide", "rockfall": "landslide", "wood": "vegetation"}
    labels = read_labels(path, UTM, attribute="kind", classes=classes, ground="")
    assert labels.names == {1: "landslide", 2: "vegetation"}
    label = labels.on(GRID)
    assert label[7, 7] == label[7, 25] == 1
    assert label[7, 45] == 255
    assert label[30, 30] == 2
    numbers = read_labels(path, UTM, attribute="code", classes={"2": "landslide"}, ground="other").on(GRID)
    assert numbers[7, 7] == 1
    assert numbers[7, 25] == 255


def test_ground_that_is_not_known_stays_unlabelled(tmp_path) -> None:
    slides = write(tmp_path / "slides.gpkg", [place(5, 5, 20, 30)])
    assert set(np.unique(read_labels(slides, UTM, ground="").on(GRID))) == {1, 255}


def test_a_window_is_a_part_of_the_whole(tmp_path) -> None:
    labels = read_labels(write(tmp_path / "slides.gpkg", [place(5, 5, 20, 30), place(30, 10, 33, 12)]), UTM)
    whole = np.pad(labels.on(GRID), 10)
    for column, row in ((8, 3), (40, 15), (-5, -5)):
        part = labels.on(GRID.window(Window(column, row, 20, 20)))
        np.testing.assert_array_equal(part, whole[row + 10:row + 30, column + 10:column + 30])


def test_what_cannot_be_drawn_is_refused(tmp_path) -> None:
    path = write(tmp_path / "slides.gpkg", [place(5, 5, 20, 30)], kind=["slide"])
    with pytest.raises(InputError, match="'slide'"):
        read_labels(path, UTM, attribute="kind", classes={"Slide": "landslide"})
    with pytest.raises(InputError, match="Check the attribute's name"):
        read_labels(path, UTM, attribute="sort", classes={"slide": "landslide"})
    with pytest.raises(GridError, match="Read the outlines"):
        read_labels(path, CRS.from_epsg(32647)).on(GRID)
    (tmp_path / "points.geojson").write_text(json.dumps({"type": "Point", "coordinates": [1, 2]}))
    with pytest.raises(InputError, match="Point"):
        read_labels(tmp_path / "points.geojson", UTM)


@pytest.mark.realdata
def test_real_outlines_make_the_real_labels(data_folder) -> None:
    with rasterio.open(data_folder / "jiuzhaigou/val_labels.tif") as raster:
        grid, wanted = grid_of(raster), raster.read(1)
    label = read_labels(data_folder / "jiuzhaigou/val_landslides.gpkg", grid.crs).on(grid)
    assert (label[wanted < 255] == wanted[wanted < 255]).mean() > 0.999
