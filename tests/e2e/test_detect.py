"""Detections in a real browser: one that is watched, cancelled and resumed; what can be done with a finished one."""

import io
import json
import re
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import geopandas
import numpy as np
import pytest
from affine import Affine
from PIL import Image
from playwright.sync_api import TimeoutError
from rasterio.crs import CRS

from core.export import write_outlines
from core.files import write_json
from core.grid import Grid
from core.measure import measure
from core.project import add_layer, create, open_project
from core.vectorize import OutlineSettings, outlines

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
READY = ".sm-root[data-ready='1'][data-idle='1']"
PATIENCE_MS = 240_000
UTM48, CORNER, GSD = CRS.from_epsg(32648), (388_000.0, 3_676_000.0), 0.5
SLIDES = {0.9: (100, 100), 0.7: (100, 300), 0.5: (300, 200)}
"""Landslides of 40 x 40 m by their probability: row and column of the corner."""


@pytest.fixture
def hills(projects, make_raster):
    """A project with one finished detection, cut at 0.4, that has found three landslides."""
    folder = projects / "west-hills"
    if folder.exists():
        return open_project(folder)
    project = create(folder, "West hills")
    side, layers = 512, project.folder / "layers"
    random = np.random.default_rng(3)
    image = random.integers(60, 120, (3, side, side)).astype("uint8")
    dem = np.tile(np.arange(side // 4, dtype="float32"), (side // 4, 1))
    image_file = make_raster(layers / "after.tif", image, gsd=GSD)
    dem_file = make_raster(layers / "dem.tif", dem, gsd=4 * GSD)
    project = add_layer(project, "image", image_file, "After the rain", "2021-07-02")
    project = add_layer(project, "dem", dem_file, "Elevation")
    stored = np.full((side, side), 5, "uint8")
    for probability, (row, column) in SLIDES.items():
        stored[row:row + 80, column:column + 80] = round(probability * 250)
    run = project.folder / "runs" / "20210703-120000-abcd"
    classes = (stored >= 100).astype("uint8")
    make_raster(run / "classes.tif", classes, gsd=GSD, nodata=255)
    make_raster(run / "probability.tif", stored, gsd=GSD, nodata=255)
    grid = Grid((side, side), Affine.translation(*CORNER) @ Affine.scale(GSD, -GSD), UTM48)
    records = [(each.polygon, measure(each.polygon, each.mask, grid.window(each.window)))
               for each in outlines(lambda start, stop: classes[start:stop], grid, 1)]
    write_outlines(run / "landslides.gpkg", records, UTM48, model="tiny")
    inputs = {role: {"file": file.name, "bytes": file.stat().st_size, "crs": "EPSG:32648"}
              for role, file in (("image", image_file), ("dem", dem_file))}
    write_json(run / "run.json", {
        "model": {"name": "tiny", "classes": ["other", "landslide"]}, "threshold": 0.4, "inputs": inputs,
        "outlines": asdict(OutlineSettings()), "part_px": [0, 0, side, side], "landslides": 3, "observed_m2": 65536.0,
        "observed_share": 1.0, "missing": [], "warnings": [], "finished": "2021-07-03T12:00:00+00:00"})
    return project


@pytest.fixture
def plain(projects, make_raster):
    """A project whose detection takes long enough to be watched."""
    folder = projects / "west-plain"
    if folder.exists():
        return open_project(folder)
    project = create(folder, "West plain")
    image = np.random.default_rng(4).integers(0, 255, (3, 4800, 4800)).astype("uint8")
    file = make_raster(project.folder / "layers" / "image.tif", image, gsd=GSD, tiled=True)
    return add_layer(project, "image", file, "Image")


def ready(page):
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    return page.locator(".sm-root")


def panel(page, name):
    page.locator("[data-testid=stSidebar]").get_by_role("radio", name=name).or_(
        page.locator("[data-testid=stSidebar] button", has_text=re.compile(f"^{name}$"))).first.click()


def drawn(page):
    """Return the ids of the outlines on the map, waiting until the map rests."""
    ready(page)
    return page.evaluate("""async () => {
        const data = await document.querySelector('.sm-root').scarpMap.getSource('outlines').getData();
        return data.features.map((feature) => feature.properties.id); }""")


def place_of(page, outline):
    return page.evaluate("""async (id) => {
        const root = document.querySelector('.sm-root');
        const data = await root.scarpMap.getSource('outlines').getData();
        const ring = data.features.find((f) => f.properties.id === id).geometry.coordinates[0][0].slice(0, 4);
        const point = root.scarpMap.project([0, 1].map((k) => ring.reduce((sum, at) => sum + at[k], 0) / 4));
        const frame = root.getBoundingClientRect();
        return [frame.x + point.x, frame.y + point.y];
    }""", outline)


def test_a_detection_in_a_drawn_area_is_watched_cancelled_and_resumed(open_page, plain):
    page = open_page("/detect?project=west-plain")
    frame = ready(page).bounding_box()
    page.get_by_text(re.compile(r"^About \d")).or_(page.get_by_text("could not be estimated")).first.wait_for(
        timeout=PATIENCE_MS)
    page.locator("[data-action=rectangle]").click()
    page.mouse.click(frame["x"] + frame["width"] * 0.1, frame["y"] + frame["height"] * 0.18)
    page.mouse.move(frame["x"] + frame["width"] * 0.5, frame["y"] + frame["height"] * 0.5, steps=4)
    page.mouse.click(frame["x"] + frame["width"] * 0.69, frame["y"] + frame["height"] * 0.6)
    page.get_by_text("outlined on the map").wait_for()
    page.get_by_role("button", name="Detect landslides").click()
    page.wait_for_url(re.compile(r"job="))
    page.locator("[data-layer=preview]").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled").first.wait_for(timeout=PATIENCE_MS)
    assert not plain.runs(), "it was done before it could be cancelled"
    page.get_by_role("button", name="Go on where it stopped").click()
    page.get_by_role("button", name="Cancel").wait_for(timeout=PATIENCE_MS)
    page.reload()  # the address brings it back
    page.get_by_text("Per km²").or_(page.get_by_text("No landslides found")).first.wait_for(timeout=PATIENCE_MS)
    [run] = plain.runs()
    assert f"run={run.id}" in page.url and "job=" not in page.url
    assert run.about["area"].startswith("POLYGON") and run.about["observed_share"] > 0.9
    ready(page)
    page.locator("[data-layer=classes]").wait_for()


def test_map_and_table_are_linked_both_ways(open_page, hills):
    page = open_page("/detect?project=west-hills")
    ready(page)
    assert sorted(drawn(page)) == [1, 2, 3]
    page.mouse.click(*place_of(page, 2))
    card = page.locator(".st-key-selected")
    card.get_by_text("Landslide 2", exact=True).wait_for()
    assert "1,601 m²" in card.inner_text()
    frame = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(frame["x"] + 60, frame["y"] + 36 * 3 + 16)
    card.get_by_text("Landslide 3", exact=True).wait_for()
    page.wait_for_function("() => document.querySelector('.sm-root').scarpMap.getZoom() > 18")
    page.reload()
    ready(page)
    card.get_by_text("Landslide 3", exact=True).wait_for()
    x, y = place_of(page, 3)
    page.mouse.click(x + 260, y)
    card.wait_for(state="detached")


def test_the_slider_draws_other_outlines_which_can_be_kept_and_deleted(open_page, hills):
    page = open_page("/detect?project=west-hills&run=20210703-120000-abcd")
    ready(page)
    panel(page, "Landslides")
    slider = page.get_by_role("slider").first
    slider.wait_for()
    before = pixels(page)
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    page.get_by_text("threshold 0.60: 2 instead of 3 at 0.40").wait_for(timeout=PATIENCE_MS)
    page.get_by_text("Outlines at 0.60").wait_for()
    assert len(drawn(page)) == 2
    assert np.abs(pixels(page) - before).max() > 30, "the map shows the same"
    page.get_by_role("button", name="Keep these outlines").click()
    page.wait_for_function("() => !location.search.includes('run=20210703-120000-abcd')", timeout=PATIENCE_MS)
    page.wait_for_function("() => [...document.querySelectorAll('input')].some((i) => /^tiny from 0.60/.test(i.value))")
    kept, own = hills.runs()[0], hills.runs()[1]
    assert kept.about["threshold"] == 0.6 and kept.about["landslides"] == 2 and own.about["threshold"] == 0.4
    assert geopandas.read_file(kept.folder / "landslides.gpkg", layer="landslides")["slope_mean_deg"].gt(20).all()

    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    delete = page.get_by_role("button", name="Delete ...")
    for _ in range(5):  # a page that still moves closes its menus
        page.locator(".st-key-run-menu button").first.click()
        with suppress(TimeoutError):
            delete.wait_for(timeout=2000)
            break
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.wait_for_function("() => !location.search.includes('run=')")
    assert [run.id for run in hills.runs()] == [own.id]


def pixels(page):
    ready(page)
    page.wait_for_timeout(500)
    frame = page.locator(".sm-root").bounding_box()
    clip = {"x": frame["x"] + 60, "y": frame["y"] + 60, "width": frame["width"] - 340, "height": frame["height"] - 120}
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")).astype(int)


def test_outlines_and_maps_are_downloaded(open_page, hills, tmp_path):
    page = open_page("/detect?project=west-hills")
    ready(page)
    panel(page, "Landslides")
    page.get_by_role("button", name="Download").first.click()

    def get(label):
        with page.expect_download(timeout=PATIENCE_MS) as waiting:
            page.get_by_role("button", name=label, exact=False).last.click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    outlines_file = get("GeoPackage")
    table = geopandas.read_file(outlines_file, layer="landslides")
    assert outlines_file.suffix == ".gpkg" and len(table) == 3 and table.crs == UTM48
    assert table.area.tolist() == pytest.approx([1600] * 3, rel=0.02)
    assert geopandas.read_file(get("GeoJSON")).crs == "EPSG:4326"
    assert len(json.loads(Path(get("GeoJSON")).read_text())["features"]) == 3
    assert get("Probability").read_bytes()[:2] == b"II"
    page_of_map = get("Map as one HTML file").read_text()
    assert page_of_map.count("Landslide 3") and "src=\"http" not in page_of_map


def test_figures_are_drawn_without_leaving_the_computer(open_page, hills):
    page = open_page("/detect?project=west-hills", theme="dark")
    ready(page)
    panel(page, "Figures")
    page.locator(".js-plotly-plot").nth(1).wait_for(timeout=PATIENCE_MS)
    assert page.locator(".js-plotly-plot .bars path").count() > 2
    whole, drawn = (page.locator(each).bounding_box() for each in (".sm-root", ".sm-root canvas.maplibregl-canvas"))
    assert drawn["height"] == pytest.approx(whole["height"], abs=2)  # the charts' own style leaves the map alone
    panel(page, "Cumulative")
    page.get_by_text("Landslides of at least").first.wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Numbers as CSV").first.click()
    assert "landslides_of_at_least" in Path(waiting.value.path()).read_text()
