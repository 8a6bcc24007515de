"""A server on a free port, for each file a small project for it to show, and a page that may not leave it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS
from shapely.geometry import box

from core.change import ChangeSettings, compare_dates, dated
from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from core.nets import build
from core.project import Project, add_layer, create
from core.registry import ModelCard, save_model

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
CORNER, SIDE = (388_000.0, 3_676_000.0), 512
UTM48 = CRS.from_epsg(32648)
ATTACK = "<img src=x onerror='window.attacked=1'><script>window.attacked=1</script>![x](http://127.0.0.1:1/x.png)"
SLIDES = ((388_040, 3_675_900), (388_160, 3_675_840), (388_110, 3_675_780))
"""Lower left corners of landslides of 40 x 40 m."""


def write(path: Path, array: np.ndarray, gsd: float, nodata: float | None = None) -> Path:
    array = array[np.newaxis] if array.ndim == 2 else array
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine.translation(*CORNER) @ Affine.scale(gsd, -gsd)
    with rasterio.open(path, "w", driver="GTiff", count=array.shape[0], height=array.shape[1], width=array.shape[2],
                       dtype=array.dtype.name, crs=UTM48, transform=transform, nodata=nodata, tiled=True) as dataset:
        dataset.write(array)
    return path


def make_project(root: Path) -> None:
    """A valley of 256 m with three landslides, one of them with markup in its attributes."""
    random = np.random.default_rng(5)
    image = np.stack([random.integers(low, low + 40, (SIDE, SIDE)) for low in (60, 95, 50)]).astype("uint8")
    classes = np.zeros((SIDE, SIDE), "uint8")
    for x, y in SLIDES:
        column, row = round((x - CORNER[0]) / 0.5), round((CORNER[1] - y) / 0.5) - 80
        classes[row:row + 80, column:column + 80] = 1
    image[:, classes == 1] = np.array([[170], [140], [110]])
    rows, columns = np.mgrid[:128, :128]
    project = create(root / "valley", f"Valley {ATTACK}")
    layers = project.folder / "layers"
    after = write(layers / "after.tif", image, 0.5)
    project = add_layer(project, "image", after, f"After {ATTACK}", "2017-08-09")
    elevation = (rows * 1.2 + 15 * np.sin(columns / 9)).astype("float32")
    project = add_layer(project, "dem", write(layers / "dem.tif", elevation, 2.0), "Elevation")
    run = project.folder / "runs" / "20170809-120000-abcd"
    write(run / "classes.tif", classes, 0.5, 255)
    write(run / "probability.tif", classes * np.uint8(200), 0.5, 255)
    measured = Measured(
        area_m2=1600, perimeter_m=160, length_m=40, width_m=40, length_from="shape", elevation_min_m=None,
        elevation_max_m=None, drop_m=None, reach_angle_deg=None, slope_mean_deg=31.0, aspect_mean_deg=None,
        dem_share=1.0, probability_mean=0.8, probability_max=0.9, lon=103.8, lat=33.2)
    records = [(box(x, y, x + 40, y + 40), replace(measured, area_m2=1600 + 100 * i))
               for i, (x, y) in enumerate(SLIDES)]
    write_outlines(run / "landslides.gpkg", records, UTM48, model=f"lite {ATTACK}")
    write_json(run / "run.json", {"model": {"name": f"lite {ATTACK}", "classes": ["other", "landslide"]},
                                  "missing": ["NDVI"], "warnings": [], "observed_share": 1})


def compare_with_earlier(project: Project) -> Project:
    """Add a map and an image of an earlier day with the second landslide only, and compare: one gone, two new."""
    run, (x, y) = project.runs()[0], SLIDES[1]
    column, row = round((x - CORNER[0]) / 0.5), round((CORNER[1] - y) / 0.5) - 80
    classes = np.zeros((SIDE, SIDE), "uint8")
    classes[row:row + 80, column:column + 80] = classes[-100:-60, 20:60] = 1
    layers = project.folder / "layers"
    project = add_layer(project, "image", write(layers / "before.tif", np.full((3, SIDE, SIDE), 90, "uint8"), 0.5),
                        "Before", "2016-08-09")
    earlier = write(layers / "earlier.tif", classes, 0.5, 255)
    labels = ({"date": "2016-08-09"}, {"date": "2017-08-09", "source": f"run:{run.id}"})
    compare_dates(ChangeSettings(dated(earlier, "Map"), dated(run.folder, "lite"), labels=labels),
                  project.folder / "changes" / "20170901-000000-abcd")
    return project


def make_model(root: Path) -> None:
    """A network with weights by chance: it finds nothing of worth, quickly."""
    torch.manual_seed(1)
    arguments = {"encoder": "efficientnet_lite0", "width": 16, "pool_window": 5}
    card = ModelCard("tiny", "Tiny model", "fstf_net", "binary", (0.2, 1.0), arguments, ("dem",),
                     folder=root / "tiny")
    save_model(card, build("fstf_net", 2, **arguments).state_dict())


@dataclass
class Watch:
    """What a page asked for and complained about."""

    origin: str
    left: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def roots(tmp_path_factory):
    """The folders of projects and of models that the server shows; each file fills them anew."""
    return tmp_path_factory.mktemp("projects"), tmp_path_factory.mktemp("models")


def emptied(folder):
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    return folder


@pytest.fixture(scope="module")
def projects(roots):
    make_project(emptied(roots[0]))
    return roots[0]


@pytest.fixture(scope="module")
def models(roots):
    make_model(emptied(roots[1]))
    return roots[1]


@pytest.fixture(scope="session")
def served(roots, tmp_path_factory):
    with serving(*roots, tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


@pytest.fixture(scope="module")
def server(served, projects, models):
    """Return the address of the running app, which shows the projects and models of this file."""
    return served


@contextmanager
def serving(projects, models, log_file):
    """Run the app and give its address: one server for all files, as each takes long to start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = log_file.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)], cwd=ROOT, stdout=log,
        stderr=subprocess.STDOUT, env={**os.environ, "SCARP_PROJECTS": str(projects), "SCARP_MODELS": str(models)})
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, Path(log.name).read_text()
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def visitor(browser):
    """A visitor to the app who keeps its scripts from page to page: fetching and compiling them takes seconds."""
    return browser.new_context(reduced_motion="reduce")


def forgets(page, origin):
    """Let a visitor forget all that pages of an origin, or the last test, left with them."""
    page.context.clear_cookies()
    page.context.clear_permissions()
    page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", {
        "origin": origin, "storageTypes": "local_storage,indexeddb,service_workers"})


@pytest.fixture
def open_page(browser, visitor, server):
    """Return a function that opens an address of the app; a page that leaves it or complains fails the test.

    Each page has another visitor; the first one's has been here before.
    """
    contexts, watch = [], Watch(server)

    def opened(path="/detect", *, theme="light", script="", size=(1280, 800)):
        context = browser.new_context(reduced_motion="reduce") if contexts else visitor
        contexts.append(context)
        context.on("page", watched)  # also the tabs that a page opens
        page = context.new_page()
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        if context is visitor:
            forgets(page, server)
        if script:
            page.add_init_script(script)
        page.goto(server + path)
        return page

    def watched(page):
        _watch(watch, page)

    yield opened
    for context in contexts:
        context.remove_listener("page", watched)
        for page in context.pages:
            page.close()
        if context is not visitor:
            context.close()
    assert not watch.left, "requests left the origin"
    assert not watch.complaints, watch.complaints


def _note_request(watch, url):
    parts = urlparse(url)
    if parts.scheme.startswith("http") and f"{parts.scheme}://{parts.netloc}" != watch.origin:
        watch.left.append(url)


def _watch(watch, page):
    page.set_default_timeout(30_000)
    page.on("request", lambda request: _note_request(watch, request.url))
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    page.on("console", lambda message: _note_console(watch, message))


def _note_console(watch, message):
    # A tile of a file that is gone is not found: a first look at a detection ends with it, a deleted one too.
    gone = "404" in message.text and "/tiles/" in (message.location or {}).get("url", "")
    if message.type == "error" and not gone:
        watch.complaints.append(f"{message.text} ({message.location})")


@pytest.fixture
def clipped():
    """Return a function that lists the texts of a page that are cut off, or reach out of the window."""

    def found(page):
        return page.evaluate("""() => [...document.querySelectorAll('[data-testid=stApp] *')].filter((each) => {
            if (![...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) return false;
            const box = each.getBoundingClientRect(), style = getComputedStyle(each);
            if (!box.width || style.visibility === 'hidden' || each.closest('[data-testid=stIconMaterial], option')
                || style.textOverflow === 'ellipsis' || style.clip !== 'auto') return false;
            const cut = style.display !== 'inline' && each.scrollWidth > each.clientWidth + 1;
            return cut || box.right > innerWidth + 1 || box.left < -1;
        }).map((each) => each.textContent.trim().slice(0, 60))""")

    return found
