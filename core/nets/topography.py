"""The topographic branches: slope, aspect and NDVI to features at 1/16."""

from __future__ import annotations

from torch import Tensor, nn

from core.nets.blocks import conv_bn
from core.nets.vgg import vgg16_features

TOPOGRAPHY_CHANNELS = ("slope", "aspect_sin", "aspect_cos", "ndvi", "dem_present", "ndvi_present")
"""What a branch is given, in order; see ``core.normalize.topography_tensor``.

The paper has three channels: slope, aspect, NDVI. Aspect is a circle, on which 1 and 359 degrees are neighbours: as
sine and cosine they are near each other, and flats have a value of their own, 0. DEM and NDVI are often missing, in
whole or in part: a presence channel each tells missing from zero.
"""


class SlimTopography(nn.Module):
    """As the paper's VGG-16 branch (four 2x2 poolings), an eighth to a quarter of its width: 1/16, 128 channels."""

    outputs = 128

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            conv_bn(len(TOPOGRAPHY_CHANNELS), 16), nn.MaxPool2d(2),
            conv_bn(16, 32), nn.MaxPool2d(2),
            conv_bn(32, 64), conv_bn(64, 64), nn.MaxPool2d(2),
            conv_bn(64, 96), conv_bn(96, 96), nn.MaxPool2d(2),
            conv_bn(96, self.outputs), conv_bn(self.outputs, self.outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 6, h, w) to (n, 128, h/16, w/16)."""
        return self.stages(x)


class VggTopography(nn.Module):
    """The paper's: conv1 to conv5 of VGG-16 with batch norm, four 2x2 poolings: 1/16, 512 channels."""

    outputs = 512

    def __init__(self) -> None:
        super().__init__()
        self.features = vgg16_features(len(TOPOGRAPHY_CHANNELS), norm=True, poolings=4)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 6, h, w) to (n, 512, h/16, w/16)."""
        return self.features(x)


BRANCHES: dict[str, type[SlimTopography | VggTopography]] = {"vgg16_bn": VggTopography, "slim": SlimTopography}
