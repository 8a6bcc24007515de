"""The map in a real browser: layers, outlines, areas, comparing, values, keys, and what it does without WebGL 2."""

import io
import re

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e
READY = ".sm-root[data-ready='1'][data-idle='1']"


def ready(page):
    page.wait_for_selector(READY, timeout=60_000)
    return page.locator(".sm-root")


def pixels(page, root):
    """Return the middle of the map as it is seen, without the cards."""
    page.wait_for_timeout(300)
    page.wait_for_selector(READY, timeout=60_000)
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


def order_of(page):
    """Return the layers of the list from top to bottom, and what is painted from bottom to top."""
    listed = page.locator(".sm-layer").evaluate_all("rows => rows.map((row) => row.dataset.layer)")
    painted = page.evaluate("document.querySelector('.sm-root').scarpMap.getLayersOrder()")
    return listed, [name for name in painted if not name.startswith("td-")]  # those are for drawing


def view(page):
    return page.evaluate("""() => {
        const map = document.querySelector('.sm-root').scarpMap;
        return [map.getZoom(), ...map.getCenter().toArray(), map.getBearing()];
    }""")


def toggle(page, slot):
    page.locator(f"[data-layer='{slot}'] input[type=checkbox]").click()


def inside(page, across, down):
    """Return a point of the window at shares of the map's width and height."""
    frame = page.locator(".sm-root").bounding_box()
    return frame["x"] + frame["width"] * across, frame["y"] + frame["height"] * down


def area_of(page):
    """Return the corners of the area that the map shows, in degrees."""
    return page.evaluate("""async () => {
        const data = await document.querySelector('.sm-root').scarpMap.getSource('area')?.getData();
        return data?.coordinates?.[0] ?? data?.features?.[0]?.geometry.coordinates[0] ?? null;
    }""")


def press_long(page, x, y):
    """Rest a finger on the map for a second."""
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    page.wait_for_timeout(1000)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def draw_rectangle(page):
    page.locator("[data-action=rectangle]").click()
    page.mouse.click(*inside(page, 0.3, 0.4))
    page.mouse.move(*inside(page, 0.4, 0.5), steps=4)
    page.mouse.click(*inside(page, 0.45, 0.6))
    page.wait_for_url(re.compile("area="))
    page.wait_for_timeout(500)


def test_layers_show_and_hide_and_the_view_is_kept(open_page):
    page = open_page("/detect")
    root = ready(page)
    shown = pixels(page, root)
    assert shown.std(axis=(0, 1)).min() > 5, "the image is not there"
    image = page.locator(".sm-layer").last.get_attribute("data-layer")

    def after(slot):
        toggle(page, slot)
        return pixels(page, root)

    after("classes")
    after("outlines")
    bare = after(image)
    assert bare.std(axis=(0, 1)).max() < 1, "hidden layers still show"
    for slot in ("probability", "slope", "aspect", "elevation", "hillshade"):
        assert np.abs(after(slot) - bare).mean() > 5, f"{slot} is not there"
        after(slot)
    assert np.abs(after(image) - bare).mean() > 20

    page.locator("[data-action=plus]").click()
    page.wait_for_timeout(500)
    before = view(page)
    page.reload()
    ready(page)
    assert view(page) == pytest.approx(before, abs=0.05)
    assert not page.locator("[data-layer='classes'] input[type=checkbox]").is_checked()


def test_the_order_changes_by_keyboard_and_by_hand_and_is_kept(open_page):
    page = open_page("/detect")
    ready(page)
    listed, painted = order_of(page)
    assert listed.index("slope") < listed.index("hillshade")
    assert painted.index("raster:slope") > painted.index("raster:hillshade")
    grip = page.locator("[data-layer='hillshade'] .sm-grip")
    for _ in range(listed.index("hillshade") - listed.index("slope")):
        grip.press("ArrowUp")
    moved, painted = order_of(page)
    assert moved.index("hillshade") == moved.index("slope") - 1, moved
    assert painted.index("raster:hillshade") > painted.index("raster:slope")
    assert page.locator("[data-layer='hillshade'] .sm-grip").evaluate("node => node === document.activeElement")

    page.locator("[data-layer='slope'] .sm-grip").scroll_into_view_if_needed()
    held = page.locator("[data-layer='slope'] .sm-grip").bounding_box()
    top = page.locator(".sm-layer").first.bounding_box()
    page.mouse.move(held["x"] + 8, held["y"] + 10)
    page.mouse.down()
    page.mouse.move(held["x"] + 8, top["y"] + 2, steps=12)
    page.mouse.up()
    dragged, painted = order_of(page)
    assert dragged[0] == "slope" and painted[-1] == "raster:slope", dragged
    page.reload()
    ready(page)
    assert order_of(page)[0] == dragged


def test_bands_and_stretch_of_an_image_can_be_chosen(open_page):
    page = open_page("/detect")
    root = ready(page)
    for slot in ("classes", "outlines"):
        toggle(page, slot)
    colour = pixels(page, root)
    image = page.locator(".sm-layer").last
    with page.expect_response(lambda response: "/b2-asis/" in response.url):
        image.locator("[data-part=Bands]").select_option("b2")
    grey = pixels(page, root)
    assert np.ptp(colour, axis=2).mean() > 15 and np.ptp(grey, axis=2).mean() < 2
    image.locator("[data-part=Stretch]").select_option("gamma")
    page.wait_for_timeout(400)
    assert pixels(page, root).mean() > grey.mean() + 10
    with page.expect_response(lambda response: "/b2-gamma/" in response.url):
        page.reload()


def test_a_click_on_an_outline_shows_its_attributes_and_markup_in_them_is_text(open_page):
    page = open_page("/detect")
    ready(page)
    x, y = place_of(page, 1)
    page.mouse.move(x, y)
    page.locator(".sm-tip", has_text="Landslide 1").wait_for()
    page.evaluate("window.first = document.querySelector('.sm-root').scarpMap")
    page.mouse.click(x, y)
    page.locator("[data-testid=stSidebar]").get_by_text("Landslide 1").first.wait_for()
    assert "After <img src=x" in page.locator(".sm-card").inner_text()
    assert page.evaluate("window.attacked") is None
    assert page.evaluate("document.querySelectorAll('.sm-root canvas.maplibregl-canvas').length") == 1
    assert page.evaluate("window.first === document.querySelector('.sm-root').scarpMap"), "the map was made again"
    selected = "document.querySelector('.sm-root').scarpMap.getFeatureState({ source: 'outlines', id: 1 }).selected"
    assert page.evaluate(selected)
    page.keyboard.press("Escape")
    page.wait_for_function(f"!({selected})")


def test_an_area_is_drawn_edited_kept_and_removed(open_page):
    page = open_page("/detect")
    ready(page)
    assert page.locator("[data-action=edit]").is_disabled()
    draw_rectangle(page)
    drawn = area_of(page)
    assert len(drawn) == 5
    page.locator("[data-action=edit]").click()
    page.locator(".sm-hint", has_text="Drag corners").wait_for()
    page.mouse.move(*inside(page, 0.45, 0.6))
    page.mouse.down()
    page.mouse.move(*inside(page, 0.5, 0.7), steps=6)
    page.mouse.up()
    address = page.url
    page.locator(".sm-text", has_text="Done").click()
    page.wait_for_function("old => location.href !== old", arg=address)
    edited = area_of(page)
    assert sum(corner not in edited for corner in drawn) in (1, 2), "one corner moved, no other"
    page.reload()
    ready(page)
    assert area_of(page) == edited

    page.locator("[data-action=edit]").click()
    page.keyboard.press("Escape")
    assert page.locator(".sm-hint").is_hidden() and area_of(page) == edited

    page.locator("[data-action=edit]").click()
    press_long(page, *inside(page, 0.5, 0.7))
    address = page.url
    page.locator(".sm-text", has_text="Done").click()
    page.wait_for_function("old => location.href !== old", arg=address)
    assert len(area_of(page)) == 4
    page.locator(".maplibregl-canvas").first.focus()
    page.keyboard.press("d")
    corners = [inside(page, 0.5, 0.3), inside(page, 0.6, 0.3), inside(page, 0.62, 0.5)]
    address = page.url
    for corner in (*corners, corners[0]):
        page.mouse.move(*corner, steps=4)
        page.mouse.click(*corner)
        page.wait_for_timeout(150)
    page.wait_for_function("old => location.href !== old", arg=address)
    assert len(area_of(page)) == 4
    page.wait_for_timeout(500)
    assert page.locator("[data-testid=stSidebar]").get_by_text("Selected", exact=True).count() == 0
    page.keyboard.press("Delete")
    page.wait_for_url(lambda url: "area=" not in url)
    assert area_of(page) is None

    page.locator("[data-action=rectangle]").click()
    page.mouse.move(*inside(page, 0.4, 0.4))
    page.mouse.down()
    page.mouse.move(*inside(page, 0.55, 0.6), steps=6)
    page.mouse.up()
    page.wait_for_url(lambda url: "area=" in url)
    assert len(area_of(page)) == 5


def test_two_layers_are_compared_side_by_side(open_page):
    page = open_page("/detect")
    root = ready(page)
    for slot in ("classes", "outlines"):
        toggle(page, slot)
    page.locator(".maplibregl-canvas").first.focus()
    page.keyboard.press("s")
    page.locator(".sm-compare [data-side=left]").select_option("hillshade")
    page.wait_for_timeout(900)
    split = pixels(page, root)
    left, right = split[:, :split.shape[1] // 4], split[:, -split.shape[1] // 8:]
    assert np.ptp(left, axis=2).mean() < 3, "the hillshade is not on the left"
    assert np.ptp(right, axis=2).mean() > 15, "the image is not on the right"
    page.locator(".sm-handle").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(300)
    assert np.ptp(pixels(page, root), axis=2).mean() < 3
    assert page.locator(".sm-handle").get_attribute("aria-valuenow") == "98"
    before = view(page)
    page.mouse.move(*inside(page, 0.4, 0.5))
    page.mouse.wheel(0, -300)
    page.wait_for_function("zoom => document.querySelector('.sm-root').scarpMap.getZoom() > zoom + 0.2", arg=before[0])
    page.keyboard.press("Escape")
    assert page.locator(".sm-handle").count() == 0
    assert page.evaluate("document.querySelectorAll('.sm-root canvas.maplibregl-canvas').length") == 1


def test_coordinates_and_values_under_the_pointer(open_page):
    page = open_page("/detect")
    ready(page)
    toggle(page, "slope")
    x, y = place_of(page, 1)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    page.locator("[data-value=classes]", has_text="landslide").wait_for()
    said = page.locator(".sm-readout").inner_text()
    east, north = map(float, re.search(r"([\d.]+)\s+([\d.]+)\s+EPSG:32648", said).groups())
    assert (east, north) == pytest.approx((388_130, 3_675_800), abs=3), said
    assert re.search(r"Slope\s*[\d.]+°", said) and re.search(r"\d+\.\d{5}° N", said)
    assert "170, 140, 110" in said, "the image's own values"
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.sm-readout').hidden")


def test_keys_do_what_the_help_says(open_page):
    page = open_page("/detect")
    ready(page)
    page.locator(".maplibregl-canvas").first.focus()
    start = view(page)
    page.keyboard.press("?")
    page.locator(".sm-help", has_text="Compare two layers").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(".sm-help").is_hidden()
    page.locator(".maplibregl-canvas").first.focus()
    for key in ("-", "ArrowLeft", "Shift+ArrowRight"):
        page.keyboard.press(key)
        page.wait_for_timeout(600)
    away = view(page)
    assert away[0] < start[0] - 0.5 and away[1] < start[1] and abs(away[3]) > 5
    page.keyboard.press("n")
    page.wait_for_function("Math.abs(document.querySelector('.sm-root').scarpMap.getBearing()) < 0.01")
    page.keyboard.press("f")
    page.wait_for_timeout(2000)
    assert view(page)[:3] == pytest.approx(start[:3], abs=0.02)
    page.keyboard.press("l")
    assert page.locator(".sm-card").get_attribute("open") is None
    page.keyboard.press("l")
    page.locator("[data-layer='slope']").hover()
    page.keyboard.press("-")
    page.locator("[data-layer='slope'] [data-part=zoom]").click()
    page.wait_for_timeout(2000)
    assert view(page)[0] == pytest.approx(start[0], abs=0.5)


def test_an_online_basemap_is_asked_for_only_when_it_is_switched_on(browser, server):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    left = []

    def refuse(route):
        left.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith((server, "data:", "blob:")), refuse)
    page = context.new_page()
    page.goto(f"{server}/detect")
    ready(page)
    assert left == []
    page.locator(".sm-basemap input").click()
    page.locator(".sm-basemap", has_text="It cannot be reached").wait_for(timeout=30_000)
    assert left and all("openstreetmap.org" in url for url in left)
    assert page.locator(".sm-credit a", has_text="OpenStreetMap").get_attribute("href").startswith("https://")
    page.locator(".sm-basemap input").click()
    page.locator(".sm-basemap", has_text="nothing leaves this computer").wait_for()
    count = len(left)
    page.locator("[data-action=minus]").click()
    page.wait_for_timeout(1000)
    assert len(left) == count and page.locator(".sm-credit").inner_text() == ""
    context.close()


def test_the_map_follows_the_theme(open_page):
    papers = []
    for theme in ("light", "dark"):
        page = open_page("/detect", theme=theme)
        ready(page)
        papers.append(page.locator(".sm-card summary").evaluate("node => getComputedStyle(node).backgroundColor"))
    light, dark = ([int(part) for part in re.findall(r"\d+", paper)[:3]] for paper in papers)
    assert min(light) > 230 and max(dark) < 60


def test_without_webgl2_a_plainer_map_shows_layers_and_outlines(open_page):
    page = open_page("/detect", script="""const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest); };""")
    page.get_by_text("No WebGL 2 in this browser").wait_for(timeout=60_000)
    frame = page.frame_locator(".st-key-plain-map iframe")
    frame.locator(".leaflet-tile-loaded").first.wait_for()
    page.wait_for_timeout(1000)
    place = frame.locator(".leaflet-container").evaluate("""() => {
        const map = Object.values(window).find((value) => value instanceof L.Map);
        let found;
        map.eachLayer((layer) => { if (layer.feature?.properties?.facts?.includes('Landslide 1<')) found = layer; });
        const point = map.latLngToContainerPoint(found.getBounds().getCenter());
        return [point.x, point.y];
    }""")
    frame.locator(".leaflet-container").click(position={"x": place[0], "y": place[1]})
    frame.locator(".leaflet-popup", has_text="Landslide 1").wait_for()
    frame.locator(".leaflet-control-layers").hover()
    assert "After <img src=x" in frame.locator(".leaflet-control-layers").inner_text()
    assert page.evaluate("window.attacked") is None
    assert frame.locator("body").evaluate("() => window.attacked") is None
