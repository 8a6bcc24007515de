"""A project that travels with all that people made of it, and what a ledger or a file of someone else may not do."""

import io
import json
import shutil
import sqlite3
import zipfile
from functools import cache

import numpy as np
import pytest
import shapely
import torch
from PIL import Image

from core.accuracy import MapOf, Studies
from core.archive import copy, pack, unpack
from core.archive.ledger import lines_of, take
from core.errors import InputError, ScarpError
from core.field import give_out, outings
from core.files import read_json, write_json
from core.project import add_layer, create
from core.registry import ModelCard, save_model
from core.review import Ledger, accept, change, reject, reshape, split
from core.review.photo import take_photo
from core.tuning import tunings
from tests.unit.test_review import make_run

X, Y = 388_000, 3_676_000


@pytest.fixture(autouse=True)
def usual_place(monkeypatch):
    monkeypatch.delenv("SCARP_STORE", raising=False)


def picture(kind):
    made = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3)).astype("uint8")).save(made, kind)
    return made.getvalue()


def finished_tuning(project):
    folder = project.folder / "trainings" / "20260101-120000-abcd"
    (folder / "run" / "pictures").mkdir(parents=True)
    (folder / "run" / "pictures" / "1.webp").write_bytes(picture("WEBP"))
    (folder / "run" / "checkpoint.pt").write_bytes(b"left behind")
    card = ModelCard("run", "Tuned", "fcn_8s", "binary", (0.2, 1.0), folder=folder / "model")
    save_model(card, {"weight": torch.zeros(2)})
    score = {"before": 0.4, "after": 0.6, "difference": 0.2, "interval": [0.1, 0.3]}
    write_json(folder / "run" / "scores.json", {"ground": [{"ground": "a", "blocks": 9, "scores": {"IoU": score}}]})
    (folder / "run" / "curve.jsonl").write_text('{"step": 5, "steps": 20, "loss": 0.5, "iou": 0.3}\n')
    write_json(folder / "tuning.json", {
        "created": "2026-01-01T12:00:00+00:00", "model": "lite", "model_title": "Lite", "image": "After",
        "labels": "reviews", "counts": {"landslide": 9}, "mode": "quick", "learns": "full", "minutes": 3.0, "steps": 0,
        "job": "a-job-of-here", "test": True, "kept": "mine"})


@pytest.fixture
def valley(tmp_path, make_raster):
    """A project in which everything was done once: reviewed in all ways, labelled, photographed, tuned, given out."""
    project = create(tmp_path / "here" / "valley", "Valley")
    for role in ("image", "classes"):
        path = project.folder / "layers" / f"{role}.tif"
        array = np.tile((np.arange(400) // 40 % 2).astype("uint8"), (1 if role == "classes" else 3, 60, 1))
        shutil.copy(make_raster(f"{role}.tif", array, gsd=2.0, origin=(X - 20, Y + 60)), path)
    project = add_layer(project, "image", project.folder / "layers" / "image.tif", "After", "2017-08-09")
    ledger = Ledger(project)
    ledger.take(make_run(project))
    shutil.copy(project.folder / "layers" / "classes.tif", project.folder / "runs" / "first" / "classes.tif")
    (project.folder / "layers" / "classes.tif").unlink()
    names = ledger.detections()["id"].tolist()
    photo = take_photo(project.folder, picture("JPEG")) | {"lon": 103.8, "lat": 33.2}
    ledger.apply(accept(names[0], 1), "Ana")
    ledger.apply(change(names[0], 2, photos=[photo], note="Über 30°", certainty="probable", event_name="Quake"), "Bo")
    ledger.apply(reject(names[0], 1, "road"), "Cy")  # too late: a conflict
    shape = ledger.detections().set_index("id").geometry[names[1]]
    ledger.apply(reshape(names[1], 1, shape.buffer(1e-5), {"area_m2": 500.0, "length_from": "fall"}), "Ana")
    west, south, east, north = ledger.detections().set_index("id").geometry[names[2]].bounds
    halves = [shapely.box(west, south, (west + east) / 2, north), shapely.box((west + east) / 2, south, east, north)]
    ledger.apply(split(names[2], 1, [(half, {"area_m2": 1.5}) for half in halves], "first"), "Ana")
    ledger.apply(reject(names[3], 1, "road"), "Ana")
    ledger.undo("Ana")
    studies = Studies(project.folder)
    study = studies.new(MapOf(project.folder / "runs" / "first" / "classes.tif", 1, apart=False), "first", "Ana", 20,
                        least=5)
    studies.label(study.id, 1, "Ana", "landslide", "sure")
    finished_tuning(project)
    give_out(project, "first", "North", project.of("image")[0])
    return project


def zipped(project):
    return io.BytesIO(b"".join(pack(project)))


def test_all_that_people_made_comes_along_and_can_be_gone_on_with(valley, tmp_path):
    there = unpack(zipped(valley), tmp_path / "there")
    lines = list(lines_of(valley.folder))
    assert list(lines_of(there.folder)) == lines and len(lines) > 30
    here, ledger = Ledger(valley), Ledger(there)
    assert ledger.conflicts() == here.conflicts() != [] and ledger.take(there.runs()[0]) == 0
    assert here.detections().to_csv() == ledger.detections().to_csv()
    [row] = [each for each in ledger.detections().to_dict("records") if each["photos"]]
    assert Image.open(there.folder / row["photos"][0]["file"]).size == (60, 40)
    assert ledger.undo("Ana") is not None, "what was done last can no longer be taken back"
    assert Studies(there.folder).all()[0].points == 20 and len(Studies(there.folder).all("first")) == 1
    [outing] = outings(there)
    assert outing.package.read_bytes() == outings(valley)[0].package.read_bytes() and len(outing.given()) == 6
    [tuning] = tunings(there)
    assert tuning.rows == tunings(valley)[0].rows and len(tuning.pictures) == 1 and tuning.card.title == "Tuned"
    assert (tuning.kept, tuning.job, tuning.left_over) == ("", None, False), "it looks as if it was done here"


def test_nothing_tells_where_the_project_was(valley, tmp_path):
    with zipfile.ZipFile(zipped(valley)) as archive:
        assert not [name for name in archive.namelist() if str(tmp_path).encode() in archive.read(name)
                    or "checkpoint" in name]


def test_a_copy_has_its_own_ledger(valley):
    twin = copy(valley, "Twin")
    assert list(lines_of(twin.folder)) == list(lines_of(valley.folder))
    Ledger(twin).undo("Ana")
    assert list(lines_of(twin.folder)) != list(lines_of(valley.folder))


@cache
def changed(content, edit):
    """Return a zip in which one member is another."""
    name, new = edit
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in old.namelist():
            if not each.endswith(name):
                archive.writestr(each, old.read(each))
        archive.writestr(f"valley/{name}", new)
    return made


def refused(content, name, new, root):
    with pytest.raises(ScarpError) as caught:
        unpack(changed(content, (name, new)), root)
    assert not list(root.glob("*")), f"something was left after {caught.value}"
    return str(caught.value)


def first(lines, table, values):
    """Return the lines with some values of a table's first row changed; a value may be made of the old one."""
    rows = [json.loads(line) for line in lines]
    row = next(row for row in rows if row.get("table") == table)
    row.update({name: value(row[name]) if callable(value) else value for name, value in values.items()})
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def photo(**more):
    return [{"file": "photos/0123456789abcdef01234567.jpg", "lon": None, "lat": None, "taken": ""} | more]


WRONG = [("versions", {"status": "owned"}), ("versions", {"who": "x" * 81}), ("versions", {"at": 1e300}),
         ("versions", {"at": "yesterday"}), ("versions", {"geometry": "00"}), ("versions", {"number": 7}),
         ("versions", {"geometry": shapely.to_wkb(shapely.Point(1, 2), hex=True)}),
         ("versions", {"geometry": shapely.to_wkb(shapely.box(1e9, 0, 2e9, 1), hex=True)}),
         ("versions", {"photos": photo(file="../../etc/passwd")}), ("versions", {"photos": photo(lat=[1])}),
         ("versions", {"photos": photo(file="photos/../../x.jpg")}), ("versions", {"measured": {"area_m2": "<b>"}}),
         ("versions", {"measured": {"price": 1}}), ("versions", {"record": {"event_date": "<script>"}}),
         ("versions", {"note": "\ud800"}), ("versions", {"detection": "'; DROP TABLE jobs; --"}),
         ("versions", {"id": 10**30}), ("versions", {"more": 1}), ("detections", {"version": 2}),
         ("detections", {"run": "../first"}), ("detections", {"id": lambda _: "00000000-0000-5000-8000-000000000000"}),
         ("conflicts", {"edits": [{"id": "x"}]}), ("conflicts", {"edits": [{"__class__": "os.system"}]}),
         ("accuracy_studies", {"strata": [{"name": "far", "pixels": 1, "area_m2": -1}]}),
         ("accuracy_studies", {"strata": []}), ("accuracy_points", {"stratum": "landslide", "number": -1}),
         ("accuracy_labels", {"label": "maybe"}), ("accuracy_labels", {"number": 999}),
         ("versions", {"table": "jobs"}), ("versions", {"table": "sqlite_master"})]


def test_a_row_of_someone_else_is_judged(valley, tmp_path):
    lines, there = list(lines_of(valley.folder)), create(tmp_path / "there", "There").folder
    for made in (*(first(lines, table, values) for table, values in WRONG), b"", b"{", b"[" * 100_000, b"\xff\n",
                 lines[0] + b'{"table": "versions"}\n', b'{"format": 99}\n', b"".join(lines[:3]),
                 lines[0] + lines[1] + lines[1]):
        with pytest.raises(InputError, match="reviews of the zipped project: got .*Download the project again"):
            take(made.splitlines(keepends=True), there)
        assert len(list(lines_of(there))) == 1, f"something was taken of {made[:200]}"
    take(lines, there)
    assert list(lines_of(there)) == lines
    words = refused(zipped(valley).getvalue(), "ledger.jsonl", first(lines, *WRONG[0]), tmp_path / "elsewhere")
    assert "'owned' as status of versions (line " in words


def hostile(path, *statements):
    with sqlite3.connect(path) as database:
        for each in statements:
            database.execute(each)
    return path.read_bytes()


def test_a_file_of_someone_else_is_judged(valley, tmp_path, monkeypatch):
    content, root = zipped(valley).getvalue(), tmp_path / "there"
    field, training = f"field/{outings(valley)[0].id}", f"trainings/{tunings(valley)[0].id}"
    about, scores = (read_json(valley.folder / training / name) for name in ("tuning.json", "run/scores.json"))
    kept = valley.folder / field / "given.gpkg"
    package = io.BytesIO(outings(valley)[0].package.read_bytes())
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr("autorun.py", "1")
    for name, new in (
            ("photos/0123456789abcdef01234567.jpg", b"<svg onload=alert(1)>"),
            (f"{training}/run/pictures/1.webp", b"RIFF....WEBP"),
            (f"{training}/tuning.json", json.dumps(about | {"counts": {"landslide": "<b>"}})),
            (f"{training}/tuning.json", json.dumps({"job": "x"})), (f"{training}/run/scores.json", '{"ground": []}'),
            (f"{training}/run/scores.json", json.dumps(scores).replace("0.4", '"0.4"')),
            (f"{training}/run/curve.jsonl", '{"loss": 1}\n'), (f"{training}/model/model.safetensors", b"pickle"),
            (f"{training}/run/checkpoint.pt", b"pickle"), (f"{field}/package.zip", package.getvalue()),
            (f"{field}/outing.json", "[]"), (f"{field}/given.gpkg", b"SQLite format 3\0"),
            (f"{field}/given.gpkg", hostile(kept, "CREATE VIEW more AS SELECT load_extension('x')")),
            ("ledger.jsonl", bytes(300 * 2**20))):
        refused(content, name, new, root)
    monkeypatch.setattr("core.archive.ledger.MAX_BYTES", 100)
    with pytest.raises(InputError, match="at most 100"):
        unpack(io.BytesIO(content), root)


def test_a_database_in_a_zip_is_never_opened(valley, tmp_path):
    database = hostile(tmp_path / "theirs.db", "CREATE TABLE versions (id INTEGER)",
                       "CREATE TRIGGER t AFTER INSERT ON versions BEGIN DELETE FROM versions; END")
    there = unpack(changed(zipped(valley).getvalue(), ("scarp.db", database)), tmp_path / "there")
    assert list(lines_of(there.folder)) == list(lines_of(valley.folder))
