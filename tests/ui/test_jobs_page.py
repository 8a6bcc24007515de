"""The page of jobs by Streamlit's own test driver: every state, every button, names as text."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from core.jobs import State, jobs, read
from core.project import create
from core.store import jobs as table
from core.store import open_store
from core.tokens import signer
from ui.settings import ROOT

ATTACK = "![x](http://127.0.0.1:1/x.png) <img src=x>"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """A folder of projects, with one."""
    folder = tmp_path / "projects"
    monkeypatch.setenv("SCARP_PROJECTS", str(folder))
    for name in ("SCARP_PROJECT", "SCARP_JOBS", "SCARP_STORE"):
        monkeypatch.delenv(name, raising=False)
    signer.cache_clear()
    create(folder / "valley", "Valley")
    return folder


@pytest.fixture
def worker():
    """Return the number and the start of a process that stands for a worker."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    yield process.pid, psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()


def make(root, name, state, project="valley", worker=(None, None), log="", **values):
    """Put a job into a project's database."""
    folder = root / project / "jobs" / name
    folder.mkdir(parents=True)
    if log:
        (folder / "log.txt").write_text(log)
    row = {"id": name, "kind": "detect", "title": f"Job {name}", "state": state, "created": 1000, "queued": 1000,
           "started": 1001, "ended": None if worker[0] else 1091, "params": {}, "command": ["{python}", "-c", "pass"],
           "pid": worker[0], "pid_started": worker[1], "error": "", "version": 1}
    with open_store(root / project).writing() as connection:
        connection.execute(insert(table).values(row | values))
    return folder


def page(**query):
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.run().switch_page(str(ROOT / "pages" / "jobs.py"))
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def words(app):
    texts = [*app.get("html"), *app.markdown, *app.error, *app.subheader, *app.code]
    return " ".join(str(getattr(each, "body", None) or getattr(each, "value", "")) for each in texts)


def labels(app):
    return [button.label for button in app.button]


def test_without_jobs_the_page_says_where_they_come_from():
    app = page()
    assert "No jobs yet" in words(app) and "A job goes on when this page is closed" in words(app)


@pytest.mark.parametrize(("state", "label", "resumes"), [
    ("done", "Done", False), ("failed", "Failed", True), ("cancelled", "Cancelled", True),
    ("lost", "Interrupted", True)])
def test_a_job_says_how_it_ended_and_can_go_on(root, state, label, resumes):
    make(root, "j", state, title="<b>Lite</b> on Image", error="no such thing" if state == "failed" else "")
    app = page()
    assert label in words(app) and "&lt;b&gt;Lite" in words(app) and "took 1 min 30 s" in words(app)
    assert ("No such thing" in words(app)) == (state == "failed")
    assert ("Go on where it stopped" in labels(app)) == resumes and "Remove" in labels(app)
    assert not app.get("progress") and "Cancel" not in labels(app)


def test_a_running_job_shows_how_far_it_is_and_can_be_cancelled(root, worker):
    folder = make(root, "j", "running", worker=worker)
    (folder / "progress.json").write_text(
        '{"stage": "predict", "done": 1, "total": 4, "pixels_per_s": 610000, "eta_s": 3723, "message": ""}')
    app = page()
    assert app.get("progress")[0].proto.value == 25 and "Searching · 25%" in app.get("progress")[0].proto.text
    assert "0.61 million pixels a second, 1 h 02 min left" in words(app)
    app.button(key="cancel-j").click().run()
    assert psutil.Process(worker[0]).wait(5) == -signal.SIGTERM
    assert read(folder).state is State.CANCELLED
    assert "Go on where it stopped" in labels(app.run())


def test_waiting_jobs_show_their_place_over_all_projects_and_can_be_cancelled(root, worker):
    create(root / "alps", "Alps")
    make(root, "runs", "running", "alps", worker=worker, title="Glacier")
    make(root, "first", "queued", "alps", queued=1)
    mine = make(root, "second", "queued", queued=2, started=None, ended=None)
    app = page(project="valley")
    assert "Number 2 in the queue" in words(app) and "Waiting" in words(app) and "In other projects" in words(app)
    assert any("Glacier" in link.proto.label for link in app.get("page_link"))
    app.button(key="cancel-second").click().run()
    assert read(mine).state is State.CANCELLED and "Never started" in words(app.run())


def test_a_job_goes_on_and_is_removed_at_a_click(root):
    folder = make(root, "j", "failed")
    app = page()
    app.button(key="resume-j").click().run()
    assert read(folder).active or read(folder).state is State.DONE
    end = time.monotonic() + 60
    while read(folder).state is not State.DONE:
        assert time.monotonic() < end
        time.sleep(0.1)
    app.run()
    app.button(key="remove-j").click().run()
    assert jobs(root / "valley" / "jobs") == [] and "No jobs yet" in words(app.run())


def test_only_the_log_that_is_asked_for_is_read(root):
    for name in ("a", "b"):
        make(root, name, "done", log=f"words of {name}")
    assert "words of" not in words(page())
    app = page(job="a")
    assert "words of a" in words(app) and "words of b" not in words(app) and app.query_params["job"] == "a"


def test_a_job_in_the_address_that_is_not_here_is_told():
    app = page(job="../x")
    assert "job" not in app.query_params
    assert "not in this project any more" in app.toast[0].value


def test_the_newest_are_shown_and_the_older_on_request(root):
    for number in range(45):
        make(root, f"n{number:02d}", "done", created=number)
    app = page()
    assert words(app).count("Job n") == 20 and "Job n44" in words(app) and "Job n24" not in words(app)
    assert "Job n03" in words(page(job="n03"))
    next(button for button in app.button if button.label == "Show 20 older").click().run()
    assert words(app).count("Job n") == 40 and "Show 5 older" in labels(app)


def test_markup_in_names_and_errors_is_only_text(root, worker):
    make(root, "a", "failed", title=ATTACK, error=ATTACK, log=ATTACK)
    make(root, "b", "running", title=ATTACK, worker=worker)
    app = page()
    html = " ".join(str(each.body) for each in app.get("html"))
    assert "<img" not in html and html.count("&lt;img") == 3


def test_a_damaged_database_is_told_with_what_to_do(root):
    (root / "valley" / "scarp.db").write_bytes(b"no database" * 1000)
    app = page()
    assert "damaged file" in app.error[0].value and str(root) not in app.error[0].value


def test_a_job_whose_worker_is_gone_is_shown_as_interrupted(root):
    make(root, "j", "running", worker=(os.getpid(), 1.0))
    assert "Interrupted" in words(page())
