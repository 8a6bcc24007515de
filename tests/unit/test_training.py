"""Training: augmentation that knows geography, splits by name, a loop that resumes bit for bit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.errors import InputError, ModelError, UnknownNameError
from core.nets import build
from core.terrain import aspect_deg, gradients
from core.training import loop, publish
from core.training.augment import colour, turn
from core.training.config import Source, TrainConfig
from core.training.loop import train
from core.training.loss import cross_entropy_dice
from core.training.publish import EDGES, calibrate, train_model
from core.training.sources import Crops, Ground, held_out, load

FRAME = np.array([[1.0, 0.0], [0.0, -1.0]])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_turning_a_crop_is_turning_the_world(quarter: int, mirror: bool) -> None:
    dem = np.random.default_rng(1).random((12, 12)).astype(np.float32) * 5
    turned = np.rot90(dem[:, ::-1] if mirror else dem, quarter)
    wanted = np.stack(gradients(np.ascontiguousarray(turned), FRAME))
    slopes = torch.from_numpy(np.stack(gradients(dem, FRAME)))
    image, label, found = turn(torch.from_numpy(dem)[None], torch.from_numpy(dem), slopes, quarter, mirror)
    np.testing.assert_array_equal(image[0].numpy(), turned)
    np.testing.assert_array_equal(label.numpy(), turned)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    np.testing.assert_allclose(aspect_deg(*found.numpy()), aspect_deg(*wanted), atol=1e-3)


def test_colour_stays_in_range_and_repeats_with_its_seed() -> None:
    image = torch.rand(3, 32, 32) * 255
    palette = torch.tensor([[[100.0, 120, 90], [30, 30, 30]]])
    found = [colour(image, torch.Generator().manual_seed(s), palette) for s in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert all(float(f.min()) >= 0 and float(f.max()) <= 255 for f in found)


def test_unlabelled_pixels_do_not_count_in_the_loss() -> None:
    logits, label = torch.randn(2, 2, 8, 8), torch.randint(0, 2, (2, 8, 8))
    label[0] = 255
    other = logits.clone()
    other[0] += 5 * torch.randn(2, 8, 8)
    assert torch.allclose(cross_entropy_dice(logits, label, 1), cross_entropy_dice(other, label, 1))
    perfect = torch.stack([(label == 0) * 40.0, (label == 1) * 40.0], 1)
    assert cross_entropy_dice(perfect, label, 1) < 0.01 < cross_entropy_dice(-perfect, label, 1)


def test_a_split_depends_on_names_alone() -> None:
    names = [f"chip_{i}.jpg" for i in range(2000)]
    out = [n for n in names if held_out(n, 0.15)]
    assert 0.12 < len(out) / len(names) < 0.18
    assert out == [n for n in reversed(names) if held_out(n, 0.15)][::-1]


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("data/images", "data/masks"):
        (tmp_path / folder).mkdir(parents=True)
    for i in range(8):
        image = rng.integers(60, 200, (80, 72, 3), np.uint8)
        mask = np.zeros((80, 72), np.uint8)
        mask[20:60, 20:50] = 255
        image[mask > 0] //= 3
        Image.fromarray(image).save(tmp_path / f"data/images/{i}.jpg", quality=95)
        Image.fromarray(mask).save(tmp_path / f"data/masks/{i}.png")
    return tmp_path / "data"


def small(**changes: object) -> TrainConfig:
    sources = (Source("chips", "images/*.jpg", "masks", share=1.0, zoom=(0.8, 1.2), holdout=0.3),
               Source("none", "images/*.jpg", None, share=0.2, holdout=0.3))
    return replace(TrainConfig("tiny", "rae_d", {"encoder": "efficientnet_lite0"}, sources=sources, crop_px=64,
                               batch=2, steps=4, warmup_steps=1, ema=0.5,
                               card={"title": "Tiny", "summary": "", "licence": "", "gsd_range_m": [0.3, 1]}),
                   **changes)


def test_the_two_sides_of_a_split_share_no_chip(chips: Path) -> None:
    source = small().sources[0]
    inside, outside = load(source, chips, training=True), load(source, chips, training=False)
    assert len(inside) + len(outside) == 8
    assert len(outside) > 0
    assert not any(torch.equal(a.image, b.image) for a in inside for b in outside)


def test_a_crop_depends_on_seed_and_number_alone(chips: Path) -> None:
    config = small()
    pools = [(1.0, (0.8, 1.2), load(config.sources[0], chips, training=True))]
    first, second = Crops(config, pools), Crops(config, pools)
    _ = second[0]
    assert all(torch.equal(a, b) for a, b in zip(first[3], second[3], strict=True))
    assert not torch.equal(first[3][0], first[4][0])
    image, topography, label = first[3]
    assert (image.shape, topography.shape, label.shape) == ((3, 64, 64), (6, 64, 64), (64, 64))
    assert set(label.unique().tolist()) <= {0, 1, 255}


def test_terrain_is_borrowed_as_often_for_ground_with_landslides_as_without() -> None:
    image = torch.full((3, 90, 90), 100, dtype=torch.uint8)
    slopes = torch.full((2, 90, 90), 0.5)
    with_dem = Ground(image, torch.zeros(90, 90, dtype=torch.uint8), slopes)
    bare = [Ground(image, torch.full((90, 90), value, dtype=torch.uint8)) for value in (0, 1)]
    config = small(steps=200, terrain_dropout=0.0, borrowed_terrain=0.5)
    crops = Crops(config, [(1.0, (0.5, 0.6), bare), (1e-9, (0.5, 0.6), [with_dem])])
    present = {0: [], 1: []}
    for i in range(300):
        _, topography, label = crops[i]
        present[int(label[32, 32])].append(float(topography[4].mean()))
    shares = [np.mean(present[value]) for value in (0, 1)]
    assert abs(shares[0] - 0.5) < 0.12
    assert abs(shares[1] - 0.5) < 0.12


def test_resuming_ends_in_the_same_weights_bit_for_bit(chips: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    whole = train(small(), chips, tmp_path / "whole")
    real, count = loop._step, []

    def dies(*arguments: object) -> torch.Tensor:
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(KeyboardInterrupt):
        train(small(), chips, tmp_path / "cut")
    monkeypatch.setattr(loop, "_step", real)
    resumed = train(small(), chips, tmp_path / "cut")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert (tmp_path / "cut" / "last.pt").exists()


def test_the_encoder_starts_from_the_weights_that_are_named(chips: Path, tmp_path: Path) -> None:
    own = build("rae_d", 2, encoder="efficientnet_lite0").encoder.state_dict()
    save_file(own, chips / "mine.safetensors")
    settings = small(steps=1, learning_rate=0.0, encoder_weights="mine.safetensors")
    state = train(settings, chips, tmp_path / "run")
    assert torch.equal(state["encoder._conv_stem.weight"], own["_conv_stem.weight"])
    with pytest.raises(ModelError, match="convert-weights"):
        train(replace(settings, encoder_weights="none.safetensors"), chips, tmp_path / "other")
    with pytest.raises(ModelError, match="convert-weights"):
        train(replace(settings, arguments={}, encoder_weights="imagenet"), chips, tmp_path / "another")


def test_a_loss_that_is_not_a_number_stops_with_its_batch(chips: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(ModelError, match="bad_batch"):
        train(small(), chips, tmp_path / "run")
    assert set(torch.load(tmp_path / "run" / "bad_batch.pt", weights_only=True)) == {"image", "topography", "label"}


def test_a_trained_model_lands_in_the_registry(chips: Path, tmp_path: Path, monkeypatch) -> None:
    config = small(steps=2)
    (tmp_path / "tiny.json").write_text("{}")
    monkeypatch.setattr(publish.TrainConfig, "read", classmethod(lambda *_: config))
    card = train_model(str(tmp_path / "tiny.json"), chips, tmp_path / "runs", tmp_path / "models")
    assert card.has_weights
    assert card.metrics["held out"]["chips"]["landslide_pixels"] > 0
    assert "iou" not in card.metrics["held out"]["none"]
    with pytest.raises(UnknownNameError, match="fstf_net_lite"):
        train_model("no_such_recipe", chips, tmp_path / "runs")


def test_calibration_finds_the_temperature_that_was_put_in() -> None:
    rng = np.random.default_rng(0)
    true_odds = rng.normal(0, 2, 400_000)
    label = rng.random(400_000) < 1 / (1 + np.exp(-true_odds))
    shown = true_odds * 2.0  # a network twice too sure
    counts = np.stack([np.histogram(shown[label == v], EDGES)[0] for v in (0, 1)]).astype(float)
    temperature, threshold = calibrate({"a": counts})
    assert temperature == pytest.approx(2.0, rel=0.06)
    assert 0.2 <= threshold <= 0.6


def test_the_shipped_recipes_can_be_read() -> None:
    for path in publish.RECIPES.glob("*.json"):
        config = TrainConfig.read(path)
        assert config.model == path.stem
        assert set(config.card) == {"title", "summary", "licence", "gsd_range_m"}


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"model": "m", "architecture": "rae_d", "learn_rate": 1}))
    with pytest.raises(InputError, match="learn_rate"):
        TrainConfig.read(path)
