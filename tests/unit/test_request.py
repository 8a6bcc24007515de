"""What is asked for becomes a job and settings that say the same; a finished detection can be asked for again."""

import shutil
from dataclasses import replace

import numpy as np
import pyproj
import pytest
import shapely

from core import request as module
from core.errors import InputError
from core.files import read_json, write_json
from core.project import Run, add_layer, create
from core.registry import ModelCard
from core.request import Request, again

CARD = ModelCard("lite", "Lite", "fstf_net_lite", "binary", (0.2, 1.0))
TO_DEGREES = pyproj.Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)


@pytest.fixture
def project(tmp_path, make_raster):
    project = create(tmp_path / "valley", "Valley")
    for role in ("image", "dem"):
        path = project.folder / "layers" / f"{role}.tif"
        shutil.copy(make_raster(f"{role}.tif", None if role == "image" else np.zeros((64, 80), "float32")), path)
        project = add_layer(project, role, path, role.title(), "2017-08-09" if role == "image" else "")
    return project


@pytest.fixture
def submitted(monkeypatch):
    asked = {}
    monkeypatch.setattr(module, "submit_detect", lambda folder, **what: asked.update(what, project=folder))
    return asked


def square(x=388010, y=3675990, side=5):
    return shapely.box(x, y - side, x + side, y)


def in_degrees(polygon):
    return shapely.geometry.mapping(shapely.transform(polygon, TO_DEGREES.transform, interleaved=False))


def test_a_request_becomes_a_job(project, submitted):
    image = replace(project.of("image")[0], bands=(("red", 3), ("green", 2), ("blue", 1)))
    asked = Request(image, CARD, replace(project.of("dem")[0], unit="ft"), in_degrees(square()), "torch", 0.3, 20, 512)
    asked.submit(project, None)
    words = list(map(str, submitted["options"]))
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--min-area": "20", "--threshold": "0.3", "--date": "2017-08-09", "--window": "512", "--halo": "320",
        "--dem-unit": "ft", "--bands": "red=3,green=2,blue=1"}
    assert submitted["image"] == project.path(image) and submitted["model"] == "lite"
    assert submitted["engine"] == "torch" and submitted["title"] == "Lite, image"
    [area] = (project.folder / "areas").iterdir()
    assert submitted["area"] == area and read_json(area)["features"][0]["geometry"]["type"] == "Polygon"


def test_what_is_left_out_is_left_to_the_program(project, submitted):
    Request(project.of("image")[0], CARD).submit(project, None)
    assert list(submitted["options"]) == ["--min-area", 50.0, "--date", "2017-08-09"]
    assert submitted["dem"] is None and submitted["area"] is None


def test_the_threshold_is_the_one_for_the_pixels_that_the_model_sees(project):
    card = replace(CARD, thresholds=((0.5, 0.6), (2.0, 0.2)))
    image = project.of("image")[0]
    assert Request(image, card).own_threshold(project) == 0.6
    assert Request(image, replace(card, gsd_range_m=(1.0, 3.0))).own_threshold(project) == 0.4, "means of 2 x 2"
    assert Request(image, CARD).own_threshold(project) == CARD.threshold


def test_the_settings_say_the_same(project):
    asked = Request(project.of("image")[0], CARD, project.of("dem")[0], in_degrees(square()), threshold=0.3,
                    min_area_m2=20, window=512, halo=64)
    settings = asked.settings(project)
    assert settings.scene.dem == project.path(project.of("dem")[0]) and settings.scene.dem_unit == "m"
    assert (settings.threshold, settings.outlines.min_area_m2) == (0.3, 20)
    assert (settings.tiling.size, settings.tiling.halo) == (512, 64)
    assert settings.scene.area[1] == "EPSG:4326" and settings.image_date.year == 2017


def test_one_look_is_asked_for_and_kept(project, submitted):
    asked = Request(project.of("image")[0], CARD, single_look=True)
    asked.submit(project, None)
    assert "--single-look" in submitted["options"] and asked.settings(project).single_look
    assert again(project, made(project, single_look=True), CARD).single_look
    assert not again(project, made(project), CARD).single_look


def made(project, **about):
    layer = project.folder / "layers" / "image.tif"
    inputs = {"image": {"file": layer.name, "bytes": layer.stat().st_size, "crs": "EPSG:32648"}, "dem": None}
    return Run("r", project.folder / "runs" / "r", {"inputs": inputs, "outlines": {"min_area_m2": 20}, **about})


def test_the_same_again_keeps_image_area_and_smallest_landslide(project):
    asked = again(project, made(project, area=square().wkt, threshold=0.9), CARD)
    assert asked.image.id == "image" and asked.dem is None and asked.min_area_m2 == 20
    assert asked.threshold is None, "a threshold belongs to its model"
    back = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32648", always_xy=True)
    area = shapely.transform(shapely.geometry.shape(asked.area), back.transform, interleaved=False)
    assert area.symmetric_difference(square()).area < 1e-3
    assert again(project, made(project), CARD).area is None


def test_a_detection_whose_image_is_gone_or_changed_cannot_be_made_again(project):
    run = made(project)
    (project.folder / "layers" / "image.tif").write_bytes(b"another")
    with pytest.raises(InputError, match="Add the image again"):
        again(project, run, CARD)


def test_a_layer_of_another_day_is_not_used(project, submitted, make_raster):
    for day in ("2016-01-01", "2017-08-09"):
        path = project.folder / "layers" / f"ndvi-{day}.tif"
        shutil.copy(make_raster(path.name), path)
        project = add_layer(project, "ndvi", path, day, day)
    Request(project.of("image")[0], CARD).submit(project, None)
    assert submitted["ndvi"].name == "ndvi-2017-08-09.tif"


def test_ground_that_was_not_seen_goes_along(project, submitted):
    path = project.folder / "layers" / "cloud.geojson"
    write_json(path, {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": in_degrees(square())}]})
    project = add_layer(project, "unobserved", path, "Cloud")
    asked = Request(project.of("image")[0], CARD)
    asked.submit(project, None)
    assert submitted["options"][-2:] == ["--unobserved", path.resolve()]
    assert asked.scene(project).unobserved is not None
