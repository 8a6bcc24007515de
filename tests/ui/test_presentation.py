"""The guided tour: six stops, whatever the project has, and nothing that runs but its own script."""

import re

import numpy as np

from core.files import write_json
from core.project import add_layer, open_project, remove_layer
from tests.e2e.conftest import ATTACK, make_project, write
from ui.presentation import presentation


def stops(page):
    return re.findall(r'<section class="card" data-layers="([^"]*)"( data-swipe)?.*?<h1>(.*?)</h1><p>(.*?)</p>', page)


def test_the_tour_has_six_stops_and_is_inert(root):
    make_project(root)
    project = open_project(root / "valley")
    page = presentation(project, project.runs()[0], root)
    told = stops(page)
    assert len(told) == 6 and told[2][0] == "relief slope" and told[3][2] == "3 landslides found"
    assert "5,100 m²" in told[5][2] and "There is one date" in told[1][3] and "one date" in told[4][3]
    assert ATTACK not in page and "<script>window.attacked" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)|url\((?!data:)|https?://(?!www.w3.org)""",
                         page.replace("http://127.0.0.1:1/x.png", ""))
    assert page.count("<script") == 1


def test_it_tells_of_two_dates_and_of_what_changed(root):
    make_project(root)
    project = open_project(root / "valley")

    path = write(project.folder / "layers" / "before.tif", np.full((3, 512, 512), 90, "uint8"), 0.5)
    project = add_layer(project, "image", path, "Before", "2016-08-09")
    project = remove_layer(project, project.of("dem")[0].id)
    folder = project.folder / "changes" / "20170901-000000-abcd"
    folder.mkdir(parents=True)
    kinds = {"new": {"count": 1, "after_m2": 1700.0}, "gone": {"count": 2, "after_m2": 0.0}}
    write_json(folder / "change.json", {"before": {"title": "Before", "date": "2016-08-09"},
                                        "after": {"title": "After", "date": "2017-08-09"}, "objects": kinds})
    told = stops(presentation(project, project.runs()[0], root))
    assert told[1][:2] == ("before image", " data-swipe") and "9 August 2016" in told[1][3]
    assert told[2][2] == "No elevation was given"
    assert told[4][2] == "1 new landslide" and "1,700 m²" in told[4][3]
