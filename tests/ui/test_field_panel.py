"""The Field panel of the review: a package, and an edited copy whose changes are shown before they are taken."""

from __future__ import annotations

import io
import json

import geopandas
import pandas as pd
import pytest

from core.field import outings
from core.review import Ledger, accept
from tests.conftest import MASKS_IN_THREADS
from tests.ui.test_accuracy_panel import run  # noqa: F401 - a fixture
from ui.field_panel import in_words
from ui.inventory_downloads import _coolr, _file, _inspire

pytestmark = MASKS_IN_THREADS


@pytest.fixture
def opened(run, visit):  # noqa: F811
    app = visit("review", project="valley", run="first")
    app.session_state["review-tab"] = "Field"
    return app.run()


def test_a_package_is_made_and_its_return_is_shown(run, opened, words, tmp_path):  # noqa: F811
    app = opened
    assert not app.exception and "Nothing was given out yet" in words(app)
    app.text_input(key="field-title").input("North side")
    app.button(key="field-make").click().run()
    assert not app.exception
    (outing,) = outings(run)
    assert outing.title == "North side" and outing.package.is_file()
    frame = geopandas.read_file(f"zip://{outing.package}!landslides.gpkg", layer="landslides")
    frame = pd.concat([frame.assign(type="debris flow", scale=5000), frame.assign(id=None)], ignore_index=True)
    frame.to_file(tmp_path / "edited.gpkg", layer="landslides", driver="GPKG")
    name = outing.given()["id"][0][:8]
    changed, added = map(in_words, outing.difference(tmp_path / "edited.gpkg").changes)
    assert changed == f"Changed {name}: type: unknown → debris flow; scale: nothing → 5000"
    assert added.startswith("New ") and len(added) == 12
    assert len(Ledger(run).detections()) == 1, "nothing is taken yet"
    app.file_uploader[0].set_value(("edited.gpkg", (tmp_path / "edited.gpkg").read_bytes(), "")).run()
    assert not app.exception and "Changed Landslide 1: type: unknown → debris flow; scale: nothing → 5000" in [
        each.label.replace("\\", "") for each in app.checkbox]
    west, south, east, north = app.session_state["fly"]["bounds"]
    assert 103 < west < east < 104 and 33 < south < north < 34, "the map goes where the changes are"
    app.checkbox[-1].uncheck().run()
    app.text_input(key="field-who").input("Ana")
    app.button(key="field-take").click().run()
    assert not app.exception and Ledger(run).detections()["type"].tolist() == ["debris flow"]


def test_the_inventory_is_a_file_of_what_was_confirmed(run, opened, words):  # noqa: F811
    app = opened
    assert "0 of 1 landslides" in words(app)
    ledger = Ledger(run)
    ledger.apply(accept(ledger.detections()["id"][0], 1), "Mei Lin")
    frame = ledger.detections()
    app.run()
    assert not app.exception and "1 of 1 landslides" in words(app)
    table = pd.read_csv(io.BytesIO(_file(frame, "csv")))
    assert table["mapper"].tolist() == ["Mei Lin"] and table["status"].tolist() == ["accepted"]
    assert pd.read_csv(io.BytesIO(_coolr(frame)))["source_name"].tolist() == ["Mei Lin"]
    assert json.loads(_inspire(frame, "valley"))["features"][0]["properties"]["inspireId_namespace"] == "valley"
