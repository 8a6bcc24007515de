"""Areas that were typed or uploaded, brought to degrees."""

import json

import pyproj
import pytest
import shapely

from core.errors import InputError
from core.vectors import area_from_bounds, area_from_file, area_m2

UTM48 = pyproj.Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)


def test_a_typed_rectangle_in_degrees_is_itself():
    area = shapely.geometry.shape(area_from_bounds((103.8, 33.19, 103.81, 33.2)))
    assert area.bounds == pytest.approx((103.8, 33.19, 103.81, 33.2)) and len(area.exterior.coords) == 5


def test_a_typed_rectangle_in_metres_keeps_its_size_and_its_curved_sides():
    area = area_from_bounds((388_000, 3_675_000, 389_000, 3_676_000), "EPSG:32648")
    # UTM is 0.06 % small here, so the ground is that much larger.
    assert area_m2(area) == pytest.approx(1e6, rel=0.002)
    corner = UTM48.transform(388_000, 3_675_000)
    assert min(shapely.Point(corner).distance(shapely.Point(p)) for p in area["coordinates"][0]) < 1e-8
    assert len(area["coordinates"][0]) > 5, "straight in metres is not straight in degrees"


@pytest.mark.parametrize(("bounds", "crs"), [
    ((2, 0, 1, 1), "EPSG:4326"), ((0, 1, 1, 1), "EPSG:4326"), ((0, 0, float("nan"), 1), "EPSG:4326"),
    ((0, 0, 200, 1), "EPSG:4326"), ((0, -91, 1, 0), "EPSG:4326"), ((1e9, 1e9, 2e9, 2e9), "EPSG:32648")])
def test_what_is_no_rectangle_on_earth_is_refused(bounds, crs):
    with pytest.raises(InputError, match="area"):
        area_from_bounds(bounds, crs)


def test_an_uploaded_area_comes_in_degrees(tmp_path):
    square = shapely.geometry.mapping(shapely.box(388_000, 3_675_000, 388_100, 3_675_100))
    file = tmp_path / "area.geojson"
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32648"}}
    file.write_text(json.dumps({"type": "FeatureCollection", "crs": crs,
                                "features": [{"type": "Feature", "properties": {}, "geometry": square}]}))
    area = area_from_file(file)
    assert area["type"] == "Polygon" and area_m2(area) == pytest.approx(1e4, rel=0.002)
    assert shapely.geometry.shape(area).bounds[:2] == pytest.approx(UTM48.transform(388_000, 3_675_000), abs=1e-4)
    file.write_text("{}")
    with pytest.raises(InputError):
        area_from_file(file)
