"""The frame around every page: the bar, the address, and errors in words."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.files import write_json
from core.jobs import submit
from core.project import create
from ui.nav import PAGES
from ui.settings import ROOT

AREA = {"type": "Polygon", "coordinates": [[[103, 33], [103.1, 33], [103.1, 33.1], [103, 33]]]}


def run_of(project, name, **about):
    folder = project.folder / "runs" / name
    folder.mkdir()
    write_json(folder / "run.json", {"model": {"name": name}, **about})


def address(app, name):
    """Return what the address says, or nothing; the test driver gives lists."""
    value = app.query_params.get(name, "")
    return value[-1] if isinstance(value, list) else value


def switch(app):
    return next(box for box in app.selectbox if box.label == "Project")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_and_keeps_the_project_in_the_address(valley, visit, words, name):
    app = visit(name)
    assert not app.exception, app.exception
    assert address(app, "project") == "valley"
    assert switch(app).options == ["Valley"]
    assert {PAGES[each].title for each in PAGES} <= set(words(app).split())


@pytest.mark.parametrize("name", ["overview", "detect"])
def test_a_lost_layer_is_told_without_a_path(valley, root, visit, words, name):
    (valley.folder / "layers" / "image.tif").unlink()
    app = visit(name)
    assert not app.exception and "Image" in app.error[0].value and str(root) not in words(app)


def test_the_bar_changes_the_project_and_forgets_what_was_the_last_ones(root, valley, visit):
    create(root / "alps", "Alps")
    run_of(valley, "r1")
    app = visit(project="valley", run="r1")
    switch(app).set_value("alps").run()
    assert not app.exception
    assert (address(app, "project"), address(app, "run")) == ("alps", "")


@pytest.mark.parametrize("project", ["nowhere", "../valley", "", "<img src=x onerror=alert(1)>", "a" * 5000, "VALLEY"])
def test_a_project_that_is_not_there_gives_another_one_with_a_note(valley, visit, words, project):
    app = visit(project=project)
    assert not app.exception and not app.error
    assert address(app, "project") == "valley"
    assert ("not here" in words(app)) == bool(project)


@pytest.mark.parametrize("name", ["run", "area"])
@pytest.mark.parametrize("value", ["gone", "../../valley", "<script>", "r1/../r1"])
def test_what_the_project_has_not_is_taken_out_of_the_address_with_a_note(valley, visit, words, name, value):
    run_of(valley, "r1")
    app = visit(project="valley", **{name: value})
    assert not app.exception and not app.error
    assert name not in app.query_params and "not in this project" in words(app)


def test_an_area_of_another_project_does_not_count(root, valley, visit):
    theirs = create(root / "alps", "Alps").save_area(AREA)
    assert "area" not in visit(project="valley", area=theirs.stem).query_params
    ours = valley.save_area(AREA)
    assert address(visit(project="valley", area=ours.stem), "area") == ours.stem


def asks(answer):
    """Return a small page that writes down what ``ui.state`` says."""
    return AppTest.from_string(f"""
import streamlit as st
from ui import state
state.settle_address()
project = state.current_project()
{answer}
""")


def test_state_gives_run_area_and_job_of_the_address(valley):
    run_of(valley, "r1")
    run_of(valley, "r2")
    area = valley.save_area(AREA).stem
    app = asks("st.session_state.told = (state.current_run(project).id, state.current_area(project)['type'],"
               " state.current_job(), state.address())")
    app.query_params.update({"project": "valley", "run": "r1", "area": area, "job": "j1"})
    run, kind, job, address = app.run().session_state["told"]
    assert (run, kind, job) == ("r1", "Polygon", "j1")
    assert address == {"project": "valley", "run": "r1", "area": area, "job": "j1"}


def test_a_bare_link_keeps_what_the_session_knows(valley):
    run_of(valley, "r1")
    app = asks("st.session_state.told = state.address()")
    app.query_params.update({"project": "valley", "run": "r1"})
    app.run()
    app.query_params.clear()
    assert app.run().session_state["told"] == {"project": "valley", "run": "r1"}


def test_an_area_is_kept_and_taken_away(valley):
    app = asks(f"""
if st.button("keep"):
    state.set_area(project, {AREA})
if st.button("drop"):
    state.set_area(project, None)
st.session_state.told = state.current_area(project)
""").run()
    assert app.session_state["told"] is None
    app.button[0].click().run()
    assert app.session_state["told"]["type"] == "Polygon"
    app.button[1].click().run()
    assert app.session_state["told"] is None and len(list((valley.folder / "areas").iterdir())) == 1


def test_a_damaged_area_is_told_and_dropped(valley):
    (valley.folder / "areas" / "bad.geojson").write_text("{")
    app = asks("st.session_state.told = state.current_area(project)")
    app.query_params.update({"project": "valley", "area": "bad"})
    app.run()
    assert app.session_state["told"] is None and "area" not in app.query_params and "could not be read" in \
        app.toast[0].value


def test_running_jobs_show_on_every_page(valley, visit, words, monkeypatch):
    monkeypatch.setattr("core.jobs.queue.start_worker", lambda folder: None)
    submit(valley.folder / "jobs", "test", "A job", ["true"], {})
    assert "1 job" in words(visit()) and "1 job" in words(visit("detect"))


def test_what_nobody_foresaw_is_a_calm_box_without_details():
    app = AppTest.from_string("""
from core.errors import InputError
from ui.words import unexpected
unexpected(RuntimeError("secret /srv/me"))
unexpected(InputError("file a.tif", got="**nothing**", expected="something", remedy="Try again."))
""").run()
    assert "Something went wrong" in app.warning[0].value and "secret" not in app.warning[0].value
    assert r"\*\*nothing" in app.error[0].value


def test_the_server_answers_with_safe_headers_and_only_to_its_own_names(monkeypatch):
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    from ui.security import middleware

    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("x", headers={"Referrer-Policy": "origin"}))],
                    middleware=middleware())
    good = TestClient(app, base_url="http://127.0.0.1:8501").get("/")
    assert good.status_code == 200 and good.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in good.headers["content-security-policy"]
    assert good.headers.get_list("referrer-policy") == ["origin"]
    assert TestClient(app, base_url="http://rebound.example").get("/").status_code == 400
    monkeypatch.setenv("SCARP_HOSTS", "maps.example.org")
    app = Starlette(middleware=middleware())
    assert TestClient(app, base_url="http://maps.example.org").get("/").status_code == 404


def test_the_policy_knows_every_host_of_the_online_basemaps():
    from fnmatch import fnmatch
    from urllib.parse import urlparse

    from ui.map.basemaps import basemaps
    from ui.security import BASEMAPS

    hosts = {urlparse(tiles).netloc for each in basemaps() for tiles in each["tiles"]}
    assert hosts and all(any(fnmatch(f"https://{host}", known) for known in BASEMAPS.split()) for host in hosts), hosts


def test_the_server_listens_on_this_machine_alone_and_tells_no_details():
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1" and config["server"]["enableAgentApi"] is False
    assert config["client"]["showErrorDetails"] == "none" and config["client"]["showErrorLinks"] is False
    assert config["browser"]["gatherUsageStats"] is False


def test_every_page_starts_with_the_apps_own_document():
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from ui import frame

    client = TestClient(Starlette(routes=frame.routes()))
    for name in PAGES:
        html = client.get("/" if name == "overview" else f"/{name}").text
        assert "<title>Scarp</title>" in html and "<script>" not in html, "a script in the page, which no policy allows"
    for part in re.findall(r'"(/frame/[^"]+)"', html):
        answer = client.get(part)
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
        assert "no-cache" in client.get(re.sub(r"/frame/\w+/", "/frame/old/", part)).headers["cache-control"]
    assert client.get("/frame/x/shell.py").status_code == 404
    moved = client.get("/overview?project=valley", follow_redirects=False)
    assert moved.status_code == 307 and moved.headers["location"].endswith("/?project=valley")
