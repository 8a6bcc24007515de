"""Take pictures of every page, light and dark, into this folder: python docs/images/shoot.py [http://127.0.0.1:8501].

Without an address it starts the app itself, on a copy of the demonstration project that ``make demo`` makes, in which
the second date is searched too, three models are compared, detections are scored and the two dates compared: minutes.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from core import dates, rivals
from core.jobs import ACTIVE, Job, State, read
from core.project import open_project
from core.registry import find_model
from core.request import Request
from core.scored import score, suggested

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGES = {"overview": "/", "data": "/data", "detect": "/detect?run=demo", "review": "/review?run=demo",
         "compare": "/compare", "metrics": "/metrics?run=demo", "change": "/change", "train": "/train",
         "report": "/report?run=demo", "jobs": "/jobs"}
MODELS = ("fstf_net_lite", "rae_d_lite", "fstf_net_six")
SIZE = {"width": 1440, "height": 900}
READY = ".sm-root[data-ready='1'][data-idle='1']"
INSIDE_LARGEST = """() => {
    const root = document.querySelector('.sm-root');
    const frame = root.getBoundingClientRect();
    const hits = [];
    for (let x = 80; x < frame.width; x += 8) for (let y = 20; y < frame.height; y += 8) {
        const found = root.scarpMap.queryRenderedFeatures([x, y], { layers: ['outlines-fill'] })[0];
        if (found?.id === 1) hits.push([frame.x + x, frame.y + y]);
    }
    return hits[hits.length >> 1];
}"""
QUIET = """() => !document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]') &&
    document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
LIMIT_MS = 120_000


@contextmanager
def server() -> Iterator[str]:
    """Start the app on a copy of the demonstration project, and stop it."""
    demo = Path(os.environ.get("SCARP_PROJECTS") or ROOT / "projects") / "demo"
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        shutil.copytree(demo, Path(folder) / "demo")
        fill(Path(folder) / "demo")
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
                                   cwd=ROOT, env={**os.environ, "SCARP_PROJECTS": folder}, stdout=subprocess.DEVNULL)
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def fill(folder: Path) -> None:
    """Run with the program's own models what the pages show."""
    project = open_project(folder)
    newest, dem = next(run for run in project.runs() if run.id == "demo"), project.of("dem")[0]
    for image in dates.undetected(project):
        finish(Request(image, find_model(MODELS[0]), dem).submit(project, None))
    if both := dates.suggested(dates.sides(project)):
        finish(dates.compare(project, *both, correct=True, tolerance_m=None, min_area_m2=50))
    image = next(each for each in project.of("image") if each.date == newest.about["image_date"])
    runs, labels = [newest], suggested(project, newest)
    for model in MODELS[1:]:
        finish(Request(image, find_model(model), dem).submit(project, None))
        runs.append(next(run for run in project.runs() if run.model == model))
    if labels:
        for run in runs:
            finish(score(project, run, labels))
    finish(rivals.compare(project, runs, labels))


def finish(job: Job) -> None:
    """Wait for a job; a failed one ends all."""
    while (job := read(job.folder)).state in ACTIVE:
        time.sleep(0.3)
    if job.state is not State.DONE:
        raise SystemExit(f"{job.title}: {job.error}")


def shoot(page: Page, name: str, theme: str) -> None:
    """Wait until a page is all there, and save what is seen."""
    page.locator(".st-key-nav").wait_for()
    for _ in range(2):
        page.wait_for_function(QUIET)
        page.wait_for_timeout(3000)
    if name == "overview":
        page.locator(".scarp-picture").wait_for()
    if name == "detect":
        page.wait_for_selector(READY)
        if theme == "light":
            page.mouse.click(*page.evaluate(INSIDE_LARGEST))
            page.locator(".st-key-selected").wait_for()
            page.mouse.move(900, 20)
        else:
            page.locator("[data-layer=hillshade] input[type=checkbox]").check()
            page.locator("[data-layer=slope] input[type=checkbox]").check()
        page.wait_for_timeout(3000)
        page.wait_for_selector(READY)
    if name == "review":
        page.locator(".st-key-act-accept").wait_for()
        page.wait_for_selector(READY)
        page.keyboard.press("j")
    page.wait_for_timeout(3000)
    save(page, f"{name}-{theme}")


def save(page: Page, name: str) -> None:
    """Keep what a page shows as a picture."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(HERE / f"{name}.webp", quality=90, method=6)


def main(address: str) -> None:
    """Take all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for theme in ("light", "dark"):
            for name, path in PAGES.items():
                page = browser.new_context(viewport=SIZE, color_scheme=theme).new_page()
                page.set_default_timeout(LIMIT_MS)
                page.add_init_script("localStorage.setItem('scarp-reviewer', 'A. Reviewer')")
                page.goto(f"{address}{path}{'&' if '?' in path else '?'}project=demo")
                shoot(page, name, theme)
                page.context.close()
        page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
        page.set_default_timeout(LIMIT_MS)
        page.goto(f"{address}/present?run=demo&project=demo")
        page.locator(".st-key-present iframe").wait_for()
        page.wait_for_timeout(5000)
        for _ in range(4):  # to the fifth of six stops: what changed
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(1500)
        save(page, "present")
        browser.close()


if len(sys.argv) > 1:
    main(sys.argv[1])
else:
    with server() as own:
        main(own)
