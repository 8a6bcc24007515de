"""Training: augmentation that knows geography, splits by name, a loop that resumes bit for bit."""

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.config import SCHEMES
from core.errors import InputError, ModelError, UnknownNameError
from core.files import write_json
from core.nets import build
from core.registry import ModelCard, load_network, read_card, save_model
from core.terrain import aspect_deg, gradients
from core.training import exam, holdout, loop, publish
from core.training.augment import coarsen, colour, paste, turn
from core.training.config import Source, TrainConfig
from core.training.crops import Crops, Pool
from core.training.holdout import EDGES, calibrate
from core.training.loop import rate, train
from core.training.loss import NOT_LANDSLIDE, cross_entropy_dice
from core.training.publish import examine_model, train_model
from core.training.sources import Ground, _close, channels, load
from core.training.split import make_split
from tests.conftest import THIN

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


def test_a_label_that_knows_landslides_alone_trains_the_sum_of_the_other_classes() -> None:
    logits = torch.randn(1, 4, 6, 6, requires_grad=True)
    label = torch.full((1, 6, 6), NOT_LANDSLIDE)
    loss = cross_entropy_dice(logits, label, 0)
    chances = logits.detach().softmax(1)
    dice = 1 / (chances[:, 0].sum() + 1)
    assert loss.item() == pytest.approx(float(-(1 - chances[:, 0]).log().mean() + 1 - dice), rel=1e-5)
    loss.backward()
    shares = logits.grad[:, 1:] / logits.grad[:, 1:].sum(1, keepdim=True)
    assert torch.allclose(shares, chances[:, 1:] / chances[:, 1:].sum(1, keepdim=True), atol=1e-4)  # none is preferred


def test_the_overlap_of_every_class_that_labels_name_can_count() -> None:
    label = torch.zeros(1, 8, 8, dtype=torch.int64)
    label[:, 2:4], label[:, 4], label[:, 5], label[:, 6:] = 1, 2, NOT_LANDSLIDE, 255
    sure = torch.nn.functional.one_hot(label.clamp(max=3), 4).permute(0, 3, 1, 2) * 40.0
    assert cross_entropy_dice(sure, label, 0, cover_dice=True) < 0.01
    timid = sure.clone()
    timid[:, 2] = 0
    timid[:, 1, 4] = 0.1  # the rarest named class is nowhere the likeliest
    more = [float(cross_entropy_dice(each, label, 0, cover_dice=True) - cross_entropy_dice(each, label, 0))
            for each in (sure, timid)]
    assert more[0] < 0.01 and 0.2 < more[1] < 0.6  # of the two other classes that are named
    unnamed = torch.full_like(label, NOT_LANDSLIDE)
    assert cross_entropy_dice(timid, unnamed, 0, cover_dice=True) == cross_entropy_dice(timid, unnamed, 0)


def test_labels_become_the_channels_of_a_scheme() -> None:
    fine = {1: "building", 5: "bare land", 7: "landslide"}
    assert channels(SCHEMES["paper"], fine)[[0, 1, 5, 7]].tolist() == [255, 1, 5, 0]
    assert channels(SCHEMES["paper"], {0: "other"})[0] == NOT_LANDSLIDE
    assert channels(SCHEMES["binary"], fine)[[0, 1, 5, 7]].tolist() == [255, 0, 0, 1]
    with pytest.raises(InputError, match="glacier"):
        channels(SCHEMES["binary"], {1: "glacier"})


def test_narrow_gaps_between_landslides_lose_their_label() -> None:
    label = torch.zeros(60, 80, dtype=torch.uint8)
    label[10:50, 10:70] = 1
    label[10:50, 38:41], label[10:50, 55:67] = 0, 0
    _close(label, 1, 9)
    assert set(label[10:50, 38:41].unique().tolist()) == {255}
    assert set(label[15:45, 57:65].unique().tolist()) == {0}
    assert int((label == 1).sum()) == 40 * 45


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
    return replace(TrainConfig("tiny", "rae_d", THIN, sources=sources, crop_px=64, batch=2, steps=4,
                               warmup_steps=1, ema=0.5,
                               card={"title": "Tiny", "summary": "", "licence": "", "gsd_range_m": [0.3, 1]}),
                   **changes)


def side(chips: Path, source: int = 0, *, training: bool = True) -> list[Ground]:
    config = small()
    part = make_split(config, chips).parts[source]
    return load(config.sources[source], chips, part, training=training)


def test_the_two_sides_of_a_split_share_no_chip(chips: Path) -> None:
    inside, outside = (side(chips, training=training) for training in (True, False))
    assert len(inside) + len(outside) == 8
    assert len(outside) > 0
    assert not any(torch.equal(a.image, b.image) for a in inside for b in outside)


def test_a_crop_depends_on_seed_and_number_alone(chips: Path) -> None:
    config = small()
    pools = [Pool(1.0, (0.8, 1.2), side(chips))]
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
    crops = Crops(config, [Pool(1.0, (0.5, 0.6), bare), Pool(1e-9, (0.5, 0.6), [with_dem])])
    present = {0: [], 1: []}
    for i in range(300):
        _, topography, label = crops[i]
        present[int(label[32, 32])].append(float(topography[4].mean()))
    shares = [np.mean(present[value]) for value in (0, 1)]
    assert abs(shares[0] - 0.5) < 0.12
    assert abs(shares[1] - 0.5) < 0.12


def test_pasted_landslides_are_labelled_and_only_where_the_ground_is_known() -> None:
    image, other = torch.zeros(3, 20, 20), torch.full((3, 20, 20), 200.0)
    label, seen, mask = torch.zeros(20, 20), torch.ones(20, 20, dtype=torch.bool), torch.zeros(20, 20, dtype=torch.bool)
    label[:, :6], seen[:, 15:], mask[4:16, 2:18] = 255, False, True
    pasted, found = paste(image, label, seen, other, mask, 1)
    assert torch.equal(found == 1, mask & seen & (label == 0))
    assert float(pasted[0, 10, 10]) == pytest.approx(200, rel=0.01) and float(pasted[0, 10, 2]) == 0
    assert 0 < float(pasted[0, 3, 10]) < 200, "edges are soft"


def test_coarse_terrain_is_that_of_a_coarse_dem() -> None:
    dem = np.random.default_rng(2).random((64, 64)).cumsum(0).cumsum(1).astype(np.float32) / 50
    fine = torch.from_numpy(np.stack(gradients(dem, FRAME)))
    coarse = np.stack(gradients(dem.reshape(8, 8, 8, 8).mean((1, 3)), FRAME * 8))
    assert coarsen(fine, 1.4) is fine
    found = coarsen(fine, 8.0)[:, 4::8, 4::8].numpy()
    np.testing.assert_allclose(found[:, 2:-2, 2:-2], coarse[:, 2:-2, 2:-2], rtol=0.2)


def test_mosaics_and_pastes_hold_landslides_of_other_places(chips: Path) -> None:
    for changes in ({"mosaic": 1.0}, {"paste": 1.0}):
        config = small(**changes)
        pools = [Pool(1e-9 if "paste" in changes else 1, (0.8, 1.2), side(chips)),
                 Pool(1.0, (0.8, 1.2), side(chips, 1))]
        crops = Crops(config, pools)
        labels = torch.stack([crops[i][2] for i in range(8)])
        assert labels.shape == (8, 64, 64)
        if "mosaic" in changes:
            assert (labels == 1).any() and (labels == 0).any()
        else:  # nothing to paste comes from ground without landslides
            assert not (labels == 1).any()
    crops = Crops(small(paste=1.0), pools[::-1])
    crops.shares = torch.tensor([0.5, 0.5])
    assert sum(float((crops[i][2] == 1).any()) for i in range(20)) > 14


def test_the_more_crops_a_mosaic_has_the_larger_the_pixels_a_chip_is_shown_with() -> None:
    label = torch.zeros(90, 90, dtype=torch.uint8)
    label[30:60, 30:60] = 1
    chip = Ground(torch.full((3, 90, 90), 120, dtype=torch.uint8), label)
    # a crop of a chip reaches over no more than 1.2 of its side
    for parts, pixel in ((1, 1.2 * 90 / 64), (2, 1.2 * 90 / 32), (4, 4.0)):
        crops = Crops(small(mosaic=1.0, mosaic_parts=(parts,)), [Pool(1.0, (4.0, 4.0), [chip])])
        shown = np.mean([int((crops[i][2] == 1).sum()) / parts**2 for i in range(10)])
        assert shown == pytest.approx((30 / pixel) ** 2, rel=0.1)
    with pytest.raises(InputError, match="mosaic_parts"):
        small(mosaic=1.0, mosaic_parts=(2, 3))


def test_a_setting_that_came_later_leaves_the_checksum_of_a_configuration_that_does_not_use_it() -> None:
    assert small().sha256 == small(mosaic_parts=(2,)).sha256 != small(mosaic_parts=(2, 4)).sha256
    with_it = json.dumps(asdict(small()), sort_keys=True)
    assert small().sha256 != hashlib.sha256(with_it.encode()).hexdigest()


def test_sampled_crops_show_rare_classes_as_often_as_common_ones(tmp_path: Path) -> None:
    label = torch.zeros(700, 700, dtype=torch.uint8)
    label[300:340, 300:380] = 1  # 0.7 %
    image = torch.randint(0, 255, (3, 700, 700), dtype=torch.uint8)
    image[:, label == 1] //= 3
    shares = {}
    for sampling in ("original", "mus1"):
        pools = [Pool(1.0, (0.9, 1.1), [Ground(image, label)])]
        crops = Crops(small(sampling=sampling), pools)
        labels = torch.stack([crops[i][2] for i in range(120)])
        shares[sampling] = float((labels == 1).float().mean())
    assert shares["original"] < 0.03
    assert 0.3 < shares["mus1"] < 0.6


def test_rates_rise_and_fall_as_the_schedule_says() -> None:
    config = small(steps=100, warmup_steps=10, schedule="trapezoid", cooldown_steps=20)
    found = [rate(step, config) for step in (0, 9, 50, 79, 90, 100)]
    assert found == pytest.approx([0.1, 1, 1, 1, 0.5, 0])
    paper = small(schedule="step", warmup_steps=0, optimiser="sgd", learning_rate=1e-3)
    assert [rate(step, paper) for step in (0, 14_999, 15_000, 30_000)] == pytest.approx([1, 1, 0.1, 0.01])
    for wrong in ({"schedule": "steps"}, {"optimiser": "adam"}):
        with pytest.raises(UnknownNameError):
            small(**wrong)
    with pytest.raises(InputError, match="padding"):
        small(arguments={"rates": [2, 4]}, crop_px=64)


def test_the_best_weights_are_kept_and_a_run_ends_when_nothing_improves(chips: Path, tmp_path: Path) -> None:
    config = small(steps=40, evaluate_every=2, patience=3, learning_rate=1e-9)
    lines: list[dict] = []
    train(config, chips, tmp_path / "run", lines.append)
    looks = [line for line in lines if "gain" in line]
    assert 4 <= len(looks) < 20 and looks[-1]["step"] < 40
    assert max(look["gain"] for look in looks) == looks[-1]["best"]
    assert set(looks[0]["held_out"]) == {"chips", "none"}
    again = train(config, chips, tmp_path / "run", lines.append)
    best = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    assert all(torch.equal(again[name], best["average"][name]) for name in again)


def test_a_killed_run_ends_in_the_same_weights(chips: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", 3)
    config = small(steps=14, evaluate_every=5, mosaic=0.3, paste=0.3)
    (tmp_path / "tiny.json").write_text(json.dumps(asdict(config)))
    start = ("import sys, pathlib\nfrom core.training import exam, loop\nfrom core.training.config import TrainConfig\n"
             "loop.SAVE_EVERY = 3\nconfig, data, out = map(pathlib.Path, sys.argv[1:])\n"
             "loop.train(TrainConfig.read(config), data, out)\n")
    cut = subprocess.Popen([sys.executable, "-c", start, tmp_path / "tiny.json", chips, tmp_path / "cut"])
    while not (tmp_path / "cut" / "last.pt").exists():
        assert cut.poll() is None
        time.sleep(0.02)
    cut.kill()
    cut.wait(60)
    assert torch.load(tmp_path / "cut" / "last.pt", weights_only=True)["step"] < 14
    for name in ("cut", "whole"):
        train(config, chips, tmp_path / name)
    whole, cut_short = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "cut"))
    for part in ("network", "average"):
        assert all(torch.equal(whole[part][name], cut_short[part][name]) for name in whole[part])
    assert whole["best"] == cut_short["best"]


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_graphics_card_trains_and_goes_on(chips: Path, tmp_path: Path) -> None:
    half = train(small(steps=2, evaluate_every=2), chips, tmp_path / "run")
    assert {value.device.type for value in half.values()} == {"cpu"}
    state = train(small(steps=4, evaluate_every=2), chips, tmp_path / "run")
    assert all(value.isfinite().all() for value in state.values())
    assert any(not torch.equal(half[name], state[name]) for name in state)


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


def test_a_run_starts_from_another_models_weights_where_they_fit(chips: Path, tmp_path: Path) -> None:
    given = build("rae_d", 2, **THIN)
    save_model(ModelCard("given", "Given", "rae_d", "binary", (0.3, 1.0), THIN, folder=tmp_path / "models" / "given"),
               given.state_dict())
    settings = small(steps=1, learning_rate=0.0, weight_decay=0.0, start="given", scheme="paper", ema=0.0)
    state = train(settings, chips, tmp_path / "run", models=tmp_path / "models")
    for name, value in given.named_parameters():
        same = state[name].shape == value.shape and torch.equal(state[name], value.detach().half().float())
        assert same == (not name.startswith("decoder.classify.")), name


def test_a_model_of_merged_classes_has_the_weights_of_one_that_tells_them_apart(chips: Path, tmp_path: Path) -> None:
    def made(**changes: object) -> ModelCard:
        settings = small(scheme="paper", **changes)
        return publish.trained(settings, chips, tmp_path / "runs", tmp_path / "models", {})

    merged, whole = made(steps=1, merged=True), made(steps=0, model="whole", start="tiny")
    assert merged.sha256 == whole.sha256
    assert (merged.scheme, whole.scheme) == ("binary", "paper")
    given = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert load_network(merged)(given).shape[1] == 2 and load_network(whole)(given).shape[1] == 6


def test_the_same_weights_are_told_of_alike_and_scored_once(chips: Path, tmp_path: Path, monkeypatch) -> None:
    image = torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8)
    woods = Ground(image, torch.full((64, 64), SCHEMES["paper"].names.index("vegetation"), dtype=torch.uint8))
    scored = []
    monkeypatch.setattr(publish, "SQUARES", 40)
    monkeypatch.setattr(publish, "made_up", lambda _: [woods])
    monkeypatch.setattr(publish, "draw_failures", lambda *_: None)
    monkeypatch.setattr(publish, "examine", lambda network, card, *_: scored.append(network) or replace(
        card, temperature=1.5, threshold=0.4, thresholds=((0.3, 0.6),), metrics={"held out": {}}))

    def made(**changes: object) -> ModelCard:
        return publish.make_model(small(scheme="paper", **changes), chips, tmp_path / "runs", tmp_path / "models", {})

    merged, whole = made(steps=1, merged=True), made(steps=0, model="whole", start="tiny")
    assert len(scored) == 1 and (whole.temperature, whole.threshold, whole.thresholds) == (1.5, 0.4, ((0.3, 0.6),))
    assert whole.metrics.keys() == {"held out", "land cover"} and merged.metrics.keys() == {"held out"}
    assert whole.metrics["land cover"]["generated scenes"].keys() == {"accuracy", "vegetation"}
    assert read_card(whole.folder).metrics == whole.metrics


def test_blended_weights_lie_halfway_between_the_best_and_the_last(chips: Path, tmp_path: Path) -> None:
    settings, name = small(steps=2, evaluate_every=2), "encoder._conv_stem.weight"
    last = train(settings, chips, tmp_path / "run")
    best = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    best["average"][name] = last[name] + 2
    torch.save(best, tmp_path / "run" / "best.pt")
    assert torch.equal(train(settings, chips, tmp_path / "run")[name], last[name] + 2)
    assert torch.allclose(train(replace(settings, blend=True), chips, tmp_path / "run")[name], last[name] + 1)


def test_what_is_kept_may_lie_on_the_way_back_to_the_start(chips: Path, tmp_path: Path) -> None:
    settings = small(steps=2)
    torch.manual_seed(settings.seed)
    start = loop._begin(settings, chips).state_dict()
    there, half, back = (train(replace(settings, towards_start=share), chips, tmp_path / "run")
                         for share in (0.0, 0.5, 1.0))
    moved = {name for name, value in start.items() if not torch.equal(there[name], value)}
    for name in moved:
        if start[name].is_floating_point():
            assert torch.allclose(back[name], start[name], atol=1e-6), name
            assert torch.allclose(half[name], (there[name] + start[name]) / 2, atol=1e-6), name
    assert "encoder._conv_stem.weight" in moved


def test_a_loss_that_is_not_a_number_stops_with_its_batch(chips: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(ModelError, match="bad_batch"):
        train(small(), chips, tmp_path / "run")
    assert set(torch.load(tmp_path / "run" / "bad_batch.pt", weights_only=True)) == {"image", "topography", "label"}


def test_a_trained_model_lands_in_the_registry(chips: Path, tmp_path: Path, monkeypatch) -> None:
    config = small(steps=2)
    (tmp_path / "tiny.json").write_text("{}")
    monkeypatch.setattr(publish.TrainConfig, "read", classmethod(lambda *_: config))
    monkeypatch.setattr(exam, "FREE_SCENES", 1)
    monkeypatch.setattr(holdout, "SURROUNDINGS", 32)
    card = train_model(str(tmp_path / "tiny.json"), chips, tmp_path / "runs", tmp_path / "models")
    assert card.has_weights
    assert card.metrics["held out"]["chips"]["landslide_pixels"] > 0
    assert "iou" not in card.metrics["held out"]["none"]
    assert {"chips", "Generated ground"} <= {path.stem for path in card.failures}
    assert (card.folder / "log.jsonl").is_file()
    with pytest.raises(UnknownNameError, match="fstf_net_lite"):
        train_model("no_such_recipe", chips, tmp_path / "runs")
    write_json(card.folder / "card.json", replace(card, threshold=0.9, metrics={}).as_dict())
    monkeypatch.setattr(publish, "RECIPES", tmp_path)
    again = examine_model("tiny", chips, tmp_path / "models")
    assert again.as_dict() == card.as_dict() == read_card(card.folder).as_dict()
    next(chips.glob("images/*")).unlink()
    with pytest.raises(ModelError, match="split"):
        examine_model("tiny", chips, tmp_path / "models")


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


def test_a_recipe_can_change_another_one(tmp_path: Path) -> None:
    source = {"name": "a", "images": "a/*.jpg"}
    base = {"model": "one", "architecture": "rae_d", "sources": [source], "steps": 9, "seed": 4}
    (tmp_path / "one.json").write_text(json.dumps(base))
    (tmp_path / "two.json").write_text(json.dumps({"extends": "one", "model": "two", "seed": 5}))
    (tmp_path / "three.json").write_text(json.dumps({"extends": "two", "model": "three"}))
    one, three = (TrainConfig.read(tmp_path / f"{name}.json") for name in ("one", "three"))
    assert three == replace(one, model="three", seed=5)
    assert three.sha256 != one.sha256 == TrainConfig.read(tmp_path / "one.json").sha256
    (tmp_path / "four.json").write_text(json.dumps({"extends": "five"}))
    with pytest.raises(InputError, match="five"):
        TrainConfig.read(tmp_path / "four.json")
