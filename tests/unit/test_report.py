"""The report: what it says of a detection, what people's reviews and labels change in it, and its pages."""

import io
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from affine import Affine
from matplotlib.figure import Figure
from rasterio.crs import CRS

from core.errors import InputError
from core.files import read_json, write_json
from core.grid import Grid
from core.project import open_project, remove_layer
from core.registry import ModelCard, find_model, save_model
from core.report import gather, report_pdf
from core.report.maps import Picture, frame_of, graticule
from core.report.pdf import _map
from core.report.sheet import HEIGHT, INNER, WIDTH, Sheets, wrapped
from core.review import Ledger, accept, reject
from tests.e2e.conftest import ATTACK, compare_with_earlier, make_project


@pytest.fixture
def project(tmp_path):
    make_project(tmp_path)
    return open_project(tmp_path / "valley")


@pytest.fixture
def models(tmp_path) -> Path:
    scores = {"Far hills": {"iou": 0.5, "iou_interval": [0.4, 0.6]}, "Fields": {"false_alarm_share": 0.0}}
    card = ModelCard(f"lite {ATTACK}", "Lite", "fstf_net", "binary", (0.2, 1.0), {}, summary="Finds squares.",
                     metrics={"held out": scores}, folder=tmp_path / "models" / "lite")
    save_model(card, {})
    return tmp_path / "models"


def change_run(project, **values):
    path = project.runs()[0].folder / "run.json"
    write_json(path, read_json(path) | values)
    return project.runs()[0]


def test_a_report_says_what_was_found_and_what_is_not_known(project, models):
    run = change_run(project, observed_m2=65536.0, observed_share=0.8, threshold=0.5, missing=["NDVI"])
    report = gather(project, run, models)
    assert report.figures == {"Landslides": "3", "Total area": "5,100 m²", "Largest": "1,800 m²", "Per km²": "45.8",
                              "Of the ground": "7.78%", "Observed": "6.55 ha"}
    assert [each.facts["Area"] for each in report.largest] == ["1,800 m²", "1,700 m²", "1,600 m²"]
    assert report.facts["Image of"] == "9 August 2017" and report.facts["Pixel size"] == "0.5 m"
    assert report.model["What it is"] == "Finds squares." and [row["Role"] for row in report.sources] == [
        "Image", "Elevation"]
    assert [(each.ground, each.words) for each in report.accuracy] == [
        ("Elsewhere: Far hills, not trained on", "0.50 [0.40, 0.60]")]
    said = " ".join(report.limits)
    assert "20.0% of the ground was not observed" in said and "Made without NDVI" in said
    assert "accuracy of this map has not been measured" in said and "Nobody has reviewed" in said


def test_a_report_knows_reviews_and_scores_of_this_ground(project, models):
    run = change_run(project, observed_share=1.0)
    ledger = Ledger(project)
    ledger.take(run)
    found = ledger.detections(run=run.id)
    ledger.apply(reject(found["id"][0], 1, "road"), "Ada")
    ledger.apply(accept(found["id"][1], 1), "Ada")
    write_json(run.folder / "scores-dem.json", {
        "landslide": {"iou": 0.7, "f1": 0.8, "precision": 0.9, "recall": None},
        "intervals": {"landslide": {"iou": [0.6, 0.75], "f1": None}}})
    report = gather(project, project.runs()[0], models)
    assert report.figures["Landslides"] == "2" and len(report.outlines) == 2
    assert "1 accepted, 1 rejected, 1 unreviewed" in report.method[-1]
    assert [each.words for each in report.accuracy[:3]] == ["0.70 [0.60, 0.75]", "0.80", "0.90"]
    assert report.accuracy[0].ground == "This map against the labels “Elevation”"
    said = " ".join(report.limits)
    assert "1 outline has not been reviewed" in said and "has not been measured" not in said


def test_a_report_without_its_image_or_model(project, tmp_path):
    assert "elevation model" not in gather(project, project.runs()[0], tmp_path).method[0]
    gone = {"inputs": {"dem": {"file": "no longer in the project.tif"}}}
    report = gather(project, change_run(project, **gone), tmp_path)
    assert "elevation model" in report.method[0] and report.dem is None
    assert report.saw_terrain
    assert "card is not here" in " ".join(report.limits) and report.model == {"Name": f"lite {ATTACK}"}
    image = project.of("image")[0]
    with pytest.raises(InputError, match="Data page"):
        gather(remove_layer(project, image.id), project.runs()[0], tmp_path)


def test_elevation_that_the_model_does_not_take_is_no_part_of_the_method(project, models):
    run = change_run(project, inputs={"dem": {"file": "dem.tif"}})
    report = gather(project, run, models)  # this model was trained without
    assert not report.saw_terrain and "elevation" not in report.method[0] and report.dem is not None
    card = find_model(run.model, models)
    save_model(replace(card, trained_topography=("dem",), sha256=""), {})
    assert "slope and aspect" in gather(project, run, models).method[0]


def test_the_pdf_shows_the_maps_the_words_and_the_landslides(project, models):
    run = change_run(project, observed_m2=65536.0)
    shares = []
    pages = pypdfium2.PdfDocument(report_pdf(project, run, gather(project, run, models), shares.append))
    assert len(pages) >= 3 and shares == sorted(shares) and shares[-1] == 1
    text = " ".join(page.get_textpage().get_text_range() for page in pages)
    for words in ("Landslide report".upper(), "5,100 m²", "Probability of landslide", "What this report does not say",
                  "Landslide 3", "Far hills", "Elevation", "33°12", "103°48", "<script>"):
        assert words in text, words
    first = np.asarray(pages[0].render(scale=1).to_pil().convert("RGB")).astype(int)
    green = (first[..., 1] > first[..., 0] + 15) & (first[..., 1] > first[..., 2] + 15)
    orange = (np.abs(first - (228, 87, 46)).sum(-1) < 60)
    assert green.mean() > 0.1 and 20 < orange.sum() < 0.1 * orange.size


def test_a_report_tells_what_changed_since_an_earlier_date(project, models):
    assert gather(project, project.runs()[0], models).since is None
    project = compare_with_earlier(project)
    run = project.runs()[0]
    report = gather(project, run, models)
    assert report.since.first == "9 August 2016" and report.since.counts == {"new": 2, "unchanged": 1, "gone": 1}
    assert report.since.figures == {"New": "2 (3,200 m²)", "Unchanged": "1 (1,600 m²)", "Gone": "1 (400 m²)"}
    assert "not known" in report.since.note and "Map with lite" in report.since.note
    pages = pypdfium2.PdfDocument(report_pdf(project, run, report))
    text = " ".join(page.get_textpage().get_text_range() for page in pages)
    assert "What changed since 9 August 2016" in text and "2 (3,200 m²)" in text


def test_the_maps_of_a_searched_part_show_that_part(project, models, monkeypatch):
    framed = []
    monkeypatch.setattr("core.report.pdf.frame_of", lambda path: framed.append(path.name) or frame_of(path))
    for area in (None, "POLYGON ((0 0, 0 1, 1 1, 0 0))"):
        run = change_run(project, area=area)
        report_pdf(project, run, gather(project, run, models))
    assert framed == ["after.tif", "classes.tif"]


def test_coordinates_of_a_flat_map_have_room(project, models):
    report = gather(project, project.runs()[0], models)
    figure = Figure((WIDTH, HEIGHT))
    axes = figure.add_axes((0.1, 0.5, 0.8, 0.8 / HEIGHT))  # 0.8 inches high
    grid = Grid((60, 500), Affine.translation(388_000, 3_676_000) @ Affine.scale(4, -4), CRS.from_epsg(32648))
    _map(axes, Picture(grid, np.zeros((60, 500, 4), "uint8")), report, [], small=False)
    figure.draw_without_rendering()
    for labels, side in ((axes.get_xticklabels(), "x"), (axes.get_yticklabels(), "y")):
        ends = sorted(tuple(getattr(each.get_window_extent(), f"interval{side}")) for each in labels)
        assert ends and all(a[1] < b[0] for a, b in itertools.pairwise(ends))
    texts = [each.get_window_extent() for each in axes.texts]
    assert len(texts) == 2 and not texts[0].overlaps(texts[1])  # the bar's length and the north


def test_a_report_of_nothing_found(project, models):
    report = gather(project, project.runs()[0], models)
    none = replace(report, outlines=report.outlines.head(0), largest=())
    assert len(pypdfium2.PdfDocument(report_pdf(project, project.runs()[0], none))) >= 2


def test_long_texts_are_wrapped_and_pages_turned():
    long = "word " * 200 + "x" * 400
    lines = [*wrapped(long, INNER, 9)]
    assert len(lines) > 10 and "".join(lines).replace(" ", "") == long.replace(" ", "")
    file = io.BytesIO()
    with Sheets(file, "foot " + "x" * 200 + " end", {}) as sheets:
        sheets.table({"A": 0.3, "B": 0.7}, [["$x^2$ a", long]] * 9)
        sheets.turn()
        sheets.space(sheets.left - 0.7)  # there would be room for the head alone
        sheets.table({"Name": 0.3, "What": 0.7}, [["b", "word " * 60]])
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(file.getvalue())]
    assert len(pages) > 3 and "$x^2$" in pages[0]
    assert all(re.search("foot x+ … x+ end", page) for page in pages)
    assert "Name" not in pages[-2] and "Name" in pages[-1] and "word" in pages[-1]


@pytest.mark.parametrize(("crs", "corner", "gsd"), [
    ("EPSG:32648", (388_000, 3_676_000), 0.5), ("EPSG:32701", (300_000, 8_000_000), 30),
    ("EPSG:2193", (1_570_000, 5_180_000), 5)])
def test_coordinates_stand_where_they_are(crs, corner, gsd):
    import pyproj

    grid = Grid((700, 1000), Affine.translation(*corner) @ Affine.scale(gsd, -gsd), CRS.from_string(crs))
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    for longitude in (True, False):
        places, names = graticule(grid, longitude=longitude)
        assert 2 <= len(places) <= 6
        left, bottom, *_ = grid.bounds
        for place, name in zip(places, names, strict=True):
            lon, lat = to_degrees.transform(*((place, bottom) if longitude else (left, place)))
            numbers = [float(each or 0) for each in name[:-2].replace("°", " ").replace("′", " ").replace(
                "″", "").split()]
            value = sum(number / 60 ** power for power, number in enumerate(numbers))
            assert value == pytest.approx(abs(lon if longitude else lat), abs=1e-5)
            assert name[-1] == ("EW"[lon < 0] if longitude else "NS"[lat < 0])
