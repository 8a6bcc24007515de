"""Detection end to end on a small scene: files, resuming, tiling, missing inputs."""

import json
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import torch
from rasterio.crs import CRS

from core.config import PROBABILITY_SCALE
from core.detect import RESULTS, WORK, DetectSettings, detect
from core.errors import CancelledError, StorageError
from core.evaluate import evaluate
from core.inference import cuts
from core.nets import ARCHITECTURES, build
from core.registry import ModelCard, save_model
from core.scene import SceneSettings
from core.windows import Tiling
from tests.conftest import MASKS_IN_THREADS, varied

pytestmark = MASKS_IN_THREADS
SMALL = Tiling(256, 48, 16)


@pytest.fixture(params=["windows", "parts"])
def tiling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tiling | None:
    """Windows through the whole network, or windows of their own for its three parts, small."""
    monkeypatch.setattr(cuts, "CORE_PX", 256)
    return SMALL if request.param == "windows" else None


@pytest.fixture
def settings(place_files: dict[str, Path], models: Path, tmp_path: Path, tiling: Tiling | None) -> DetectSettings:
    scene = SceneSettings(place_files["image"], place_files["dem"])
    return DetectSettings(scene, "random", tmp_path / "out", "torch", tiling, models=models)


def read(folder: Path, name: str) -> np.ndarray:
    with rasterio.open(folder / name) as dataset:
        return dataset.read(1)


def test_a_scene_becomes_maps_outlines_and_a_record(settings: DetectSettings) -> None:
    record = detect(settings)
    out = settings.out
    assert sorted(p.name for p in out.iterdir()) == sorted(RESULTS)
    with rasterio.open(out / "classes.tif") as classes, rasterio.open(out / "probability.tif") as odds, \
            rasterio.open(settings.scene.image) as image:
        assert classes.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (classes.nodata, odds.nodata, odds.scales) == (255, 255, (PROBABILITY_SCALE,))
        assert classes.colormap(1)[1] == (228, 87, 46, 255)
        assert (classes.shape, classes.crs, classes.transform) == (image.shape, image.crs, image.transform)
    landslide, stored = read(out, "classes.tif"), read(out, "probability.tif")
    np.testing.assert_array_equal(landslide == 1, stored >= 125)
    assert 0.02 < (landslide == 1).mean() < 0.98

    table = geopandas.read_file(out / "landslides.gpkg", layer="landslides")
    assert len(table) == record["landslides"] > 3
    assert table.geometry.is_valid.all()
    assert table.area_m2.sum() == pytest.approx((landslide == 1).sum(), rel=0.1)
    assert table.slope_mean_deg.between(0, 90).all()
    assert (table.model == "random").all()
    assert record == json.loads((out / "run.json").read_text())
    assert record["inputs"]["image"]["sha256"]
    assert record["missing"] == []
    assert any("NDVI" in warning for warning in record["warnings"])
    assert record["area_m2"]["landslide"] == pytest.approx((landslide == 1).sum(), rel=2e-3)


def test_a_stopped_detection_goes_on_and_ends_in_the_same_bytes(
        settings: DetectSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "FAR_CORES", 2)  # several far windows
    seen = []

    def stop(progress) -> None:
        seen.append(progress)
        if progress.stage == "predict" and progress.done >= 0.4 * progress.total:
            raise CancelledError("detection", got="stop", expected="go", remedy="Again.")

    with pytest.raises(CancelledError):
        detect(settings, stop)
    assert [p.name for p in settings.out.iterdir()] == [WORK]
    kept = list((settings.out / WORK).glob("*.npy"))
    assert kept
    written = {p: p.stat().st_mtime_ns for p in kept}
    resumed = detect(settings, lambda p: seen.append({q: q.stat().st_mtime_ns for q in kept if q.exists()}))
    assert seen[-3] is not None
    assert all(written[q] == t for snapshot in seen if isinstance(snapshot, dict) for q, t in snapshot.items())
    whole = detect(replace(settings, out=tmp_path / "whole"))
    for name in ("classes.tif", "probability.tif"):
        assert (settings.out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert resumed["landslides"] == whole["landslides"]
    assert not (settings.out / WORK).exists()


def test_unfinished_work_of_other_settings_is_not_used(settings: DetectSettings) -> None:
    (settings.out / WORK).mkdir(parents=True)
    (settings.out / WORK / "plan.json").write_text('{"model": "other"}')
    np.save(settings.out / WORK / "window_0_0.npy", np.ones((2, 192, 192), np.float32))
    first = detect(settings)
    again = detect(replace(settings, overwrite=True))
    assert first["area_m2"] == again["area_m2"]


def test_finished_results_are_not_overwritten_unasked(settings: DetectSettings) -> None:
    settings.out.mkdir()
    (settings.out / "run.json").write_text("{}")
    with pytest.raises(StorageError, match="--overwrite"):
        detect(settings)
    assert [p.name for p in settings.out.iterdir()] == ["run.json"]


def test_a_smaller_area_gives_the_same_map_there(settings: DetectSettings, tmp_path: Path) -> None:
    left, top = 388000 + 164, 3676000 - 154  # four pixels inside one core, six outside another
    area = shapely.box(left, top - 200, left + 250, top)
    detect(settings)
    scene = replace(settings.scene, area=(area, CRS.from_epsg(32648)))
    record = detect(replace(settings, out=tmp_path / "part", scene=scene))
    assert record["part_px"] == [164, 154, 250, 200]
    whole, part = read(settings.out, "probability.tif"), read(tmp_path / "part", "probability.tif")
    differs = np.abs(part.astype(int) - whole[154:354, 164:414])
    assert differs.max() <= 1
    assert (differs > 0).mean() < 0.02  # rounded to 1/250, on either side of the edge


def test_nothing_is_predicted_where_the_image_has_no_data(
        make_raster, place, models: Path, tmp_path: Path, tiling: Tiling | None) -> None:
    hole = np.zeros(place.dem.shape, bool)
    hole[:, 100:400] = True
    image = make_raster("hole.tif", place.after.image[:3], gsd=1.0, mask=~hole)
    record = detect(DetectSettings(SceneSettings(image), "random", tmp_path / "out", "torch", tiling, models=models))
    np.testing.assert_array_equal(read(tmp_path / "out", "classes.tif") == 255, hole)
    assert record["missing"] == ["DEM", "NDVI"]
    assert record["observed_m2"] == pytest.approx((~hole).sum(), rel=2e-3)
    table = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert table.elevation_min_m.isna().all()
    assert (table.length_from == "shape").all()


def test_an_image_smaller_than_a_window_of_an_odd_size(
        make_raster, place, models: Path, tmp_path: Path, tiling: Tiling | None) -> None:
    image = make_raster("odd.tif", place.after.image[:3, :101, :67], gsd=1.0)
    detect(DetectSettings(SceneSettings(image), "random", tmp_path / "out", "openvino", tiling, models=models))
    assert (read(tmp_path / "out", "classes.tif") != 255).all()


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_network_can_detect(architecture: str, make_raster, place, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cuts, "CORE_PX", 256)
    torch.manual_seed(1)
    network = varied(build(architecture, 2, encoder="efficientnet_lite0"), place)
    card = ModelCard("any", "Any", architecture, "binary", (0.2, 2.0), {"encoder": "efficientnet_lite0"},
                     temperature=30.0, folder=tmp_path / "models" / "any")
    save_model(card, network.state_dict())
    image = make_raster("image.tif", place.after.image[:3, :150, :170], gsd=1.0)
    record = detect(DetectSettings(SceneSettings(image), "any", tmp_path / "out", models=tmp_path / "models"))
    assert record["observed_share"] == 1
    probability = read(tmp_path / "out", "probability.tif")
    assert probability.max() <= 250 and len(np.unique(probability)) > 1


def test_a_detection_is_scored_against_labels(settings: DetectSettings, make_raster) -> None:
    detect(settings)
    found = read(settings.out, "classes.tif")
    labels = found.copy()
    labels[:100] = 255
    perfect = evaluate(settings.out, make_raster("labels.tif", labels, gsd=1.0, nodata=255))
    assert perfect["landslide"] == {"iou": 1, "f1": 1, "precision": 1, "recall": 1}
    assert perfect["object"]["dp"] > 0.8
    assert perfect["labelled_pixels"] == 412 * 512
    opposite = np.where(labels == 255, 255, 1 - labels).astype(np.uint8)
    worst = evaluate(settings.out, make_raster("wrong.tif", opposite, gsd=1.0))
    assert worst["landslide"]["iou"] == 0
