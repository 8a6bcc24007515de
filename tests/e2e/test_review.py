"""The review in a real browser: by keyboard, with the map's tools, by two people at once, and through a crash."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS
from shapely.geometry import box

from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from core.project import add_layer, create, open_project
from core.review import Ledger

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
CORNER, SIDE, GSD = (388_000.0, 3_676_000.0), 512, 0.5
UTM48 = CRS.from_epsg(32648)
READY = ".sm-root[data-ready='1'][data-idle='1']"
PATIENCE_MS = 60_000
ATTACK = "<img src=x onerror='window.attacked=1'>"


def make(folder, make_raster, count):
    """A valley of 256 m with a grid of landslides of 12 x 12 m."""
    project, layers = create(folder, folder.name), folder / "layers"
    image = np.random.default_rng(1).integers(60, 120, (3, SIDE, SIDE)).astype("uint8")
    places = [(388_010 + 40 * (n % 6), 3_675_980 - 40 * (n // 6)) for n in range(count)]
    for x, y in places:
        row, column = round((CORNER[1] - y - 12) / GSD), round((x - CORNER[0]) / GSD)
        image[:, row:row + 24, column:column + 24] = 190
    for role, array, gsd in (("image", image, GSD), ("dem", np.tile(np.arange(128, dtype="float32"), (128, 1)), 2.0)):
        project = add_layer(project, role, make_raster(layers / f"{role}.tif", array, gsd=gsd), role.title())
    run = folder / "runs" / "first"
    run.mkdir(parents=True)
    probability = np.where(image[0] == 190, 180, 10).astype("uint8")
    make_raster(run / "probability.tif", probability, gsd=GSD, nodata=255)
    measured = Measured(144.0, 48, 12, 12, "shape", None, None, None, None, 25.0, None, 1.0, 0.7, 0.9, 103.8, 33.2)
    write_outlines(run / "landslides.gpkg", [(box(x, y, x + 12, y + 12), replace(measured, area_m2=144.0 + n))
                                             for n, (x, y) in enumerate(places)], UTM48, model="lite")
    write_json(run / "run.json", {"model": {"name": "lite", "classes": ["other", "landslide"]}})
    return project


@pytest.fixture
def ground(projects, make_raster, request):
    """A project for one test, called after it."""
    return make(projects / f"{re.sub(r'[^a-z]+', '-', request.node.name)}-{time.time_ns()}", make_raster, 32)


def opened(open_page, project, who=None):
    page = open_page(f"/review?project={project.id}",
                     script=f"localStorage.setItem('scarp-reviewer', {who!r})" if who else "")
    page.wait_for_selector(".review-chips", timeout=PATIENCE_MS)
    return page


def shown(page):
    return page.locator(".review-chips").get_attribute("data-detection")


def press(page, key):
    """Press a key, and wait until another detection is shown: then what it does is saved."""
    page.wait_for_function("() => Boolean(window.scarpReview?.listener)", timeout=PATIENCE_MS)
    before = shown(page)
    page.keyboard.press(key)
    page.wait_for_function("before => (document.querySelector('.review-chips')?.dataset.detection ?? '') !== before",
                           arg=before, timeout=PATIENCE_MS)


def statuses(project):
    return Ledger(project).detections()["status"].value_counts().to_dict()


def test_thirty_are_reviewed_by_keyboard_and_taken_back(open_page, ground, clipped):
    page = opened(open_page, ground)
    page.get_by_role("textbox", name="Your name").fill(f"Ana {ATTACK}")
    page.get_by_role("button", name="Start reviewing").click()
    page.locator(".st-key-act-accept").wait_for()
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    assert clipped(page) == []
    start, seen = time.monotonic(), []
    for turn in range(30):
        seen.append(shown(page))
        press(page, "r" if turn % 3 == 2 else "a")
    assert time.monotonic() - start < 150, "fifty in five minutes would be 180 s"
    assert len(set(seen)) == 30 and statuses(ground) == {"accepted": 20, "rejected": 10, "unreviewed": 2}
    assert seen[0] == Ledger(ground).detections().sort_values("area_m2").iloc[-1]["id"], "the largest first"
    press(page, "u")
    assert shown(page) == seen[-1] and statuses(ground)["unreviewed"] == 3
    page.keyboard.press("t")
    page.wait_for_function("() => document.querySelector('.st-key-review-because input')?.value === 'Road'")
    press(page, "r")
    row = Ledger(ground).detections().set_index("id").loc[seen[-1]]
    assert (row["status"], row["reason"]) == ("rejected", "road")
    page.keyboard.press("2")
    page.get_by_role("radio", name="Probable", checked=True).wait_for()
    until = time.monotonic() + PATIENCE_MS / 1000  # the browser shows the choice before it is saved
    while (Ledger(ground).detections()["certainty"] == "probable").sum() == 0 and time.monotonic() < until:
        page.wait_for_timeout(200)
    page.reload()
    page.locator(".st-key-act-accept").wait_for(timeout=PATIENCE_MS)  # the browser remembers the name
    page.get_by_text("Progress", exact=True).click()
    page.get_by_text("Nobody has").or_(page.get_by_text("Agreement")).first.wait_for()
    assert page.evaluate("window.attacked") is None
    found = Ledger(ground).detections()
    assert set(found["reviewer"]) <= {"", f"Ana {ATTACK}"} and (found["certainty"] == "probable").sum() == 1


def at(page, lon_lat):
    """Return where a place is on the screen."""
    return page.evaluate("""([x, y]) => { const root = document.querySelector('.sm-root');
        const frame = root.getBoundingClientRect(), point = root.scarpMap.project([x, y]);
        return [frame.x + point.x, frame.y + point.y]; }""", list(lon_lat))


def click_corners(page, corners):
    page.get_by_text("Click to add corners").wait_for(timeout=PATIENCE_MS)
    for place in (*corners, corners[0]):
        page.mouse.click(*at(page, place))
        page.wait_for_timeout(350)


def test_shapes_are_edited_split_drawn_and_undone_on_the_map(open_page, ground):
    page = opened(open_page, ground, "Bo")
    page.locator(".st-key-act-edit").wait_for(timeout=PATIENCE_MS)
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    press(page, "j")
    page.wait_for_timeout(700)
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    ledger, name = Ledger(ground), shown(page)
    before = ledger.detections().set_index("id").loc[name]
    page.keyboard.press("e")
    page.get_by_role("button", name="Done").wait_for(timeout=PATIENCE_MS)
    west, south, east, north = before.geometry.bounds
    x, y = at(page, (west, north))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30, y - 30, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Done").click()
    page.get_by_text("Saved").wait_for(timeout=PATIENCE_MS)
    after = ledger.detections().set_index("id").loc[name]
    assert after["status"] == "edited" and after["area_m2"] > before["area_m2"] + 5 and after["slope_mean_deg"] > 20
    page.keyboard.press("e")
    page.get_by_role("button", name="Done").wait_for(timeout=PATIENCE_MS)
    page.keyboard.press("a")  # a key of the review means nothing while a tool is at work, however soon it was begun
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Done").wait_for(state="hidden", timeout=PATIENCE_MS)
    page.wait_for_timeout(700)
    assert ledger.detections().set_index("id").loc[name, "status"] == "edited" and shown(page) == name
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    page.keyboard.press("e")
    page.get_by_role("button", name="Done").wait_for(timeout=PATIENCE_MS)
    page.locator(".st-key-act-split button").first.click()  # a tool that takes the place of the one at work
    page.get_by_text("Click outside the outline").wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(1500)
    assert page.get_by_text("Click outside the outline").is_visible(), "it stays when the one before is given up"
    middle = (south + north) / 2
    for place in ((west - (east - west), middle), (east + (east - west) / 2, middle)):
        page.mouse.click(*at(page, place))
        page.wait_for_timeout(350)
    page.keyboard.press("Enter")
    page.wait_for_function("name => document.querySelector('.review-chips')?.dataset.detection !== name", arg=name,
                           timeout=PATIENCE_MS)
    assert len(ledger.detections(status=["split"])) == 1 and (ledger.detections()["parent"] == name).sum() == 2
    press(page, "u")
    assert ledger.detections().set_index("id").loc[name, "status"] == "edited"
    page.wait_for_timeout(700)
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    page.keyboard.press("e")
    page.get_by_role("button", name="Done").wait_for(timeout=PATIENCE_MS)
    page.keyboard.press("w")
    version = page.locator(".review-chips").get_attribute("data-version")
    click_corners(page, [(west, south), (east, south), (east, north)])
    page.wait_for_function("old => document.querySelector('.review-chips')?.dataset.version !== old", arg=version,
                           timeout=PATIENCE_MS)
    anew = ledger.detections().set_index("id").loc[name]
    assert shown(page) == name and anew["status"] == "edited" and 50 < anew["area_m2"] < 100
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    page.keyboard.press("d")
    click_corners(page, [(west, south - (north - south)), (east, south - (north - south)),
                         (east, south - 2 * (north - south))])
    page.locator(".scarp-title", has_text=re.compile("^Drawn ")).wait_for(timeout=PATIENCE_MS)
    [drawn] = ledger.detections(status=["drawn"]).to_dict("records")
    assert drawn["reviewer"] == "Bo" and 50 < drawn["area_m2"] < 100 and drawn["run"] == "first"


def test_two_at_once_are_told_and_nothing_is_overwritten(open_page, ground):
    ana, bo = (opened(open_page, ground, who) for who in ("Ana", "Bo"))
    for page in (ana, bo):
        page.locator(".st-key-act-accept").wait_for(timeout=PATIENCE_MS)
    name = shown(ana)
    assert shown(bo) == name
    bo.wait_for_selector(READY, timeout=PATIENCE_MS)
    press(ana, "a")
    bo.keyboard.press("r")
    bo.get_by_text("Two people, one detection").wait_for(timeout=PATIENCE_MS)
    assert bo.get_by_text("Ana accepted it").is_visible() and bo.get_by_text("Bo rejected it").is_visible()
    ledger = Ledger(ground)
    assert ledger.detections().set_index("id").loc[name, "status"] == "accepted" and len(ledger.conflicts()) == 1
    bo.get_by_role("button", name="Take Bo's").click()
    bo.get_by_text("Settled").wait_for(timeout=PATIENCE_MS)
    assert ledger.detections().set_index("id").loc[name, "status"] == "rejected" and not ledger.conflicts()
    assert ledger.history(name)["action"].tolist() == ["take", "accept", "reject"]


def test_a_killed_server_loses_no_saved_review(browser, ground, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", (tmp_path / "log.txt").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)], cwd=ROOT, stdout=log,
        stderr=subprocess.STDOUT, env={**os.environ, "SCARP_PROJECTS": str(ground.folder.parent)})
    context = browser.new_context(reduced_motion="reduce")
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script("localStorage.setItem('scarp-reviewer', 'Cy')")
        page.goto(f"{url}/review?project={ground.id}")
        page.locator(".st-key-act-accept").wait_for()
        saved = []
        for _ in range(6):
            saved.append(shown(page))
            press(page, "a")
        page.keyboard.press("a")
        server.send_signal(signal.SIGKILL)
    finally:
        server.kill()
        server.wait(10)
        context.close()
    ledger = Ledger(open_project(ground.folder))
    found = ledger.detections().set_index("id")
    assert set(found.loc[saved, "status"]) == {"accepted"} and 6 <= (found["status"] == "accepted").sum() <= 7
    assert set(found.loc[saved, "reviewer"]) == {"Cy"}
