"""The map in a real browser: layers, outlines, areas, themes, and a detection from start to end."""

import io
import re

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e
HEADER = {"x": 900, "y": 5, "width": 300, "height": 40}
READY = ".sm-root[data-ready='1'][data-idle='1']"


def ready(page):
    page.wait_for_selector(READY)
    return page.locator(".sm-root")


def pixels(page, root):
    """Return the middle of the map as it is seen, without the cards."""
    page.wait_for_timeout(300)
    page.wait_for_selector(READY)
    frame = root.bounding_box()
    clip = {"x": frame["x"] + frame["width"] / 4, "y": frame["y"] + 180, "width": frame["width"] * 0.4, "height": 340}
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")).astype(int)


def place_of(page, outline):
    """Return where an outline's centre is in the window."""
    return page.evaluate("""async (id) => {
        const root = document.querySelector('.sm-root');
        const data = await root.scarpMap.getSource('outlines').getData();
        const ring = data.features.find((f) => f.properties.id === id).geometry.coordinates[0][0].slice(0, 4);
        const point = root.scarpMap.project([0, 1].map((k) => ring.reduce((sum, at) => sum + at[k], 0) / 4));
        const frame = root.getBoundingClientRect();
        return [frame.x + point.x, frame.y + point.y];
    }""", outline)


@pytest.mark.parametrize(("path", "words"), [
    ("/", "Detections"), ("/detect", "Detect landslides"), ("/jobs", "A job goes on")])
def test_every_page_can_be_the_first_and_stays_after_a_refresh(open_page, path, words):
    page = open_page(path)
    for _ in range(2):
        page.get_by_text(words).first.wait_for()
        page.wait_for_url(re.compile(rf"{path}\?project=valley$"))
        assert page.get_by_text("Page not found").count() == 0
        page.reload()


def test_layers_show_and_hide_and_the_view_is_kept(open_page):
    page = open_page()
    root = ready(page)
    shown = pixels(page, root)
    assert shown.std(axis=(0, 1)).min() > 5, "the image is not there"

    def toggle(slot):
        page.locator(f"[data-layer='{slot}'] input[type=checkbox]").click()
        return pixels(page, root)

    image = page.locator(".sm-layer").last.get_attribute("data-layer")
    toggle("classes")
    toggle("outlines")
    bare = toggle(image)
    assert bare.std(axis=(0, 1)).max() < 1, "hidden layers still show"
    for slot in ("probability", "slope", "hillshade"):
        drawn = toggle(slot)
        assert np.abs(drawn - bare).mean() > 5, f"{slot} is not there"
        toggle(slot)
    back = toggle(image)
    assert np.abs(back - bare).mean() > 20

    page.locator("[data-action=plus]").click()
    page.wait_for_timeout(500)
    before = page.evaluate("document.querySelector('.sm-root').scarpMap.getZoom()")
    page.reload()
    root = ready(page)
    assert page.evaluate("document.querySelector('.sm-root').scarpMap.getZoom()") == pytest.approx(before, abs=0.05)
    assert not page.locator("[data-layer='classes'] input[type=checkbox]").is_checked()


def test_a_click_on_an_outline_shows_its_attributes_and_markup_in_them_is_text(open_page):
    page = open_page()
    ready(page)
    x, y = place_of(page, 1)
    page.mouse.move(x, y)
    page.locator(".sm-tip", has_text="Landslide 1").wait_for()
    page.mouse.click(x, y)
    card = page.locator(".st-key-selected")
    card.get_by_text("Landslide 1", exact=True).wait_for()
    assert "1,800 m²" in card.inner_text() and "31.0°" in card.inner_text()
    assert "lite <img src=x" in card.inner_text() and "After <img src=x" in page.locator(".sm-card").inner_text()
    assert "Valley <img src=x" in page.locator("[data-testid=stSidebar]").inner_text()
    assert page.evaluate("window.attacked") is None
    assert page.evaluate("document.querySelectorAll('.sm-root canvas.maplibregl-canvas').length") == 1

    page.evaluate("window.first = document.querySelector('.sm-root').scarpMap")
    frame = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(frame["x"] + 60, frame["y"] + 36 * 2 + 16)
    card.get_by_text("Landslide 2", exact=True).wait_for()
    page.wait_for_function("document.querySelector('.sm-root').scarpMap.getZoom() > 18")
    assert page.evaluate("window.first === document.querySelector('.sm-root').scarpMap"), "the map was made again"

    x, y = place_of(page, 2)
    page.mouse.click(x + 260, y)
    card.wait_for(state="detached")


def test_an_area_is_drawn_measured_kept_and_removed(open_page):
    page = open_page()
    frame = ready(page).bounding_box()

    def at(across, down):
        return frame["x"] + frame["width"] * across, frame["y"] + frame["height"] * down

    page.locator("[data-action=rectangle]").click()
    page.mouse.click(*at(0.3, 0.4))
    page.mouse.move(*at(0.4, 0.5), steps=4)
    page.mouse.click(*at(0.45, 0.6))
    note = page.get_by_text("Drawn on the map")
    note.wait_for()
    first = note.inner_text()
    assert re.search(r"Drawn on the map: [\d.,]+ (m²|ha)", first)
    page.wait_for_timeout(500)
    assert page.get_by_text("Selected", exact=True).count() == 0, "the closing click also picked an outline"

    page.locator("[data-action=polygon]").click()
    corners = [at(0.5, 0.3), at(0.6, 0.3), at(0.62, 0.5)]
    for corner in (*corners, corners[0]):
        page.mouse.move(*corner, steps=4)
        page.mouse.click(*corner)
        page.wait_for_timeout(150)
    page.wait_for_function("(old) => !document.body.innerText.includes(old)", arg=first)
    page.wait_for_timeout(400)
    page.keyboard.press("Delete")
    page.get_by_text("The whole image.").wait_for()


def test_light_and_dark_follow_the_system(open_page):
    light, dark = (pixels_of_frame(open_page("/jobs", theme=theme)) for theme in ("light", "dark"))
    assert light.mean() > 225 and dark.mean() < 60


def pixels_of_frame(page):
    """Return the header's right end, where nothing is written."""
    page.get_by_text("Jobs").first.wait_for()
    page.wait_for_timeout(500)
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=HEADER))).convert("L"))


def test_without_webgl2_the_map_says_so(open_page):
    page = open_page(script="""const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest); };""")
    page.get_by_text("WebGL 2 is missing").wait_for()
    assert page.get_by_text("Detect landslides").count()


def test_a_detection_runs_reports_and_its_result_is_shown(open_page, projects):
    page = open_page()
    frame = ready(page).bounding_box()
    page.locator("[data-action=rectangle]").click()
    page.mouse.click(frame["x"] + frame["width"] * 0.4, frame["y"] + frame["height"] * 0.4)
    page.mouse.move(frame["x"] + frame["width"] * 0.5, frame["y"] + frame["height"] * 0.5, steps=4)
    page.mouse.click(frame["x"] + frame["width"] * 0.5, frame["y"] + frame["height"] * 0.55)
    page.get_by_text("Drawn on the map").wait_for()
    before = {path.name for path in (projects / "valley" / "runs").iterdir()}
    page.get_by_role("button", name="Detect landslides").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_text("Download outlines").or_(page.get_by_text("No landslides found")).wait_for(timeout=60_000)
    made = {path.name for path in (projects / "valley" / "runs").iterdir()} - before
    assert len(made) == 1
    run = projects / "valley" / "runs" / made.pop()
    assert (run / "run.json").is_file()
    page.wait_for_function(
        "(id) => document.querySelector('.sm-root').scarpMap.getStyle().layers.some((layer) => layer.id.endsWith(id))",
        arg=f"classes-{run.name}")
    choice = page.locator("[data-testid=stSelectbox]", has_text="Detection").locator("input")
    assert choice.input_value().startswith("tiny, ")
