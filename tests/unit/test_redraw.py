"""Outlines at another threshold: the same rule, nothing overwritten, and full attributes for what is kept."""

import json
import shutil
from dataclasses import asdict

import geopandas
import numpy as np
import pytest
import rasterio

from core import redraw
from core.errors import InputError, StorageError
from core.redraw import Cut, cut_of, draft, keep
from core.scene import SceneSettings
from core.vectorize import OutlineSettings

SIDE, GSD = 128, 0.5
SURE, DOUBTFUL, NARROW = np.s_[10:50, 10:50], np.s_[60:90, 60:90], np.s_[100:104, 20:30]


@pytest.fixture
def scene(make_raster):
    slope = np.tile(np.arange(SIDE, dtype="float32"), (SIDE, 1))
    return SceneSettings(make_raster("image.tif", shape=(SIDE, SIDE), gsd=GSD), make_raster("dem.tif", slope, gsd=GSD))


def make_run(folder, make_raster, classes=("other", "landslide")):
    """A detection cut at 0.4: one landslide of 0.8, one of 0.48, a small one of 0.9, and a corner that was not seen."""
    stored = np.full((SIDE, SIDE), 10, "uint8")
    stored[SURE], stored[DOUBTFUL], stored[NARROW], stored[:8, :8] = 200, 120, 225, 255
    landslide = classes.index("landslide")
    found = np.where(stored >= 100, landslide, 1 - landslide).astype("uint8")
    found[stored == 255] = 255
    folder.mkdir(parents=True)
    for name, array in (("classes", found), ("probability", stored)):
        shutil.move(make_raster(f"{name}.tif", array, gsd=GSD, nodata=255, tiled=True, blockxsize=64, blockysize=64),
                    folder)
    (folder / "run.json").write_text(json.dumps({
        "model": {"name": "lite", "classes": classes}, "threshold": 0.4, "outlines": asdict(OutlineSettings()),
        "part_px": [0, 0, SIDE, SIDE], "image_date": "2017-08-09", "observed_m2": 4080.0, "landslides": 2}))
    return folder


@pytest.fixture
def run(tmp_path, make_raster):
    return make_run(tmp_path / "runs" / "first", make_raster)


def table(path):
    return geopandas.read_file(path, layer="landslides")


@pytest.mark.parametrize(("threshold", "min_area_m2", "areas"), [
    (0.4, 50, [400, 225]), (0.48, 50, [400, 225]), (0.484, 50, [400]), (0.4, 5, [400, 225, 10]), (0.85, 5, [10]),
    (0.95, 5, [])])
def test_the_threshold_and_the_smallest_area_decide(run, threshold, min_area_m2, areas):
    found = draft(run, Cut(threshold, min_area_m2))
    assert found.exact and table(found.path)["area_m2"].tolist() == pytest.approx(areas, rel=0.02)


def test_a_draft_knows_its_probability_and_where_it_was_not_measured(run):
    row = table(draft(run, Cut(0.4, 50)).path).iloc[0]
    assert row["probability_mean"] == pytest.approx(0.8) and np.isnan(row["slope_mean_deg"])
    assert row["model"] == "lite" and row["image_date"].year == 2017


def test_a_draft_is_made_once_and_anew_when_the_probability_changes(run):
    first = draft(run, Cut(0.4, 50)).path
    stamp = first.stat().st_mtime_ns
    assert draft(run, Cut(0.4, 50)).path == first and first.stat().st_mtime_ns == stamp
    with rasterio.open(run / "probability.tif", "r+") as dataset:
        dataset.write(np.full((SIDE, SIDE), 10, "uint8"), 1)
    assert len(table(draft(run, Cut(0.4, 50)).path)) == 0


def test_a_large_raster_is_drawn_from_an_overview_first(run, monkeypatch):
    monkeypatch.setattr(redraw, "QUICK_PIXELS", SIDE * SIDE // 4)
    quick = draft(run, Cut(0.4, 50), quick=True)
    assert not quick.exact and table(quick.path)["area_m2"].tolist() == pytest.approx([400, 225], rel=0.1)
    exact = draft(run, Cut(0.4, 50))
    assert exact.exact and draft(run, Cut(0.4, 50), quick=True) == exact


def test_old_drafts_go_with_what_was_made_of_them(run, monkeypatch):
    monkeypatch.setattr(redraw, "DRAFTS_KEPT", 2)
    first = draft(run, Cut(0.1, 50)).path
    first.with_name(f".{first.stem}-abc.geojson").touch()
    for threshold in (0.2, 0.3):
        newest = draft(run, Cut(threshold, 50)).path
    left = list(newest.parent.iterdir())
    assert len(left) == 2 and newest in left and first not in left


def test_what_is_kept_is_a_detection_of_its_own_and_the_old_one_stays(run, scene):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    out, counted = run.with_name("second"), []
    record = keep(run, out, Cut(0.6, 5), scene, counted.append)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert {path.name for path in out.iterdir()} == set(before) | {"landslides.gpkg"}
    assert json.loads((out / "run.json").read_text()) == record
    assert cut_of(record) == Cut(0.6, 5) and counted == [1, 2]
    assert record["redrawn_from"] == {"run": "first", "threshold": 0.4, "min_area_m2": 50}
    assert record["landslides"] == 2 and record["observed_m2"] == 4080
    assert record["area_m2"]["landslide"] == (1600 + 40) * GSD**2
    assert sum(record["area_m2"].values()) == (SIDE * SIDE - 64) * GSD**2
    rows = table(out / "landslides.gpkg")
    assert rows["slope_mean_deg"].tolist() == pytest.approx([63.43] * 2, abs=0.1)  # 1 m up on each 0.5 m
    with rasterio.open(out / "classes.tif") as dataset:
        classes, colours = dataset.read(1), dataset.colormap(1)
    assert (classes[SURE] == 1).all() and (classes[DOUBTFUL] == 0).all() and (classes[:8, :8] == 255).all()
    assert colours[1][:3] == (228, 87, 46) and rasterio.open(out / "probability.tif").overviews(1) == []


def test_with_more_classes_the_map_does_not_make_up_what_is_below(tmp_path, make_raster, scene):
    run = make_run(tmp_path / "runs" / "six", make_raster, ("landslide", "building", "vegetation", "water", "road",
                                                             "bare land"))
    keep(run, run.with_name("kept"), Cut(0.6, 5), scene)
    with rasterio.open(run.with_name("kept") / "classes.tif") as dataset:
        classes = dataset.read(1)
    assert (classes[SURE] == 0).all() and (classes[DOUBTFUL] == 255).all() and classes[0, 100] == 1


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(run, scene, make_raster):
    with pytest.raises(StorageError):
        keep(run, run, Cut(0.6, 5), scene)
    assert (run / "run.json").is_file()
    out = run.with_name("second")
    with pytest.raises(InputError, match="another grid"):
        keep(run, out, Cut(0.6, 5), SceneSettings(make_raster("other.tif", shape=(SIDE, SIDE), gsd=0.7)))
    assert not out.exists()
    (run / "classes.tif").write_bytes(b"no")
    with pytest.raises(StorageError):
        keep(run, out, Cut(0.6, 5), scene)
    assert not out.exists()


def test_damaged_files_are_told(run):
    (run / "probability.tif").write_bytes(b"no")
    with pytest.raises(InputError, match=r"probability\.tif"):
        draft(run, Cut(0.4, 50))
    with pytest.raises(InputError, match="no threshold"):
        cut_of({"threshold": None})


@pytest.mark.parametrize(("threshold", "area"), [(0, 1), (1, 1), (float("nan"), 1), (0.5, -1), (0.5, float("nan"))])
def test_a_cut_that_means_nothing_is_refused(threshold, area):
    with pytest.raises(InputError):
        Cut(threshold, area)
