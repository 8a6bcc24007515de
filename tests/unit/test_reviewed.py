"""Reviews as a reference: which ground counts, what wins where decisions meet, and scores from it."""

import json

import numpy as np
import pytest
import rasterio
import shapely
from shapely.geometry import box, mapping

from core.cli import main
from core.errors import InputError
from core.export import write_layer
from core.files import write_json
from core.project import create
from core.review import Ledger, accept, draw, reject
from core.reviewed import reviews_of, write_reviews

UTM48 = rasterio.CRS.from_epsg(32648)
X, Y, SIDE = 388000, 3676000, 200
RIGHT, WRONG, OPEN, AGAIN = (20, 50, 20, 50), (20, 50, 120, 150), (120, 150, 20, 50), (30, 50, 30, 60)
"""Top, bottom, left and right in pixels of a metre; the last one is another model's, over the first."""


def degrees(top, bottom, left, right):
    outline = box(X + left, Y - bottom, X + right, Y - top)
    return shapely.from_geojson(json.dumps(rasterio.warp.transform_geom(UTM48, "EPSG:4326", mapping(outline))))


@pytest.fixture
def project(make_raster, tmp_path):
    """A project with two detections of one image; of the first, one outline is accepted and one rejected."""
    made = create(tmp_path / "valley", "Valley")
    for name, boxes in (("first", (RIGHT, WRONG, OPEN)), ("other", (AGAIN,))):
        called = np.zeros((SIDE, SIDE), "uint8")
        for top, bottom, left, right in boxes:
            called[top:bottom, left:right] = 1
        folder = made.folder / "runs" / name
        make_raster(folder / "classes.tif", called, gsd=1.0, nodata=255)
        make_raster(folder / "probability.tif", called * np.uint8(150) + np.uint8(20), gsd=1.0, nodata=255)
        outlines = np.array([box(X + left, Y - bottom, X + right, Y - top) for top, bottom, left, right in boxes],
                            object)
        write_layer(folder / "landslides.gpkg", {
            "geometry": outlines, "id": np.arange(1, len(boxes) + 1),
            "image_date": np.full(len(boxes), "NaT", "datetime64[D]")}, UTM48, "")
        write_json(folder / "run.json", {"model": {"name": name, "classes": ["other", "landslide"]},
                                         "threshold": 0.5, "outlines": {"min_area_m2": 50.0}})
    ledger, runs = Ledger(made), {run.id: run for run in made.runs()}
    for run in runs.values():
        ledger.take(run)
    known = ledger.detections(run="first").set_index("outline")
    ledger.apply([*accept(known["id"][1], 1), *reject(known["id"][2], 1, "road")], "Ana")
    return made


def run_of(project, name="first"):
    return next(run for run in project.runs() if run.id == name)


def drawn(project, tmp_path, searched=None):
    about = write_reviews(run_of(project).folder, tmp_path / "reviews.tif", searched)
    with rasterio.open(tmp_path / "reviews.tif") as dataset:
        assert json.loads(dataset.tags()["classes"]) == ["other", "landslide"]
        return about, dataset.read(1)


def test_decided_ground_counts_and_nothing_else(project, tmp_path):
    about, found = drawn(project, tmp_path)
    assert (about["landslides"], about["rejected"], about["unreviewed"], about["searched"]) == (1, 1, 2, False)
    (top, bottom, left, right), wrong = RIGHT, WRONG
    assert (found[top:bottom, left:right] == 1).all()  # also where the other model's, which is open, lies over it
    assert (found == 1).sum() == pytest.approx(900, abs=2)
    assert (found[wrong[0]:wrong[1], wrong[2]:wrong[3]] == 0).all()
    assert (found[120:150, 20:50] == 255).all() and found[180, 180] == 255  # open, and where nobody looked
    assert found[15, 35] == 0 and found[15, 135] == 0 and found[5, 90] == 255  # a ring around each
    assert found[40, 55] == 255  # open: in the first one's ring, but the other model's outline


def test_in_a_searched_area_all_that_is_not_outlined_has_none(project, tmp_path):
    Ledger(project).apply(draw(degrees(60, 80, 60, 80), {"area_m2": 400.0}), "Ana")
    about, found = drawn(project, tmp_path, dict(mapping(degrees(0, 100, 0, 100))))
    assert (about["landslides"], about["rejected"], about["searched"]) == (2, 0, True)
    assert (found[60:80, 60:80] == 1).all() and found[90, 10] == 0
    assert (found[102:] == 255).all() and (found[:, 102:] == 255).all()
    assert found[40, 55] == 255  # nobody has decided on what the other model found there


def test_without_a_decision_there_is_no_reference(project, tmp_path):
    far = dict(mapping(degrees(170, 190, 170, 190)))
    with pytest.raises(InputError, match="Review some detections"):
        write_reviews(run_of(project).folder, tmp_path / "reviews.tif", far)
    assert reviews_of(project, run_of(project), far).landslides == 0


def test_scores_against_reviews_say_what_they_are_made_of(project, tmp_path):
    folder = run_of(project).folder
    assert main(["evaluate", "--run", str(folder), "--reviews", "--json", str(folder / "scores-@reviews.json"),
                 "--progress-file", str(tmp_path / "progress.json")]) == 0
    found = json.loads((folder / "scores-@reviews.json").read_text())
    assert found["labels"] == "reviews.tif" and found["reference"]["rejected"] == 1
    assert found["landslide"]["precision"] == pytest.approx(0.5, abs=0.01) and found["landslide"]["recall"] == 1
    assert found["object"]["ce"] == 0.5
    assert json.loads((tmp_path / "progress.json").read_text())["stage"] == "scores"
