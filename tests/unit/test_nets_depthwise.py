"""Depthwise convolution for training: PyTorch's own results and gradients, in float32 and in autocast."""

import pytest
import torch
import torch.nn.functional as F

from core.nets.depthwise import depthwise
from core.nets.efficientnet_lite import EfficientNetLite0


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 1, 2), (3, 2, 0), (5, 2, 0), (5, 1, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_results_and_gradients_are_those_of_conv2d(kernel: int, stride: int, padding: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 20, 13, 15, generator=generator).to(dtype).to(memory_format=torch.channels_last)
    weight = torch.randn(20, 1, kernel, kernel, generator=generator)
    found, wanted = [], []
    for results, kind, apply in ((found, dtype, depthwise), (wanted, torch.float32, None)):
        a, w = x.to(kind).requires_grad_(), weight.to(dtype).to(kind).requires_grad_()
        y = apply(a, w, stride, padding) if apply else F.conv2d(a, w, None, stride, padding, 1, 20)
        assert y.dtype == kind
        slope = torch.linspace(-1, 1, y.numel()).view_as(y).to(dtype)
        results.extend([y, *torch.autograd.grad(y, (a, w), slope.to(kind))])
    for one, other in zip(found, wanted, strict=True):
        close = 1e-5 if dtype == torch.float32 else 0.02
        assert (one.detach().float() - other.detach()).abs().max() <= close * other.detach().abs().max()


def test_an_encoder_in_training_gives_what_it_gives_in_evaluation() -> None:
    torch.manual_seed(2)
    encoder = EfficientNetLite0().eval()
    image = torch.randn(1, 3, 96, 64)
    wanted = encoder(image)
    for module in encoder.modules():
        if not isinstance(module, torch.nn.BatchNorm2d):
            module.training = True
    for one, other in zip(encoder(image), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert encoder(image)[-1].dtype == torch.bfloat16
