"""Uploads: streamed to one project by a signed address, from pages of this server; a broken one leaves nothing."""

import asyncio
import json

import pytest

from core import uploads
from core.errors import InputError
from core.incoming import add, end, find, records, refuse, take
from core.project import create
from core.tokens import Signer
from core.uploads import UploadGuard, max_bytes, upload_url

SAME = {"host": "here:1", "origin": "http://here:1", "sec-fetch-site": "same-origin"}


@pytest.fixture
def project(tmp_path):
    return create(tmp_path / "valley", "Valley").folder


@pytest.fixture
def sign(tmp_path):
    return Signer(tmp_path, b"k" * 32)


def put(guard, url, body=b"II*\0", *, name="a.tif", headers=SAME, method="PUT", broken=False):
    """Send a body in pieces and return the status and the answer."""
    pieces = [body[i:i + 1000] for i in range(0, len(body), 1000)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": broken or piece is not pieces[-1]}
                for piece in pieces] + [{"type": "http.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    from urllib.parse import quote

    scope = {"type": "http", "method": method, "path": url, "root_path": "/uploads",
             "query_string": f"name={quote(name)}".encode(),
             "headers": [(key.encode(), value.encode()) for key, value in headers.items()]}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def files(project):
    return sorted(path.name for path in (project / "incoming").glob("*") if path.name != ".lock")


def test_an_upload_is_stored_under_a_name_of_ours(sign, project):
    body = bytes(range(256)) * 40_000  # over one write
    status, answer = put(UploadGuard(sign), upload_url(sign, project), body, name="../../Tal 1/ä.TIFF",
                         headers=SAME | {"content-length": str(len(body))})
    assert status == 201 and files(project) == [f"{answer['id']}.json", f"{answer['id']}.tif"]
    came = find(project, answer["id"])
    assert came.name == "ä.TIFF" and came.file.read_bytes() == body and came.state == "waiting"


@pytest.mark.parametrize("headers", [
    {"host": "here:1"}, SAME | {"origin": "http://there"}, SAME | {"origin": "null"},
    SAME | {"sec-fetch-site": "cross-site"}, SAME | {"sec-fetch-site": "none"}])
def test_requests_from_elsewhere_are_refused(sign, project, headers):
    status, answer = put(UploadGuard(sign), upload_url(sign, project), headers=headers)
    assert status == 403 and "elsewhere" in answer["error"]["got"] and files(project) == []


def test_an_address_is_for_uploads_to_one_project_and_runs_out(sign, project, tmp_path, monkeypatch):
    create(tmp_path / "other", "Other")
    guard, url = UploadGuard(sign), upload_url(sign, project)
    file = project / "project.json"
    forged = Signer(tmp_path, b"x" * 32)
    for wrong in (f"/uploads/{sign.token(file, {'colour': '#fff'})}", upload_url(forged, project), "/uploads/", "/x",
                  url.replace("/uploads/", "/uploads/../"), f"/uploads/{sign.token(file, {'upload': 'x'})}"):
        assert put(guard, wrong)[0] == 403
    assert put(guard, url, method="POST")[0] == 403
    assert put(guard, url)[0] == 201 and not (tmp_path / "other" / "incoming").exists()
    now = uploads.time.time()
    monkeypatch.setattr(uploads.time, "time", lambda: now + 3600 + 601)
    status, answer = put(guard, url)
    assert status == 403 and "Reload" in answer["error"]["remedy"]


def test_the_size_is_capped_whether_it_is_told_or_not(sign, project):
    guard, url = UploadGuard(sign, 5_000), upload_url(sign, project)
    assert put(guard, url, b"x" * 10, headers=SAME | {"content-length": "5001"})[0] == 413
    status, answer = put(guard, url, b"x" * 5_001)
    assert status == 413 and "SCARP_MAX_UPLOAD_GB" in answer["error"]["remedy"]
    assert files(project) == []
    assert put(guard, url, b"x" * 5_000)[0] == 201


def test_a_full_disk_is_said_and_nothing_is_left(sign, project, monkeypatch):
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda _: type("U", (), {"free": uploads.SPARE_BYTES + 100})())
    url = upload_url(sign, project)
    assert put(UploadGuard(sign), url, headers=SAME | {"content-length": "51"})[0] == 507
    assert put(UploadGuard(sign), url, headers=SAME | {"content-length": "50"})[0] == 201

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "run_in_threadpool", fail)
    status, answer = put(UploadGuard(sign), url)
    assert status == 507 and "No space left" in answer["error"]["got"] and len(files(project)) == 2


def test_a_broken_upload_leaves_nothing(sign, project):
    assert put(UploadGuard(sign), upload_url(sign, project), b"x" * 9_000, broken=True)[0] == 400
    assert put(UploadGuard(sign), upload_url(sign, project), b"")[0] == 400
    assert files(project) == []


@pytest.mark.parametrize("name", ["photo.jpg", "", "x.tif/", "layer.vrt", "a.tif.exe"])
def test_other_kinds_are_refused_by_name_before_they_are_sent(sign, project, name):
    status, answer = put(UploadGuard(sign), upload_url(sign, project), name=name)
    assert status == 415 and ".tif" in answer["error"]["expected"] and files(project) == []


@pytest.mark.parametrize(("text", "right"), [("", 8e9), ("0.5", 5e8), ("-1", None), ("many", None), ("inf", None)])
def test_the_cap_is_set_by_the_environment(monkeypatch, text, right):
    monkeypatch.setenv("SCARP_MAX_UPLOAD_GB", text)
    if right:
        assert max_bytes() == right
    else:
        with pytest.raises(InputError, match="SCARP_MAX_UPLOAD_GB"):
            max_bytes()


def test_a_waiting_file_is_given_out_once_and_ends(project, tmp_path):
    outside = tmp_path / "mine.tif"
    outside.write_bytes(b"x")
    first = add(project, "mine.tif", outside, ours=False)
    assert [each.id for each in take(project)] == [first.id] and take(project) == []
    refuse(project, first.id, InputError("mine.tif", got="text", expected="a GeoTIFF", remedy="Export it."))
    assert records(project)[0].state == "refused" and records(project)[0].error["got"] == "text"
    end(project, first.id)
    assert records(project) == [] and outside.exists()
    with pytest.raises(InputError, match="Upload the file again"):
        find(project, "../../project")


def test_what_a_killed_server_left_is_swept_after_a_day(sign, project, monkeypatch):
    put(UploadGuard(sign), upload_url(sign, project))
    (project / "incoming" / "0123456789abcdef.part").write_bytes(b"x")
    put(UploadGuard(sign), upload_url(sign, project))
    assert len(files(project)) == 5
    now = uploads.time.time()
    url = upload_url(sign, project)
    monkeypatch.setattr("core.incoming.STALE_S", -1.0)
    assert now and put(UploadGuard(sign), url)[0] == 201
    assert len(files(project)) == 6 and not list((project / "incoming").glob("*.part"))
