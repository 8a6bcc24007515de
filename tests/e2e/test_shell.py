"""The frame in a real browser: addresses, history, tabs, themes, sizes, projects as things, and the server's guards."""

import http.client
import io
import re
import zipfile
from urllib.parse import urlparse

import pytest

from ui.nav import PAGES

pytestmark = pytest.mark.e2e
ADDRESSES = {name: "/" if name == "overview" else f"/{name}" for name in PAGES}
SIZES = [(1280, 800), (1920, 1080)]


def settled(page, name):
    """Wait until a page is there, with the project in its address."""
    page.wait_for_url(re.compile(rf"{ADDRESSES[name]}\?project=valley(&|$)"))
    page.wait_for_function("""(title) => [...document.querySelectorAll('.st-key-nav a p')].some((each) =>
        each.textContent === title && getComputedStyle(each).fontWeight >= 600)""", arg=PAGES[name].title)
    page.locator("[data-testid=stSkeleton]").first.wait_for(state="detached")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def still(page):
    """Wait until nothing on a page has moved or changed its size for 600 ms."""
    page.evaluate("""async () => {
        const places = () => JSON.stringify([...document.querySelectorAll('[data-testid=stApp] *')].map((each) =>
            each.getBoundingClientRect()));
        for (let last = '', since = 0; ;) {
            const now = places();
            if (now !== last) [last, since] = [now, performance.now()];
            else if (performance.now() - since > 600) return;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }""")


def turn_to(page, name):
    page.locator(".st-key-nav a", has_text=PAGES[name].title).click()
    settled(page, name)


def test_back_and_forward_go_one_page_at_a_time(open_page):
    page = open_page("/?project=valley")
    settled(page, "overview")
    turn_to(page, "jobs")
    turn_to(page, "data")
    page.go_back()
    settled(page, "jobs")
    page.go_back()
    settled(page, "overview")
    page.go_forward()
    settled(page, "jobs")


def test_a_link_opens_in_another_tab_with_the_same_project(open_page):
    page = open_page("/?project=valley")
    settled(page, "overview")
    with page.context.expect_page() as opened:
        page.locator(".st-key-nav a", has_text="Jobs").click(button="middle")
    settled(opened.value, "jobs")
    settled(page, "overview")


@pytest.mark.parametrize("query", ["project=nowhere", "project=..%2F..%2Fetc", "project=%3Cimg%20src%3Dx%3E",
                                   "project=valley&run=gone", "project=valley&area=..%2Fx"])
def test_an_address_that_leads_nowhere_gives_a_note(open_page, query):
    page = open_page(f"/?{query}")
    page.get_by_test_id("stToast").wait_for()
    page.wait_for_url(re.compile(r"/\?project=valley$"))
    settled(page, "overview")


def test_the_old_address_of_the_overview_still_works(open_page):
    settled(open_page("/overview?project=valley"), "overview")


def background(page):
    return page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")


def test_a_theme_that_was_chosen_holds_on_every_page(open_page):
    page = open_page("/")
    settled(page, "overview")
    light = background(page)
    page.get_by_test_id("stMainMenuButton").click()
    menu = page.get_by_test_id("stMainMenuPopover")
    for other in ("Print", "Record", "Streamlit"):
        assert not menu.get_by_text(other).first.is_visible()
    menu.get_by_text("Dark").click()
    page.wait_for_function("(light) => getComputedStyle(document.querySelector('[data-testid=stApp]'))"
                           ".backgroundColor !== light", arg=light)
    other = page.context.new_page()
    other.goto(page.url.replace("/?", "/jobs?"))
    settled(other, "jobs")
    assert background(other) == background(page) != light


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_the_first_cuts_off_no_text_and_stays_after_a_refresh(open_page, clipped, name):
    page = open_page(ADDRESSES[name])
    settled(page, name)
    for theme, dark in (("light", False), ("dark", True)):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.wait_for_function("""(dark) => (getComputedStyle(document.querySelector('[data-testid=stApp]'))
            .backgroundColor.match(/\\d+/g)[0] < 128) === dark""", arg=dark)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            settled(page, name)
            still(page)
            assert clipped(page) == [], (theme, width)
            boxes = page.evaluate("""() => [
                '[data-testid=stLogoLink], [data-testid=stHeaderLogo], [data-testid=stSidebarLogo]', '.st-key-nav',
                '.st-key-topbar-right [data-testid=stSelectbox]', '[data-testid=stMainMenuButton]',
            ].map((what) => document.querySelector(what).getBoundingClientRect())
             .map((box) => [box.left, box.right])""")
            between = zip(boxes, boxes[1:], strict=False)
            assert all(left[1] <= right[0] + 1 for left, right in between), (theme, width, boxes)
    page.reload()
    settled(page, name)
    assert page.title() == "Scarp" and page.get_by_text("Page not found").count() == 0


def shows(page, query, title):
    """Wait until the overview shows a project; until then a click would still be meant for the last one."""
    page.wait_for_url(re.compile(rf"/\?project={query}$"))
    page.locator(".st-key-title .scarp-title", has_text=title).wait_for()
    page.locator(".scarp-picture").wait_for()
    page.wait_for_function("document.querySelector('.scarp-picture')?.complete")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def choose(page, row, action):
    page.locator(row).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=action).click()
    return page.get_by_role("dialog")


def test_a_project_is_copied_downloaded_deleted_and_opened_again(open_page, projects, tmp_path):
    page = open_page("/?project=valley")
    settled(page, "overview")
    dialog = choose(page, ".st-key-title", "Copy")
    dialog.get_by_role("textbox").fill("Twin")
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("button", name="Copy", exact=True).click()
    shows(page, "twin", "Twin")

    dialog = choose(page, ".st-key-title", "Download")
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "twin.zip"
    download.value.save_as(tmp_path / "twin.zip")
    assert "twin/runs/20170809-120000-abcd/run.json" in zipfile.ZipFile(tmp_path / "twin.zip").namelist()
    page.keyboard.press("Escape")

    dialog = choose(page, ".st-key-title", "Delete")
    dialog.get_by_role("button", name="Delete for good").click()
    shows(page, "valley", "Valley")
    assert not (projects / "twin").exists()

    page.get_by_role("button", name="Open a zip").click()
    page.locator("[data-testid=stFileUploader] input").set_input_files(tmp_path / "twin.zip")
    page.get_by_role("button", name="Open it").click()
    shows(page, "twin", "Twin")
    choose(page, ".st-key-title", "Delete").get_by_role("button", name="Delete for good").click()
    shows(page, "valley", "Valley")


def test_a_project_is_made_and_renamed(open_page, projects):
    page = open_page("/?project=valley")
    settled(page, "overview")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Brand new")
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url(re.compile(r"project=brand-new$"))
    page.goto(page.url.replace("/data", "/"))
    page.get_by_text("No image yet").wait_for()
    dialog = choose(page, ".st-key-title", "Rename")
    dialog.get_by_role("textbox").fill("Newer")
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("button", name="Rename", exact=True).click()
    page.locator(".scarp-title", has_text="Newer").wait_for()
    choose(page, ".st-key-title", "Delete").get_by_role("button", name="Delete for good").click()
    shows(page, "valley", "Valley")
    assert not (projects / "brand-new").exists()


def test_the_picture_is_drawn_large_enough_to_be_crisp(open_page):
    page = open_page("/?project=valley", size=(1920, 1080))
    picture = page.locator(".scarp-picture")
    picture.wait_for()
    page.wait_for_function("document.querySelector('.scarp-picture')?.complete")
    assert picture.evaluate("(image) => image.naturalWidth / image.clientWidth") > 1.5


@pytest.mark.parametrize(("host", "status"), [("", 200), ("rebound.example", 400)])
def test_the_server_answers_to_its_own_names_alone_and_guards_its_answers(server, host, status):
    place = urlparse(server)
    client = http.client.HTTPConnection(place.hostname, place.port)
    client.request("GET", "/", headers={"Host": host} if host else {})
    answer = client.getresponse()
    answer.read()
    assert answer.status == status
    if status == 200:
        policy = answer.headers["content-security-policy"]
        script = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "unsafe" not in script and "frame-ancestors 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_of_another_site_cannot_put_the_app_into_a_frame(server):
    place = urlparse(server)
    client = http.client.HTTPConnection(place.hostname, place.port)
    for path in ("/detect", "/jobs", "/_stcore/health"):
        client.request("GET", path)
        answer = client.getresponse()
        assert answer.headers["x-frame-options"] == "SAMEORIGIN" and io.BytesIO(answer.read())
