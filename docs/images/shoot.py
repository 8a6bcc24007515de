"""Take the README's pictures of a running app: python docs/images/shoot.py [http://127.0.0.1:8501]."""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8501"
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
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]


def save(page: Page, theme: str) -> None:
    """Save what is seen in 256 colours."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    picture.save(Path(__file__).with_name(f"app-{theme}.png"), optimize=True)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    for theme in ("light", "dark"):
        page = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=theme).new_page()
        page.goto(ADDRESS)
        page.wait_for_selector(READY, timeout=60_000)
        if theme == "light" and page.locator("[data-layer=outlines]").count():
            page.mouse.click(*page.evaluate(INSIDE_LARGEST))
            page.locator(".st-key-selected").wait_for()
            page.mouse.move(900, 20)
        if theme == "dark":
            page.locator("[data-layer=hillshade] input[type=checkbox]").check()
            page.locator("[data-layer=slope] input[type=checkbox]").check()
        page.wait_for_timeout(3000)
        page.wait_for_selector(READY)
        save(page, theme)
    browser.close()
