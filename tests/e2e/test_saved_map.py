"""The map saved as one file: opened from the disk, with no network, it shows image, outlines, attributes and legend."""

import io

import numpy as np
import pytest
from PIL import Image

from core.project import open_project
from ui.saved_map import saved_map

pytestmark = pytest.mark.e2e


def test_a_saved_map_opens_without_a_network_and_its_markup_is_text(browser, projects, tmp_path):
    project = open_project(projects / "valley")
    run = next(run for run in project.runs() if run.id == "20170809-120000-abcd")
    file = tmp_path / "map.html"
    file.write_text(saved_map(project, run))
    assert file.stat().st_size < 5e6
    context = browser.new_context(viewport={"width": 1000, "height": 700}, offline=True)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.locator("img.leaflet-image-layer").first.wait_for()
    page.wait_for_timeout(800)
    middle = page.screenshot(clip={"x": 400, "y": 250, "width": 200, "height": 200})
    shown = np.asarray(Image.open(io.BytesIO(middle)).convert("RGB"))
    assert shown.std(axis=(0, 1)).min() > 5, "the image is not there"
    page.locator(".leaflet-control-layers").hover()
    names = page.locator(".leaflet-control-layers").inner_text()
    assert "Landslide outlines" in names and "Class map" in names and "After <img src=x" in names
    assert "Valley <img src=x" in page.locator(".scarp-legend").inner_text()
    x, y = page.evaluate("""() => {
        const map = Object.values(window).find((value) => value instanceof L.Map);
        let found;
        map.eachLayer((layer) => { if (layer.feature?.properties?.facts?.includes('Landslide 1<')) found = layer; });
        const point = map.latLngToContainerPoint(found.getBounds().getCenter());
        return [point.x, point.y];
    }""")
    page.mouse.move(5, 600)
    page.mouse.click(x, y)
    card = page.locator(".leaflet-popup")
    card.wait_for()
    assert "1,800 m²" in card.inner_text() and "lite <img src=x" in card.inner_text()
    assert page.evaluate("window.attacked") is None and not asked and not complaints
    context.close()
