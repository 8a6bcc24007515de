"""The guided tour: six stops, whatever the project has, and nothing that runs but its own script."""

import re

from core.change.codes import KIND_COLOURS
from core.files import read_json, write_json
from core.project import open_project, remove_layer
from tests.e2e.conftest import ATTACK, compare_with_earlier, make_project
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
    project = compare_with_earlier(project)
    project = remove_layer(project, project.of("dem")[0].id)
    page = presentation(project, project.runs()[0], root)
    told = stops(page)
    assert told[1][:2] == ("before image", " data-swipe") and "9 August 2016" in told[1][3]
    assert told[2][2] == "No elevation was given"
    assert told[4][0] == "before image changes" and told[4][2] == "2 new landslides"
    assert "9 August 2016" in told[4][3] and "3,200 m²" in told[4][3]
    drawn = re.search(r'id="layer-changes".*?</svg>', page)[0]
    assert [drawn.count(f"--ink: {ink}") for ink in KIND_COLOURS.values()] == [1, 0, 0, 1, 1, 0]
    assert page.count("<dt><i style") == 3 and "<dt>New</dt>" not in page


def test_a_comparison_of_another_detection_is_not_told_of(root):
    make_project(root)
    project = compare_with_earlier(open_project(root / "valley"))
    file = next((project.folder / "changes").glob("*/change.json"))
    about = read_json(file)
    write_json(file, about | {"after": about["after"] | {"source": "run:another"}})
    told = stops(presentation(project, project.runs()[0], root))
    assert told[4][0] == "before image outlines" and "not been compared" in told[4][3]
