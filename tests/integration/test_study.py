"""A study from files to a page: networks trained on the same split, scored, stopped and gone on with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cli import main
from core.errors import UnknownNameError
from core.study import Study, results


@pytest.fixture
def plan(place, place_files, make_raster, tmp_path: Path) -> Path:
    data = tmp_path / "data"
    labels = np.where(place.after.classes == 0, 1, 0).astype(np.uint8)
    make_raster("data/labels.tif", labels, gsd=1.0, nodata=255)
    for role in ("image", "dem"):
        (data / f"{role}.tif").write_bytes(place_files[role].read_bytes())
    for kind in ("images", "masks"):
        (data / kind).mkdir()
    random = np.random.default_rng(1)
    for number in range(6):
        mask = np.zeros((70, 70), np.uint8)
        mask[20:50, 15:40] = 255
        Image.fromarray(random.integers(0, 255, (70, 70, 3), np.uint8)).save(data / f"images/{number}.png")
        Image.fromarray(mask).save(data / f"masks/{number}.png")
    scene = {"name": "Place", "images": "image.tif", "labels": "labels.tif", "dem": "dem.tif",
             "holdout": [384, 0, 512, 512], "gap_px": 32}
    chips = {"name": "Chips", "images": "images/*.png", "labels": "masks", "holdout": 0.4}
    (tmp_path / "small.json").write_text(json.dumps({
        "title": "Two networks", "scene": {"name": "Place", "image": "image.tif", "dem": "dem.tif",
                                           "labels": "labels.tif"},
        "base": {"scheme": "binary", "sources": [scene, chips], "crop_px": 64, "batch": 2, "steps": 2,
                 "warmup_steps": 1, "card": {"title": "", "summary": "", "licence": "", "gsd_range_m": [0.3, 2]}},
        "groups": [{"title": "Both", "what": "Side by side.", "withhold_dem": True, "runs": [
            {"name": "with terrain", "architecture": "fstf_net", "arguments": {"width": 16, "pool_window": 5}},
            {"name": "chips alone", "architecture": "fstf_net", "sources": ["Chips"],
             "arguments": {"width": 16, "pool_window": 5}}]}]}))
    return tmp_path


def test_a_study_is_trained_scored_and_written_down(plan: Path, capsys) -> None:
    call = ["study", str(plan / "small.json"), "--runs", str(plan / "runs"), "--logs", str(plan / "logs"),
            "--page", str(plan / "results.md")]
    assert main([*call, "--data", str(plan / "data")]) == 0
    assert capsys.readouterr().out.count("training") == 2
    found, page = results(Study.read(str(plan / "small.json")), plan / "logs/small"), (plan / "results.md").read_text()
    group = found["groups"][0]
    assert [run["name"] for run in group["scene"]["runs"]] == ["with terrain", "chips alone"]
    assert [run["name"] for run in group["scene without DEM"]["runs"]] == ["with terrain"], "chips have no DEM"
    splits = [(plan / "runs/small/runs" / name / "split.json").read_bytes() for name in ("with_terrain", "chips_alone")]
    assert splits[0] == splits[1]
    assert len(group["chips"]["runs"][0]["intervals"]["landslide"]["iou"]) == 2
    assert "with terrain" in page and "seconds per km²" in page and "Not trained yet" not in page

    assert main([*call, "--data", str(plan / "data")]) == 0
    assert "training" not in capsys.readouterr().out, "what is finished is not done again"
    (plan / "logs/small/chips_alone/scored.json").unlink()
    assert main([*call, "--data", str(plan / "data")]) == 0
    assert capsys.readouterr().out.count("training") == 1
    before = (plan / "results.md").read_text()
    shutil.rmtree(plan / "runs")
    (plan / "logs/small/speed.json").write_text(json.dumps({"figures": [{"what": "fstf_net", "value": 12.34}]}))
    assert main(call) == 0
    assert "| 12.3 |" in (plan / "results.md").read_text()
    (plan / "logs/small/speed.json").unlink()
    assert main(call) == 0
    assert (plan / "results.md").read_text() == before, "made of the logs alone"
    assert "against with terrain: " in before and "| chips alone |" in before


def test_the_studies_that_come_with_scarp_can_be_read() -> None:
    runs = list(Study.read("six_networks").runs())
    assert len({run.config.model for run in runs}) == len(runs) == 15
    assert {run.config.steps for run in runs} == {300}
    assert {run.config.architecture for run in runs} == {
        "basic_fcn", "fcn_8s", "aspp", "deeplab_v3plus", "rae_d", "fstf_net"}
    with pytest.raises(UnknownNameError, match="six_networks"):
        Study.read("seven_networks")
