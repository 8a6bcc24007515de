"""Change, Metrics and Compare in a real browser: from the button to the file, and maps that move together."""

import json
import re

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from playwright.sync_api import expect

from core.config import scheme
from core.export import write_layer
from core.files import write_json
from core.project import add_layer, create
from core.versus import versus
from tests.e2e.conftest import emptied

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SIDE, GSD = 384, 0.5
CORNER = (388_000.0, 3_676_000.0)
DAYS = {"before": "2021-07-18", "after": "2023-10-21"}
SLIDES = {"before": [(40, 100, 40, 100)], "after": [(40, 160, 40, 100), (220, 300, 220, 300)]}
"""Top, bottom, left and right in pixels: one landslide that grows, and a new one."""

PATIENCE_MS = 240_000


def write(path, array, gsd=GSD, nodata=None, **tags):
    array = array[np.newaxis] if array.ndim == 2 else array
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver="GTiff", count=len(array), height=array.shape[1], width=array.shape[2],
                       dtype=array.dtype.name, crs="EPSG:32648", nodata=nodata, tiled=True,
                       transform=Affine.translation(*CORNER) @ Affine.scale(gsd, -gsd)) as dataset:
        dataset.write(array)
        dataset.update_tags(**tags)
    return path


def made_run(project, name, boxes, image, day):
    called = np.zeros((SIDE, SIDE), "uint8")
    for top, bottom, left, right in boxes:
        called[top:bottom, left:right] = 1
    run = project.folder / "runs" / name
    write(run / "classes.tif", called, nodata=255)
    write(run / "probability.tif", called * np.uint8(180) + np.uint8(20), nodata=255)
    shapes = np.array([shapely.box(CORNER[0] + left * GSD, CORNER[1] - bottom * GSD, CORNER[0] + right * GSD,
                                   CORNER[1] - top * GSD) for top, bottom, left, right in boxes], object)
    write_layer(run / "landslides.gpkg", {
        "geometry": shapes, "id": np.arange(1, len(boxes) + 1), "area_m2": shapely.area(shapes),
        "image_date": np.full(len(boxes), day, "datetime64[D]")}, rasterio.CRS.from_epsg(32648), "")
    write_json(run / "run.json", {
        "model": {"name": "lite", "classes": ["other", "landslide"]}, "threshold": 0.4, "image_date": day,
        "inputs": {"image": {"file": image.name, "bytes": image.stat().st_size, "crs": "EPSG:32648"}},
        "outlines": {"min_area_m2": 50.0}, "observed_m2": (SIDE * GSD)**2, "finished": f"{day}T12:00:00+00:00"})
    return run


@pytest.fixture(scope="module")
def projects(roots):
    root = emptied(roots[0])
    project = create(root / "valley", "Valley")
    random = np.random.default_rng(5)
    ground = np.kron(random.integers(60, 160, (3, SIDE // 4, SIDE // 4)), np.ones((1, 4, 4))).astype("uint8")
    runs = []
    for name, boxes in SLIDES.items():
        picture, truth = ground.copy(), np.full((SIDE, SIDE), 2, "uint8")
        for top, bottom, left, right in boxes:
            picture[:, top:bottom, left:right], truth[top:bottom, left:right] = 200, 0
        image = write(project.folder / "layers" / f"{name}.tif", picture)
        project = add_layer(project, "image", image, f"{name.title()} the event", DAYS[name])
        labels = write(project.folder / "layers" / f"truth_{name}.tif", truth, nodata=255,
                       classes=json.dumps(scheme("paper").names))
        project = add_layer(project, "truth", labels, f"{name.title()} the event", DAYS[name])
        runs.append(made_run(project, name, boxes, image, DAYS[name]))
    timid = made_run(project, "timid", SLIDES["after"][:1], image, DAYS["after"])
    (timid / "title.txt").write_text("Timid")
    rise = (np.mgrid[:100, :100].sum(0) * 1.1).astype("float32")
    dem = write(project.folder / "layers" / "dem.tif", rise, 2.0, -9999)
    add_layer(project, "dem", dem, "Elevation")
    versus([runs[1], timid], project.folder / "versus" / "one", dem=dem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCARP_NICE", "0")  # a worker that gives way to all else can take minutes for seconds
        yield root


def cut_off(page, clipped):
    """Return texts that are cut off, but for those of charts: their boxes mean something else."""
    drawn = set(page.locator("svg text").all_text_contents())
    return [text for text in clipped(page) if text not in drawn]


def ready(page, number=0):
    page.locator(".sm-root[data-ready]").nth(number).wait_for(timeout=PATIENCE_MS)


def test_two_dates_are_compared_swiped_flickered_and_downloaded(open_page, clipped, tmp_path):
    page = open_page("/change?project=valley")
    page.get_by_text("New comparison", exact=True).click()
    expect(page.get_by_label("First date", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("The images lie on each other")).to_be_visible(timeout=PATIENCE_MS)
    ready(page)
    figures = page.locator(".scarp-figures").first
    expect(figures).to_contain_text(re.compile("New1Enlarged1"))
    page.locator(".sm-compare").wait_for()  # the two images, side by side
    page.locator("[data-action=flicker]").click()
    page.locator(".sm-root[data-flicker=left]").wait_for()
    page.locator(".sm-root[data-flicker=right]").wait_for()
    page.locator("[data-action=flicker]").click()
    expect(page.locator(".sm-handle")).to_be_visible()
    assert not cut_off(page, clipped)
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="GeoPackage").click()
    download.value.save_as(tmp_path / "change.gpkg")
    assert sorted(geopandas.read_file(tmp_path / "change.gpkg", layer="landslides")["change"]) == ["enlarged", "new"]


def test_a_detection_is_scored_its_threshold_moved_and_a_chart_saved(open_page, tmp_path):
    page = open_page("/metrics?project=valley&run=timid")
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_text("Confusion matrix").wait_for(timeout=PATIENCE_MS)
    expect(page.locator(".js-plotly-plot")).to_have_count(9, timeout=PATIENCE_MS)
    moved = page.locator(".scarp-figures").nth(1)
    expect(moved).to_contain_text("IoU0.")
    before = moved.inner_text()
    page.get_by_role("slider", name="Working threshold").press("End")
    expect(moved).not_to_have_text(before)
    expect(moved).to_contain_text("Recall0.000")
    expect(page.locator(".js-plotly-plot")).to_have_count(9)
    spot = page.locator(".js-plotly-plot").nth(2).evaluate("""(plot) => {
        const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect(), curve = plot._fullData[0];
        const at = [...curve.customdata].findIndex((each) => each > 0.4);
        return [box.x + xaxis._offset + xaxis.l2p(curve.x[at]), box.y + yaxis._offset + yaxis.l2p(curve.y[at])];
    }""")
    page.mouse.move(*spot)
    page.mouse.click(*spot)  # on the curve
    expect(moved).not_to_contain_text("Recall0.000")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").first.click()
    download.value.save_as(tmp_path / "confusion.csv")
    assert (tmp_path / "confusion.csv").read_text().startswith("reference,map,pixels")
    page.get_by_text("SVG", exact=True).click()
    chart = page.locator(".js-plotly-plot").nth(1)
    chart.hover()
    with page.expect_download() as download:
        chart.locator(".modebar-btn").first.click()
    assert download.value.suggested_filename.endswith(".svg")
    assert page.get_by_text("Not measured here").is_visible()


def test_maps_move_together_and_a_disagreement_says_what_each_model_thinks(open_page, clipped):
    page = open_page("/compare?project=valley")
    ready(page, 3)
    zooms = "() => [...document.querySelectorAll('.sm-root')].map((root) => root.scarpMap.getZoom().toFixed(3))"
    before = page.evaluate(zooms)
    page.locator(".sm-root").nth(1).locator("[data-action=plus]").click()
    page.wait_for_function("(before) => [...document.querySelectorAll('.sm-root')].every((root) => "
                           "root.scarpMap.getZoom() > Number(before) + 0.9)", arg=before[0])
    after = page.evaluate(zooms)
    assert len(after) == 4 and len(set(after)) == 1
    assert not cut_off(page, clipped)
    page.get_by_text("Over each other", exact=True).click()
    page.locator(".sm-root:not(.sm-small)[data-idle]").wait_for(timeout=PATIENCE_MS)
    spot = page.evaluate("""() => {
      const map = document.querySelector('.sm-root').scarpMap;
      const source = map.getSource('outlines');
      return source.getBounds().then((box) => { const at = map.project(box.getCenter()); return [at.x, at.y]; });
    }""")
    page.locator(".sm-root canvas").first.click(position={"x": spot[0], "y": spot[1]})
    place = page.locator(".st-key-selected")
    expect(place).to_contain_text("Place 1")
    expect(place.locator("em")).to_have_text(["0.80", "0.08"])
    expect(place.locator("figure")).to_have_count(2)
    expect(place).to_contain_text("Slope, mean")
    page.get_by_text("Terrain", exact=True).first.click()
    for name in ("Image", "Hillshade", "Slope", "Aspect"):
        expect(page.locator(".scarp-panel", has_text=name).first).to_be_visible()
    ready(page, 3)
