"""Finished detections: names, facts, and removal that takes nothing else along."""

import pytest

from core.errors import InputError
from core.files import write_json
from core.project import create
from core.runs import made_with, remove, rename, title_of, when

ABOUT = {
    "model": {"name": "lite", "classes": ["other", "landslide"]}, "threshold": 0.4, "outlines": {"min_area_m2": 50.0},
    "inputs": {"image": {"file": "after.tif"}, "dem": None}, "finished": "2026-11-22T20:17:44+00:00"}


@pytest.fixture
def project(tmp_path):
    project = create(tmp_path / "valley", "Valley")
    for name, about in (("first", ABOUT), ("bare", {}),
                        ("second", {**ABOUT, "threshold": 0.6,
                                    "redrawn_from": {"run": "first", "threshold": 0.4, "min_area_m2": 50}})):
        (project.folder / "runs" / name).mkdir()
        write_json(project.folder / "runs" / name / "run.json", about)
    return project


def named(project, name):
    return next(run for run in project.runs() if run.id == name)


def test_a_name_can_be_given_and_taken_back_without_a_change_of_order(project):
    order = [run.id for run in project.runs()]
    assert title_of(named(project, "first")) == "lite" and title_of(named(project, "second")) == "lite from 0.60"
    rename(named(project, "first"), "  After\nthe <b>quake</b> " + "x" * 200)
    title = title_of(named(project, "first"))
    assert title.startswith("After the <b>quake</b> xx") and len(title) == 80
    assert [run.id for run in project.runs()] == order
    rename(named(project, "first"), " ")
    assert title_of(named(project, "first")) == "lite"


def test_what_is_not_known_is_left_out(project):
    facts = made_with(named(project, "second"))
    assert facts["Threshold"] == "0.6" and facts["Smallest"] == "50 m²" and facts["Elevation"] == "none"
    assert facts["Redrawn from"] == "first, at 0.4" and "2026" in facts["Finished"]
    assert made_with(named(project, "bare")) == {"Elevation": "none"}
    assert title_of(named(project, "bare")) == "bare" and when(named(project, "bare")) == ""


def test_one_is_removed_and_the_others_stay(project):
    remove(project, "first")
    assert {run.id for run in project.runs()} == {"second", "bare"}
    assert not any((project.folder / "derived").iterdir())


@pytest.mark.parametrize("name", ["..", ".", "", "../runs/first", "none", "/etc"])
def test_nothing_but_a_detection_can_be_removed(project, name):
    with pytest.raises(InputError):
        remove(project, name)
    assert len(project.runs()) == 3 and (project.folder / "project.json").exists()
