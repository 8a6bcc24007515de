"""Imports as jobs: each file ends imported, refused with words, or waiting; never twice, never lost."""

import time

import pytest

from core import incoming, intake
from core.cli import main
from core.errors import CancelledError
from core.jobs import State, cancel, read
from core.project import create, open_project


@pytest.fixture
def project(tmp_path):
    return create(tmp_path / "projects" / "valley", "Valley")


def came(project, path, name=""):
    return incoming.add(project.folder, name or path.name, path, ours=False).id


def test_the_good_come_in_and_the_bad_are_refused_by_name(project, make_raster, tmp_path):
    bad = tmp_path / "bad.tif"
    bad.write_text("<VRTDataset/>")
    names = [came(project, bad, "Mein Bild.tif"), came(project, make_raster("a.tif"))]
    seen = []
    layers, errors = intake.bring_in(project.folder, names, seen.append)
    assert [layer.source for layer in layers] == ["a.tif"] == [x.source for x in open_project(project.folder).layers]
    assert "Mein Bild.tif" in str(errors[0]) and "virtual raster" in str(errors[0])
    refused = incoming.records(project.folder)
    assert [(each.name, each.state) for each in refused] == [("Mein Bild.tif", "refused")]
    assert seen[-1].total == 2 and 1 < seen[-1].done <= 2 and seen[-1].message.startswith("a.tif: ")
    assert intake.bring_in(project.folder, names, seen.append) == ([], [])


def test_an_import_is_a_job_that_reports_and_ends(project, make_raster):
    assert intake.start(project.folder) is None
    came(project, make_raster("a.tif"))
    job = intake.start(project.folder)
    assert job.title == "Import of a.tif" and intake.start(project.folder) is None
    deadline = time.monotonic() + 60
    while read(job.folder).active and time.monotonic() < deadline:
        assert intake.stopped(project.folder) == []
        time.sleep(0.1)
    assert read(job.folder).state is State.DONE, read(job.folder).log_tail()
    assert [layer.title for layer in open_project(project.folder).layers] == ["A"]
    assert incoming.records(project.folder) == [] and intake.running(project.folder) == []


def test_a_stopped_import_can_be_started_again_and_with_a_crs(project, make_raster):
    name = came(project, make_raster("a.tif", crs=None))
    job = intake.start(project.folder)
    cancel(job)
    deadline = time.monotonic() + 60
    while read(job.folder).active and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [each.id for each in intake.stopped(project.folder)] == [name]
    again = intake.start_again(project.folder, name, "EPSG:32648")
    while read(again.folder).active and time.monotonic() < deadline:
        time.sleep(0.1)
    assert read(again.folder).state is State.DONE, read(again.folder).log_tail()
    assert len(open_project(project.folder).layers) == 1


def test_a_stop_keeps_what_is_finished(project, make_raster):
    names = [came(project, make_raster("a.tif")), came(project, make_raster("b.tif"))]

    def stop(progress):
        if progress.message.startswith("b.tif"):
            raise CancelledError("import", got="a request to stop", expected="to finish", remedy="Start it again.")

    incoming.take(project.folder)
    with pytest.raises(CancelledError):
        intake.bring_in(project.folder, names, stop)
    assert [layer.source for layer in open_project(project.folder).layers] == ["a.tif"]
    assert [each.name for each in intake.stopped(project.folder)] == ["b.tif"]


def test_the_command_line_makes_a_project_and_says_what_it_guessed(tmp_path, make_raster, capsys):
    folder = tmp_path / "new"
    assert main(["import", str(make_raster("dem 2017-08-09.tif", bands=1, dtype="float32")),
                 "--project", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "dem, in layers/" in said and "guessed unit: m (nothing in the file says it" in said
    assert open_project(folder).layers[0].date == "2017-08-09"
    (tmp_path / "x.tif").write_text("no")
    assert main(["import", str(tmp_path / "x.tif"), "--project", str(folder)]) == 2
    assert "x.tif: got text" in capsys.readouterr().err and incoming.records(folder) == []
