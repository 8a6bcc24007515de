"""The page that compares models by Streamlit's own test driver: nothing yet, jobs asked for, and each view."""

import shutil
from dataclasses import asdict

import numpy as np
import pytest
import rasterio
import shapely

from core import rivals
from core.export import write_layer
from core.files import read_json, write_json
from core.project import add_layer, create
from core.registry import ModelCard
from core.vectorize import OutlineSettings
from core.versus import COLOURS, versus

SIDE = 160
BOXES = {"careful": [(20, 60, 20, 60)], "bold": [(20, 60, 20, 60), (90, 130, 80, 140)]}


@pytest.fixture
def valley(root, make_raster):
    """A project with an image, elevation, a reference, and two detections of one model."""
    project = create(root / "valley", "Valley")
    rise = np.tile(np.arange(SIDE, dtype="float32"), (SIDE, 1))
    for role, array in (("image", None), ("dem", rise), ("truth", called("bold"))):
        path = project.folder / "layers" / f"{role}.tif"
        shutil.copy(make_raster(f"{role}.tif", array, shape=(SIDE, SIDE)), path)
        project = add_layer(project, role, path, role.title())
    image = project.folder / "layers" / "image.tif"
    for name, boxes in BOXES.items():
        run = project.folder / "runs" / name
        for file, array in (("classes", called(name)), ("probability", called(name) * np.uint8(200))):
            make_raster(run / f"{file}.tif", array, nodata=255)
        shapes = np.array([shapely.box(388000 + left / 2, 3676000 - bottom / 2, 388000 + right / 2, 3676000 - top / 2)
                           for top, bottom, left, right in boxes], object)
        write_layer(run / "landslides.gpkg", {
            "geometry": shapes, "id": np.arange(1, len(boxes) + 1), "area_m2": shapely.area(shapes)},
                    rasterio.CRS.from_epsg(32648), "")
        write_json(run / "run.json", {
            "model": {"name": "lite", "classes": ["other", "landslide"]}, "threshold": 0.4, "landslides": len(boxes),
            "outlines": asdict(OutlineSettings()), "observed_m2": 6400.0, "timing": {"predict_s": 2.0},
            "inputs": {"image": {"file": image.name, "bytes": image.stat().st_size, "crs": "EPSG:32648"}}})
        (run / "title.txt").write_text(name.title())
    return project


def called(name):
    classes = np.zeros((SIDE, SIDE), "uint8")
    for top, bottom, left, right in BOXES[name]:
        classes[top:bottom, left:right] = 1
    return classes


@pytest.fixture
def compared(valley):
    """The same, compared against the reference."""
    folder = valley.folder
    versus([folder / "runs" / name for name in BOXES], folder / "versus" / "one",
           labels=folder / "layers" / "truth.tif", dem=folder / "layers" / "dem.tif")
    return valley


def view(app, name):
    [views] = [group for group in app.get("button_group") if "Terrain" in group.options]
    return views.set_value(name).run()


def button(app, label):
    return next(each for each in app.button if each.label == label)


def test_with_one_detection_there_is_nothing_to_compare(valley, visit, words):
    shutil.rmtree(valley.folder / "runs" / "bold")
    app = visit("compare")
    assert not app.exception and "No comparison yet" in words(app) and "needs two detections" in words(app)


def test_two_detections_of_one_image_are_suggested_and_a_job_is_started(valley, visit, monkeypatch):
    asked = []
    monkeypatch.setattr("ui.compare_setup.compare", lambda *what, **how: asked.append((what, how)))
    app = visit("compare")
    assert sorted(app.multiselect[0].value) == ["bold", "careful"]
    assert app.selectbox(key="versus-labels-truth").value == "truth", "of no day, as the detections"
    button(app, "Compare").click().run()
    [((_, runs, labels), how)] = asked
    assert {run.id for run in runs} == {"bold", "careful"} and labels.id == "truth" and how == {"min_area_m2": 50.0}


def test_the_newest_detection_of_each_model_is_suggested(valley, visit):
    for number, model in enumerate(("six", "rae", "six")):
        shutil.copytree(valley.folder / "runs" / "bold", new := valley.folder / "runs" / f"{model}{number}")
        about = read_json(new / "run.json")
        write_json(new / "run.json", about | {"model": about["model"] | {"name": model}})
    suggested = visit("compare").multiselect[0].value
    assert len(suggested) == 3 and suggested[1:] == ["rae1", "six2"]


def test_several_models_are_started_as_one_job(valley, visit, words, monkeypatch, tmp_path):
    for name in ("a", "b"):
        card = ModelCard(name, f"Model {name}", "fstf_net_lite", "binary", (0.2, 1.0), sha256="ab")
        (tmp_path / "models" / name).mkdir(parents=True)
        write_json(tmp_path / "models" / name / "card.json", card.as_dict())
        (tmp_path / "models" / name / "model.safetensors").touch()
    asked = []
    monkeypatch.setattr("ui.compare_setup.detect_each", lambda *what: asked.append(what))
    app = visit("compare")
    assert "one after another" in words(app)
    button(app, "Detect with each").click().run()
    [(_, request, cards, _)] = asked
    assert [card.name for card in cards] == ["a", "b"] and request.dem.id == "dem"


def test_each_view_and_the_figures(compared, visit, words):
    app = visit("compare")
    text = words(app)
    assert not app.exception and "Scores and cost" in text
    assert next(box.options for box in app.selectbox if box.label == "Comparison") == ["Careful and Bold"]
    assert all(f'panel">{each}<' in text for each in ("Image", "Reference, Truth", "Careful", "Bold"))
    table = app.dataframe[0].value
    assert table["Model"].tolist() == ["Careful", "Bold"] and table["IoU"].tolist()[1] == 1
    assert table["s per km²"].tolist() == [312.5, 312.5]
    assert "Against Careful, on the same draws" in text or "Against" not in text  # one block has no interval
    assert len(app.get("plotly_chart")) == 1 and "1 place of 50 m² and more is not agreed on" in text
    assert "1 landslide matches" in app.get("plotly_chart")[0].proto.spec
    app = view(app, "Terrain")
    assert not app.exception and all(f'panel">{name}<' in words(app) for name in ("Image", "Hillshade", "Slope",
                                                                                  "Aspect"))


def test_a_place_they_do_not_agree_on_shows_what_each_says(compared, visit, words):
    app = view(visit("compare"), "Over each other")
    assert not app.exception and f'--key:{COLOURS[1]}">Bold</span>' in words(app)
    [places] = [each.value for each in app.dataframe if "p1" in each.value]
    assert places["p1"].tolist() == [0.0] and places["p2"].tolist() == [0.8]
    app.session_state["picked-one"] = 1
    app.run()
    text = words(app)
    assert "Place 1, 600 m²" in text and "<em>0.80</em>" in text and text.count("<figure>") == 2
    assert "Slope, mean" in text


def test_a_removed_detection_leaves_the_figures(compared, visit, words):
    shutil.rmtree(compared.folder / "runs" / "bold")
    app = visit("compare")
    assert not app.exception and "was removed" in words(app)
    assert app.dataframe[0].value["Model"].tolist() == ["Careful", "lite"]


def test_a_comparison_can_be_removed(compared, visit, words):
    app = button(visit("compare"), "Remove").click().run()
    assert not app.exception and "No comparison yet" in words(app) and not rivals.contests(compared)
