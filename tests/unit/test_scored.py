"""Evaluations of a project: which reference, which command, what is stored, and other thresholds from it."""

import json

import numpy as np
import pytest
import rasterio

from core import scored
from core.config import scheme
from core.files import write_json
from core.metrics import scores, tally
from core.project import add_layer, create
from core.published import CITATION, TABLES
from core.registry import ModelCard


@pytest.fixture
def project(tmp_path, make_raster):
    made = create(tmp_path / "valley", "Valley")
    for day in ("2021-07-18", "2023-10-21"):
        path = make_raster(f"valley/layers/truth-{day}.tif", bands=1)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(classes=json.dumps(scheme("paper").names))
        made = add_layer(made, "truth", path, f"Truth of {day}", day)
    made = add_layer(made, "dem", make_raster("valley/layers/dem.tif", bands=1, dtype="float32"), "DEM", unit="ft")
    for name, classes in (("two", ("other", "landslide")), ("six", scheme("paper").names)):
        folder = made.folder / "runs" / name
        folder.mkdir()
        write_json(folder / "run.json", {"model": {"name": name, "classes": classes}, "image_date": "2023-10-21"})
    return made


def runs(project):
    return {run.id: run for run in project.runs()}


def test_the_reference_of_the_same_day_is_suggested(project):
    assert scored.suggested(project, runs(project)["two"]).date == "2023-10-21"


def test_all_classes_are_scored_where_both_have_them_else_landslides(project, monkeypatch):
    asked = []
    monkeypatch.setattr(scored, "submit", lambda *job: asked.append(job))
    layer = scored.references(project)[1]
    for name, classes in (("two", "binary"), ("six", "paper")):
        scored.score(project, runs(project)[name], layer)
        _, kind, title, command, params = asked[-1]
        assert kind == "evaluate" and layer.title in title and params == {"scored": name, "labels": layer.id}
        assert command[command.index("--scheme") + 1] == classes and command[command.index("--dem-unit") + 1] == "ft"
        assert command[command.index("--json") + 1] == project.folder / "runs" / name / f"scores-{layer.id}.json"


def test_stored_evaluations_are_found_and_damaged_ones_left_out(project):
    run = runs(project)["two"]
    assert scored.evaluations(run) == []
    write_json(run.folder / "scores-labels.json", {"name": "two"})
    (run.folder / "scores-broken.json").write_text("{")
    [found] = scored.evaluations(run)
    assert found.layer == "labels" and found.about["name"] == "two"


def test_other_thresholds_follow_from_what_was_counted():
    random = np.random.default_rng(4)
    truth = (random.random((50, 60)) < 0.3).astype("uint8")
    odds = np.clip(0.4 * truth + random.random((50, 60)) * 0.7, 0, 1)
    stored = np.rint(odds * 250).astype("uint8")
    report = scores(tally(truth, (stored >= 125).astype("uint8"), stored, scheme=scheme("binary")), 10)
    found = scored.at_threshold(report, 0.5)
    for name in ("precision", "recall", "f1", "iou"):
        assert found[name] == pytest.approx(report["landslide"][name])
    assert found["called"] == pytest.approx((stored >= 125).mean())
    assert scored.at_threshold(report, 0.02)["recall"] > found["recall"] > scored.at_threshold(report, 0.9)["recall"]
    assert np.isnan(scored.at_threshold({"odds": {"other": [0] * 251, "landslide": [0] * 251}}, 0.5)["f1"])


def test_a_training_log_is_read_as_far_as_it_is_whole(tmp_path):
    card = ModelCard("m", "M", "fstf_net", "binary", (0.2, 1.0), folder=tmp_path)
    assert scored.training_log(card) == []
    (tmp_path / "log.jsonl").write_text('{"step": 20, "loss": 1.5}\n[]\n{"step": 40, "gain": 0.5}\n{"step": 6')
    assert [line["step"] for line in scored.training_log(card)] == [20, 40]


def test_published_figures_are_whole_and_their_source_is_named():
    assert [table.number for table in TABLES] == [3, 4, 6] and "10.3390/rs13245116" in CITATION
    for table in TABLES:
        for method, figures in table.rows:
            assert len(figures) == len(table.columns) and all(0 < figure < 1 for figure in figures), method
    best = dict(TABLES[0].rows)["FSTF-Net"]
    assert best[TABLES[0].columns.index("Landslide")] == 0.86 and best[-1] == 0.89
    assert all("does not say" in table.note for table in TABLES)
    for _, (dp, _, oe, _) in TABLES[1].rows:
        assert dp + oe == pytest.approx(1, abs=0.011)
