"""Labels on any grid: of this scheme, of a finer one, or outlines; and scores by slope and aspect from them."""

import json

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS

from core.config import scheme
from core.errors import InputError
from core.files import write_json
from core.grid import Grid
from core.reference import open_labels, scheme_of
from core.strata import by_terrain

BINARY, PAPER = scheme("binary"), scheme("paper")
GRID = Grid((40, 40), Affine(1, 0, 388000, 0, -1, 3676000), CRS.from_epsg(32648))


def tagged(path, names):
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(classes=json.dumps(names))
    return path


def test_labels_of_six_classes_tell_landslides_where_two_are_wanted(make_raster):
    path = tagged(make_raster("six.tif", np.array([[0, 1, 5, 255]], "uint8"), gsd=1.0, nodata=255), PAPER.names)
    grid = Grid((1, 5), GRID.transform, GRID.crs)
    with open_labels(path, BINARY) as read:
        assert read(grid).tolist() == [[1, 0, 0, 255, 255]]
    with open_labels(path, PAPER) as read:
        assert read(grid).tolist() == [[0, 1, 5, 255, 255]]
    assert scheme_of(path) == "paper"


def test_labels_without_a_tag_are_taken_as_they_are(make_raster):
    path = make_raster("two.tif", np.array([[0, 1, 7]], "uint8"), gsd=1.0)
    with open_labels(path, BINARY) as read:
        assert read(Grid((1, 3), GRID.transform, GRID.crs)).tolist() == [[0, 1, 7]]
    assert scheme_of(path) == "binary"


def test_outlines_are_landslides_and_the_rest_is_not(tmp_path):
    import geopandas

    path = tmp_path / "slides.geojson"
    geopandas.GeoSeries([shapely.box(388010, 3675970, 388020, 3675990)], crs=32648).to_crs(4326).to_file(path)
    with open_labels(path, BINARY) as read:
        found = read(GRID)
        far = read(GRID.window(rasterio.windows.Window(500, 0, 8, 8)))
    assert found[10:30, 10:20].all() and found.sum() == 200 and not far.any()
    with pytest.raises(InputError, match="got outlines"), open_labels(path, PAPER) as _:
        pass


@pytest.fixture
def run(make_raster, tmp_path):
    """A detection that calls the left half of a plane landslide, and labels of the upper half."""
    called, truth = np.zeros((120, 120), "uint8"), np.zeros((120, 120), "uint8")
    called[:, :60], truth[:60] = 1, 1
    called[:, -4:] = 255
    make_raster("run/classes.tif", called, gsd=1.0, nodata=255)
    write_json(tmp_path / "run" / "run.json", {"model": {"classes": ["other", "landslide"]}})
    return tmp_path / "run", make_raster("labels.tif", truth, gsd=1.0, nodata=255)


def test_a_plane_has_one_slope_and_faces_one_way(run, make_raster):
    rise = np.tile(np.arange(40, dtype="float32") * 3 * np.tan(np.radians(23)), (40, 1))  # up to the east
    found = by_terrain(*run, make_raster("dem.tif", rise, gsd=3.0, nodata=-9999))
    [steep] = [row for row in found["slope"] if row["tp"]]
    assert steep["from"] <= 23 <= steep["to"]
    [west] = [row for row in found["aspect"] if row["tp"]]
    assert west["wind"] == "W" and found["spacing_m"] == pytest.approx(1, rel=1e-3)
    # the DEM's outermost pixels have no slope
    for name, area in {"tp": 57 * 57, "fp": 57 * 57, "fn": 57 * 56, "tn": 57 * 56}.items():
        assert west[name] == steep[name] == pytest.approx(area, rel=0.03)


def test_flat_ground_faces_nowhere_and_no_elevation_is_said(run, make_raster):
    found = by_terrain(*run, make_raster("flat.tif", np.zeros((40, 40), "float32"), gsd=3.0, nodata=-9999))
    assert not any(row["tp"] for row in found["aspect"]) and found["slope"][0]["tp"] > 0
    with pytest.raises(InputError, match="none where the detection"):
        by_terrain(*run, make_raster("far.tif", np.zeros((40, 40), "float32"), gsd=3.0, origin=(500000.0, 0.0)))


def test_a_large_map_is_looked_at_in_places(run, make_raster, monkeypatch):
    rise = np.tile(np.arange(40, dtype="float32"), (40, 1))
    dem = make_raster("dem.tif", rise, gsd=3.0, nodata=-9999)
    whole = by_terrain(*run, dem)
    monkeypatch.setattr("core.strata.SAMPLES", 900)
    few = by_terrain(*run, dem)
    assert few["spacing_m"] == pytest.approx(4, rel=0.01)
    assert sum(r["tp"] for r in few["slope"]) == pytest.approx(sum(r["tp"] for r in whole["slope"]), rel=0.15)
