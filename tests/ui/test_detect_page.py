"""The page of detections by Streamlit's own test driver: empty, full, refused, and every button but the map's."""

import json
import shutil
import time
from concurrent.futures import Future
from dataclasses import asdict

import numpy as np
import pytest

from core import jobs, request
from core.errors import InputError
from core.export import write_outlines
from core.files import read_json, write_json
from core.nets.looks import Looks
from core.preflight import Finding
from core.project import add_layer, create
from core.registry import ModelCard
from core.vectorize import OutlineSettings
from ui import detect_estimate

SIDE = 160
SURE, DOUBTFUL = np.s_[20:60, 20:60], np.s_[80:110, 80:110]
METRICS = {"held out": {"Valleys": {"iou": 0.71}, "Cities": {"false_alarm_share": 0.0}},
           "land cover": {"Town": {"accuracy": 0.53}, "Odd": {}}}


@pytest.fixture(autouse=True)
def cards(root, tmp_path, monkeypatch):
    """Two models that could run and one without weights, and a look at the inputs that is done at once."""
    for name, sha in (("lite", "ab"), ("other", "cd"), ("raw", "")):
        card = ModelCard(name, f"The {name} one", "fstf_net_lite", "binary", (0.2, 1.0), metrics=METRICS,
                         licence="Research only", summary="Fails on <b>gravel</b>.", sha256=sha)
        (tmp_path / "models" / name).mkdir(parents=True)
        write_json(tmp_path / "models" / name / "card.json", card.as_dict())
        if sha:
            (tmp_path / "models" / name / "model.safetensors").touch()
    detect_estimate._looks.clear()
    look(monkeypatch, [Finding("good", "CRS", "EPSG:32648")])


def look(monkeypatch, findings):
    """Stand in for the look at the inputs, which would load a network."""
    def check(_):
        if isinstance(findings, Exception):
            raise findings
        return findings, None

    monkeypatch.setattr(detect_estimate, "check", check)
    monkeypatch.setattr(detect_estimate, "_worker", AtOnce)


class AtOnce:
    """A pool that does the work when it is given."""

    def submit(self, work, *arguments):
        done = Future()
        try:
            done.set_result(work(*arguments))
        except InputError as error:
            done.set_exception(error)
        return done


@pytest.fixture
def valley(root, make_raster):
    """A project with an image and a DEM that rises to the east."""
    project = create(root / "valley", "Valley")
    rise = np.tile(np.arange(SIDE, dtype="float32"), (SIDE, 1))
    for role, array in (("image", None), ("dem", rise)):
        path = project.folder / "layers" / f"{role}.tif"
        shutil.copy(make_raster(f"{role}.tif", array, shape=(SIDE, SIDE)), path)
        project = add_layer(project, role, path, role.title())
    return project


@pytest.fixture
def found(valley, make_raster):
    """The same with a detection cut at 0.4: a landslide of 0.8 and one of 0.48."""
    run = valley.folder / "runs" / "first"
    run.mkdir()
    stored = np.full((SIDE, SIDE), 10, "uint8")
    stored[SURE], stored[DOUBTFUL] = 200, 120
    for name, array in (("classes", (stored >= 100).astype("uint8")), ("probability", stored)):
        shutil.copy(make_raster(f"{name}.tif", array, nodata=255), run / f"{name}.tif")
    image = valley.folder / "layers" / "image.tif"
    inputs = {role: {"file": f"{role}.tif", "bytes": image.with_stem(role).stat().st_size, "crs": "EPSG:32648"}
              for role in ("image", "dem")}
    write_json(run / "run.json", {
        "model": {"name": "lite", "classes": ["other", "landslide"]}, "threshold": 0.4, "inputs": inputs,
        "outlines": asdict(OutlineSettings()), "part_px": [0, 0, SIDE, SIDE], "landslides": 2, "observed_m2": 6400.0,
        "observed_share": 0.9, "missing": ["NDVI"], "warnings": [], "finished": "2026-11-22T20:17:44+00:00"})
    write_measured(run)
    return valley


def write_measured(run):
    """Give a run outlines as a detection writes them."""
    import rasterio

    from core.grid import Grid
    from core.measure import measure
    from core.vectorize import outlines, rows_of

    with rasterio.open(run / "classes.tif") as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        records = [(each.polygon, measure(each.polygon, each.mask, grid.window(each.window)))
                   for each in outlines(rows_of(dataset), grid, 1)]
    write_outlines(run / "landslides.gpkg", records, grid.crs, model="lite")


@pytest.fixture
def page(visit):
    """Return a function that opens the page at one of its panels."""
    def opened(tab="Detect", **query):
        app = visit("detect", **query)
        return turn(app, tab) if tab != "Detect" else app

    return opened


def turn(app, tab):
    [panel] = [group for group in app.get("button_group") if tab in group.options]
    return panel.set_value(tab).run()


def button(app, label):
    return next(each for each in app.button if each.label == label)


def test_a_project_without_an_image_is_sent_for_data(root, page, words):
    create(root / "bare", "Bare")
    app = page()
    assert not app.exception and "Bare" in words(app) and "Detect landslides" not in words(app)


def test_the_form_says_what_the_model_is_and_which_cannot_run(valley, page, words):
    app = page()
    assert not app.exception and not app.error
    said = words(app)
    assert "IoU 0.71 on held-out Valleys" in said and "Research only" in said and "gravel" in said
    assert "Town: 53% right" in said and "Odd" not in said
    assert "&lt;b&gt;gravel" in said and "scarp train raw" in said
    [model] = [box for box in app.selectbox if box.label == "Model"]
    assert model.options == ["The lite one", "The other one"] and not button(app, "Detect landslides").disabled


def test_without_weights_nothing_can_be_started(valley, tmp_path, page, words):
    for name in ("lite", "other"):
        (tmp_path / "models" / name / "model.safetensors").unlink()
    app = page()
    assert "scarp train lite" in words(app) and button(app, "Detect landslides").disabled


def test_what_spoils_a_result_is_said_and_what_cannot_work_cannot_be_started(valley, monkeypatch, page, words):
    look(monkeypatch, [Finding("warning", "Pixel size", "9 m", "Use finer imagery."),
                       Finding("note", "Bands", "no near infrared", "No NDVI.")])
    app = page()
    assert "Use finer imagery." in words(app) and "No NDVI." in words(app)
    assert [box.label for box in app.expander if "to know" in box.label] == ["1 thing to know"]
    assert not button(app, "Detect landslides").disabled
    detect_estimate._looks.clear()
    look(monkeypatch, [Finding("stop", "DEM", "elsewhere", "Use that of this place.")])
    app = page()
    assert "Use that of this place." in words(app) and button(app, "Detect landslides").disabled
    detect_estimate._looks.clear()
    look(monkeypatch, InputError("image", got="one band", expected="colour", remedy="Use another image."))
    app = page()
    assert "Use another image" in app.error[0].value and button(app, "Detect landslides").disabled


def test_a_press_asks_for_what_was_chosen_and_follows_it(valley, monkeypatch, page, words):
    asked = {}

    def submit(folder, **what):
        asked.update(what)
        return jobs.submit(folder / "jobs", "detect", "Lite", ["sleep", "60"], {"run": "r"})

    monkeypatch.setattr(request, "submit_detect", submit)
    app = page()
    for box, value in (("Elevation", ""), ("Model", "other"), ("Engine", "torch"), ("Window", 512)):
        next(each for each in app.selectbox if each.label == box).set_value(value).run()
    next(each for each in app.slider if each.label == "Threshold").set_value(0.3).run()
    turn(turn(app, "Landslides"), "Detect")  # what was chosen outlives it
    button(app, "Detect landslides").click().run()
    [job] = jobs.jobs(valley.folder / "jobs")
    try:
        assert asked["dem"] is None and asked["model"] == "other" and asked["engine"] == "torch"
        options = dict(zip(asked["options"][::2], asked["options"][1::2], strict=True))
        assert options["--threshold"] == 0.3 and options["--window"] == 512
        assert app.query_params["job"] == job.id
        assert button(app, "Cancel") and "Detect landslides" not in [each.label for each in app.button]
        assert "under way" in words(turn(app, "Figures")) and "under way" in words(turn(app, "Landslides"))
        turn(app, "Detect")
        button(app, "Set up another detection").click().run()
        assert button(app, "Detect landslides") and "job" not in app.query_params
    finally:
        jobs.cancel(job)


def test_the_threshold_is_the_one_for_the_pixels_of_the_image(valley, page, tmp_path):
    card = tmp_path / "models" / "lite" / "card.json"
    write_json(card, read_json(card) | {"thresholds": [[0.25, 0.7], [1.0, 0.3]]})
    assert [each.value for each in page().slider if each.label == "Threshold"] == [0.5], "of half a metre"


def test_one_look_is_offered_where_a_model_takes_several(valley, monkeypatch, page):
    asked = {}
    monkeypatch.setattr(request, "submit_detect", lambda folder, **what: asked.update(what) or jobs.submit(
        folder / "jobs", "detect", "Lite", ["sleep", "60"], {"run": "r"}))
    assert "One look only" not in [each.label for each in page().toggle]
    monkeypatch.setattr(ModelCard, "looks", Looks((2,)))
    app = page()
    next(each for each in app.toggle if each.label == "One look only").set_value(True).run()
    button(app, "Detect landslides").click().run()
    jobs.cancel(jobs.jobs(valley.folder / "jobs")[0])
    assert "--single-look" in asked["options"]


def test_a_detection_shows_its_figures_and_its_table(found, page, words):
    app = page("Landslides")
    assert not app.exception and not app.error
    said = words(app)
    assert "0.12 ha" not in said and "625 m²" in said and "312.5" in said, "400 and 225 m² on 6400 m²"
    assert "Made without NDVI" in said and "10% of the area was not observed" in said
    assert len(app.dataframe[0].value) == 2
    assert [each.options for each in app.selectbox if each.label == "Detection"][0][0].startswith("lite · 22 Nov 2026")


def test_another_threshold_draws_others_and_the_way_back(found, page, words):
    app = page("Landslides")
    slider = next(each for each in app.slider if each.label == "Threshold")
    assert slider.value == 0.4
    slider.set_value(0.6).run()
    assert not app.exception and len(app.dataframe[0].value) == 1
    assert "threshold 0.60: 1 instead of 2 at 0.40" in words(app)
    address = dict(app.query_params)
    assert address == {"project": "valley", "run": "first", "cut": "0.6_50", "panel": "Landslides"}
    again = page(**address)  # as a refresh or another tab does
    assert next(each for each in again.slider if each.label == "Threshold").value == 0.6
    assert len(again.dataframe[0].value) == 1 and "threshold 0.60" in words(again)
    assert len(page(**address | {"cut": "7_x"}).dataframe[0].value) == 2, "what is no threshold is left out"
    button(app, "Back").click().run()
    assert len(app.dataframe[0].value) == 2 and "instead of" not in words(app)
    next(each for each in app.number_input if each.label == "Smallest, m²").set_value(300.0).run()
    assert len(app.dataframe[0].value) == 1
    next(each for each in app.slider if each.label == "Threshold").set_value(0.95).run()
    assert "No landslides found" in words(app)


def test_kept_outlines_are_a_detection_of_their_own(found, page):
    app = page("Landslides")
    next(each for each in app.slider if each.label == "Threshold").set_value(0.6).run()
    button(app, "Keep these outlines").click().run()
    assert not app.exception and not app.error
    [kept] = [run for run in found.runs() if run.id != "first"]
    assert app.query_params["run"] == kept.id and kept.about["threshold"] == 0.6
    assert kept.about["redrawn_from"]["run"] == "first" and len(app.dataframe[0].value) == 1
    assert "slope_mean_deg" in app.dataframe[0].value, "measured in full"
    assert json.loads((found.folder / "runs" / "first" / "run.json").read_text())["threshold"] == 0.4
    cut = f"0.6_{kept.about['outlines']['min_area_m2']:g}"
    twice = page(project="valley", run="first", cut=cut, panel="Landslides")
    button(twice, "Keep these outlines").click().run()
    assert twice.query_params["run"] == kept.id and len(found.runs()) == 2, "the same are kept once"


def test_a_detection_is_renamed_and_not_deleted_without_a_question(found, page):
    app = page("Landslides")
    app.text_input[0].set_value("After <b>rain</b>").run()
    [choice] = [each for each in app.selectbox if each.label == "Detection"]
    assert choice.options[0].startswith("After <b>rain</b>")
    app.text_input[0].set_value("").run()
    assert next(each for each in app.selectbox if each.label == "Detection").options[0].startswith("lite · ")
    button(app, "Delete ...").click().run()
    assert not app.exception and button(app, "Delete") and button(app, "Keep it") and len(found.runs()) == 1


def test_the_same_with_another_model_is_one_click(found, monkeypatch, page):
    asked = {}
    monkeypatch.setattr(request, "submit_detect", lambda folder, **what: asked.update(what) or jobs.submit(
        folder / "jobs", "detect", "Other", ["true"], {"run": "r"}))
    app = page("Landslides")
    assert button(app, "The raw one").disabled and "The lite one" not in [each.label for each in app.button]
    button(app, "The other one").click().run()
    assert asked["model"] == "other" and asked["image"].name == "image.tif" and asked["dem"].name == "dem.tif"


def test_figures_come_with_charts_and_numbers(found, page, words):
    app = page("Figures")
    assert not app.exception and not app.error
    said = words(app)
    assert "9.77%" in said and "400 m²" in said, "share of the ground; the largest"
    assert len(app.get("plotly_chart")) == 2
    labels = [each.proto.label for each in app.get("download_button")]
    assert labels == ["Numbers as CSV"] * 2


def test_without_the_elevation_or_landslides_figures_say_so(found, page, words):
    (found.folder / "layers" / "dem.tif").unlink()
    (found.folder / "project.json").write_text(json.dumps(
        json.loads((found.folder / "project.json").read_text()) | {"layers": [
            layer for layer in json.loads((found.folder / "project.json").read_text())["layers"]
            if layer["role"] == "image"]}))
    assert "need the elevation model" in words(page("Figures"))
    shutil.rmtree(found.folder / "runs" / "first")
    assert "No figures yet" in words(page("Figures")) and "No detection yet" in words(page("Landslides"))


def test_a_job_that_failed_says_why_and_the_form_is_one_click_away(valley, page, words):
    job = jobs.submit(valley.folder / "jobs", "detect", "Lite", ["false"], {"run": "r"})
    for _ in range(200):
        if not jobs.read(job.folder).active:
            break
        time.sleep(0.05)
    app = page(job=job.id, project="valley")
    assert not app.exception and "ended with code 1" in words(app)
    button(app, "Set up another detection").click().run()
    assert button(app, "Detect landslides")


def test_a_record_that_does_not_say_its_threshold_has_no_slider(found, page):
    file = found.folder / "runs" / "first" / "run.json"
    write_json(file, {"model": {"name": "lite", "classes": ["other", "landslide"]}})
    app = page("Landslides")
    assert not app.exception and len(app.dataframe[0].value) == 2 and not app.slider
