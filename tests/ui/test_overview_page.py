"""The overview: empty, full and broken projects; making, opening, renaming, copying and deleting them."""

import json
import shutil
from concurrent.futures import Future

import pytest
import rasterio
from shapely.geometry import box

from core.archive import pack
from core.errors import ScarpError
from core.export import write_outlines
from core.files import write_json
from core.jobs import submit
from core.measure import Measured
from core.project import add_layer, create, list_projects, open_project

ATTACK = "![x](http://127.0.0.1:1/x.png) <img src=x>"


@pytest.fixture
def found(valley):
    """The valley with a detection of two landslides."""
    run = valley.folder / "runs" / "r1"
    run.mkdir()
    measured = Measured(
        area_m2=40, perimeter_m=28, length_m=8, width_m=5, length_from="shape", elevation_min_m=None,
        elevation_max_m=None, drop_m=None, reach_angle_deg=None, slope_mean_deg=None, aspect_mean_deg=None,
        dem_share=0.0, probability_mean=0.8, probability_max=0.9, lon=103.8, lat=33.2)
    places = [box(388_005 + x, 3_675_980, 388_013 + x, 3_675_985) for x in (0, 14)]
    write_outlines(run / "landslides.gpkg", [(place, measured) for place in places],
                   rasterio.CRS.from_epsg(32648), model="lite")
    write_json(run / "run.json", {"model": {"name": "lite"}, "inputs": {"image": {"file": "image.tif"}}})
    return valley


@pytest.fixture(autouse=True)
def painter(monkeypatch):
    """Pictures are made at once."""
    from ui import overview_head

    class AtOnce:
        def submit(self, work):
            made = Future()
            try:
                made.set_result(work())
            except ScarpError as error:
                made.set_exception(error)
            return made

    monkeypatch.setattr(overview_head, "_painter", AtOnce)


def links(app):
    return {each.proto.label: each.proto.query_string for each in app.get("page_link")}


def test_without_a_project_there_are_three_ways_to_one(visit):
    app = visit()
    assert not app.exception
    assert {"Make the demo project", "Open a zip", "New project"} <= {button.label for button in app.button}


def test_a_project_without_an_image_is_told_what_to_do_first(root, visit, words):
    create(root / "valley", "Valley")
    app = visit()
    assert not app.exception and "No image yet" in words(app) and "Add an image" in words(app)


def test_a_project_without_a_detection_says_where_it_is_and_what_to_do(valley, visit, words):
    app = visit()
    assert not app.exception and not app.error
    for text in ("33.217° N, 103.798° E", "EPSG:32648 WGS 84 / UTM zone 48N", "40 × 32 m, 0.5 m a pixel",
                 "No detection yet", "Detect landslides", "/downloads/"):
        assert text in words(app), text
    assert len(list((valley.folder / "derived").glob("picture-*.webp"))) == 1


def test_a_detection_shows_with_figures_and_a_way_to_it(found, visit, words):
    app = visit()
    text = words(app)
    assert not app.exception and not app.error and "2 landslides, 80 m²" in text
    assert "run=r1" in links(app)["Look at the landslides"] and "project=valley" in links(app)["lite"]


def test_while_a_job_is_at_work_it_is_followed(valley, visit, words, monkeypatch):
    monkeypatch.setattr("core.jobs.queue.start_worker", lambda folder: None)
    submit(valley.folder / "jobs", "test", "A job", ["true"], {})
    assert "Follow the" in words(visit())


def test_a_damaged_result_is_told_and_the_rest_stays(valley, visit, words):
    run = valley.folder / "runs" / "r"
    run.mkdir()
    (run / "run.json").write_text("{}")
    (run / "landslides.gpkg").write_bytes(b"no")
    app = visit()
    assert not app.exception and "landslides.gpkg" in app.error[0].value and "Layers" in words(app)


def test_a_lost_layer_is_told_without_a_path_and_the_rest_stays(valley, root, visit, words):
    (valley.folder / "layers" / "image.tif").unlink()
    app = visit()
    assert not app.exception and "Image" in app.error[0].value and str(root) not in words(app)
    assert "Dem" in words(app)


def test_a_damaged_image_is_told_where_its_picture_would_be(valley, visit):
    path = valley.folder / "layers" / "image.tif"
    path.write_bytes(path.read_bytes()[:4000])
    app = visit()
    assert not app.exception and any("picture" in error.value or "GeoTIFF" in error.value for error in app.error)


def test_a_damaged_project_is_left_out(root, valley, visit, words):
    (root / "broken").mkdir()
    (root / "broken" / "project.json").write_text("{")
    app = visit(project="broken")
    assert not app.exception and "Valley" in words(app)


def test_markup_in_names_is_only_text(root, found, visit, words):
    create(root / "attack", ATTACK)
    (found.folder / "runs" / "r1" / "title.txt").write_text(ATTACK)
    path = found.folder / "layers" / "lost.tif"
    shutil.copy(found.folder / "layers" / "dem.tif", path)
    add_layer(found, "dem", path, ATTACK)
    text = words(visit(project="valley"))
    assert "![x](http://127.0.0.1:1/x.png) &lt;img src=x&gt;" in text
    assert r"\!\[x\]\(http\:" in text and "<img src=x>" not in text


def test_another_project_is_opened_by_its_button(root, valley, visit):
    create(root / "alps", "Alps")
    app = visit()
    app.button(key="open-valley").click().run()
    assert app.query_params["project"] in ("valley", ["valley"])


def choose(project, action):
    """Choose from a project's menu; the test driver has no such widget."""
    from streamlit.testing.v1 import AppTest

    return AppTest.from_string(f"""
from core.project import open_project
from pathlib import Path
from ui import projects_panel
projects_panel.{action}(open_project(Path({str(project.folder)!r})))
""", default_timeout=60).run()


def test_a_project_is_renamed(valley):
    app = choose(valley, "_rename")
    app.text_input[0].set_value("Another name")
    app.button[0].click().run()
    assert open_project(valley.folder).name == "Another name"


def test_a_name_cannot_be_taken_away(valley):
    app = choose(valley, "_rename")
    app.text_input[0].set_value("  ")
    app.button[0].click().run()
    assert "name" in app.error[0].value and open_project(valley.folder).name == "Valley"


def test_a_project_is_deleted_only_when_that_is_confirmed_and_no_job_runs(valley, root, monkeypatch):
    app = choose(valley, "_delete")
    assert list_projects(root) and [button.label for button in app.button] == ["Delete for good"]
    monkeypatch.setattr("core.jobs.queue.start_worker", lambda folder: None)
    submit(valley.folder / "jobs", "test", "A job", ["true"], {})
    assert not choose(valley, "_delete").button
    from core.jobs import cancel, jobs

    cancel(jobs(valley.folder / "jobs")[0])
    choose(valley, "_delete").button[0].click().run()
    assert list_projects(root) == []


def test_a_download_is_offered_by_a_signed_address(found, words):
    text = words(choose(found, "_download"))
    assert "/downloads/" in text and ".zip" in text and "MB" in text


def test_the_way_out_gives_the_zip_and_the_picture_and_nothing_else(found, root):
    import io
    import zipfile

    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.testclient import TestClient

    from core.downloads import DownloadGuard, archive_url, picture_url
    from core.tokens import signer

    sign = signer(root)
    (found.folder / "derived" / "picture-1.webp").write_bytes(b"RIFF")
    client = TestClient(Starlette(routes=[Mount("/downloads", app=DownloadGuard(sign))]))
    zipped, shown = archive_url(sign, found.folder), picture_url(sign, found.folder / "derived" / "picture-1.webp")
    got = client.get(zipped)
    assert "valley/project.json" in zipfile.ZipFile(io.BytesIO(got.content)).namelist()
    assert got.headers["content-disposition"] == 'attachment; filename="valley.zip"'
    assert client.get(shown).content == b"RIFF"
    token = sign.token(found.folder / "project.json", {"upload": 1})
    for wrong in (zipped[:-5] + "x.zip", f"/downloads/{token}.zip", f"/downloads/{token}.webp", "/downloads/../app.py",
                  shown.replace(".webp", ".zip"), zipped.replace(".zip", ".webp")):
        assert client.get(wrong).status_code == 404, wrong


def test_what_the_page_packs_can_be_opened_again(found, root, tmp_path):
    import io

    from core.archive import unpack

    assert unpack(io.BytesIO(b"".join(pack(found))), root).id == "valley-2"
    assert json.loads((root / "valley-2" / "project.json").read_text())["name"] == "Valley"
