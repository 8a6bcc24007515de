"""Data in a real browser: uploads into a new project, what is refused, what is cancelled, and a guess confirmed."""

import json
import time

import numpy as np
import pytest

from core.project import new_project, open_project
from tests.e2e.conftest import ATTACK, write

pytestmark = pytest.mark.e2e


@pytest.fixture
def project(projects):
    return new_project(projects, "Fresh ground")


@pytest.fixture
def files(tmp_path):
    """An image of noise, which does not compress, and elevation of the same ground."""
    random = np.random.default_rng(9)
    rows = np.tile(np.arange(128, dtype="float32")[:, None] * 1.5, (1, 128))
    noise = random.integers(1, 255, (3, 1024, 1024), "uint8")
    return {"image": write(tmp_path / "Orthophoto_20170809.tif", noise, 0.5),
            "dem": write(tmp_path / "dem.tif", 2000 + rows, 4.0)}


def slow(page, bytes_per_s):
    """Let the browser send slowly."""
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s})


def choose(page, *paths):
    page.locator(".scarp-up-drop").wait_for()
    page.locator(".scarp-up-input").set_input_files([str(path) for path in paths])


def test_an_image_and_elevation_are_uploaded_and_judged_with_progress(open_page, project, files, clipped):
    page = open_page(f"/data?project={project.id}")
    page.locator(".scarp-up-drop").wait_for()
    slow(page, 1_500_000)
    choose(page, files["image"], files["dem"])
    page.get_by_text("MB of 3.1 MB").wait_for()
    assert 0 < page.locator(".scarp-up-item progress").first.evaluate("bar => bar.value") < 1
    page.get_by_text("Importing", exact=True).wait_for()
    page.locator(".scarp-verdict").wait_for(timeout=90_000)
    assert page.locator(".scarp-verdict b").inner_text() == "Ready"
    assert page.locator(".scarp-findings li.scarp-level-note b").all_inner_texts() == ["Likeness"]
    assert page.get_by_text("Day it was taken").count() == 0
    layers = open_project(project.folder).layers
    assert [(layer.role, layer.source, layer.date) for layer in layers] == [
        ("image", "Orthophoto_20170809.tif", "2017-08-09"), ("dem", "dem.tif", "")]
    assert clipped(page) == []

    table = page.locator("[data-testid=stDataFrame] canvas").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": 300, "y": 60}, force=True)
    page.get_by_role("button", name="That is right").click()
    page.get_by_role("button", name="Saved").wait_for()
    assert open_project(project.folder).layers[0].guesses == ()
    assert open_project(project.folder).layers[1].guesses != ()


def test_what_is_not_what_it_claims_is_refused_in_words(open_page, project, tmp_path):
    trap, photo = tmp_path / "<img src=x onerror=attacked=1>.tif", tmp_path / "holiday.jpg"
    trap.write_text(f"<VRTDataset><SRS>{ATTACK}</SRS></VRTDataset>")
    photo.write_bytes(b"\xff\xd8\xff")
    page = open_page(f"/data?project={project.id}")
    choose(page, photo, trap)
    page.get_by_text(".jpg is not read here").wait_for()
    page.get_by_text("a virtual raster (VRT), which reads other files").wait_for(timeout=60_000)
    assert page.get_by_text("<img src=x onerror=attacked=1>.tif").count() and not page.evaluate("window.attacked")
    page.get_by_role("button", name="Dismiss", exact=True).click()
    page.get_by_text("a virtual raster").wait_for(state="detached")
    assert open_project(project.folder).layers == ()
    assert [each.name for each in (project.folder / "incoming").iterdir() if each.name != ".lock"] == []


def test_a_cancelled_upload_leaves_nothing(open_page, project, files):
    page = open_page(f"/data?project={project.id}")
    page.locator(".scarp-up-drop").wait_for()
    slow(page, 300_000)
    choose(page, files["image"], files["dem"])
    page.get_by_text("MB of 3.1 MB").wait_for()
    assert list((project.folder / "incoming").glob("*.part"))
    page.get_by_role("button", name="Cancel dem.tif").click()
    page.get_by_role("button", name="Cancel Orthophoto_20170809.tif").click()
    page.locator(".scarp-up-item").first.wait_for(state="detached")
    deadline = time.monotonic() + 15
    while list((project.folder / "incoming").glob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [each.name for each in (project.folder / "incoming").iterdir() if each.name != ".lock"] == []
    assert json.loads((project.folder / "project.json").read_text())["layers"] == []


def test_a_raster_without_a_crs_is_kept_until_it_is_told(open_page, project, tmp_path):
    import rasterio
    from affine import Affine

    path = tmp_path / "plain.tif"
    with rasterio.open(path, "w", driver="GTiff", count=3, height=300, width=300, dtype="uint8",
                       transform=Affine(0.5, 0, 388_000, 0, -0.5, 3_676_000)) as dataset:
        dataset.write(np.full((3, 300, 300), 80, "uint8"))
    page = open_page(f"/data?project={project.id}")
    choose(page, path)
    box = page.get_by_label("CRS of its coordinates")
    box.fill("EPSG:32648", timeout=60_000)
    box.press("Enter")
    page.get_by_role("button", name="Import with this CRS").click()
    page.locator(".scarp-verdict").wait_for(timeout=90_000)
    assert open_project(project.folder).layers[0].source == "plain.tif"
