"""A project as a zip: what goes, what stays, and what a zip from someone else may not do."""

import io
import json
import shutil
import stat
import time
import zipfile

import pytest

from core.archive import copy, pack, remove, unpack
from core.errors import InputError
from core.files import write_json
from core.jobs import cancel, jobs, read, submit
from core.project import add_layer, create, list_projects, open_project


@pytest.fixture
def valley(tmp_path, make_raster):
    """A project with an image, an area, a finished and an unfinished detection, a job and something derived."""
    project = create(tmp_path / "projects" / "valley", "Valley")
    image = project.folder / "layers" / "image.tif"
    shutil.copy(make_raster("image.tif"), image)
    project = add_layer(project, "image", image, "After", "2017-08-09")
    project.save_area({"type": "Polygon", "coordinates": [[[103, 33], [103.1, 33], [103.1, 33.1], [103, 33]]]})
    for name, finished in (("done", True), ("half", False)):
        run = project.folder / "runs" / name
        run.mkdir()
        shutil.copy(image, run / "classes.tif")
        (run / ".cache.geojson").write_text("{}")
        if finished:
            write_json(run / "run.json", {"model": {"name": "lite"}})
    (project.folder / "derived" / "hillshade.tif").write_bytes(b"x")
    submit(project.folder / "jobs", "test", "A job", ["true"], {})
    return project


def zipped(project):
    return io.BytesIO(b"".join(pack(project)))


def made(**files):
    """Return a zip of the given members; a value may be (bytes, mode)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            data, about.external_attr = content if isinstance(content, tuple) else (content, 0o644 << 16)
            archive.writestr(about, data)
    return file


PROJECT = json.dumps({"name": "Theirs", "created": "2026-01-01T00:00:00+00:00", "layers": [], "format": 2}).encode()


def test_a_zip_holds_what_makes_a_project_and_nothing_else(valley):
    names = set(zipfile.ZipFile(zipped(valley)).namelist())
    area = next((valley.folder / "areas").iterdir()).name
    assert names == {"valley/project.json", "valley/layers/image.tif", f"valley/areas/{area}",
                     "valley/runs/done/run.json", "valley/runs/done/classes.tif", "valley/ledger.jsonl"}


def test_a_project_comes_back_as_it_was(valley, tmp_path):
    told = []
    there = unpack(zipped(valley), tmp_path / "elsewhere", told.append)
    assert (there.id, there.name, there.layers) == ("valley", "Valley", valley.layers)
    assert there.path(there.layers[0]).read_bytes() == valley.path(valley.layers[0]).read_bytes()
    assert [run.id for run in there.runs()] == ["done"]
    assert told == sorted(told) and told[-1] == 1
    assert len(jobs(valley.folder / "jobs")) == 1 and jobs(there.folder / "jobs") == [], "a job came along"
    assert unpack(zipped(valley), tmp_path / "elsewhere").id == "valley-2"


def test_a_copy_and_a_moved_folder_are_projects_of_their_own(valley, tmp_path):
    twin = copy(valley, "Valley again")
    assert (twin.id, twin.name, twin.layers) == ("valley-again", "Valley again", valley.layers)
    assert (twin.folder / "scarp.db").is_file() and not list((twin.folder / "jobs").iterdir())
    moved = twin.folder.rename(tmp_path / "moved")
    assert open_project(moved).path(twin.layers[0]).is_file()
    assert {project.name for project in list_projects(tmp_path / "projects")} == {"Valley"}


def ended(job):
    end = time.monotonic() + 60
    while read(job.folder).active:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_project_whose_job_is_at_work_stays(valley):
    job = submit(valley.folder / "jobs", "test", "A long job", ["sleep", "60"], {})
    with pytest.raises(InputError, match="Jobs page"):
        remove(valley)
    assert (valley.folder / "project.json").is_file()
    cancel(job)
    ended(job)


def test_a_removed_project_is_gone_with_its_files(valley):
    for job in jobs(valley.folder / "jobs"):
        ended(job)
    remove(valley)
    assert [each.name for each in (valley.folder.parent).iterdir() if not each.name.startswith(".")] == []
    assert list_projects(valley.folder.parent) == []


@pytest.mark.parametrize(("files", "words"), [
    ({"../project.json": PROJECT}, "leads elsewhere"),
    ({"/project.json": PROJECT}, "leads elsewhere"),
    ({"p/project.json": PROJECT, "p/layers/..\\..\\x.tif": b""}, "leads elsewhere"),
    ({"p/project.json": PROJECT, "p/.ssh/authorized_keys": b""}, "hidden"),
    ({"p/project.json": (b"/etc/passwd", (stat.S_IFLNK | 0o777) << 16)}, "link"),
    ({"p/project.json": PROJECT, "p/app.py": b"print()"}, "app.py"),
    ({"p/project.json": PROJECT, "p/layers/inner.zip": b""}, "inner.zip"),
    ({"p/project.json": PROJECT, "p/layers/A.tif": b"", "p/layers/a.tif": b""}, "same name"),
    ({"p/project.json": PROJECT, "q/project.json": PROJECT}, "another kind"),
    ({"p/layers/a.tif": b""}, "another kind"),
    ({"p/project.json": PROJECT, "p/layers/a.tif": b"<VRTDataset/>"}, "a.tif"),
    ({"p/project.json": PROJECT, "p/runs/r/landslides.gpkg": b"no"}, "GeoPackage"),
    ({"p/project.json": PROJECT, "p/areas/a.geojson": b"{"}, "a.geojson"),
    ({"p/project.json": PROJECT, "p/layers/a.tif": bytes(300 * 2**20)}, "unpack to"),
    ({"p/project.json": b"{"}, "project.json"),
])
def test_a_zip_of_someone_else_is_judged_before_anything_is_there(tmp_path, files, words):
    with pytest.raises(InputError, match=words):
        unpack(made(**files), tmp_path / "projects")
    assert not [each for each in tmp_path.rglob("*") if each.is_file()], "something was left"


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_said_to_be_none(tmp_path, content):
    with pytest.raises(InputError, match="zipped project"):
        unpack(io.BytesIO(content), tmp_path)


def test_a_damaged_member_is_found(valley, tmp_path):
    content = bytearray(zipped(valley).getvalue())
    at = content.find(b"II*\x00")
    content[at + 200:at + 300] = bytes(100)
    with pytest.raises(InputError, match="damaged"):
        unpack(io.BytesIO(content), tmp_path / "elsewhere")


def test_a_layer_may_not_lead_out_of_its_project(valley, tmp_path):
    (tmp_path / "secret.tif").write_bytes(b"x")
    layer = {"id": "a", "role": "image", "path": "../../secret.tif", "title": "x", "date": ""}
    theirs = json.loads(PROJECT) | {"layers": [layer]}
    with pytest.raises(InputError, match="outside"):
        unpack(made(**{"project.json": json.dumps(theirs).encode()}), tmp_path / "projects")
