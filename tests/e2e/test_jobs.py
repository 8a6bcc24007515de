"""Jobs in a real browser: a detection that is cancelled and goes on, outlives its page, and outlives its server."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
import torch

from core.jobs import State, jobs
from core.nets import build
from core.project import add_layer, create
from core.registry import ModelCard, save_model

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 240_000


class App:
    """A server that can be killed and started again on the same projects; a test has one of them."""

    project = ""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder, self.projects, self.url = folder, folder / "projects", f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        with (self.folder / "server.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)], cwd=ROOT,
                stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, (self.folder / "server.txt").read_text()
                time.sleep(0.25)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def job(self):
        return jobs(self.projects / self.project / "jobs")[0]

    def wait(self, *states):
        end = time.monotonic() + PATIENCE_MS / 1000
        while (job := self.job()).state not in states:
            assert time.monotonic() < end, f"{job.state}: {job.log_tail()}"
            time.sleep(0.2)
        return job


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """An app with a model that takes a while."""
    folder = tmp_path_factory.mktemp("app")
    torch.manual_seed(1)
    arguments = {"encoder": "efficientnet_lite0"}
    card = ModelCard("slow", "Slow model", "fstf_net", "binary", (0.2, 1.0), arguments, ("dem",),
                     folder=folder / "models" / "slow")
    save_model(card, build("fstf_net", 2, **arguments).state_dict())
    with pytest.MonkeyPatch.context() as patch:  # for this process too: who looks at a job may start it
        for name, value in (("PROJECTS", folder / "projects"), ("MODELS", folder / "models"), ("NICE", 0), ("JOBS", 1)):
            patch.setenv(f"SCARP_{name}", str(value))
        app = App(folder)
        yield app
        app.kill()
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCARP_PROJECTS") == str(app.projects):
                process.kill()
        except psutil.Error:
            continue


@pytest.fixture
def app(started, make_raster):
    """That app with a project for this test."""
    started.project = f"valley-{len(list(started.projects.glob('*')))}"
    project = create(started.projects / started.project, "Valley")
    image = project.folder / "layers" / "image.tif"
    shutil.copy(make_raster("image.tif", shape=(1280, 1280), tiled=True), image)
    add_layer(project, "image", image, "Image")
    return started


def detect(app, browser):
    """Start a detection at the map and return when it runs."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{app.url}/detect?project={app.project}")
    page.get_by_role("button", name="Detect landslides").click()
    page.get_by_text("Running").first.wait_for(timeout=60_000)
    page.close()
    return app.wait(State.RUNNING)


def jobs_page(app, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{app.url}/jobs?project={app.project}")
    page.get_by_text("A job goes on").wait_for()
    return page


def test_a_detection_is_cancelled_goes_on_and_needs_no_page(app, browser):
    job = detect(app, browser)
    everyone = [psutil.Process(job.worker[0]), *psutil.Process(job.worker[0]).children(recursive=True)]
    page = jobs_page(app, browser)
    page.get_by_text("preparing").or_(page.get_by_text("The network is loaded")).or_(
        page.get_by_text(re.compile("Searching"))).first.wait_for(timeout=60_000)
    page.get_by_text("Log").first.click()
    page.get_by_text("preparing Slow model").first.wait_for(timeout=60_000)
    asked = time.time()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled").first.wait_for(timeout=30_000)
    assert app.job().state is State.CANCELLED and app.job().ended - asked < 10
    assert not psutil.wait_procs(everyone, timeout=2)[1]
    page.get_by_role("button", name="Go on where it stopped").click()
    page.get_by_role("button", name="Cancel").wait_for(timeout=30_000)
    app.wait(State.RUNNING)
    page.close()
    page = jobs_page(app, browser)
    page.get_by_text(re.compile("Running|Done")).first.wait_for()
    page.get_by_role("link", name="Show on the map").wait_for(timeout=PATIENCE_MS)
    done = app.job()
    assert done.state is State.DONE and done.id == job.id
    page.get_by_role("link", name="Show on the map").click()
    page.wait_for_url(re.compile(rf"/detect\?.*run={done.params['run']}"))
    page.close()


def test_a_job_outlives_its_server_and_the_next_one_shows_it(app, browser):
    job = detect(app, browser)
    app.kill()
    time.sleep(1)
    assert psutil.Process(job.worker[0]).is_running()
    app.start()
    page = jobs_page(app, browser)
    page.get_by_text(re.compile("Running|Done")).first.wait_for()
    assert app.job().worker == job.worker
    page.goto(f"{app.url}/jobs?project={app.project}&job={job.id}")
    page.get_by_text("preparing Slow model").first.wait_for(timeout=60_000)
    page.get_by_text("Done").first.wait_for(timeout=PATIENCE_MS)
    page.close()
    assert app.job().state is State.DONE
