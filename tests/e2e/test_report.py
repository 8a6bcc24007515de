"""The report page in a real browser, and the file it makes, opened with the network cut."""

import pytest

pytestmark = pytest.mark.e2e


def saved(page, name, path):
    with page.expect_download(timeout=120_000) as waiting:
        page.get_by_role("button", name=name).click()
    waiting.value.save_as(path)
    return path


def test_the_report_is_made_and_opens_offline(open_page, browser, tmp_path, clipped):
    page = open_page("/report?project=valley")
    page.get_by_text("What it does not say").wait_for()
    assert clipped(page) == []
    assert saved(page, "Report as PDF", tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    file = saved(page, "Report as HTML", tmp_path / "report.html")

    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    alone, asked, wrong = context.new_page(), [], []
    alone.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    alone.on("pageerror", lambda error: wrong.append(str(error)))
    alone.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    alone.goto(file.as_uri())
    chart = alone.locator(".js-plotly-plot .scatterlayer path.point")
    chart.first.wait_for(state="attached")
    alone.locator("iframe[title=Map]").scroll_into_view_if_needed()  # a browser draws no frame that nobody sees
    inner = alone.frame_locator("iframe[title=Map]")
    inner.locator(".leaflet-image-layer").first.wait_for()
    inner.locator(".scarp-legend", has_text="landslide").wait_for()
    assert alone.locator(".slide svg path").count() == 3
    assert alone.evaluate("window.attacked") is None and clipped(alone) == []
    assert not asked and not wrong, (asked, wrong)
    context.close()


def test_the_tour_is_driven_by_the_keyboard_and_closes(open_page):
    page = open_page("/report?project=valley", size=(1920, 1080))
    page.get_by_role("link", name="Present", exact=True).click()
    tour = page.frame_locator(".st-key-present iframe")
    title = tour.locator(".card.seen h1")
    title.wait_for()
    box = page.locator(".st-key-present iframe").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1920, 1080)
    tour.locator(".stage").click()
    tour.locator(".card.seen[aria-label='2 of 6']").wait_for()
    for number in (3, 4, 5, 6, 6):
        page.keyboard.press("ArrowRight")
        tour.locator(f".card.seen[aria-label='{number} of 6']").wait_for()
        assert tour.locator(".layer.seen").count() >= 1
    page.keyboard.press("4")
    tour.locator(".card.seen", has_text="3 landslides found").wait_for()
    assert tour.locator("#layer-outlines.seen").count() == 1
    page.keyboard.press("Home")
    tour.locator(".card.seen[aria-label='1 of 6']").wait_for()
    page.get_by_role("link", name="Close").click()
    page.get_by_text("What it does not say").wait_for()
