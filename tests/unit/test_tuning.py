"""Fine-tuning in a project: labels of every kind, what is known ground, what is refused, and what is kept."""

from __future__ import annotations

import json
import shutil
import zipfile

import geopandas
import numpy as np
import pytest
import shapely
from shapely.geometry import box, mapping

from core.config import SCHEMES
from core.errors import InputError, StorageError
from core.files import write_json
from core.jobs import Job, State
from core.project import add_layer, create
from core.registry import ModelCard, read_card
from core.tuning import Request, Tuning, check, from_file, from_reviews, keep, look_at, request, tunings
from core.tuning.labels import Labels
from core.tuning.request import known_ground

X, Y, UTM = 388000.0, 3676000.0, "EPSG:32648"
CARD = ModelCard("net", "Net", "fstf_net", "binary", (0.2, 2.0), {"encoder": "efficientnet_lite0"},
                 trained_topography=("dem",))


def place(column, row, side=10):
    """Return a square on the image, in metres."""
    return box(X + column, Y - row - side, X + column + side, Y - row)


def degrees(*shapes):
    return geopandas.GeoSeries(list(shapes), crs=UTM).to_crs(4326).to_list()


@pytest.fixture
def project(tmp_path, make_raster):
    """Return a project with an image of 300 m and elevation."""
    made = create(tmp_path / "valley", "Valley")
    for role, options in (("image", {"bands": 4}), ("dem", {"bands": 1, "dtype": "float32"})):
        path = made.folder / "layers" / f"{role}.tif"
        shutil.copy(make_raster(f"{role}.tif", shape=(300, 300), gsd=1.0, **options), path)
        made = add_layer(made, role, path, role.title(), bands=(("red", 3), ("green", 2), ("blue", 1))
                         if role == "image" else ())
    return made


@pytest.fixture
def squares():
    """Return twelve landslides and two that are none, as labels."""
    shapes = [place(20 + 70 * (i % 4), 20 + 70 * (i // 4)) for i in range(14)]
    frame = geopandas.GeoDataFrame({"class": ["landslide"] * 12 + ["other"] * 2}, geometry=degrees(*shapes), crs=4326)
    return Labels(frame, shapely.Polygon(), None, "squares")


def asked(project, labels, **options):
    return Request(CARD, project.of("image")[0], labels, project.of("dem")[0], **options)


def levels(project, labels, **options):
    return [(each.level, each.text) for each in check(project, asked(project, labels, **options))]


def area(*corners):
    return mapping(degrees(box(X + corners[0], Y - corners[3], X + corners[2], Y - corners[1]))[0])


def test_reviews_become_labels_and_what_nobody_looked_at_is_unknown():
    shapes = degrees(*(place(30 * i, 0) for i in range(5)))
    frame = geopandas.GeoDataFrame({"status": ["accepted", "edited", "drawn", "rejected", "unreviewed"],
                                    "class": [*["landslide"] * 3, "road", "landslide"]}, geometry=shapes, crs=4326)
    labels = from_reviews(frame)
    assert from_reviews(frame, SCHEMES["paper"]).counts == {"landslide": 3, "road": 1}
    assert labels.frame["class"].tolist() == ["landslide"] * 3 + ["other"] and labels.ignored.equals(shapes[4])
    assert labels.counts == {"landslide": 3, "other": 1}
    again = geopandas.GeoDataFrame({"status": ["accepted", "unreviewed"], "class": "landslide"}, crs=4326,
                                   geometry=degrees(place(0, 0), place(5, 0)))  # by another model, half of it decided
    half = geopandas.GeoSeries([from_reviews(again).ignored], crs=4326).to_crs(UTM)
    assert half.area[0] == pytest.approx(50, rel=1e-3)


def test_unreviewed_ground_is_never_known(project, squares):
    labels = Labels(squares.frame, degrees(place(100, 100, 40))[0], None, "x")
    for options in ({}, {"area": area(0, 0, 300, 300)}, {"area": area(0, 0, 150, 300), "test": area(90, 90, 300, 300)}):
        ground = known_ground(asked(project, labels, **options))
        assert not shapely.intersection(ground, labels.ignored).area
    whole = known_ground(asked(project, labels, area=area(0, 0, 300, 300)))
    assert geopandas.GeoSeries([whole], crs=4326).to_crs(UTM).area[0] == pytest.approx(90_000 - 1600, rel=1e-3)


def test_without_an_area_a_ring_around_each_label_is_known(project, squares):
    ground = geopandas.GeoSeries([known_ground(asked(project, squares))], crs=4326).to_crs(UTM)
    assert ground.area[0] == pytest.approx(14 * 100 * 3, rel=0.25)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".zip"])
def test_files_of_polygons_say_their_attributes_and_values(tmp_path, suffix):
    frame = geopandas.GeoDataFrame({"state": ["yes", "yes", "no", None], "size": [1, 2, 3, 4]},
                                   geometry=[place(20 * i, 0) for i in range(4)], crs=UTM)
    path = tmp_path / f"labels{suffix}"
    if suffix == ".zip":
        frame.to_file(tmp_path / "labels.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for each in tmp_path.glob("labels.*"):
                if each != path:
                    archive.write(each, each.name)
    else:
        (frame.to_crs(4326) if suffix == ".geojson" else frame).to_file(path)
    file = look_at(path)
    assert file.kind == "polygons" and file.values[""] == {"": 4}
    assert file.repaired == 0 and from_file(file, "", {"": "landslide"}).counts == {"landslide": 4}
    assert file.values["state"] == {"yes": 2, "no": 1, "": 1} and set(file.values["size"]) == set("1234")
    labels = from_file(file, "state", {"yes": "landslide", "no": "other", "": ""})
    assert labels.counts == {"landslide": 2, "other": 1} and labels.frame.crs == 4326
    assert labels.ignored.area and labels.known is None
    with pytest.raises(InputError, match="no value with a class"):
        from_file(file, "state", {"yes": ""})


def test_outlines_that_cross_themselves_are_counted_and_used(tmp_path):
    path = tmp_path / "labels.geojson"
    bow = shapely.Polygon([(X, Y), (X + 20, Y - 20), (X + 20, Y), (X, Y - 20)])
    geopandas.GeoDataFrame(geometry=degrees(bow, place(60, 0)), crs=4326).to_file(path)
    file = look_at(path)
    assert file.repaired == 1 and from_file(file, "", {"": "landslide"}).counts == {"landslide": 2}


def test_a_class_raster_is_landslides_and_known_ground(make_raster):
    values = np.full((120, 160), 2, np.uint8)
    values[10:20, 10:30] = 1
    values[50:60, 50:60] = 1
    values[60:64, 60:64] = 1  # touches by a corner
    values[100:] = 3
    values[:, 150:] = 255
    path = make_raster("classes.tif", array=values, nodata=255, gsd=1.0)
    file = look_at(path)
    assert file.kind == "raster" and file.values[""] == {"1": 316, "2": 100 * 150 - 316, "3": 20 * 150}
    labels = from_file(file, "", {"1": "landslide", "2": "other", "3": ""})
    assert labels.counts == {"landslide": 2}
    metres = labels.frame.to_crs(UTM)
    assert sorted(metres.area.round()) == [116, 200]
    assert geopandas.GeoSeries([labels.known], crs=4326).to_crs(UTM).area[0] == pytest.approx(15_000, rel=1e-3)


def test_rasters_that_are_no_classes_are_refused(make_raster):
    with pytest.raises(InputError, match="float32"):
        look_at(make_raster("heights.tif", bands=1, dtype="float32"))
    with pytest.raises(InputError, match="values"):
        look_at(make_raster("photo.tif", bands=1))
    with pytest.raises(InputError, match="3 bands"):
        look_at(make_raster("colour.tif"))


def test_what_a_look_finds_is_said_in_words(project, squares):
    assert levels(project, squares)[0] == ("good", "12 landslides; about a quarter of them is held out for the test.")
    halves = {"area": area(0, 0, 300, 150), "test": area(0, 150, 300, 300)}
    assert levels(project, squares, **halves) == [("good", "8 landslides to learn from, 4 in the test area.")]
    assert levels(project, squares, area=area(0, 0, 300, 150), test=area(0, 280, 300, 300))[0] == (
        "stop", "The test area holds no labelled landslide.")
    assert "none is left" in levels(project, squares, test=area(0, 0, 300, 300))[0][1]
    assert "at least 8" in levels(project, squares, area=area(0, 0, 100, 100))[0][1]
    far = Labels(squares.frame.set_geometry(squares.frame.translate(1, 0)), shapely.Polygon(), None, "x")
    assert "No landslide of the labels lies on this image" in levels(project, far)[0][1]
    none = Labels(squares.frame.assign(**{"class": "other"}), shapely.Polygon(), None, "x")
    assert "No label means landslide" in levels(project, none)[0][1]
    strange = Labels(squares.frame.assign(**{"class": ["landslide"] * 13 + ["glacier"]}), shapely.Polygon(), None, "x")
    assert ("stop", "The model knows no class glacier.") in levels(project, strange)
    double = squares.frame.copy()
    double.loc[12, "geometry"] = double.geometry[0]
    assert "overlap" in levels(project, Labels(double, shapely.Polygon(), None, "x"), **halves)[1][1]
    double.loc[12, "class"] = "landslide"
    assert levels(project, Labels(double, shapely.Polygon(), None, "x"), **halves)[1][1].endswith("it seems.")


@pytest.fixture
def started(project, squares, monkeypatch):
    """Return what starting a fine-tuning would run, without running it."""
    given = {}

    def submit(folder, kind, title, command, params):
        given.update(kind=kind, command=[str(word) for word in command], params=params)
        return Job("job-1", folder / "job-1", kind, title, State.QUEUED, 0.0)

    monkeypatch.setattr(request, "submit", submit)
    asked(project, squares, area=area(0, 0, 300, 150), test=area(0, 150, 300, 300), steps=20).submit(project, None)
    return project, given


def test_a_job_gets_all_it_needs(started):
    project, given = started
    (tuning,) = tunings(project)
    options = dict(zip(given["command"][4::2], given["command"][5::2], strict=True))
    assert given["kind"] == "finetune" and given["params"] == {"training": tuning.id}
    assert options["--bands"] == "red=3,green=2,blue=1" and options["--dem-unit"] == "m" and options["--steps"] == "20"
    assert options["--classes"] == "other=other,landslide=landslide" and options["--progress-file"] == "{progress}"
    labels = json.loads((tuning.folder / "labels.geojson").read_text())["features"]
    assert len(labels) == 14 and {each["properties"]["class"] for each in labels} == {"landslide", "other"}
    for file in ("labels", "area", "test"):
        assert options[f"--{file}"] == str(tuning.folder / f"{file}.geojson")
    assert tuning.about["counts"] == {"landslide": 12, "other": 2} and tuning.job is None
    assert (tuning.rows, tuning.curve, tuning.pictures, tuning.card, tuning.kept) == ([], [], [], None, "")


def test_a_curve_takes_the_last_line_of_a_repeated_step(started):
    (tuning,) = tunings(started[0])
    (tuning.folder / "run").mkdir()
    (tuning.folder / "run" / "curve.jsonl").write_text('{"step": 5, "loss": 2}\n{"step": 10, "loss": 1}\n'
                                                       '{"step": 5, "loss": 3}\n')
    assert tuning.curve == [{"step": 5, "loss": 3}, {"step": 10, "loss": 1}]


def test_a_model_is_kept_under_a_new_name_alone(started, models, tmp_path):
    (tuning,) = tunings(started[0])
    registry = tmp_path / "registry"
    registry.mkdir()
    with pytest.raises(InputError, match="finished"):
        keep(tuning, "mine", registry)
    shutil.copytree(models / "random", tuning.folder / "model")
    for name in ("", "../x", "a b"):
        with pytest.raises(InputError, match="name of the model"):
            keep(tuning, name, registry)
    card = keep(tuning, "mine-1", registry, "Mine")
    assert read_card(registry / "mine-1") == card and (card.name, card.title, card.has_weights) == (
        "mine-1", "Mine", True)
    with pytest.raises(StorageError, match="never overwritten"):
        keep(tuning, "mine-1", registry)
    (again,) = tunings(started[0])
    assert again.kept == "mine-1" and [each.name for each in registry.iterdir()] == ["mine-1"]


def test_a_damaged_record_is_left_out(project):
    folder = project.folder / "trainings" / "20260101-000000-abcd"
    folder.mkdir(parents=True)
    (folder / "tuning.json").write_text("{")
    write_json(project.folder / "trainings" / "setup.json", {})
    assert tunings(project) == [] and Tuning(folder, {}, None).rows == []
