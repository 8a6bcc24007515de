"""Which looks are taken at a scene, by its pixel size."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from core.errors import ModelError
from core.nets.looks import Looks
from core.raster import interpolated
from core.registry import ModelCard
from core.training.holdout import held_out_odds
from core.training.sources import Ground


@pytest.mark.parametrize(("gsd_m", "looks"), [
    (0.0, (1, (2,))), (0.3, (1, (2,))), (0.5, (1, (2,))), (0.6, (2, (2, 4))), (1.0, (2, (2, 4))), (1.2, (2, (2,))),
    (2.0, (2, (2,))), (2.4, (2, ())), (4.5, (4, ())), (30.0, (8, ()))])
def test_looks_keep_to_the_sizes_that_are_worth_it(gsd_m: float, looks: tuple[int, tuple[int, ...]]) -> None:
    assert Looks((2,), (0.28, 2.0)).at(gsd_m) == looks
    assert Looks((2, 4)).at(gsd_m) == (1, (2, 4))
    assert Looks().at(gsd_m) == (1, ())


def test_a_card_refuses_sizes_that_leave_no_look() -> None:
    with pytest.raises(ModelError, match="looks_m"):
        ModelCard("narrow", "Narrow", "fstf_net", "binary", (0.3, 1.0), looks_m=(1.0, 1.5))


@pytest.mark.parametrize("times", [2, 4])
def test_values_between_pixels_are_those_of_the_pixels_that_were_observed(times: int) -> None:
    values = np.random.default_rng(0).random((3, 7, 9)).astype(np.float32)
    found, seen = interpolated(values, np.ones((7, 9), bool), times)
    wanted = interpolate(torch.from_numpy(values)[None], scale_factor=times, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(found, wanted[0].numpy(), atol=1e-6)
    assert seen.all()
    hole = np.ones((7, 9), bool)
    hole[2:4, 3:6] = False
    flat, seen = interpolated(np.where(hole, np.float32(0.5), np.float32(0))[None], hole, times)
    np.testing.assert_array_equal(seen, hole.repeat(times, 0).repeat(times, 1))
    np.testing.assert_allclose(flat[0], np.where(seen, 0.5, 0), atol=1e-6)  # nothing of the hole's zeros


class Bright(torch.nn.Module):
    """Log-odds are the image's mean; the sizes that it is shown are kept."""

    topography_channels = ()

    def forward(self, image):
        odds = image.mean(1)
        self.shown.append(tuple(odds.shape[1:]))
        return torch.stack([torch.zeros_like(odds), odds], 1)


def test_held_out_chips_are_looked_at_as_scenes_of_their_pixel_size_are() -> None:
    network = Bright()
    image = torch.randint(20, 200, (3, 40, 36), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    label = torch.zeros(40, 36, dtype=torch.uint8)
    shown = {}
    for gsd_m in (0.0, 0.8, 1.6, 2.4):
        network.looks, network.shown = Looks((2,), (0.28, 2.0)), []
        (_, _, odds), = held_out_odds(network, [Ground(image, label, gsd_m=gsd_m)], 1)
        assert odds.shape == (40, 36)
        shown[gsd_m] = network.shown
    assert shown == {0.0: [(40, 36), (20, 18)], 0.8: [(80, 72), (40, 36), (20, 18)], 1.6: [(80, 72), (40, 36)],
                     2.4: [(80, 72)]}
    plain = Bright()
    plain.shown = []
    (_, _, own), = held_out_odds(plain, [Ground(image, label)], 1)
    assert 0 < np.abs(odds - own).mean() < 0.5  # of the same image, between its pixels
