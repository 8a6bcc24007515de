"""The Train page by Streamlit's own test driver: nothing yet, labels and their meaning, a start, and results."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from shapely.geometry import box, mapping
from shapely.geometry import shape as shape_of

from core.files import write_json
from core.jobs import Job, State
from core.project import add_layer
from core.raster import grid_of, open_raster
from core.registry import list_models
from core.tuning import request, tunings
from tests.conftest import write_raster
from ui.train_state import areas, set_area

ATTACK = "![x](http://127.0.0.1:1/x.png) <img src=x>"


@pytest.fixture
def ready(valley, models, tmp_path):
    """A project with a model that can run, and a reference of eight landslides."""
    shutil.copytree(models, tmp_path / "models")
    values = np.zeros((64, 80), np.uint8)
    for at in range(8):
        values[5 + 30 * (at // 4):15 + 30 * (at // 4), 5 + 18 * (at % 4):12 + 18 * (at % 4)] = 1
    path = valley.folder / "layers" / "truth.tif"
    write_raster(path, values)
    return add_layer(valley, "truth", path, "Truth")


@pytest.fixture
def finished(ready, models):
    """A fine-tuning that is finished."""
    folder = ready.folder / "trainings" / "20260101-120000-abcd"
    (folder / "run" / "pictures").mkdir(parents=True)
    shutil.copytree(models / "random", folder / "model")
    score = {"before": 0.4, "after": 0.6, "difference": 0.2, "interval": [0.1, 0.3]}
    write_json(folder / "run" / "scores.json", {"ground": [
        {"ground": "image", "blocks": 9, "scores": {"IoU": score, "recall": score | {"interval": None}}},
        {"ground": "generated scenes", "blocks": 12, "scores": {"IoU": score | {"difference": -0.05}}}]})
    (folder / "run" / "curve.jsonl").write_text("".join(
        json.dumps({"step": 5 * n, "steps": 20, "loss": 1 / n, "iou": n / 10}) + "\n" for n in range(1, 5)))
    write_json(folder / "tuning.json", {
        "created": "2026-01-01T12:00:00+00:00", "model": "random", "model_title": ATTACK, "image": "Image",
        "labels": "Truth", "counts": {"landslide": 8}, "mode": "quick", "learns": "full", "minutes": 3.0, "steps": 0,
        "job": "gone", "test": True, "kept": ""})
    return ready


def button(app, label):
    return next(each for each in app.button if each.label == label)


def test_without_an_image_or_a_model_the_page_says_what_to_do(root, valley, visit, words):
    app = visit("train", project="valley")
    assert not app.exception and "No model has weights yet" in words(app)


def test_without_reviews_nothing_can_start(ready, visit, words):
    app = visit("train", project="valley")
    assert not app.exception and "Nothing is reviewed yet" in words(app)
    assert button(app, "Start fine-tuning").disabled


def test_a_class_raster_is_given_a_meaning_and_started(ready, visit, words, monkeypatch):
    started = []

    def submit(folder, kind, title, command, params):
        started.append([str(word) for word in command])
        return Job("job-1", folder / "job-1", kind, title, State.QUEUED, 0.0)

    monkeypatch.setattr(request, "submit", submit)
    app = visit("train", project="valley")
    app.selectbox(key="train-labels").select("Truth").run()
    chosen = {each.key: each.value for each in app.selectbox if str(each.key).startswith("train-value")}
    assert list(chosen.values()) == ["other", "landslide"]
    assert "8 landslides; about a quarter" in words(app) and "About 5 minutes" in words(app)
    app.number_input(key="train-steps").set_value(20).run()
    button(app, "Start fine-tuning").click().run()
    assert not app.exception and started and "20" in started[0]
    assert app.query_params["job"] in ("job-1", ["job-1"])
    (tuning,) = tunings(ready)
    assert tuning.about["counts"] == {"landslide": 8}


def test_an_area_and_labels_come_from_files(ready, visit, words):
    app = visit("train", project="valley")
    app.selectbox(key="train-labels").select("A file ...").run()
    bow = {"type": "Polygon", "coordinates": [[[103.797, 33.2], [103.798, 33.199], [103.798, 33.2], [103.797, 33.199],
                                               [103.797, 33.2]]]}
    rows = [{"type": "Feature", "properties": {"state": f"s{at}"}, "geometry": bow} for at in range(13)]
    labels = json.dumps({"type": "FeatureCollection", "features": rows}).encode()
    app.file_uploader(key="train-file-valley").set_value(("mine.geojson", labels, "application/json")).run()
    assert "13 landslide outlines. 13 touched or crossed themselves and were repaired." in words(app)
    app.selectbox(key="train-attribute-labels.geojson").select("state").run()
    app.selectbox(key="train-value-labels.geojson-state-s0").select("landslide").run()
    assert "count as unknown ground: 1." in words(app)
    with open_raster(ready.path(ready.of("image")[0])) as dataset:
        place = box(*grid_of(dataset).bounds_lonlat)
    for name, shape, said in (("far", box(0, 0, 1, 1), "outside the image"), ("here", place, "Training area: ")):
        app.file_uploader(key="train-area-file-valley-0").set_value(
            (f"{name}.geojson", json.dumps(mapping(shape)).encode(), "application/json")).run()
        app.button(key="use-file-train-area").click().run()
        assert not app.exception and said in words(app)
    assert shape_of(areas(ready)["area"]).hausdorff_distance(place) < 1e-8


def test_what_stops_is_said_and_nothing_starts(ready, visit, words):
    set_area(ready, "test", mapping(box(100, 30, 100.001, 30.001)))
    app = visit("train", project="valley")
    app.selectbox(key="train-labels").select("Truth").run()
    assert "The test area holds no labelled landslide" in words(app)
    assert button(app, "Start fine-tuning").disabled
    set_area(ready, "test", None)
    assert areas(ready) == {}
    app.selectbox(key="train-value-truth.tif--1").select("other").run()
    assert "Say which value is a landslide" in words(app) and button(app, "Start fine-tuning").disabled


def test_a_finished_one_shows_before_and_after_and_is_kept_under_a_name(finished, visit, words, tmp_path):
    app = visit("train", project="valley")
    said = words(app)
    assert not app.exception and "0.40 → 0.60" in said and "IoU rose by 0.100 to 0.300" in said
    sure = "+0.100 to +0.300"
    assert app.dataframe[0].value["95 % interval"].tolist() == [sure, "too few blocks", sure]
    app.text_input(key="train-name-20260101-120000-abcd").input("../x")
    button(app, "Keep this model").click().run()
    assert "letters, digits" in words(app)
    app.text_input(key="train-name-20260101-120000-abcd").input(" valley  1")
    button(app, "Keep this model").click().run()
    assert not app.exception and "Kept as valley-1" in words(app)
    assert "valley-1" in [card.name for card in list_models(tmp_path / "models")]


def test_two_are_compared_and_one_is_deleted(finished, visit, words):
    first = finished.folder / "trainings" / "20260101-120000-abcd"
    shutil.copytree(first, first.with_name("20260102-120000-abcd"))
    app = visit("train", project="valley")
    table = app.dataframe[1].value
    assert len(table) == 2 and table["IoU after"].tolist() == [0.6, 0.6] and table["Elsewhere"].tolist() == [-0.05] * 2
    app.button(key="train-remove-20260102-120000-abcd").click().run()
    assert not app.exception and [each.id for each in tunings(finished)] == ["20260101-120000-abcd"]
    assert "Side by side" not in words(app)


def test_what_a_removed_job_left_unfinished_goes_too(finished, visit):
    left = finished.folder / "trainings" / "20260103-120000-abcd"
    shutil.copytree(finished.folder / "trainings" / "20260101-120000-abcd", left)
    (left / "run" / "scores.json").unlink()
    app = visit("train", project="valley")
    assert not app.exception and not left.exists()
    assert [each.id for each in tunings(finished)] == ["20260101-120000-abcd"]
