"""The Accuracy panel of the review: points are labelled without the map in sight, by key or click, and add up."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.crs import CRS
from shapely.geometry import box

from core.accuracy import Studies
from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from tests.conftest import MASKS_IN_THREADS, write_raster
from ui.accuracy_panel import accuracy_layers
from ui.review_state import Review

pytestmark = MASKS_IN_THREADS
MEASURED = Measured(100.0, 40.0, 10.0, 10.0, "shape", None, None, None, None, None, None, 0.0, 0.8, 0.9, 103.8, 33.2)


@pytest.fixture
def run(valley):
    """A detection with one landslide on the project's image."""
    folder = valley.folder / "runs" / "first"
    folder.mkdir()
    values = np.zeros((64, 80), np.uint8)
    values[10:30, 10:30] = 1
    write_raster(folder / "classes.tif", values, nodata=255)
    write_outlines(folder / "landslides.gpkg", [(box(388005, 3675985, 388015, 3675995), MEASURED)],
                   CRS.from_epsg(32648), model="m")
    write_json(folder / "run.json", {"finished": "2026-01-01T00:00:00+00:00", "model": {
        "name": "m", "classes": ["other", "landslide"]}, "inputs": {}, "threshold": 0.5})
    return valley


@pytest.fixture
def opened(run, visit):
    app = visit("review", project="valley", run="first")
    app.session_state["review-tab"] = "Accuracy"
    return app.run()


def test_points_are_drawn_labelled_and_estimated(run, opened, words):
    app = opened
    assert not app.exception and "What was reviewed never counts here" in words(app)
    app.number_input[0].set_value(150)
    next(each for each in app.button if each.label == "Draw points").click().run()
    studies = Studies(run.folder)
    (study,) = studies.all("first")
    assert study.points == 150 and not study.reviewed and [each.pixels for each in study.strata] == [400, 0, 4720]
    app.text_input(key="accuracy-who").input("Mei Lin").run()
    for label in ("landslide", "other", "unclear"):
        app.button(key=f"accuracy-{label}").click().run()
    assert studies.labels(study.id)["label"].tolist() == ["landslide", "other", "unclear"]
    assert set(studies.labels(study.id)["who"]) == {"Mei Lin"}
    app.button(key="accuracy-back").click().run()
    assert not app.exception and len(studies.labels(study.id)) == 2
    for number in range(3, 151):
        studies.label(study.id, number, "Mei Lin", "other" if number % 3 else "landslide")
    app.run()
    assert "All points are labelled" in words(app) and "Overall accuracy" in words(app)


def test_nothing_that_was_mapped_is_in_sight(run, opened):
    look = Review(run, run.runs()[0], None, [], [], [], [])
    groups = {layer["group"] for layer in accuracy_layers(look)}
    assert "Imagery" in groups and not groups & {"Detection", "Reference", "Review"}
