"""From nothing to landslides in a real browser: the demonstration, and files of one's own."""

import re

import geopandas
import pytest
import rasterio
from rasterio.features import geometry_mask

from core import demo
from core.config import scheme
from core.project import list_projects
from tests.e2e.conftest import ROOT, serving
from tests.e2e.test_map import READY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PATIENCE_MS = 300_000


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """No project is here yet."""
    return tmp_path_factory.mktemp("nothing")


@pytest.fixture(scope="module")
def server(projects, tmp_path_factory):
    """A server of its own, which shows the models that come with Scarp."""
    with serving(projects, ROOT / "models", tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


def detected(page):
    """Wait for the end of a detection; return how many outlines the map has."""
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    page.wait_for_function("() => Boolean(document.querySelector('.sm-root')?.scarpMap?.getSource('outlines'))",
                           timeout=PATIENCE_MS)
    return page.evaluate("""async () => (await document.querySelector('.sm-root').scarpMap.getSource('outlines')
        .getData()).features.length""")


def test_a_first_start_leads_to_the_demonstrations_landslides(open_page, projects):
    page = open_page("/")
    page.get_by_role("button", name="Make the demo project").click()
    page.wait_for_url(re.compile("project=demo"), timeout=PATIENCE_MS)
    page.locator(".st-key-nav a", has_text="Detect").click()
    assert detected(page) > 3
    assert [project.name for project in list_projects(projects)] == ["Demo valley"]


def test_own_files_lead_to_a_geopackage(open_page, tmp_path):
    made = demo.build(tmp_path, size=1024)
    files = [made["image_after"].rename(tmp_path / "Ortho 20231021.tif"), made["dem"].rename(tmp_path / "dtm_5m.tif")]
    page = open_page("/")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("My valley")
    page.get_by_role("button", name="Make it").click()
    page.locator(".scarp-up-drop").wait_for()
    page.locator(".scarp-up-input").set_input_files([str(file) for file in files])
    page.locator(".scarp-verdict").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Detect landslides").click()
    page.get_by_role("button", name="Detect landslides").click()
    assert detected(page) >= 1
    page.locator("[data-testid=stSidebar] [data-testid=stPopover] button", has_text="Download").click()
    with page.expect_download(timeout=PATIENCE_MS) as waiting:
        page.get_by_role("button", name="GeoPackage").last.click()
    waiting.value.save_as(tmp_path / "found.gpkg")
    found = geopandas.read_file(tmp_path / "found.gpkg", layer="landslides")
    slope = (found.slope_mean_deg * found.area_m2).sum() / found.area_m2.sum()
    assert found.crs == demo.CRS_DEMO and 10 < slope < 50
    with rasterio.open(made["truth_after"]) as truth:
        inside = geometry_mask(found.geometry, truth.shape, truth.transform, invert=True)
        landslide = truth.read(1) == scheme("paper").landslide
    assert (inside & landslide).sum() / inside.sum() > 0.6
