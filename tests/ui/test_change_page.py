"""The page of changes by Streamlit's own test driver: nothing to compare, a comparison asked for, one looked at."""

import json
import shutil

import numpy as np
import pytest
import rasterio

from core import dates
from core.change import ChangeSettings, compare_dates, dated
from core.change.codes import KIND_COLOURS
from core.config import scheme
from core.project import add_layer, create

SIDE = 160


@pytest.fixture
def valley(root, make_raster):
    """Two images and a reference of each: one landslide that grew and one that is new."""
    project = create(root / "valley", "Valley")
    for name, day, boxes in (("before", "2021-07-18", [(20, 60)]), ("after", "2023-10-21", [(20, 90), (110, 150)])):
        classes = np.full((SIDE, SIDE), 2, "uint8")
        for top, bottom in boxes:
            classes[top:bottom, 20:60] = 0
        for role, array in (("image", None), ("truth", classes)):
            path = project.folder / "layers" / f"{role}-{name}.tif"
            shutil.copy(make_raster(path.name, array, shape=(SIDE, SIDE), **({} if array is None else {"nodata": 255})),
                        path)
            if role == "truth":
                with rasterio.open(path, "r+") as dataset:
                    dataset.update_tags(classes=json.dumps(scheme("paper").names))
            project = add_layer(project, role, path, f"{name.title()} the event", day)
    return project


@pytest.fixture
def compared(valley):
    """The same, compared."""
    first, second = dates.sides(valley)
    compare_dates(ChangeSettings(
        dated(first.path, first.title), dated(second.path, second.title), min_area_m2=50,
        labels=({"date": first.date, "source": first.id}, {"date": second.date, "source": second.id})),
        valley.folder / "changes" / "one")
    return valley


def test_a_project_with_one_date_says_what_is_missing(root, make_raster, visit, words):
    project = create(root / "one", "One date")
    path = project.folder / "layers" / "image.tif"
    shutil.copy(make_raster("image.tif"), path)
    add_layer(project, "image", path, "Image")
    app = visit("change")
    assert not app.exception and "No comparison yet" in words(app) and "of each of two dates" in words(app)


def test_a_project_without_an_image_is_sent_for_data(root, visit, words):
    create(root / "bare", "Bare")
    assert "There is no image" in words(visit("change"))


def test_two_dates_are_suggested_and_a_job_is_started(valley, visit, words, monkeypatch):
    asked = []
    monkeypatch.setattr("ui.change_setup.compare", lambda *sides, **how: asked.append((sides, how)))
    app = visit("change")
    assert [box.value for box in app.selectbox if "date" in box.label] == ["layer:truth-before", "layer:truth-after"]
    next(button for button in app.button if button.label == "Compare").click().run()
    (_, before, after), how = asked[0]
    assert (before.date, after.date) == ("2021-07-18", "2023-10-21")
    assert how == {"correct": True, "tolerance_m": None, "min_area_m2": 50.0}


def test_the_wrong_order_is_warned_of_and_one_map_twice_is_not_compared(valley, visit):
    app = visit("change")
    first, second = (box for box in app.selectbox if "date" in box.label)
    first.set_value("layer:truth-after").run()
    app = second.set_value("layer:truth-before").run()
    assert "not the earlier one" in app.warning[0].value
    app = next(box for box in app.selectbox if box.label == "Second date").set_value("layer:truth-after").run()
    assert next(button for button in app.button if button.label == "Compare").disabled


def test_a_comparison_shows_figures_table_and_charts(compared, visit, words):
    app = visit("change")
    text = words(app)
    assert not app.exception
    for kind in ("new", "enlarged"):  # each with its colour on the map
        assert f'--key:{KIND_COLOURS[kind]}">{kind.title()}</span></dt><dd>1</dd>' in text
    assert "Not checked" in text
    [table] = app.dataframe
    assert table.value["change"].tolist() == ["new", "enlarged"]
    assert len(app.get("plotly_chart")) == 2
    assert "Send new ones" not in text  # a reference is no detection


def test_kinds_filter_the_table_and_a_selected_landslide_shows_its_figures(compared, visit, words):
    app = visit("change")
    [kinds] = [group for group in app.get("button_group") if "New 1" in group.options]
    app = kinds.set_value(["enlarged"]).run()
    assert app.dataframe[0].value["change"].tolist() == ["enlarged"]
    app.session_state["picked-change-one"] = 2
    app.run()
    assert "Landslide 2, enlarged" in words(app) and "Gained for certain" in words(app)


def test_a_comparison_can_be_removed(compared, visit, words):
    app = visit("change")
    app = next(button for button in app.button if button.label == "Remove").click().run()
    assert not app.exception and "No comparison yet" in words(app) and not dates.comparisons(compared)


def test_a_damaged_list_is_told_in_words(compared, visit, words):
    (compared.folder / "changes" / "one" / "change.gpkg").write_bytes(b"SQLite")
    app = visit("change")
    assert not app.exception and "Run the detection again" in words(app).replace("\\", "")
