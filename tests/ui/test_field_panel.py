"""The Field panel of the review: a package, and an edited copy whose changes are shown before they are taken."""

from __future__ import annotations

import geopandas
import pandas as pd
import pytest

from core.field import outings
from core.review import Ledger
from tests.ui.test_accuracy_panel import run  # noqa: F401 - a fixture
from ui.field_panel import in_words


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
    assert len(Ledger(run).detections()) == 1
