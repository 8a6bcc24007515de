"""The page of data by Streamlit's own test driver: empty, full, with twelve layers, and with what went wrong."""

import shutil

import numpy as np
import pytest
import rasterio

from core import incoming
from core.errors import InputError
from core.project import add_layer, change_layer, create, open_project, remove_layer
from ui import preflight_panel
from ui.data_facts import small_picture
from ui.models import models as known_models

LONG = "a very long name of a mosaic of many flights over one valley in the year of the earthquake " * 2


@pytest.fixture(autouse=True)
def settings(root, monkeypatch, models):
    monkeypatch.setenv("SCARP_MODELS", str(models))
    for name in ("SCARP_DATA", "SCARP_MAX_UPLOAD_GB"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def empty(root):
    return create(root / "valley", "Valley")


@pytest.fixture
def valley(empty, place_files):
    project = empty
    for role in ("image", "dem"):
        path = project.folder / "layers" / f"{role}.tif"
        shutil.copy(place_files[role], path)
        why = (("role", "4 bands"),) if role == "image" else (("unit", "metres are usual"),)
        project = add_layer(project, role, path, role.title(), unit="m" if role == "dem" else "", guesses=why)
    return project


@pytest.fixture
def page(visit):
    return lambda: visit("data")


def button(app, label):
    return next(each for each in app.button if each.label == label)


def test_an_empty_project_invites(empty, page, words):
    app = page()
    assert not app.exception and not app.error and "Valley" in words(app)
    assert app.expander[0].label == "Add data" and app.expander[0].proto.expanded
    assert "scarp-verdict" not in words(app) and not app.dataframe


def test_a_project_with_data_says_whether_it_will_do(valley, page, words):
    app = page()
    assert not app.exception and not app.error
    assert "<b>Ready</b>" in words(app) and "not known for this model" in words(app) and "8 good" in words(app)
    assert list(app.dataframe[0].value["Layer"]) == ["Image", "Dem"]
    assert list(app.dataframe[0].value["Open"]) == ["1", "1"]
    assert app.dataframe[0].value["Raster"][0].startswith("512 × 512 px")


def test_without_an_image_it_asks_for_one(valley, page, words):
    remove_layer(valley, "image")
    app = page()
    assert not app.exception and "An image is missing" in words(app) and "scarp-verdict" not in words(app)


def test_twelve_layers_with_long_names_and_markup(valley, place_files, page, words):
    project = valley
    for number in range(10):
        path = project.folder / "layers" / f"n{number}.tif"
        shutil.copy(place_files["truth"], path)
        project = add_layer(project, "truth", path, f"<b>{LONG}", source=LONG)
    app = page()
    assert not app.exception and len(app.dataframe[0].value) == 12 and f"<b>{LONG}" not in words(app)


def test_a_missing_file_is_said_and_the_rest_stays(valley, page, words):
    (valley.folder / "layers" / "image.tif").unlink()
    app = page()
    assert not app.exception and app.dataframe[0].value["Raster"][0] == "File missing or damaged"
    assert "<b>Not yet</b>" in words(app) and "Put the file back" in words(app)


def test_a_refused_file_is_explained_and_dismissed(empty, tmp_path, page):
    (tmp_path / "x.tif").write_text("x")
    for name, got in (("<i>my.tif", "text"), ("other.tif", "no coordinate reference system")):
        each = incoming.add(empty.folder, name, tmp_path / "x.tif", ours=False)
        incoming.take(empty.folder)
        incoming.refuse(empty.folder, each.id, InputError(name, got=got, expected="a GeoTIFF", remedy="Export it."))
    app = page()
    assert not app.exception and [len(app.error), len(app.text_input)] == [2, 1]
    assert r"\<i\>my.tif" in app.error[0].value and "Export it" in app.error[0].value
    button(app, "Dismiss").click().run()
    assert [each.name for each in incoming.records(empty.folder)] == ["other.tif"]


def test_a_data_folder_has_to_be_allowed(empty, tmp_path, monkeypatch, make_raster, page, words):
    app = page()
    app.segmented_control[0].set_value("In a data folder").run()
    assert "SCARP_DATA" in words(app)
    make_raster("data/a.tif")
    (tmp_path / "data" / "sub").mkdir()
    monkeypatch.setenv("SCARP_DATA", str(tmp_path / "data"))
    app.run()
    assert list(app.dataframe[0].value["Name"]) == ["sub", "a.tif"] and button(app, "Import").disabled
    assert str(tmp_path) not in words(app)


def test_a_wrong_cap_of_uploads_is_told(empty, monkeypatch, page):
    monkeypatch.setenv("SCARP_MAX_UPLOAD_GB", "lots")
    app = page()
    assert "SCARP" in app.error[0].value and not app.exception


def test_findings_change_with_the_layer_and_the_gravest_come_first(valley, models):
    card = next(card for card in known_models() if card.name == "random")
    image, dem = valley.layers

    def levels(project, dem):
        return [each.level for each in preflight_panel.findings(project, image, dem, card)]

    first = levels(valley, dem)
    assert first == sorted(first, key=("stop", "warning", "note", "good").index) and "warning" not in first
    changed = change_layer(valley, "dem", unit="ft")
    assert preflight_panel.findings(changed, image, changed.layers[1], card) != preflight_panel.findings(
        valley, image, dem, card)
    shapes = preflight_panel.footprints(valley, [image, dem])["features"]
    assert [each["properties"]["role"] for each in shapes] == ["image", "dem"]
    assert len(shapes[0]["geometry"]["coordinates"][0]) > 30 and open_project(valley.folder) == changed


def test_the_picture_changes_with_the_file(valley):
    before = small_picture(valley, valley.layers[0])
    assert before.startswith("data:image/png;base64,") and len(before) > 500
    array = np.zeros((3, 8, 8), "uint8")
    with rasterio.open(valley.folder / "layers" / "image.tif", "r+") as dataset:
        dataset.write(array, [1, 2, 3], window=((0, 8), (0, 8)))
    assert small_picture(valley, valley.layers[0]) != before
