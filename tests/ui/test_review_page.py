"""The page of the review by Streamlit's own test driver: empty, full, every button but the map's, two people."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rasterio.crs import CRS
from shapely.geometry import box

from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from core.project import add_layer
from core.review import Ledger, accept, reject
from tests.conftest import MASKS_IN_THREADS
from ui.review_state import WHO

pytestmark = MASKS_IN_THREADS
MEASURED = Measured(100.0, 40, 10, 10, "shape", None, None, None, None, 25.0, None, 1.0, 0.7, 0.9, 103.8, 33.2)


@pytest.fixture
def found(valley, make_raster):
    """Three landslides of 300, 200 and 100 square metres, equally doubtful."""
    run = valley.folder / "runs" / "first"
    run.mkdir(parents=True)
    make_raster(run / "probability.tif", np.full((64, 80), 180, "uint8"), nodata=255)
    records = [(box(388_005 + 10 * n, 3_675_980, 388_010 + 10 * n, 3_675_990),
                replace(MEASURED, area_m2=300.0 - 100 * n)) for n in range(3)]
    write_outlines(run / "landslides.gpkg", records, CRS.from_epsg(32648), model="lite")
    write_json(run / "run.json", {"model": {"name": "lite", "classes": ["other", "landslide"]}})
    return valley


@pytest.fixture
def page(visit):
    """Return a function that opens the page as a reviewer."""

    def opened(who="Ana", **query):
        app = visit("review", **query)
        if who:
            app.session_state[WHO] = who
            app.run()
        return app

    return opened


def button(app, act):
    return next(each for each in app.button if each.key == f"act-{act}")


def acts(app):
    return {each.key.removeprefix("act-") for each in app.button if (each.key or "").startswith("act-")}


def choose(app, label, value):
    next(each for each in app.selectbox if each.label == label).set_value(value).run()


def test_without_a_project_or_a_detection_the_page_says_what_comes_first(root, page, words):
    assert "No project" in words(page(None)) or "project" in words(page(None))


def test_without_a_detection_there_is_a_way_to_one(valley, page, words):
    app = page(None)
    assert not app.exception and "No detection to review yet" in words(app) and not acts(app)


def test_a_name_is_asked_for_once_before_anything_can_be_decided(found, page, words):
    app = page(None)
    assert "Landslide 1" in words(app) and "accept" not in acts(app)
    app.text_input[0].set_value("  Ana   Berg ")
    next(each for each in app.button if each.label == "Start reviewing").click().run()
    assert not app.exception and "accept" in acts(app) and app.session_state[WHO] == "Ana Berg"


def test_accept_reject_undo_walk_the_queue_and_are_saved(found, page, words):
    app, ledger = page(), Ledger(found)
    assert "Landslide 1" in words(app) and "0 of 3 reviewed" in words(app)
    button(app, "accept").click().run()
    assert not app.exception and "Landslide 2" in words(app) and "by Ana" in words(app)
    choose(app, "Because", "river bank")
    button(app, "reject").click().run()
    assert ledger.detections()[["status", "reason"]].to_numpy().tolist() == [
        ["accepted", ""], ["rejected", "river bank"], ["unreviewed", ""]]
    button(app, "undo").click().run()
    assert "Landslide 2" in words(app) and ledger.detections()["status"].tolist()[1] == "unreviewed"
    for _ in range(2):
        button(app, "accept").click().run()
    assert "All reviewed" in words(app) and {"draw", "undo"} <= acts(app) and "accept" not in acts(app)
    button(app, "undo").click().run()
    assert "Landslide 3" in words(app)


def test_next_and_previous_go_round_and_change_nothing(found, page, words):
    app = page()
    for act, name in (("next", 2), ("next", 3), ("next", 1), ("previous", 3)):
        button(app, act).click().run()
        assert f"Landslide {name}" in words(app)
    assert set(Ledger(found).detections()["version"]) == {1}


def test_type_certainty_and_note_are_kept_at_once(found, page):
    app, ledger = page(), Ledger(found)
    choose(app, "Type", "debris flow")
    next(each for each in app.text_area if each.label == "Note").set_value("  <b>below</b> the bend ").run()
    row = ledger.detections().iloc[0]
    assert (row["type"], row["note"], row["status"], row["version"]) == ("debris flow", "<b>below</b> the bend",
                                                                         "unreviewed", 3)
    button(app, "accept").click().run()
    row = ledger.detections().iloc[0]
    assert (row["status"], row["type"], row["version"]) == ("accepted", "debris flow", 4)


def test_what_is_rejected_is_given_a_class(found, page):
    app, ledger = page(), Ledger(found)
    button(app, "reject").click().run()
    assert "Class" not in {each.label for each in app.selectbox}, "the next one is not rejected"
    choose(app, "Show", "all")
    button(app, "previous").click().run()
    assert "Type" not in {each.label for each in app.selectbox}
    choose(app, "Class", "vegetation")
    assert ledger.detections().iloc[0][["status", "class"]].tolist() == ["rejected", "vegetation"]
    button(app, "accept").click().run()
    assert ledger.detections().iloc[0][["status", "class"]].tolist() == ["accepted", "landslide"]


def test_merging_takes_the_nearest_on_the_second_press(found, page, words):
    app, ledger = page(), Ledger(found)
    button(app, "merge").click().run()
    assert "Merge with" in words(app) and len(ledger.detections()) == 3
    button(app, "leave").click().run()
    assert "Merge with" not in words(app)
    for _ in range(2):
        button(app, "merge").click().run()
    frame = ledger.detections()
    assert not app.exception and len(frame) == 2 and frame.iloc[0]["status"] == "edited"
    assert frame.iloc[0]["area_m2"] == pytest.approx(100, rel=0.02), "measured again: two of 50 square metres"


def test_a_conflict_is_shown_to_the_second_and_settled(found, page, words):
    app, ledger = page("Bo"), Ledger(found)
    name = ledger.detections().iloc[0]["id"]
    ledger.apply(accept(name, 1), "Ana")
    button(app, "reject").click().run()
    said = words(app)
    assert "Nothing was overwritten" in said and "Ana accepted it" in said and "Bo rejected it (bare soil)" in said
    assert ledger.detections().iloc[0]["status"] == "accepted"
    next(each for each in app.button if each.label == "Leave it as it is").click().run()
    assert not ledger.conflicts() and "Two people" not in words(app) and "Settled" in words(app)


def test_a_second_look_is_blind_and_gives_kappa(found, page, words):
    ledger = Ledger(found)
    app = page("Bo")
    for name, say in zip(ledger.detections()["id"], (accept, reject, accept), strict=True):
        ledger.apply(say(name, 1), "Ana")
    choose(app, "Show", "second")
    assert "Second look" in words(app) and "Accepted" not in words(app) and "Ana" not in words(app)
    for act in ("accept", "reject", "reject"):
        button(app, act).click().run()
    assert "Nothing for a second look" in words(app) and not ledger.conflicts()
    app.session_state["review-next-tab"] = "Progress"
    app.run()
    assert not app.exception and "agree on 67% of 3" in words(app) and "0.40" in words(app)


def test_the_list_and_the_orders_that_make_sense(found, page, words):
    app = page()
    assert next(each for each in app.selectbox if each.label == "Order").options == [
        "Doubtful and large first", "Largest first"], "no earlier date, no area"
    app.session_state["review-next-tab"] = "List"
    app.run()
    assert app.dataframe[0].value["Name"].tolist() == ["Landslide 1", "Landslide 2", "Landslide 3"]


def test_a_project_without_elevation_can_be_reviewed(found, page, words):
    from core.project import open_project, remove_layer

    remove_layer(open_project(found.folder), "dem")
    app = page()
    assert not app.exception and "Landslide 1" in words(app)
    assert "Hillshade" not in words(app)
    button(app, "accept").click().run()
    assert Ledger(found).detections()["status"].tolist()[0] == "accepted"


def test_the_date_before_is_beside(found, make_raster, page, words):
    file = make_raster("before.tif", None)
    (found.folder / "layers" / "before.tif").write_bytes(file.read_bytes())
    from core.project import change_layer, open_project

    project = change_layer(open_project(found.folder), "image", date="2020-05-01")
    add_layer(project, "image", found.folder / "layers" / "before.tif", "Before", "2018-05-01")
    assert "2018-05-01 Before" in words(page())


def test_a_photo_is_added_and_stays_in_sight_with_its_place(found, page):
    made, exif = io.BytesIO(), Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (33.0, 12.0, 0.0), 3: "E", 4: (103.0, 48.0, 0.0)})
    Image.new("RGB", (40, 30), (90, 120, 60)).save(made, "JPEG", exif=exif)
    app = page()
    for _ in range(2):
        app.file_uploader[0].set_value(("crown.jpg", made.getvalue(), "image/jpeg")).run()
        next(each for each in app.button if each.label == "Add this photo").click().run()
    [photo] = Ledger(found).detections().iloc[0]["photos"]
    shelf = next(each for each in app.expander if each.label.startswith("Photos"))
    assert not app.exception and (photo["lat"], photo["lon"]) == (33.2, 103.8)
    assert shelf.label == "Photos (1)" and shelf.proto.expanded
    next(each for each in app.button if each.key == "act-next").click().run()
    assert not next(each for each in app.expander if each.label.startswith("Photos")).proto.expanded
