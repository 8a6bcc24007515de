"""The contract that every network passes."""

import pytest
import torch

from benchmarks.seams import FIELD_PX
from core.errors import InputError, UnknownNameError
from core.nets import ARCHITECTURES, build
from core.nets.blocks import ContextPool

NAMES = sorted(ARCHITECTURES)


def inputs(network: torch.nn.Module, height: int, width: int, batch: int = 1) -> list[torch.Tensor]:
    torch.manual_seed(0)
    made = [torch.randn(batch, 3, height, width)]
    if network.topography_channels:
        made.append(torch.randn(batch, len(network.topography_channels), height, width))
    return made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("classes", "height", "width"), [(1, 64, 64), (2, 71, 95), (6, 33, 160)])
def test_maps_any_size_to_logits_of_that_size(name: str, classes: int, height: int, width: int) -> None:
    network = build(name, classes).eval()
    with torch.inference_mode():
        logits = network(*inputs(network, height, width))
    assert logits.shape == (1, classes, height, width)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    network = build(name, 3).train()
    network(*inputs(network, 96, 64, batch=2)).square().mean().backward()
    without = [p for p, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("name", NAMES)
def test_missing_topography_still_gives_a_prediction(name: str) -> None:
    network = build(name, 2).eval()
    given = inputs(network, 64, 64)
    with torch.inference_mode():
        full = network(*given)
        absent = network(given[0], *(torch.zeros_like(t) for t in given[1:]))
    assert torch.isfinite(absent).all()
    assert torch.equal(full, absent) == (not network.topography_channels)


@pytest.mark.parametrize("name", NAMES)
def test_imagenet_weights_change_only_the_encoder(name: str) -> None:
    torch.manual_seed(1)
    network = build(name, 2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_imagenet()
    changed = {key.split(".")[0] for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"encoder"}


@pytest.mark.parametrize("name", NAMES)
def test_training_and_evaluation_share_one_dilated_convolution(name: str) -> None:
    block = build(name, 2).encoder._blocks[13]._depthwise_conv
    x = torch.randn(2, block.in_channels, 12, 8)
    assert torch.allclose(block.train()(x), block.eval()(x), atol=1e-5)


def test_output_stride_is_16_and_the_skips_are_at_4_and_8() -> None:
    encoder = build("fstf_net_lite", 2).encoder.eval()
    skip4, skip8, at16 = encoder.near(torch.randn(1, 3, 64, 96))
    assert [tuple(t.shape[1:]) for t in (skip4, skip8, at16)] == [(24, 16, 24), (40, 8, 12), (80, 4, 6)]
    assert encoder.far(at16).shape == (1, 320, 4, 6)


def test_a_fixed_pooling_window_makes_the_context_local() -> None:
    pool = ContextPool(4, 4, window=5).eval()
    x = torch.randn(1, 4, 20, 20)
    far = x.clone()
    far[..., 15:, 15:] += 9
    assert torch.equal(pool(x)[..., :10, :10], pool(far)[..., :10, :10])
    whole = ContextPool(4, 4, window=0).eval()
    assert not torch.equal(whole(x)[..., :10, :10], whole(far)[..., :10, :10])


def test_unknown_names_and_arguments_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="fstf_net_lite"):
        build("unet", 2)
    with pytest.raises(InputError, match="classes"):
        build("rae_d_lite", 0)
    with pytest.raises(InputError, match="colour"):
        build("rae_d_lite", 2, colour="red")


@pytest.mark.parametrize("name", NAMES)
def test_no_lite_network_sees_further_than_the_seam_measurement_assumes(name: str) -> None:
    network = build(name, 2).eval()
    network.load_imagenet()
    given = [t[..., :16, :] for t in inputs(network, 32, 1312)]
    centre = 656

    def seen(reach: int) -> float:
        changed = [t.clone() for t in given]
        for t in changed:
            t[..., : centre - reach] += 3
            t[..., centre + reach:] -= 3
        with torch.inference_mode():
            return float((network(*changed) - network(*given))[..., centre].abs().max())

    assert seen(FIELD_PX) < 1e-6 < 1e-5 < seen(256)  # rounding depends on where vector lanes begin
