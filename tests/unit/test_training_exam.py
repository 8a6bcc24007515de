"""What a card tells: intervals, coarser pixels, ground without landslides."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.config import CLASS_NODATA, SCHEMES
from core.registry import ModelCard
from core.training import exam
from core.training.exam import coarsened, examine, made_up
from core.training.holdout import EDGES, land_cover
from core.training.loss import NOT_LANDSLIDE
from core.training.pictures import FAILURE_PX, GAP_PX, draw_failures
from core.training.sources import Ground

BINARY, PAPER = SCHEMES["binary"], SCHEMES["paper"]
CARD = ModelCard("bright", "Bright", "fstf_net", "binary", (0.3, 1.0))


class Bright(nn.Module):
    """Calls landslide what is bright; a bright rim of the sky fools it where there is terrain, if it is told to."""

    topography_channels = 6

    def __init__(self, fooled=False):
        super().__init__()
        self.fooled = fooled

    def forward(self, image, topography):
        odds = image.mean(1) * 4 + (20.0 * (topography.abs().sum(1) > 0) if self.fooled else 0)
        return torch.stack([torch.zeros_like(odds), odds], 1)


def chip(bright, seed=0, side=96, **more):
    image = torch.randint(20, 60, (3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    label = torch.zeros(side, side, dtype=torch.uint8)
    image[:, :bright], label[:bright] = 235, 1
    return Ground(image, label, **more)


@pytest.fixture(scope="module")
def one_scene():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exam, "FREE_SCENES", 1)
        return made_up(BINARY)


def test_scores_come_with_intervals_and_sizes(one_scene):
    wrong = chip(30, 9)
    wrong.label[:60] = 1  # half of it is missed
    chips = [chip(30, seed) for seed in range(8)] + [wrong]
    held_out = {"chips": chips, "plain": [chip(0)], "empty": [],
                "scene": [chip(48, gsd_m=0.3, centres=torch.tensor([[48, 48]]))]}
    card = examine(Bright(), CARD, held_out, one_scene)
    told = card.metrics
    found = told["held out"]["chips"]
    low, high = found["iou_interval"]
    assert 0.6 < low < found["iou"] < 1 and high == 1
    assert found["iou"] == pytest.approx(9 * 30 / (8 * 30 + 60), abs=0.01)
    assert told["held out"]["plain"]["false_alarm_share"] == 0 and "empty" not in told["held out"]
    assert [*told["pixel size"]["scene"]] == ["0.3 m", "0.6 m", "0.9 m", "1.2 m", "1.8 m", "2.4 m"]
    assert [*told["pixel size"]["chips"]] == [f"{times} times its own" for times in (1, 2, 3, 4)]
    assert told["pixel size"]["chips"]["1 times its own"] == found and "plain" not in told["pixel size"]
    assert 0 < told["prevalence"] < 0.5 and 0.2 <= card.threshold <= 0.9 and card.temperature > 0


def test_the_threshold_goes_by_the_size_of_pixels(one_scene):
    def ground(slid, other, gsd_m):
        image = torch.full((3, 64, 64), other, dtype=torch.uint8)
        label = torch.zeros(64, 64, dtype=torch.uint8)
        image[:, :32], label[:32] = slid, 1
        return Ground(image, label, gsd_m=gsd_m)

    card = examine(Bright(), CARD, {"fine": [ground(140, 130, 0.3)], "wide": [ground(110, 95, 2.4)]}, one_scene)
    sizes, thresholds = zip(*card.thresholds, strict=True)
    assert sizes == (0.3, 0.6, 1.2, 2.4, 4.8, 9.6) and thresholds[0] > thresholds[3]
    told = card.metrics["held out"]
    assert told["fine"]["iou"] == told["wide"]["iou"] == 1, "which no threshold is for both"


def test_pictures_show_where_a_model_errs_most_and_none_where_it_does_not(tmp_path):
    wrong = chip(30, 9, side=400)
    wrong.label[200:] = 1  # missed; cut into four pieces, of which one holds nothing that is wrong
    wrong.label[384:, 384:] = CLASS_NODATA
    path = tmp_path / "failures" / "chips.webp"
    assert draw_failures(path, [chip(30), wrong], Bright(), CARD)
    with Image.open(path) as picture:
        assert picture.size == (2 * FAILURE_PX + GAP_PX, 3 * (FAILURE_PX + GAP_PX) - GAP_PX)
        red, _, blue = picture.getpixel((FAILURE_PX + GAP_PX + 200, 300))
        assert blue > red + 50  # missed
    assert not draw_failures(path, [chip(30)], Bright(), CARD) and not path.exists()


def test_a_network_that_is_fooled_by_terrain_is_told_on(one_scene):
    told = examine(Bright(fooled=True), CARD, {"chips": [chip(30, seed) for seed in range(3)]}, one_scene).metrics
    free = told["ground without landslides"]
    assert free["with a DEM"]["false_alarm_share"] > 0.9 > 0.3 > free["without a DEM"]["false_alarm_share"]
    assert free["with a DEM"]["pixels"] == free["without a DEM"]["pixels"] > 0
    low, high = free["with a DEM"]["false_alarm_share_interval"]
    assert low <= free["with a DEM"]["false_alarm_share"] <= high


def test_coarser_pixels_are_means_and_labels_majorities():
    ground = chip(9, side=12, gradients=torch.arange(8.0).reshape(2, 2, 2), gsd_m=0.5)
    ground.label[:4, :4], ground.image[:, 11, 11] = CLASS_NODATA, 0
    coarse = coarsened(ground, 4, BINARY.landslide)
    assert coarse.gsd_m == 2 and coarse.image.shape == (3, 3, 3)
    assert coarse.label.tolist() == [[CLASS_NODATA, 1, 1], [1, 1, 1], [NOT_LANDSLIDE] * 3]
    assert torch.equal(coarse.image[0, :2, :2], torch.full((2, 2), 235, dtype=torch.uint8))
    assert coarse.image[:, 2, 2].tolist() == [0, 0, 0]
    assert coarse.gradients[0].tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    assert coarsened(ground, 1, 1) is ground


class Coloured(nn.Module):
    """Calls all landslide, then what is green vegetation and what is blue water."""

    topography_channels = ()

    def forward(self, image):
        red, green, blue = image.split(1, 1)
        return torch.cat([red * 0 + 50, red - 9, green, blue, red - 9, red - 9], 1)


def test_land_cover_is_scored_with_landslide_left_out(one_scene, monkeypatch):
    image = torch.zeros(3, 40, 40, dtype=torch.uint8)
    image[1, :30], image[2, 30:] = 200, 200
    label = torch.full((40, 40), 3, dtype=torch.uint8)  # water: its upper half is green and missed
    label[:20], label[0], label[39] = 2, CLASS_NODATA, PAPER.landslide
    assert land_cover(Coloured(), [Ground(image, label)], PAPER) == {
        "accuracy": pytest.approx(28 / 38, abs=1e-4), "vegetation": pytest.approx(19 / 29, abs=1e-4),
        "water": pytest.approx(9 / 19, abs=1e-4)}
    monkeypatch.setattr(exam, "FREE_SCENES", 1)
    grounds = {"half": [Ground(image, label)], "none": [Ground(image, label * 0)]}
    told = examine(Coloured(), replace(CARD, scheme="paper"), grounds, made_up(PAPER)).metrics
    assert told["land cover"].keys() == {"half", "generated scenes"}
    assert "land cover" not in examine(Bright(), CARD, {"chips": [chip(30)]}, one_scene).metrics


def test_one_window_has_no_interval(one_scene):
    told = examine(Bright(), CARD, {"chip": [chip(30)]}, one_scene).metrics
    assert "iou_interval" not in told["held out"]["chip"] and np.isfinite(EDGES).all()
