"""The three parts of a staged network, and how far each sees.

A NaN spreads to everything that is computed from it, whatever the weights: it shows exactly what depends on what.
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from core.nets import build
from core.nets.staged import Staged
from core.registry import list_models

LITE = {"encoder": "efficientnet_lite0", "width": 16}
VARIANTS = [
    ("aspp", LITE), ("deeplab_v3plus", LITE), ("rae_d", LITE), ("rae_d", LITE | {"pool_window": 25}),
    ("fstf_net", LITE), ("fstf_net", LITE | {"fusion": "stack"}), ("fstf_net", {"width": 8, "pool_window": 9}),
    ("deeplab_v3plus", {"width": 8, "pool_window": 41}),
]


@pytest.fixture(autouse=True)
def plain_convolutions(monkeypatch) -> Iterator[None]:
    """Winograd and the like would spread a NaN over a whole block."""
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def network(request) -> Staged:
    name, arguments = request.param
    return build(name, 2, **arguments).eval()


def poisoned(x: Tensor, column: int) -> Tensor:
    """Return one row ``x`` (1, c, h, w) with a NaN in one column."""
    x = x.clone()
    x[..., column] = torch.nan
    return x


def columns(x: Tensor) -> Tensor:
    """Return the columns of ``x`` (1, c, h, w) that hold a NaN, in order."""
    return x.isnan().any(dim=2).any(dim=1)[0].nonzero()[:, 0]


def given(network: Staged, width: int) -> list[Tensor]:
    topography = [torch.randn(1, len(network.topography_channels), 16, width)] if network.topography_channels else []
    return [torch.randn(1, 3, 16, width), *topography]


def gap(pixel: int, cell: int, stride: int) -> int:
    """Return how far a pixel lies from the square that a cell stands for."""
    return max(cell * stride - pixel, pixel - (cell * stride + stride - 1), 0)


def test_near_sees_as_far_as_it_says_and_no_further(network: Staged) -> None:
    width, gaps = 256, []
    for pixel in range(width // 2, width // 2 + 16):
        for features in network.near(*(poisoned(x, pixel) for x in given(network, width))):
            stride = width // features.shape[-1]
            gaps.extend(gap(pixel, cell, stride) for cell in columns(features).tolist())
    assert max(gaps) == network.reach.near_px


def test_far_sees_as_far_as_it_says_and_no_further(network: Staged) -> None:
    cells = 100
    _, _, *at16 = network.near(*given(network, 16 * cells))
    seen = columns(network.far(*(poisoned(x, cells // 2) for x in at16)))
    assert max(abs(int(cell) - cells // 2) for cell in (seen[0], seen[-1])) == network.reach.far_cells


def test_decode_sees_as_far_as_it_says_and_no_further(network: Staged) -> None:
    width, gaps = 160, []
    skip4, skip8, *at16 = network.near(*given(network, width))
    inputs = [network.far(*at16), skip8, skip4]
    for index, stride in enumerate((16, 8, 4)):
        cell = width // stride // 2
        logits = network.decode(*(poisoned(x, cell) if i == index else x for i, x in enumerate(inputs)))
        gaps.extend(gap(pixel, cell, stride) for pixel in columns(logits).tolist())
    assert max(gaps) == network.reach.decode_px


def test_forward_is_the_three_parts_in_series(network: Staged) -> None:
    inputs = [torch.randn(2, 3, 48, 64)]
    if network.topography_channels:
        inputs.append(torch.randn(2, len(network.topography_channels), 48, 64))
    skip4, skip8, *at16 = network.near(*inputs)
    assert [(x.shape[-2], x.shape[-1]) for x in (skip4, skip8, *at16)] == [(12, 16), (6, 8), *[(3, 4)] * len(at16)]
    context = network.far(*at16)
    assert (context.shape[-2], context.shape[-1]) == (3, 4)
    assert torch.equal(network.decode(context, skip8, skip4), network(*inputs))


def test_pooling_everything_has_no_finite_reach() -> None:
    with torch.device("meta"):
        assert build("rae_d", 2).reach == (53, None, 38)
        assert build("fstf_net", 2, pool_window=31).reach == (90, 5 + 6 + 18, 38)


def test_the_shipped_models_see_as_far_as_they_did_in_training() -> None:
    reaches = {card.name: build(card.architecture, 2, **card.arguments).reach for card in list_models()
               if card.name in ("fstf_net_lite", "rae_d_lite")}
    assert reaches == {"fstf_net_lite": (59, 24 + 9, 38), "rae_d_lite": (41, 24 + 9, 38)}
