"""Fine-tuning: what is held out stays out, what is frozen stays frozen, and a model learns a new image."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import torch
from PIL import Image
from safetensors.torch import load_file
from shapely.geometry import box

from core.cli import main
from core.config import SCHEMES
from core.errors import CancelledError, InputError, ModelError, StorageError, UnknownNameError
from core.registry import ModelCard, load_network, read_card, save_model
from core.scene import Scene, SceneSettings
from core.training import finetune, holdout, loop, outlined
from core.training.config import TrainConfig
from core.training.crops import Crops, Pool
from core.training.finetune import FineTune, fine_tune, table
from core.training.labels import read_labels
from core.training.loop import Run, _begin
from core.training.pictures import _painted
from core.training.sources import Ground
from tests.conftest import THIN, write_raster

SIDE, SLIDES = 1536, 24


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a green image with brown rectangles, their outlines, the searched area and a sloping DEM."""
    folder, rng = tmp_path_factory.mktemp("outlined"), np.random.default_rng(1)
    image = np.stack([np.full((SIDE, SIDE), v, np.uint8) for v in (70, 110, 60)]) + rng.integers(0, 30, (3, SIDE, SIDE),
                                                                                                np.uint8)
    places = [(r, c) for r in range(80, SIDE - 160, 250) for c in range(80, SIDE - 160, 300)][:SLIDES]
    polygons = []
    for row, column in places:
        height, width = rng.integers(50, 90, 2)
        image[:, row:row + height, column:column + width] = (
            np.array([150, 90, 130], np.uint8)[:, None, None] + rng.integers(0, 30, (3, height, width), np.uint8))
        polygons.append(box(column, SIDE - row - height, column + width, SIDE - row))
    files = {"image": write_raster(folder / "image.tif", image, gsd=1.0, origin=(0, SIDE)),
             "dem": write_raster(folder / "dem.tif", np.tile(np.arange(SIDE // 4, dtype=np.float32), (SIDE // 4, 1)),
                                 gsd=4.0, origin=(0, SIDE), nodata=-9999),
             "labels": folder / "labels.gpkg", "area": folder / "area.gpkg"}
    state = ["accepted"] * len(polygons)
    state[3] = "rejected"
    gpd.GeoDataFrame({"status": state}, geometry=polygons, crs="EPSG:32648").to_file(files["labels"])
    gpd.GeoDataFrame(geometry=[box(20, 20, SIDE - 20, SIDE - 20)], crs="EPSG:32648").to_file(files["area"])
    return files


@pytest.fixture
def models(models: Path, tmp_path: Path) -> Path:
    """Return a folder with a copy of the model with random weights."""
    shutil.copytree(models / "random", tmp_path / "models" / "random")
    return tmp_path / "models"


@pytest.fixture(scope="module")
def learned(scene: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small model that knows the scene in its own colours."""
    folder = tmp_path_factory.mktemp("learned")
    config = TrainConfig("learned", "rae_d", THIN, crop_px=192, batch=2, steps=40, warmup_steps=5, ema=0.9)
    ground, _ = divided(scene, mapped=scene["area"])
    crops = Crops(config, [Pool(0.6, (0.8, 1.25), ground.landslides), Pool(0.4, (0.8, 1.25), ground.others)])
    state = Run(config, folder, lambda: _begin(config, folder)).to_the_end(lambda: (crops, {}))
    save_model(ModelCard("learned", "Learned", "rae_d", "binary", (0.5, 2.0), THIN, folder=folder / "learned"),
               state)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "SCENES", 1)
    monkeypatch.setattr(finetune, "SCENE_PX", 192)
    monkeypatch.setattr(finetune, "BATCH", 2)
    monkeypatch.setattr(finetune, "CROP_PX", 128)
    monkeypatch.setattr(finetune, "CALIBRATED_ON", 4)
    monkeypatch.setattr(holdout, "SURROUNDINGS", 32)


def settings(scene: dict[str, Path], **changes: object) -> FineTune:
    return replace(FineTune("random", "tuned", scene["image"], scene["labels"], scene["dem"], scene["area"], steps=3),
                   **changes)


def divided(scene: dict[str, Path], **reading: object) -> tuple[outlined.Outlined, Scene]:
    with Scene(SceneSettings(scene["image"], scene["dem"])) as opened:
        labels = read_labels(scene["labels"], opened.grid.crs, **reading)
        return outlined.outlined(opened, labels, SCHEMES["binary"]), opened


def corner(piece: Ground, image: np.ndarray) -> tuple[int, int]:
    """Return the row and column of an image at which a piece begins, found by its pixels."""
    mine = piece.image.numpy()
    seen = mine.sum(0) > 0
    places = np.argwhere(seen)
    found = [{(int(row - r), int(column - c)) for row, column in np.argwhere(packed(image) == packed(mine)[r, c])}
             for r, c in (places[len(places) // 3], places[len(places) // 2])]
    for top, left in found[0] & found[1]:
        h, w = seen.shape
        inside = np.s_[max(top, 0):top + h, max(left, 0):left + w]
        there = image[:, *inside]
        both = np.s_[max(-top, 0):max(-top, 0) + there.shape[1], max(-left, 0):max(-left, 0) + there.shape[2]]
        if (mine[:, *both] == there)[:, seen[both]].all():
            return top, left
    raise LookupError


def packed(colours: np.ndarray) -> np.ndarray:
    """Return (h, w) with one number for each colour of (3, h, w)."""
    return np.einsum("chw,c->hw", colours.astype(np.uint32), np.array([1, 256, 65536], np.uint32))


@pytest.mark.parametrize("searched", [True, False])
def test_held_out_landslides_are_in_no_crop(scene: dict[str, Path], searched: bool) -> None:
    ground, _ = divided(scene, mapped=scene["area"] if searched else None)
    assert sum(ground.counts.values()) == SLIDES
    assert ground.counts["held_out"] >= 4 and ground.counts["trained"] >= 12
    with rasterio.open(scene["image"]) as dataset:
        image = dataset.read()
    tested, trained, blank = (np.zeros((SIDE + 2000, SIDE + 2000), bool) for _ in range(3))
    for pieces, into in ((ground.held_out, tested), (ground.landslides + ground.others, trained)):
        for piece in pieces:
            top, left = corner(piece, image)
            h, w = piece.label.shape
            where = np.s_[top + 1000:top + 1000 + h, left + 1000:left + 1000 + w]
            into[where] |= (piece.label != 255).numpy()
            if into is trained:
                blank[where] |= (piece.image.sum(0) > 0).numpy()
    assert tested.any() and trained.any()
    assert not (tested & blank).any(), "held-out pixels are seen in training"
    reach = int(outlined.GAP_M) - 2
    for dr, dc in ((reach, 0), (-reach, 0), (0, reach), (0, -reach)):
        assert not (np.roll(tested, (dr, dc), (0, 1)) & trained).any(), "labels within the gap"


def test_only_a_ring_around_landslides_is_known_where_no_area_was_searched(scene: dict[str, Path]) -> None:
    ring, whole = (divided(scene, mapped=mapped)[0] for mapped in (None, scene["area"]))
    shares = []
    for ground in (ring, whole):
        label = torch.stack([piece.label for piece in ground.landslides])
        shares.append(float((label == 0).sum() / (label == 1).sum()))
    assert 1.5 < shares[0] < 3.5 < 8 < shares[1]


def test_rejected_detections_are_no_landslides(scene: dict[str, Path]) -> None:
    meant = {"accepted": "landslide", "rejected": "other"}
    ground, opened = divided(scene, attribute="status", classes=meant)
    assert sum(ground.counts.values()) == SLIDES - 1
    point = shapely.centroid(gpd.read_file(scene["labels"]).geometry[3])
    column, row = (int(v) for v in ~opened.grid.transform @ (point.x, point.y))
    with rasterio.open(scene["image"]) as dataset:
        image = dataset.read()
    found = set()
    for piece in ground.held_out + ground.landslides + ground.others:
        top, left = corner(piece, image)
        if 0 <= row - top < piece.label.shape[0] and 0 <= column - left < piece.label.shape[1]:
            found.add(int(piece.label[row - top, column - left]))
    assert 0 in found and 1 not in found


def test_terrain_lies_on_the_image(scene: dict[str, Path]) -> None:
    ground, _ = divided(scene, mapped=scene["area"])
    for piece in ground.landslides:
        there = ~piece.gradients[0].isnan()
        assert there.float().mean() > 0.3
        assert torch.allclose(piece.gradients[0][there], torch.tensor(0.25), atol=1e-3)
        assert torch.allclose(piece.gradients[1][there], torch.tensor(0.0), atol=1e-3)
        assert piece.image.shape[1] == 4 * piece.gradients.shape[1]


def test_few_or_no_landslides_are_refused(scene: dict[str, Path], models: Path, tmp_path: Path) -> None:
    every = gpd.read_file(scene["labels"])
    every[:5].to_file(tmp_path / "few.gpkg")
    every.translate(50_000).to_file(tmp_path / "elsewhere.gpkg")
    for name, found in (("few", "5 of 5"), ("elsewhere", f"0 of {SLIDES}")):
        with pytest.raises(InputError, match=rf"{found} polygons.*at least 8.*Outline more"):
            fine_tune(settings(scene, labels=tmp_path / f"{name}.gpkg"), tmp_path, models)
    with pytest.raises(UnknownNameError, match="decoder, full"):
        settings(scene, mode="half")
    for wrong in ({"name": "../x"}, {"replay": 1.0}, {"minutes": 0}):
        with pytest.raises(InputError):
            settings(scene, **wrong)


@pytest.mark.parametrize("mode", ["decoder", "full"])
def test_a_frozen_encoder_does_not_move_and_the_first_model_stays(
        scene: dict[str, Path], models: Path, tmp_path: Path, mode: str) -> None:
    files = {file: file.read_bytes() for file in sorted((models / "random").iterdir())}
    card = fine_tune(settings(scene, mode=mode), tmp_path / "runs", models)
    old, new = (load_file(models / name / "model.safetensors") for name in ("random", "tuned"))
    moved = {name for name in old if not torch.equal(old[name], new[name])}
    assert any(name.startswith("decoder") for name in moved)
    assert any(name.startswith("encoder") for name in moved) == (mode == "full")
    assert not any("running" in name for name in moved), "statistics of batches stay"
    assert files == {file: file.read_bytes() for file in sorted((models / "random").iterdir())}
    assert card == read_card(models / "tuned")
    assert card.training["from_sha256"] == read_card(models / "random").sha256
    assert (card.scheme, card.trained_topography) == ("binary", ("dem",))
    assert set(card.metrics["held out"]) == {"image", "generated scenes"}
    text = table(card.metrics["fine-tuning"])
    assert text == (tmp_path / "runs" / "tuned" / "scores.md").read_text()
    assert "| image (" in text and "IoU" in text
    load_network(card)
    with pytest.raises(StorageError, match="never overwritten"):
        fine_tune(settings(scene, mode=mode), tmp_path / "runs", models)


def test_a_test_area_of_ones_own_and_a_model_that_nobody_kept_yet(
        scene: dict[str, Path], models: Path, tmp_path: Path) -> None:
    """Landslides that reach into the test area are held out, and the new model is not among the models."""
    mine = box(0, 0, SIDE / 2, SIDE)
    gpd.GeoDataFrame(geometry=[mine], crs="EPSG:32648").to_file(tmp_path / "test.gpkg")
    lines = []
    card = fine_tune(settings(scene, test=tmp_path / "test.gpkg", steps=5), tmp_path / "runs", models, lines.append,
                     into=tmp_path / "new")
    slides = gpd.read_file(scene["labels"])
    assert card.training["landslides"]["held_out"] == int(slides.intersects(mine).sum())
    assert card.folder == tmp_path / "new" and read_card(tmp_path / "new").sha256 == card.sha256
    assert [each.name for each in models.iterdir()] == ["random"]
    assert lines[0]["step"] == 5 and all(line["stage"] == "compare" for line in lines[1:])
    further = [line["step"] for line in lines[1:]]
    assert len(set(further)) > 5 and further == sorted(further) and further[-1] <= lines[-1]["steps"]
    (seen,) = [json.loads(line) for line in (tmp_path / "runs" / "tuned" / "curve.jsonl").read_text().splitlines()]
    assert seen["step"] == 5 and seen["loss"] == lines[0]["loss"] and 0 <= seen["iou"] <= 1
    pictures = sorted((tmp_path / "runs" / "tuned" / "pictures").iterdir())
    with Image.open(pictures[0]) as first:
        assert len(pictures) == 6 and first.width > 2.9 * first.height
    with pytest.raises(StorageError, match="never overwritten"):
        fine_tune(settings(scene, name="other"), tmp_path / "runs", models, into=tmp_path / "new")


def test_pictures_show_what_was_found_missed_and_called_in_vain() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    painted = _painted(image, np.array([[1, 1], [0, 255]], np.uint8), np.array([[True, False], [True, True]]), 1)
    found, missed, alarm, unknown = painted.reshape(4, 3).tolist()
    assert found[1] == max(found) and missed[2] == max(missed) and alarm[0] == max(alarm)
    assert unknown == [100, 100, 100]


def test_a_model_learns_an_image_whose_colours_it_never_saw(
        scene: dict[str, Path], learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that knows brown on green meets the same ground in other colours, and is taught them."""
    monkeypatch.setattr(finetune, "CROP_PX", 192)
    with rasterio.open(scene["image"]) as dataset:
        image = dataset.read()
    other = write_raster(tmp_path / "other.tif", (255 - image[[2, 0, 1]] // 2), gsd=1.0, origin=(0, SIDE))
    card = fine_tune(settings(scene, image=other, model="learned", steps=80, learning_rate=1e-3, kept=1.0),
                     tmp_path / "runs", learned)
    iou = card.metrics["fine-tuning"][0]["scores"]["IoU"]
    assert iou["before"] < 0.3
    assert iou["after"] > iou["before"] + 0.3, iou
    assert iou["interval"][0] > 0


def test_a_killed_run_ends_in_the_same_weights(
        scene: dict[str, Path], models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "SAVE_EVERY", 2)
    start = ("import sys, pathlib\nfrom core.training import finetune as f, holdout\nf.SCENES, f.SCENE_PX = 1, 192\n"
             "f.BATCH, f.CROP_PX, f.SAVE_EVERY, f.CALIBRATED_ON, holdout.SURROUNDINGS = 2, 128, 2, 4, 32\n"
             "out, models, *files = (pathlib.Path(each) for each in sys.argv[1:])\n"
             "f.fine_tune(f.FineTune('random', 'cut', *files, steps=6), out, models)\n")
    runs, files = tmp_path / "runs", [scene[name] for name in ("image", "labels", "dem", "area")]
    cut = subprocess.Popen([sys.executable, "-c", start, runs, models, *files])
    while not (runs / "cut" / "last.pt").exists():
        assert cut.poll() is None
        time.sleep(0.02)
    cut.kill()
    cut.wait(60)
    assert torch.load(runs / "cut" / "last.pt", weights_only=True)["step"] < 6
    assert not (models / "cut").exists()
    for name in ("cut", "whole"):
        fine_tune(settings(scene, name=name, steps=6), runs, models)
    whole, resumed = (load_file(models / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_run_goes_on_with_the_same_settings_alone(
        scene: dict[str, Path], models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 1)

    def stop(_: dict) -> None:
        raise CancelledError("fine-tuning", got="a request to stop", expected="to finish", remedy="Run it again.")

    with pytest.raises(CancelledError):
        fine_tune(settings(scene, steps=0, minutes=0.01), tmp_path, models, stop)
    assert not (models / "tuned").exists()
    assert json.loads((tmp_path / "tuned" / "settings.json").read_text())["planned_steps"] == 40
    with pytest.raises(InputError, match="another mode than"):
        fine_tune(settings(scene, steps=0, minutes=0.01, mode="decoder"), tmp_path, models)


def test_a_loss_that_is_not_a_number_stops(
        scene: dict[str, Path], models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(ModelError, match="bad_batch"):
        fine_tune(settings(scene), tmp_path, models)
    assert not (models / "tuned").exists()


def test_replay_of_training_data_needs_its_recipe(scene: dict[str, Path], models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recipe"):
        fine_tune(settings(scene, data=tmp_path), tmp_path, models)


def test_the_command_line_writes_the_model_and_says_how_it_compares(
        scene: dict[str, Path], models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [f"--{name}={scene[name]}" for name in ("image", "labels")]
    meant = ["--attribute=status", "--classes=accepted=landslide,rejected=other"]
    rest = ["--steps=2", f"--models={models}", f"--out={tmp_path}"]
    assert main(["finetune", "--from=random", *files, *meant, "--mode=decoder", *rest]) == 0
    printed = capsys.readouterr().out
    assert "| image (" in printed and "generated scenes" in printed
    card = read_card(models / "random_labels")
    assert card.training["landslides"]["trained"] > 0 and card.training["settings"]["mode"] == "decoder"
    assert main(["finetune", "--from=random", *files, "--classes=accepted", *rest]) == 2
