"""The report page by Streamlit's own test driver: what is missing, what it says, and the HTML file."""

import re

from core.project import open_project
from core.report import gather
from tests.e2e.conftest import ATTACK, compare_with_earlier, make_project
from ui.report_html import report_html


def test_without_a_detection_it_says_so(valley, visit, words):
    app = visit("report", project="valley")
    assert not app.exception and "Nothing to report yet" in words(app)
    assert not app.get("download_button")


def test_it_shows_what_the_report_will_say(root, visit, words):
    make_project(root)
    app = visit("report", project="valley")
    assert not app.exception
    said = words(app)
    assert "How it was made" in said and "Nobody has reviewed" in said and "5,100 m²" in said
    assert [each.proto.label for each in app.get("download_button")] == [
        "Report as HTML", "Report as PDF", "Presentation as HTML"]


def test_page_and_file_tell_what_changed(root, visit, words):
    make_project(root)
    project = compare_with_earlier(open_project(root / "valley"))
    said = words(visit("report", project="valley"))
    page = report_html(project, project.runs()[0], gather(project, project.runs()[0], root))
    for text in (said, page):
        assert "What changed since 9 August 2016" in text and "2 (3,200 m²)" in text


def test_the_html_file_is_inert_and_asks_nothing_of_the_network(root):
    make_project(root)
    project = open_project(root / "valley")
    page = report_html(project, project.runs()[0], gather(project, project.runs()[0], root))
    assert ATTACK not in page and "<script>window.attacked" not in page
    assert not re.findall(r"""<(?:script|link|img|image|iframe)[^>]*(?:src|href)=["'](?!data:)""", page)
    assert page.count("<path d=") == 3 and "Landslide 3" in page and "srcdoc=" in page
