"""Detections of one ground compared: who says what where, what it took, and the jobs that ask for it."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio
import shapely

from core import rivals
from core.cli import main
from core.errors import InputError, StorageError
from core.export import write_layer
from core.files import write_json
from core.jobs import process
from core.peak import peak_memory_mb
from core.project import add_layer, create
from core.registry import ModelCard
from core.request import Request
from core.review import Ledger
from core.styles import Style
from core.values import value_at
from core.vectors import read_outlines
from core.versus import APART, MAP, RECORD, colours, versus, words

UTM48 = rasterio.CRS.from_epsg(32648)
SHAPE = (100, 120)


@pytest.fixture
def detection(make_raster, tmp_path):
    """Return a function that writes a detection of boxes (top, bottom, left, right)."""
    def made(name, *boxes, unseen=0, **more):
        called = np.zeros(SHAPE, "uint8")
        for top, bottom, left, right in boxes:
            called[top:bottom, left:right] = 1
        odds = np.where(called == 1, 200, 25).astype("uint8")
        called[:, :unseen] = odds[:, :unseen] = 255
        folder = tmp_path / "valley" / "runs" / name
        make_raster(folder / "classes.tif", called, gsd=1.0, nodata=255)
        make_raster(folder / "probability.tif", odds, gsd=1.0, nodata=255)
        shapes = np.array([shapely.box(388000 + left, 3676000 - bottom, 388000 + right, 3676000 - top)
                           for top, bottom, left, right in boxes], object)
        write_layer(folder / "landslides.gpkg", {
            "geometry": shapes, "id": np.arange(1, len(boxes) + 1),
            "image_date": np.full(len(boxes), "NaT", "datetime64[D]")}, UTM48, "")
        write_json(folder / "run.json", {
            "model": {"name": more.pop("model", name), "classes": ["other", "landslide"]}, "threshold": 0.5,
            "observed_m2": 12000.0, "timing": {"compile_s": 1.0, "predict_s": 2.0, "network_s": 1.5},
            "peak_memory_mb": 500.0, "landslides": len(boxes),
            "outlines": {"min_area_m2": 50.0}, **more})
        return folder
    return made


FIRST, MOVED, OTHER = (10, 40, 10, 40), (10, 40, 16, 46), (60, 90, 60, 100)


def test_two_detections_and_where_they_differ(detection, tmp_path):
    runs = [detection("a", FIRST), detection("b", FIRST, OTHER)]
    record = versus(runs, tmp_path / "out", min_area_m2=50)
    assert record["areas_m2"] == [12000 - 900 - 1200, 0, 1200, 900]  # nobody, a, b, both
    [pair] = record["pairs"]
    assert (pair["agreement"], pair["iou"]) == (pytest.approx(0.9), pytest.approx(900 / 2100))
    assert (pair["matched"], pair["first_landslides"], pair["second_landslides"]) == (1, 1, 2)
    chance = (900 * 2100 + 11100 * 9900) / 12000**2
    assert pair["kappa"] == pytest.approx((0.9 - chance) / (1 - chance))
    assert record["apart"] == 1 and record["apart_m2"] == pytest.approx(1200)
    assert record["runs"][0] == {"id": "a", "model": "a", "threshold": 0.5, "landslides": 1, "landslides_m2": None,
                                 "seconds_per_km2": 250.0, "memory_mb": 500.0}
    frame = read_outlines(tmp_path / "out" / APART)
    assert frame["p1"].tolist() == [0.1] and frame["p2"].tolist() == [0.8] and frame["slope_mean_deg"].isna().all()


def test_three_detections_are_one_bit_each(detection, tmp_path):
    runs = [detection("a", FIRST), detection("b", FIRST, OTHER), detection("c", OTHER, unseen=20)]
    record = versus(runs, tmp_path / "out")
    areas = record["areas_m2"]
    assert areas[0b110] == 1200 and areas[0b011] == 20 * 30 and sum(areas) == 12000 - 20 * 100
    assert [(pair["first"], pair["second"]) for pair in record["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    with rasterio.open(tmp_path / "out" / MAP) as dataset:
        assert dataset.read(1)[70, 70] == 0b110 and dataset.read(1)[0, 0] == 255
    lon, lat = read_outlines(tmp_path / "out" / APART).to_crs(4326).geometry.iloc[0].centroid.coords[0]
    assert value_at(tmp_path / "out" / MAP, Style("agreement:3"), lon, lat)["text"] == "landslide by 2 and 3, of 3"


def test_the_slope_and_the_scores_come_with_elevation_and_labels(detection, make_raster, tmp_path):
    runs = [detection("a", FIRST), detection("b", FIRST, OTHER)]
    truth = np.zeros(SHAPE, "uint8")
    truth[10:40, 10:40] = 1
    rise = np.tile(np.arange(40, dtype="float32") * 3, (34, 1))
    record = versus(runs, tmp_path / "out", labels=make_raster("truth.tif", truth, gsd=1.0),
                    dem=make_raster("dem.tif", rise, gsd=3.0, nodata=-9999))
    assert read_outlines(tmp_path / "out" / APART)["slope_mean_deg"].tolist() == [pytest.approx(45, abs=0.3)]
    assert [run["landslide"]["iou"] for run in record["scores"]["runs"]] == [1, pytest.approx(900 / 2100)]


def test_small_disagreements_count_in_the_areas_and_not_in_the_list(detection, tmp_path):
    record = versus([detection("a", FIRST), detection("b", FIRST, (50, 55, 50, 55))], tmp_path / "out")
    assert record["areas_m2"][2] == 25 and record["apart"] == 0
    assert read_outlines(tmp_path / "out" / APART).empty


def test_a_very_large_disagreement_is_measured_on_fewer_pixels(detection, tmp_path, monkeypatch):
    runs = [detection("a"), detection("b", OTHER)]
    monkeypatch.setattr("core.versus.MEASURED_PIXELS", 300)
    record = versus(runs, tmp_path / "out")
    assert record["apart_m2"] == pytest.approx(1200, rel=0.05)
    assert read_outlines(tmp_path / "out" / APART)["p2"].tolist() == [0.8]


def test_what_cannot_be_compared_is_refused_and_leaves_nothing(detection, tmp_path):
    a = detection("a", FIRST)
    for runs in ([a], [a, a]):
        with pytest.raises(InputError, match="different ones"):
            versus(runs, tmp_path / "out")
    with pytest.raises(InputError, match="no ground that all"):
        versus([a, detection("b", unseen=120)], tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "out" / RECORD).touch()
    with pytest.raises(StorageError, match="holds a comparison"):
        versus([a, detection("c")], tmp_path / "out")


def test_every_value_has_words_and_a_colour():
    table = colours(3)
    assert table[0, 3] == 0 and table[255, 3] == 0 and (table[1:8, 3] == 255).all()
    assert len({tuple(table[value]) for value in (1, 2, 4, 3, 7)}) == 5
    assert words(0, 3) == "no landslide by any"
    with pytest.raises(InputError):
        Style("agreement:9")


def test_memory_is_counted_from_where_it_is_asked_to(monkeypatch, tmp_path):
    # in a process of its own: what others left free in this one would be used first
    code = ("from core.peak import forget_peak, peak_memory_mb\n"
            "first = peak_memory_mb(); block = bytearray(b'x' * 300_000_000); grown = peak_memory_mb(); del block\n"
            "forget_peak(); print(grown - first, grown - peak_memory_mb())")
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    assert all(float(each) > 250 for each in told.split())
    monkeypatch.setattr("core.peak._SELF", tmp_path)
    assert peak_memory_mb() is None


# ---- in a project

@pytest.fixture
def project(tmp_path, detection, make_raster):
    made = create(tmp_path / "valley", "Valley")
    detection("one", FIRST, model="lite")
    detection("two", FIRST, OTHER, model="lite")
    for role in ("image", "dem"):
        made = add_layer(made, role, make_raster(f"valley/layers/{role}.tif", shape=SHAPE, gsd=1.0), role.title())
    return made


@pytest.fixture
def submitted(monkeypatch):
    asked = []
    monkeypatch.setattr(rivals, "submit", lambda *job: asked.append(job))
    return asked


def test_a_comparison_is_a_job_and_is_found_again(project, submitted, capsys):
    runs = sorted(project.runs(), key=lambda run: run.id)
    rivals.compare(project, runs, None)
    _, kind, title, command, params = submitted[0]
    assert kind == "versus" and title == "Comparison of lite, lite"
    assert main([str(word) for word in command[3:] if word not in ("--progress-file", "{progress}")]) == 0
    assert "90.0% of the ground the same" in capsys.readouterr().out
    [found] = rivals.contests(project)
    assert found.id == params["versus"] and [run.id for run in found.runs] == ["one", "two"]
    assert found.names == ["lite, 0.50 (1)", "lite, 0.50 (2)"]
    rivals.remove(found)
    assert rivals.contests(project) == [] and len(project.runs()) == 2


def test_a_place_not_agreed_on_goes_to_review_with_a_note_once(project, submitted):
    runs = sorted(project.runs(), key=lambda run: run.id)
    rivals.compare(project, runs, None)
    command = submitted[0][3]
    assert main([str(word) for word in command[3:] if word not in ("--progress-file", "{progress}")]) == 0
    [found] = rivals.contests(project)
    assert rivals.send_apart(project, found, 1, "Ada") == rivals.send_apart(project, found, 1, "Ada") == 1
    rows = Ledger(project).detections(run="two").set_index("outline")
    assert rows.loc[1, "note"] == "" and rows.loc[2, "note"].startswith("Not agreed on by lite")
    assert rows.loc[2, "version"] == 2 and len(Ledger(project).detections(run="one")) == 1
    with pytest.raises(InputError, match="place"):
        rivals.send_apart(project, found, 9, "Ada")


def test_several_models_are_one_job_whose_paths_stay_inside(project, submitted):
    cards = [ModelCard(name, name.title(), "fstf_net", "binary", (0.2, 1.0)) for name in ("lite", "other")]
    request = Request(project.of("image")[0], cards[0], project.of("dem")[0])
    rivals.detect_each(project, request, cards, None)
    _, kind, title, command, params = submitted[0]
    assert kind == "detect-each" and title == "2 models: Lite, Other" and len(params["runs"]) == 2
    assert [command[at + 1] for at, word in enumerate(command) if word == "--with"] == ["lite", "other"]
    assert not [word for word in process.portable(command, project.folder) if str(project.folder) in word]


def test_several_models_run_one_after_another(tmp_path, capsys, monkeypatch, make_raster):
    done = []

    def detect(settings, report):
        if settings.model == "missing":
            raise InputError("model", got="missing", expected="one", remedy="Choose another.")
        done.append((settings.model, settings.out.name))
        return {"landslides": 1, "landslides_m2": 1.0, "observed_m2": 1.0, "pixels_per_s": 1.0,
                "engine": {"name": "none"}, "warnings": []}

    monkeypatch.setattr("core.detect.detect", detect)
    command = ["detect-each", "--image", str(make_raster("image.tif")), "--with", "a", str(tmp_path / "first")]
    assert main([*command, "--with", "b", str(tmp_path / "second")]) == 0
    assert done == [("a", "first"), ("b", "second")]
    assert main([*command, "--with", "missing", str(tmp_path / "third")]) == 2
