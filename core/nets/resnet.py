"""ResNet-50 as an encoder with output stride 16.

Source: He et al. 2016, arXiv 1512.03385, with the stride of a stage in its first 3x3 convolution. Parameter names are
torchvision's ``resnet50``, so that its ImageNet weights load unchanged.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from core.nets.encoder import Encoder


class Bottleneck(nn.Module):
    """1x1 to a quarter of the outputs, 3x3, 1x1, and a short cut."""

    def __init__(self, inputs: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs),
        ) if inputs != outputs else None

    def squeeze(self, x: Tensor) -> Tensor:
        """Return the output of ``conv1``, behind its batch norm and ReLU."""
        return self.relu(self.bn1(self.conv1(x)))

    def expand(self, x: Tensor, squeezed: Tensor) -> Tensor:
        """Return the block's output from its input and what ``squeeze`` made of that."""
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(squeezed)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, 4 * width, h / stride, w / stride)."""
        return self.expand(x, self.squeeze(x))


def _stage(inputs: int, width: int, blocks: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride, dilation)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 1, dilation) for _ in range(blocks - 1)))


class ResNet50(Encoder):
    """Encoder: (n, c, h, w) to skips at 1/4 and 1/8 and the top at 1/16 (2048 channels).

    The last stage keeps 1/16: its first bottleneck has stride 1, and its 3x3 convolutions have rate 2 (Xia et al.
    2021, section 2.1.1).

    Args:
        inputs: Channels of the image.
        squeezed: Whether the skips are what the first 1x1 convolution of a stage's last bottleneck gives (64 and 128
            channels; RAE-D's), or the stages' outputs (256 and 512; DeepLab v3+'s).
    """

    top = 2048

    def __init__(self, inputs: int = 3, *, squeezed: bool = True) -> None:
        super().__init__()
        self.squeezed = squeezed
        self.skip4, self.skip8 = (64, 128) if squeezed else (256, 512)
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(64, 64, 3)
        self.layer2 = _stage(256, 128, 4, stride=2)
        self.layer3 = _stage(512, 256, 6, stride=2)
        self.layer4 = _stage(1024, 512, 3, dilation=2)

    def near(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the skips at 1/4 and 1/8 and the output of layer3's first bottleneck, at 1/16."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        skip4, x = self._with_skip(self.layer1, x)
        skip8, x = self._with_skip(self.layer2, x)
        return skip4, skip8, self.layer3[0](x)

    def _with_skip(self, stage: nn.Sequential, x: Tensor) -> tuple[Tensor, Tensor]:
        last = cast("Bottleneck", stage[-1])
        x = stage[:-1](x)
        squeezed = last.squeeze(x)
        x = last.expand(x, squeezed)
        return (squeezed if self.squeezed else x), x

    def far(self, x: Tensor) -> Tensor:
        """Return the top from the output of layer3's first bottleneck."""
        return self.layer4(self.layer3[1:](x))

    def layers(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See ``Encoder``."""
        return ([self.conv1, self.maxpool, self.layer1, self.layer2, self.layer3[0]], [self.layer3[1:], self.layer4])
