"""The map in a browser: how soon it is there, how soon Python hears of a click, and whether it lasts.

python -m benchmarks.map [--outlines 20000] [--reruns 200] [--json FILE]

Serves a page of its own with a made-up project and drives Debian's Chromium, which draws in software here: with a
graphics card panning is smoother. Times include whatever else the machine does meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import rasterio
from affine import Affine
from playwright.sync_api import Page, sync_playwright
from rasterio.crs import CRS
from shapely.geometry import Point

from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from core.project import add_layer, create

ROOT = Path(__file__).resolve().parent.parent
CORNER, SIDE, GSD = (388_000.0, 3_676_000.0), 4096, 0.5
READY = ".sm-root[data-ready='1'][data-idle='1']"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--js-flags=--expose-gc", "--enable-precise-memory-info"]
PAGE = """
import time
import streamlit as st
from core.project import open_project
from ui.layers import bounds_of, map_layers
from ui.map.component import draw_map, picked_from_map
from ui.settings import projects_root

st.set_page_config(layout="wide")

def on_pick():
    st.session_state["heard"] = (picked_from_map(), time.time())

project = open_project(projects_root() / "bench")
picked, when = st.session_state.get("heard", (None, 0))
with st.sidebar:
    st.button("Run again")
    st.html(f'<p id="heard" data-when="{when}">{picked}</p>')
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.html(f'<p id="runs">{st.session_state["runs"]}</p>')
draw_map(project="bench", bounds=bounds_of(project.path(project.of("image")[0])),
         layers=map_layers(project, project.runs()[0]), selected=picked, on_pick=on_pick, on_area=lambda: None)
"""
APP = """
import sys
sys.path.insert(0, {root!r})
import streamlit as st
from starlette.routing import Mount
from core.tiles import TileGuard, ValueGuard, VectorGuard
from core.tokens import signer
from ui.assets import assets
from ui.settings import projects_root

sign = signer(projects_root())
app = st.App({page!r}, routes=[Mount("/tiles", app=TileGuard(sign)), Mount("/values", app=ValueGuard(sign)),
                               Mount("/vectors", app=VectorGuard(sign)), Mount("/assets", app=assets())])
"""
PAN = """async (seconds) => {
    const map = document.querySelector('.sm-root').scarpMap;
    const times = [];
    let last = performance.now(), on = true;
    const tick = (now) => { times.push(now - last); last = now; if (on) requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
    for (let i = 0; i < 4; i++) {
        map.panBy([i % 2 ? -500 : 500, i % 2 ? 200 : -200], { duration: seconds * 250, easing: (t) => t });
        await new Promise((done) => map.once('moveend', done));
    }
    on = false;
    return times.slice(2);
}"""

RUN_AGAIN = """async (count) => {
    const button = [...document.querySelectorAll('button')].find((each) => each.innerText.includes('Run again'));
    const runs = () => document.querySelector('#runs').innerText;
    for (let i = 0; i < count; i++) {
        const before = runs();
        button.click();
        while (runs() === before) await new Promise((done) => setTimeout(done, 20));
    }
}"""


def main() -> None:
    """Measure and print, or write as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outlines", type=int, default=20_000)
    parser.add_argument("--reruns", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder), options.outlines)
        found = measure(Path(folder), options.reruns) | {"outlines": options.outlines, "reruns": options.reruns}
    if options.json:
        options.json.write_text(json.dumps({"name": "map", "figures": found}))
    for name, value in found.items():
        print(f"{name:32} {value}")


def make_project(root: Path, count: int) -> None:
    """Write an image of four square kilometres and a detection with many outlines of some 40 corners."""
    random = np.random.default_rng(3)
    project = create(root / "bench", "Bench")
    run = project.folder / "runs" / "20260101-000000-abcd"
    run.mkdir(parents=True)
    profile = {"driver": "COG", "height": SIDE, "width": SIDE, "dtype": "uint8", "crs": CRS.from_epsg(32648),
               "transform": Affine.translation(*CORNER) @ Affine.scale(GSD, -GSD), "compress": "deflate"}
    image = np.kron(random.integers(40, 200, (3, SIDE // 16, SIDE // 16)), np.ones((16, 16))).astype("uint8")
    for path, array, nodata in ((project.folder / "layers" / "image.tif", image, None),
                                (run / "classes.tif", (image[:1] > 150).astype("uint8"), 255)):
        with rasterio.open(path, "w", count=len(array), nodata=nodata, **profile) as dataset:
            dataset.write(array)
    add_layer(project, "image", project.folder / "layers" / "image.tif", "Image")
    measured = Measured(area_m2=300, perimeter_m=60, length_m=20, width_m=20, length_from="shape", elevation_min_m=None,
                        elevation_max_m=None, drop_m=None, reach_angle_deg=None, slope_mean_deg=None,
                        aspect_mean_deg=None, dem_share=0.0, probability_mean=0.8, probability_max=0.9, lon=103.8,
                        lat=33.2)
    places = zip(random.uniform(20, SIDE * GSD - 20, (count, 2)), random.uniform(4, 12, count), strict=True)
    write_outlines(run / "landslides.gpkg", [
        (Point(CORNER[0] + x, CORNER[1] - y).buffer(radius, quad_segs=10), measured) for (x, y), radius in places],
        CRS.from_epsg(32648), model="bench")
    write_json(run / "run.json", {"model": {"name": "bench", "classes": ["other", "landslide"]}})


def measure(root: Path, reruns: int) -> dict[str, float | bool]:
    """Return the figures; times in seconds, frames in milliseconds, memory in MiB."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "page").mkdir()
    (root / "page" / "shell.py").write_text(PAGE)
    (root / "app.py").write_text(APP.format(root=str(ROOT), page=str(root / "page" / "shell.py")))
    command = [sys.executable, "-m", "streamlit", "run", str(root / "app.py"), "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "SCARP_PROJECTS": str(root)},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(120_000)
            found = _opening(page, f"http://127.0.0.1:{port}/") | _clicking(page) | _panning(page)
            found |= _running_again(page, reruns, psutil.Process(server.pid))
            browser.close()
        return found
    finally:
        server.terminate()
        server.wait(20)


def _wait(port: int) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.25)


def _opening(page: Page, address: str) -> dict[str, float | bool]:
    """Open the page twice: the first time outlines are converted and nothing is kept; the second is what users see."""
    found: dict[str, float | bool] = {}
    for name in ("first", "again"):
        started = time.time()
        page.goto(address)
        page.wait_for_selector("[data-testid=stSidebar]")
        shown = time.time()
        page.wait_for_selector(".sm-root[data-ready='1']")
        ready = time.time()
        page.wait_for_selector(READY)
        found |= {f"page_{name}_s": round(shown - started, 2), f"map_after_page_{name}_s": round(ready - shown, 2),
                  f"all_drawn_{name}_s": round(time.time() - started, 2)}
    return found


def _clicking(page: Page) -> dict[str, float | bool]:
    """Click outlines; the page tells when Python heard of it, and later shows it."""
    heard, shown = [], []
    for number in range(1, 9):
        x, y = page.evaluate("""async (id) => {
            const root = document.querySelector('.sm-root'), map = root.scarpMap;
            const data = await map.getSource('outlines').getData();
            const ring = data.features.find((each) => each.properties.id === id).geometry.coordinates[0][0];
            map.jumpTo({ center: [0, 1].map((k) => (ring[0][k] + ring[20][k]) / 2), zoom: 18 });
            const frame = root.getBoundingClientRect();
            return [frame.x + frame.width / 2, frame.y + frame.height / 2];
        }""", number)
        page.wait_for_selector(READY)
        page.wait_for_timeout(300)
        before = page.locator("#heard").get_attribute("data-when")
        clicked = time.time()
        page.mouse.click(x, y)
        page.wait_for_function("old => document.querySelector('#heard').dataset.when !== old", arg=before)
        shown.append(time.time() - clicked)
        heard.append(float(page.locator("#heard").get_attribute("data-when") or 0) - clicked)
    return {"click_to_python_s": round(float(np.median(heard)), 3),
            "click_to_page_s": round(float(np.median(shown)), 3)}


def _panning(page: Page) -> dict[str, float | bool]:
    """Pan over all outlines at once, and close to some."""
    found: dict[str, float | bool] = {}
    for name, zoom in (("all", 14.5), ("near", 17)):
        page.evaluate("zoom => document.querySelector('.sm-root').scarpMap.jumpTo({ zoom })", zoom)
        page.wait_for_selector(READY)
        page.wait_for_timeout(500)
        frames = page.evaluate(PAN, 4)
        found |= {f"frame_{name}_median_ms": round(float(np.median(frames)), 1),
                  f"frame_{name}_p95_ms": round(float(np.percentile(frames, 95)), 1)}
    return found


def _running_again(page: Page, reruns: int, server: psutil.Process) -> dict[str, float | bool]:
    """Run the script again and again; the map stays the same one, and memory as it was."""
    page.evaluate("window.first = document.querySelector('.sm-root').scarpMap")
    sizes, memory, took = [], [], 0.0
    for count in (reruns // 10, reruns):  # the first ones fill caches
        started = time.monotonic()
        page.evaluate(RUN_AGAIN, count)
        took = (time.monotonic() - started) / count
        page.wait_for_timeout(1000)
        sizes.append(page.evaluate("() => { window.gc(); return performance.memory.usedJSHeapSize / 2 ** 20; }"))
        memory.append(server.memory_info().rss / 2**20)
    same = "window.first === document.querySelector('.sm-root').scarpMap"
    one = "document.querySelectorAll('.sm-root canvas.maplibregl-canvas').length === 1"
    return {"same_map": page.evaluate(f"{same} && {one}"), "rerun_s": round(took, 3),
            "browser_heap_mib": round(sizes[0], 1), "browser_heap_growth_mib": round(sizes[1] - sizes[0], 1),
            "server_growth_mib": round(memory[1] - memory[0], 1)}


if __name__ == "__main__":
    main()
