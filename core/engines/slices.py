"""Wide dilated convolutions in slices of their input channels.

OpenVINO 2026.4's bfloat16 kernels do a dilated 3x3 convolution of 2048 channels, ASPP's on ResNet-50, at a fifth to a
third of the speed they reach with 512. A convolution is a sum over its input channels, so it is done as the sum of
convolutions of 256: the same function up to the order of sums, whatever the size and the rate. Milliseconds on two
cores with AMX (half the processor time, as other work ran beside), 256 outputs where nothing is said:

| channels, rate, cells | precision | whole | 2 slices | 4 slices | 8 slices | a 1x1 a tap, shifted sums |
|---|---|---|---|---|---|---|
| 2048, 6, 32 x 32 | bf16 | 29.3 | 9.4 | 8.6 | 6.4 | 10.2 |
| 2048, 18, 32 x 32 | bf16 | 38.3 | 12.4 | 8.5 | 8.1 | 8.1 |
| 2048, 12, 64 x 64 | bf16 | 144.0 | 44.4 | 33.2 | 31.8 | 45.4 |
| 1024, 6, 32 x 32 | bf16 | 5.0 | 4.1 | 3.6 | 3.3 | 5.4 |
| 512 to 512, 2, 32 x 32 | bf16 | 3.1 | 3.0 | 3.0 | | |
| 320 to 128, 6, 64 x 64 | bf16 | 3.2 | 2.7 | 4.0 | | |
| 2048, 6, 32 x 32 | f32 | 29.6 | 28.0 | 27.2 | | 47.5 |
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLICE = 256
WIDE = 512
"""Up to so many channels slices gain nothing."""


class SlicedConv(nn.Module):
    """A convolution as the sum of convolutions of ``SLICE`` input channels each; it shares the whole one's weights."""

    def __init__(self, whole: nn.Conv2d) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to what the whole convolution makes of it."""
        conv = self.whole
        pairs = zip(torch.split(x, SLICE, 1), torch.split(conv.weight, SLICE, 1), strict=True)
        parts = [F.conv2d(part, weight, None, conv.stride, conv.padding, conv.dilation) for part, weight in pairs]
        total = sum(parts[1:], start=parts[0])
        return total if conv.bias is None else total + conv.bias[:, None, None]


def sliced(module: nn.Module) -> nn.Module:
    """Return the module with its wide dilated convolutions in slices, sharing all weights with it."""
    if isinstance(module, nn.Conv2d):
        wide = module.in_channels > WIDE and max(module.dilation) > 1
        return SlicedConv(module) if wide and module.groups == 1 and module.padding_mode == "zeros" else module
    children = {name: child if child is None else sliced(child) for name, child in module._modules.items()}
    if all(children[name] is child for name, child in module._modules.items()):
        return module
    twin = copy.copy(module)
    twin._modules = children
    return twin
