"""What the map is told: layers in order, addresses that open, choices of bands, footprints and a preview."""

import json
import shutil
from dataclasses import fields

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.crs import CRS

from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from core.project import add_layer, create
from core.redraw import Cut
from core.styles import Imagery, Style
from core.tokens import signer
from ui.detect_layers import detect_layers
from ui.layers import bounds_of, footprints, map_layers, shapes
from ui.outlines import Shown


@pytest.fixture
def project(tmp_path, monkeypatch, make_raster):
    """Four bands with near infrared, a DEM with a hole, and a detection."""
    monkeypatch.setenv("SCARP_PROJECTS", str(tmp_path))
    made = create(tmp_path / "valley", "Valley")
    hills = np.tile(np.arange(80, dtype="float32"), (64, 1))
    hills[5, 5] = -9999
    for role, path in (
        ("image", make_raster("image.tif", bands=4, descriptions=("red", "green", "blue", "nir"))),
        ("dem", make_raster("dem.tif", hills, nodata=-9999)), ("truth", make_raster("truth.tif", bands=1, nodata=255)),
    ):
        shutil.move(path, made.folder / "layers" / path.name)
        made = add_layer(made, role, made.folder / "layers" / path.name, role.title())
    run = made.folder / "runs" / "one"
    make_raster("valley/runs/one/classes.tif", bands=1, nodata=255)
    write_json(run / "run.json", {"model": {"name": "m", "classes": ["other", "landslide"]}})
    return made


def opened(layer):
    """Return the file and the use that a layer's address names."""
    from ui.settings import projects_root

    return signer(projects_root()).open(layer["url"].split("/")[2].removesuffix(".geojson"))


def test_layers_come_top_first_with_what_shows_at_first(project):
    layers = map_layers(project, project.runs()[0])
    assert [layer["slot"] for layer in layers] == [
        "classes", "truth-truth", "footprints", "ndvi", "slope", "aspect", "elevation", "hillshade", "image-image"]
    assert [layer["slot"] for layer in layers if layer["visible"]] == ["classes", "image-image"]
    for layer in (each for each in layers if each["kind"] != "shapes"):
        path, use = opened(layer)
        assert path.is_file() and (Imagery if "bands" in use else Style)(**{
            key: tuple(value) if isinstance(value, list) else value for key, value in use.items()})
        assert layer["bounds"] == pytest.approx(bounds_of(project.path(project.layers[0])), abs=1e-5)
    assert len(json.dumps(layers)) < 8_000, "this is sent at every rerun"


def test_the_class_map_says_where_it_was_cut_when_the_outlines_are_others(project):
    own, run = Cut(0.4, 0.0), project.runs()[0]

    def title(cut):
        layers = detect_layers(project, run, Shown(run.folder / "landslides.gpkg", own, cut), None)
        return next(layer["title"] for layer in layers if layer["slot"] == "classes")

    assert title(own) == "Class map" and title(Cut(0.6, 0.0)) == "Class map at 0.40"


def test_an_image_offers_its_bands_and_stretches_with_names(project):
    image = map_layers(project)[-1]
    assert list(image["choices"]["bands"]) == ["natural", "infrared", "b1", "b2", "b3", "b4"]
    assert list(image["choices"]["stretches"]) == ["asis", "percent", "extremes", "gamma"]
    assert image["choices"]["default"] == "natural-asis" and "/{choice}/" in image["url"]


def test_what_has_no_value_is_not_asked_and_elevations_are_read_from_the_dem(project):
    by_slot = {layer["slot"]: layer for layer in map_layers(project)}
    assert by_slot["hillshade"]["values"] == ""
    token = by_slot["elevation"]["values"].split("/")[2]
    from ui.settings import projects_root

    assert signer(projects_root()).open(token)[0].name == "dem.tif"
    assert by_slot["elevation"]["legend"]["low"] == "0 m" and by_slot["elevation"]["legend"]["high"] == "79 m"


def test_a_preview_lies_on_top_and_has_another_address_when_it_is_written_again(project, make_raster):
    preview = project.folder / "preview.tif"
    assert map_layers(project, preview=preview)[0]["slot"] != "preview"
    shutil.move(make_raster("p.tif", bands=1, nodata=255), preview)
    first = map_layers(project, preview=preview)[0]
    shutil.move(make_raster("q.tif", bands=1, nodata=255), preview)
    second = map_layers(project, preview=preview)[0]
    assert first["slot"] == "preview" and first["visible"]
    assert first["id"] == second["id"] and first["url"] != second["url"]


def test_footprints_name_every_raster_where_it_lies(project):
    layer = footprints(project)
    labels = [feature["properties"]["label"] for feature in layer["data"]["features"]]
    assert labels == ["Image", "Dem", "Truth"]
    with rasterio.open(project.path(project.layers[0])) as dataset:
        assert dataset.crs.to_epsg() == 32648
    box = shapely.geometry.shape(layer["data"]["features"][0]["geometry"]).bounds
    assert box == pytest.approx(bounds_of(project.path(project.layers[0]))) and layer["bounds"] == pytest.approx(box)


def test_shapes_take_geojson_or_shapely_and_may_be_none():
    square = shapely.box(1, 2, 3, 4)
    layer = shapes("a", "G", "T", [(square, "x"), (shapely.geometry.mapping(square), "y")], "#112233")
    assert layer["kind"] == "shapes" and layer["bounds"] == [1, 2, 3, 4]
    assert shapes("a", "G", "T", [], "#112233")["bounds"] is None


@pytest.mark.parametrize(("count", "low", "high"), [(30, 0, 0), (3000, 16.5, 19)])
def test_crowded_outlines_get_their_lines_only_close_by(project, count, low, high):
    run, random = project.runs()[0], np.random.default_rng(1)
    measured = Measured(**dict.fromkeys((f.name for f in fields(Measured)), 1.0) | {"length_from": "shape"})
    places = random.uniform(0, 500, (count, 2)) + (388_000, 3_675_500)
    write_outlines(run.folder / "landslides.gpkg", [(shapely.Point(place).buffer(3), measured) for place in places],
                   CRS.from_epsg(32648), model="m")
    assert low <= map_layers(project, run)[0]["detail"] <= high
