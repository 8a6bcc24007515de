"""Maps by leafmap: nothing from elsewhere, whatever a project's names hold stays text; and the list of basemaps."""

import re

import geopandas
import numpy as np
import pytest
import shapely

from core.files import read_json, write_json
from core.project import open_project
from tests.e2e.conftest import compare_with_earlier, make_project
from ui import saved_map as saving
from ui.leaflet import add_legend, add_outlines, add_picture, html_of, inert, new_map
from ui.map.basemaps import CHOSEN, basemaps
from ui.saved_map import _reduced
from ui.security import HEADERS

ATTACK = "</script><script>window.attacked=1</script>`${window.attacked=1}\\`<img src=x onerror=window.attacked=1>"


@pytest.mark.parametrize("bad", ["<b>", "`", "${1}", "\\", '"', "'"])
def test_text_stays_text(bad):
    assert not set(inert(bad)) & set("<>`$\\\"'")


@pytest.mark.parametrize("embed", [True, False])
def test_a_page_holds_names_as_text_and_asks_no_other_host(embed):
    made = new_map((103.8, 33.1, 103.9, 33.2))
    square = shapely.geometry.mapping(shapely.box(103.81, 33.11, 103.82, 33.12))
    add_outlines(made, {"features": [{"geometry": square}]}, ATTACK, [{"": ATTACK, "a": ATTACK}], colour="#112233")
    add_picture(made, ATTACK, "data:image/png;base64,AAAA", (103.8, 33.1, 103.9, 33.2), 1.0, visible=True)
    add_legend(made, ATTACK, {ATTACK: "#112233"}, ATTACK)
    page = html_of(made, ATTACK, embed=embed)
    assert "<script>window.attacked" not in page and "${window" not in page and "<img src=x" not in page
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page.replace('href="https://leafletjs.com"', ""))
    loaded = re.findall(r"""<script src="([^"]+)"|<link[^>]+href="([^"]+)\"""", page)
    assert (loaded == []) if embed else all("".join(each).startswith("/assets/") for each in loaded)


def test_a_map_without_outlines_is_still_a_page():
    made = new_map((103.8, 33.1, 103.9, 33.2))
    add_outlines(made, {"features": []}, "None", [], colour="#112233")
    assert "L.map(" in html_of(made, "Empty")


def test_many_or_fine_outlines_are_reduced_and_it_is_said(monkeypatch):
    circles = [shapely.Point(x * 100, 0).buffer(10 + x, quad_segs=200) for x in range(20)]
    frame = geopandas.GeoDataFrame({"area_m2": [c.area for c in circles]}, geometry=circles, crs="EPSG:32648")
    kept, note = _reduced(frame)
    assert len(kept) == 20 and note == ""
    monkeypatch.setattr(saving, "MAX_OUTLINES", 5)
    monkeypatch.setattr(saving, "MAX_VERTICES", 400)
    kept, note = _reduced(frame)
    assert set(kept.index) == set(range(15, 20)) and "5 largest of 20" in note and "simplified" in note
    assert shapely.get_num_coordinates(kept.geometry.values).sum() <= 400
    assert np.allclose(kept.area, frame.loc[kept.index].area, rtol=0.05)


def test_the_image_that_was_searched_lies_on_top(tmp_path, monkeypatch):
    make_project(tmp_path)
    project = compare_with_earlier(open_project(tmp_path / "valley"))  # its image comes second
    run, file = project.runs()[0], project.path(project.of("image")[1])
    drawn = []
    monkeypatch.setattr(saving, "add_picture", lambda _map, title, *_, visible: drawn.append((title[:5], visible)))
    saving.saved_map(project, run)
    about = {"inputs": {"image": {"file": file.name, "bytes": file.stat().st_size}}}
    write_json(run.folder / "run.json", read_json(run.folder / "run.json") | about)
    saving.saved_map(project, project.runs()[0])
    assert drawn == [("Befor", False), ("After", True), ("Class", True), ("After", False), ("Befor", True),
                     ("Class", True)]


def test_basemaps_come_from_the_catalogue_whole_and_are_allowed_by_the_policy():
    found = basemaps()
    assert [each["id"] for each in found] == list(CHOSEN)
    for each in found:
        assert each["credit"] and each["maxzoom"] >= 10
        for tiles in each["tiles"]:
            assert tiles.startswith("https://") and all(part in tiles for part in ("{z}", "{x}", "{y}"))
            assert tiles.count("{") == 3, tiles
            host = tiles.split("/")[2]
            assert f"https://{host}" in HEADERS["content-security-policy"] or \
                f"https://*.{host.partition('.')[2]}" in HEADERS["content-security-policy"]
        for _, link in each["credit"]:
            assert link is None or link.startswith("https://")
