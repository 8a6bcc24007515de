"""The page of metrics by Streamlit's own test driver: nothing to score, a job asked for, and the charts."""

import shutil

import numpy as np
import pytest

from core import scored
from core.config import scheme
from core.files import write_json
from core.metrics import Blocks, scores, tally
from core.project import add_layer, create, remove_layer
from core.registry import ModelCard

SIDE = 160


@pytest.fixture
def valley(root, make_raster):
    """A project with an image, a detection and a reference."""
    project = create(root / "valley", "Valley")
    for role, array in (("image", None), ("truth", np.zeros((SIDE, SIDE), "uint8"))):
        path = project.folder / "layers" / f"{role}.tif"
        shutil.copy(make_raster(f"{role}.tif", array, shape=(SIDE, SIDE)), path)
        project = add_layer(project, role, path, role.title())
    (project.folder / "runs" / "first").mkdir()
    write_json(project.folder / "runs" / "first" / "run.json", {
        "model": {"name": "lite", "classes": ["other", "landslide"]}, "threshold": 0.5})
    return project


def report(*, terrain=True):
    """Return what an evaluation stores."""
    random = np.random.default_rng(6)
    truth = np.zeros((SIDE, SIDE), "uint8")
    truth[20:60, 20:60] = truth[90:130, 30:120] = 1
    odds = np.clip(0.55 * truth + 0.4 * random.random(truth.shape), 0, 1)
    stored = np.rint(odds * 250).astype("uint8")
    half = np.repeat([0, 1], SIDE // 2)
    blocks = Blocks(("a", "b"), half, np.zeros(SIDE, int))
    found = scores(tally(truth, (stored >= 125).astype("uint8"), stored, scheme=scheme("binary"), blocks=blocks,
                         pixel_area_m2=1.0), 20)
    counts = {"tp": 10.0, "fp": 2.0, "fn": 5.0, "tn": 80.0}
    ground = {"slope": [{"from": 0.0, "to": 10.0} | counts], "aspect": [{"wind": wind} | counts for wind in "NESW"]}
    return {"name": "lite", "block_m": 150.0, **found} | ({"terrain": ground} if terrain else {})


def store(project, **how):
    write_json(project.folder / "runs" / "first" / "scores-truth.json", report(**how))


def button(app, label):
    return next(each for each in app.button if each.label == label)


def test_without_a_detection_or_a_reference_the_page_says_what_is_missing(valley, visit, words):
    bare = remove_layer(valley, "truth")
    app = visit("metrics")
    assert not app.exception and "No reference yet" in words(app)
    shutil.rmtree(bare.folder / "runs" / "first")
    assert "No detection yet" in words(visit("metrics"))


def test_published_figures_are_there_and_marked_as_others(valley, visit, words):
    app = visit("metrics")
    text = words(app)
    assert "Not measured here" in text and "10.3390/rs13245116" in text and "on other data" in text
    assert [len(table.value) for table in app.dataframe] == [6, 6, 1]


def test_scoring_is_a_job(valley, visit, words, monkeypatch):
    asked = []
    monkeypatch.setattr("ui.metrics_setup.score", lambda *what: asked.append(what))
    app = visit("metrics")
    assert "Not scored yet" in words(app)
    button(app, "Score").click().run()
    [(_, run, layer, _)] = asked
    assert (run.id, layer.id) == ("first", "truth")


def test_all_charts_of_an_evaluation(valley, visit, words):
    store(valley)
    app = visit("metrics")
    text = words(app)
    assert not app.exception and "Landslide IoU" in text and "2 blocks of ground of 150 m" in text
    assert len(app.get("plotly_chart")) == 9
    assert "does not lie beside this model" in text  # its training log
    button(app, "Score again")


def test_the_threshold_moves_the_figures(valley, visit, words):
    store(valley)
    app = visit("metrics")
    before = words(app)
    [slider] = app.slider
    assert slider.value == 0.5
    after = words(slider.set_value(0.9).run())
    known = scored.at_threshold(report(), 0.9)
    assert f"<dt>Recall</dt><dd>{known['recall']:.3f}</dd>" in after and after != before
    none = words(app.slider[0].set_value(0.98).run())  # no pixel is that sure
    assert "<dt>Precision</dt><dd>–</dd>" in none and "<dt>Recall</dt><dd>0.000</dd>" in none


def test_the_confusion_matrix_by_row(valley, visit):
    store(valley)
    app = visit("metrics")
    [ways] = [group for group in app.get("button_group") if "By row" in group.options]
    app = ways.set_value("By row").run()
    assert not app.exception and "%" in app.get("plotly_chart")[0].proto.spec


def test_what_was_not_counted_is_left_out_and_said(valley, visit, words, tmp_path):
    store(valley, terrain=False)
    card = ModelCard("lite", "Lite", "fstf_net_lite", "binary", (0.2, 1.0))
    folder = tmp_path / "models" / "lite"
    folder.mkdir(parents=True)
    write_json(folder / "card.json", card.as_dict())
    (folder / "log.jsonl").write_text('{"step": 20, "loss": 1.5}\n{"step": 40, "gain": 0.5}\n')
    app = visit("metrics")
    assert not app.exception and words(app).count("Elevation of the ground is needed") == 2
    assert len(app.get("plotly_chart")) == 8  # the log of the training is there now
