"""Comparisons in a project: what can be compared, the job that is asked for, what is there, and what goes to review."""

import json
import shutil

import numpy as np
import pytest
import rasterio
import shapely

from core import dates
from core.cli import main
from core.config import scheme
from core.errors import InputError
from core.export import write_layer
from core.files import write_json
from core.jobs import process
from core.project import add_layer, create, open_project
from core.review import Ledger

UTM48 = rasterio.CRS.from_epsg(32648)
BEFORE, AFTER = "2021-07-18", "2023-10-21"


@pytest.fixture
def project(tmp_path, make_raster):
    """Two images, a detection and a reference of each, and an image that nobody searched."""
    made = create(tmp_path / "valley", "Valley")
    slides = {BEFORE: [(10, 40)], AFTER: [(10, 40), (60, 90)]}
    for number, (day, boxes) in enumerate(slides.items()):
        image = make_raster(f"valley/layers/image{number}.tif", shape=(128, 160), gsd=1.0)
        made = add_layer(made, "image", image, f"Image {number}", day)
        run = made.folder / "runs" / f"run{number}"
        truth = np.full((128, 160), 2, "uint8")
        for top, bottom in boxes:
            truth[top:bottom, 10:40] = 0
        make_raster(run / "classes.tif", (truth == 0).astype("uint8"), gsd=1.0, nodata=255)
        shapes = np.array([shapely.box(388010, 3676000 - bottom, 388040, 3676000 - top) for top, bottom in boxes])
        write_layer(run / "landslides.gpkg", {"geometry": shapes, "id": np.arange(1, len(shapes) + 1),
                                              "image_date": np.full(len(shapes), day, "datetime64[D]")}, UTM48, "")
        write_json(run / "run.json", {
            "model": {"name": "lite", "classes": ["other", "landslide"]}, "image_date": day, "finished": day,
            "inputs": {"image": {"file": image.name, "bytes": image.stat().st_size, "crs": "EPSG:32648"}}})
        path = make_raster(f"valley/layers/truth{number}.tif", truth, gsd=1.0, nodata=255)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(classes=json.dumps(scheme("paper").names))
        made = add_layer(made, "truth", path, f"Truth {number}", day)
    return add_layer(made, "image", make_raster("valley/layers/new.tif"), "New", "2024-01-01")


@pytest.fixture
def submitted(monkeypatch):
    """Jobs that are asked for, and not started."""
    asked = []
    monkeypatch.setattr(dates, "submit", lambda *job: asked.append(job))
    return asked


def run_job(project, submitted):
    """Do what a job would do; return the comparison."""
    _, kind, _, command, params = submitted[-1]
    assert kind == "change"
    assert main([str(word) for word in command[3:] if word not in ("--progress-file", "{progress}")]) == 0
    return next(each for each in dates.comparisons(project) if each.id == params["change"])


def pick(project, *names):
    known = {side.id: side for side in dates.sides(project)}
    return [known[name] for name in names]


def test_what_can_be_compared_has_its_day_and_its_image(project):
    found = dates.sides(project)
    assert [(side.id, side.date) for side in found] == [
        ("run:run0", BEFORE), ("layer:truth0", BEFORE), ("run:run1", AFTER), ("layer:truth1", AFTER)]
    assert [side.image.title for side in found] == ["Image 0", "Image 0", "Image 1", "Image 1"]
    assert [side.id for side in dates.suggested(found)] == ["run:run0", "run:run1"]
    assert [side.id for side in dates.suggested(found[1::2])] == ["layer:truth0", "layer:truth1"]
    assert dates.suggested(found[:2]) is None
    assert [layer.title for layer in dates.undetected(project)] == ["New"]


def test_a_comparison_is_a_job_whose_paths_stay_inside_the_project(project, submitted):
    dates.compare(project, *pick(project, "run:run0", "run:run1"), correct=True, tolerance_m=None, min_area_m2=50)
    _, _, title, command, _ = submitted[0]
    assert title == "Change, 18 Jul 2021 → 21 Oct 2023" and "--before-image" in command and "--correct" in command
    assert not [word for word in process.portable(command, project.folder) if str(project.folder) in str(word)]
    with pytest.raises(InputError, match="one map twice"):
        dates.compare(project, *pick(project, "run:run0", "run:run0"), correct=True, tolerance_m=1, min_area_m2=50)


def test_what_was_compared_is_found_again_and_can_be_removed(project, submitted):
    dates.compare(project, *pick(project, "run:run0", "run:run1"), correct=False, tolerance_m=2, min_area_m2=50)
    found = run_job(project, submitted)
    assert found.days == (BEFORE, AFTER) and found.map.is_file() and found.about["tolerance_m"] == 2
    assert found.about["changes"]["new"]["count"] == found.about["changes"]["unchanged"]["count"] == 1
    assert dates.run_of(project, found).id == "run1" and dates.run_of(project, found, "before").id == "run0"
    broken = found.folder.with_name("broken")
    shutil.copytree(found.folder, broken)
    (broken / "change.json").write_text("{")
    assert dates.comparisons(open_project(project.folder)) == [found]
    dates.remove(found)
    assert dates.comparisons(project) == [] and not found.folder.exists()


def test_new_landslides_go_to_review_once_with_a_note_and_nothing_that_was_said_is_lost(project, submitted):
    dates.compare(project, *pick(project, "run:run0", "run:run1"), correct=False, tolerance_m=2, min_area_m2=50)
    found = run_job(project, submitted)
    assert dates.send_new(project, found, "Ada") == dates.send_new(project, found, "Ada") == 1
    rows = Ledger(project).detections(run="run1").set_index("outline")
    assert rows["note"].to_dict() == {1: "", 2: f"New since {BEFORE}."} and rows.loc[2, "version"] == 2
    dates.compare(project, *pick(project, "layer:truth0", "layer:truth1"), correct=False, tolerance_m=2, min_area_m2=50)
    with pytest.raises(InputError, match="no detection"):
        dates.send_new(project, run_job(project, submitted), "Ada")
