"""The slim topographic branch of the lite networks."""

from __future__ import annotations

from torch import Tensor, nn

from core.nets.blocks import conv_bn

TOPOGRAPHY_CHANNELS = ("slope", "aspect_sin", "aspect_cos", "ndvi", "dem_present", "ndvi_present")
"""Channels of the lite branch, in order; see ``core.normalize.topography``."""


class SlimTopography(nn.Module):
    """As the paper's VGG-16 branch (four 2x2 poolings), an eighth to a quarter of its width: 1/16, 128 channels."""

    OUT = 128

    def __init__(self, inputs: int = len(TOPOGRAPHY_CHANNELS)) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            conv_bn(inputs, 16), nn.MaxPool2d(2),
            conv_bn(16, 32), nn.MaxPool2d(2),
            conv_bn(32, 64), conv_bn(64, 64), nn.MaxPool2d(2),
            conv_bn(64, 96), conv_bn(96, 96), nn.MaxPool2d(2),
            conv_bn(96, self.OUT), conv_bn(self.OUT, self.OUT),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, 128, h/16, w/16)."""
        return self.stages(x)
