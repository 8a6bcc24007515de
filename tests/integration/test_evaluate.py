"""Detections scored from their files, alone and side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import geopandas
import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from core import evaluate as module
from core.cli import main
from core.config import SCHEMES
from core.errors import InputError
from core.evaluate import compare, evaluate, tallies
from core.files import write_json
from core.grid import Grid
from core.metrics import Blocks, Tally, object_scores, scores, tally
from core.vectorize import OutlineSettings, outlines

SETTINGS = OutlineSettings(min_area_m2=2.0)
GRID = Grid((120, 160), Affine(0.5, 0, 388000, 0, -0.5, 3676000), CRS.from_epsg(32648))
BINARY = SCHEMES["binary"]


def blobs(seed, scale=9):
    random = np.random.default_rng(seed)
    return np.kron(random.random((120 // scale + 1, 160 // scale + 1)), np.ones((scale, scale)))[:120, :160]


TRUTH = (blobs(0) > 0.7).astype(np.uint8)
LABELS = np.where(blobs(1, 30) > 0.85, 255, TRUTH).astype(np.uint8)


def odds_of(seed):
    odds = np.rint(np.clip(0.5 * TRUTH + 0.6 * blobs(seed, 6), 0, 1) * 250).astype(np.uint8)
    odds[:7] = 255
    return odds


@pytest.fixture
def detection(make_raster, tmp_path: Path):
    """Return a function that writes a detection's folder."""
    def make(name, odds, classes=BINARY.names, found=None, model="net", crs="EPSG:32648") -> Path:
        folder = tmp_path / name
        if found is None:
            found = np.where(odds == 255, 255, odds >= 150).astype(np.uint8)
        for file, values in (("classes", found), ("probability", odds)):
            make_raster(folder / f"{file}.tif", values, nodata=255, crs=crs)
        slides = [o.polygon for o in outlines(lambda a, b: found[a:b], GRID, classes.index("landslide"), SETTINGS)]
        geopandas.GeoDataFrame(geometry=slides, crs=crs).to_file(folder / "landslides.gpkg", layer="landslides")
        write_json(folder / "run.json", {"model": {"name": model, "classes": list(classes)},
                                         "outlines": asdict(SETTINGS)})
        return folder

    return make


@pytest.fixture
def labels(make_raster) -> Path:
    return make_raster("labels.tif", LABELS, nodata=255)


@pytest.mark.parametrize("rows", [13, 64, 512])
def test_strips_count_what_the_whole_arrays_hold(detection, labels, monkeypatch, rows):
    monkeypatch.setattr(module, "ROWS", rows)
    odds = odds_of(5)
    run = detection("run", odds)
    found, = tallies([run], labels, block_m=10)
    predicted = np.where(odds == 255, 255, odds >= 150).astype(np.uint8)
    whole = tally(LABELS, predicted, odds, scheme=BINARY, blocks=Blocks.of_grid(GRID, 10), pixel_area_m2=0.25)
    assert len(found.blocks) > 40 and (found.blocks == whole.blocks).all()
    for name in ("confusion", "odds", "edges"):
        assert (getattr(found, name) == getattr(whole, name)).all()
    assert found.ground_m2 == pytest.approx(whole.ground_m2, rel=2e-3)


def test_outlines_score_as_polygons(detection, labels):
    odds = odds_of(5)
    found = np.where(odds == 255, 255, odds >= 150).astype(np.uint8)
    truth = np.where(odds == 255, 255, LABELS)
    wanted, got = ([o.polygon for o in outlines(lambda a, b, m=m: m[a:b], GRID, 1, SETTINGS)] for m in (truth, found))
    inside = []
    for polygon in got:
        point = polygon.point_on_surface()
        column, row = ~GRID.transform @ (point.x, point.y)
        inside += [polygon] if truth[int(row), int(column)] != 255 else []
    report = evaluate(detection("run", odds), labels, block_m=10)
    assert 0 < report["object"]["dp"] < 1 and len(inside) < len(got)
    assert report["object"] == pytest.approx(object_scores(wanted, inside).as_dict())
    assert sum(report["object_by_size"]["reference"]) == len(wanted)
    low, high = report["intervals"]["object"]["dp"]
    assert low < report["object"]["dp"] < high


def test_detections_are_compared_where_all_of_them_looked(detection, labels, tmp_path):
    first, odds = detection("first", odds_of(5)), odds_of(6)
    odds[:, :40] = 255
    other = detection("other", odds)
    report = compare([first, other], labels, block_m=10)
    assert [run["name"] for run in report["runs"]] == ["first", "other"]  # one model: folders tell them apart
    assert [run["labelled_pixels"] for run in report["runs"]] == [np.count_nonzero(LABELS[7:, 40:] != 255)] * 2
    apart, = report["differences"]
    a, b = (run["landslide"]["iou"] for run in report["runs"])
    assert apart["landslide"]["iou"] == pytest.approx(b - a) and apart["intervals"]["object"]["dp"] is not None
    assert evaluate(first, labels)["labelled_pixels"] > report["runs"][0]["labelled_pixels"]


def test_runs_of_one_name_are_told_apart_by_their_paths(detection, labels):
    runs = [detection("x/run", odds_of(5)), detection("y/run", odds_of(6))]
    assert [run["name"] for run in compare(runs, labels, resamples=9)["runs"]] == [str(run) for run in runs]
    with pytest.raises(InputError, match="twice"):
        compare([runs[0], runs[0]], labels)


def test_kept_counts_compare_without_the_rasters(detection, labels, tmp_path):
    runs = [detection("a", odds_of(5)), detection("b", odds_of(6))]
    kept = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for run, file in zip(runs, kept, strict=True):
        evaluate(run, labels, block_m=10, counts=file)
    from_files, from_rasters = compare(kept, None), compare(runs, labels, block_m=10)
    assert from_files["differences"] == from_rasters["differences"]
    assert scores(Tally.read(kept[0]))["landslide"] == from_rasters["runs"][0]["landslide"]


def test_six_classes_score_by_their_names(detection, make_raster):
    paper = SCHEMES["paper"]
    names = ("water", "landslide", "building", "vegetation", "road", "bare land")
    truth = np.random.default_rng(3).integers(0, 6, GRID.shape, dtype=np.uint8)
    found = np.array([names.index(name) for name in paper.names], np.uint8)[truth]
    run = detection("run", odds_of(5), names, found)
    labels = make_raster("six.tif", truth, nodata=255)
    report = evaluate(run, labels, classes="paper", resamples=20)
    assert report["pixel"]["overall_accuracy"] == 1 and report["classes"] == list(paper.names)
    binary = make_raster("binary.tif", (truth == 0).astype(np.uint8), nodata=255)
    assert evaluate(run, binary, resamples=20)["landslide"]["iou"] == 1
    with pytest.raises(InputError, match="class scheme of the labels"):
        evaluate(detection("two", odds_of(5)), labels, classes="paper")
    with pytest.raises(InputError, match=r"\[2, 3\]|\[[2-5]\]"):
        evaluate(run, labels)


def test_a_detection_without_landslides_and_one_elsewhere(detection, labels, make_raster):
    nothing = evaluate(detection("none", np.zeros(GRID.shape, np.uint8)), labels, resamples=20)
    assert (nothing["object"]["dp"], nothing["object"]["ce"]) == (0, None)
    assert nothing["false_alarms"]["objects_per_km2"] == 0 and nothing["boundary_f1"] == [0, 0, 0]
    far = make_raster("far.tif", LABELS, origin=(500000, 3676000))
    with pytest.raises(InputError, match="no labelled pixel"):
        evaluate(detection("run", odds_of(5)), far)
    with pytest.raises(InputError, match="one CRS"):
        compare([detection("a", odds_of(5)), detection("b", odds_of(5), crs="EPSG:32649")], labels)


def test_the_commands_write_scores_and_tables(detection, labels, tmp_path, capsys):
    first, other = detection("first", odds_of(5), model="one"), detection("other", odds_of(6), model="two")
    scored = ["--block", "10", "--labels", str(labels), "--json", str(tmp_path / "s.json"),
              "--markdown", str(tmp_path / "s.md")]
    assert main(["evaluate", "--run", str(first), *scored]) == 0
    report = json.loads((tmp_path / "s.json").read_text(), parse_constant=pytest.fail)
    assert report["model"]["name"] == "one" and len(report["curve"]["recall"]) == 251
    assert "| landslides by size |" in capsys.readouterr().out and (tmp_path / "s.npz").exists()
    assert main(["compare", "--runs", str(first), str(other), *scored]) == 0
    table = (tmp_path / "s.md").read_text()
    assert table == capsys.readouterr().out and "Differences to one" in table and table.count("| two |") == 6
    assert main(["compare", "--runs", str(tmp_path / "s.npz")]) == 0
    assert main(["compare", "--runs", str(first)]) == 2
    assert "error: counts first" in capsys.readouterr().err
