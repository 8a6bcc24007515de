"""Wide dilated convolutions in slices: the same function, the same weights."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.engines import compile_graph
from core.engines.slices import SlicedConv, sliced
from core.nets.blocks import ASPP


@pytest.fixture(scope="module")
def aspp() -> nn.Module:
    torch.manual_seed(5)
    pyramid = ASPP(700, 16, (2, 6, 12)).eval()
    for module in pyramid.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return pyramid


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (16, 16), (31, 8)])
@torch.inference_mode()
def test_slices_are_the_same_function_at_any_size(aspp: nn.Module, size: tuple[int, int]) -> None:
    x = torch.randn(2, 700, *size)
    rewritten = sliced(aspp)
    assert sum(isinstance(module, SlicedConv) for module in rewritten.modules()) == 3
    assert (rewritten(x) - aspp(x)).abs().max() < 1e-5


@torch.inference_mode()
def test_stride_and_bias_are_kept() -> None:
    conv = nn.Conv2d(513, 4, 3, stride=2, padding=3, dilation=2)
    x = torch.randn(1, 513, 13, 10)
    torch.testing.assert_close(sliced(conv)(x), conv(x), atol=1e-5, rtol=0)


def test_the_original_is_left_as_it_is_and_its_weights_are_shared(aspp: nn.Module) -> None:
    rewritten = sliced(aspp)
    assert not any(isinstance(module, SlicedConv) for module in aspp.modules())
    assert {id(value) for value in rewritten.parameters()} == {id(value) for value in aspp.parameters()}


@pytest.mark.parametrize("other", [nn.Conv2d(512, 4, 3, dilation=2), nn.Conv2d(1024, 4, 3),
                                   nn.Conv2d(1024, 1024, 3, dilation=2, groups=1024)])
def test_what_gains_nothing_is_left_alone(other: nn.Conv2d) -> None:
    network = nn.Sequential(nn.Sequential(other), nn.ReLU())
    assert sliced(network) is network


class _Twice(nn.Module):
    """Calls a method of a part, as the staged networks are called, and one part twice."""

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.pyramid = pyramid

    def forward(self, x: Tensor) -> Tensor:
        return self.pyramid.branches[1](x) + self.pyramid.forward(x)


def test_openvino_runs_the_slices(aspp: nn.Module) -> None:
    x = np.random.default_rng(3).random((1, 700, 9, 13), np.float32)
    with (compile_graph(_Twice(aspp), [x.shape], engine="torch") as whole,
          compile_graph(_Twice(aspp), [x.shape], engine="openvino", precision="bf16") as graph):
        assert np.abs(graph(x)[0] - whole(x)[0]).max() < 0.05 * whole(x)[0].max()
