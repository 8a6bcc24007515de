"""The parts the networks share: convolution with batch norm, pyramid pooling, decoder stage."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.nets.reach import Field


def conv_bn(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return convolution, batch norm and ReLU, keeping the feature size at stride 1."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``x`` (n, c, h, w) brought to ``size`` bilinearly, pixel centres aligned."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Return ``x`` (n, c, h, w) with zeros added below and to the right up to the next multiple."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple))


class ContextPool(nn.Module):
    """The pyramid's pooled branch: a mean over the surroundings, then a 1x1 convolution.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        window: Side of the pooled neighbourhood in feature cells (odd); 0 pools the whole input as the
            paper does. A whole-input mean changes with the window a scene is cut into; a fixed
            neighbourhood does not, so seams can vanish once the halo covers it.
    """

    def __init__(self, inputs: int, outputs: int, window: int = 0) -> None:
        super().__init__()
        self.window = window
        self.project = conv_bn(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h, w)."""
        size = (x.shape[-2], x.shape[-1])
        if not self.window:
            return upsample(self.project(F.adaptive_avg_pool2d(x, 1)), size)
        half = self.window // 2
        rows = F.avg_pool2d(x, (self.window, 1), 1, (half, 0), count_include_pad=False)
        return self.project(F.avg_pool2d(rows, (1, self.window), 1, (0, half), count_include_pad=False))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, three dilated 3x3, and a pooled branch, then 1x1.

    Source: Chen et al. 2017, arXiv 1706.05587; rates 6, 12, 18 as in Xia et al. 2021, section 2.1.1.
    """

    def __init__(self, inputs: int, outputs: int, rates: tuple[int, ...], pool_window: int = 0) -> None:
        super().__init__()
        self.branches = nn.ModuleList([conv_bn(inputs, outputs, 1)])
        self.branches.extend(conv_bn(inputs, outputs, 3, dilation=rate) for rate in rates)
        self.context = ContextPool(inputs, outputs, pool_window)
        self.merge = conv_bn((len(rates) + 2) * outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h, w)."""
        return self.merge(torch.cat([*(branch(x) for branch in self.branches), self.context(x)], 1))

    @property
    def reach(self) -> int | None:
        """Cells that are seen on each side; None for all of them."""
        widest = max(Field().through(branch).radius for branch in self.branches)
        return max(widest, self.context.window // 2) if self.context.window else None


class DecoderStage(nn.Module):
    """Bring features to a skip's size, concatenate the reduced skip, refine with two 3x3."""

    def __init__(self, inputs: int, skip: int, outputs: int, reduced: int = 48) -> None:
        super().__init__()
        self.reduce = conv_bn(skip, reduced, 1)
        self.refine = nn.Sequential(conv_bn(inputs + reduced, outputs), conv_bn(outputs, outputs))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map (n, inputs, h, w) and (n, skip, H, W) to (n, outputs, H, W)."""
        x = upsample(x, (skip.shape[-2], skip.shape[-1]))
        return self.refine(torch.cat([x, self.reduce(skip)], 1))

    @property
    def reach(self) -> int:
        """Cells of the skip's size that are seen on each side, before up-sampling."""
        return Field().through(self.refine).radius


def classifier(inputs: int, classes: int, dropout: float) -> nn.Sequential:
    """Return a 1x1 convolution to logits behind dropout of whole channels."""
    return nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(inputs, classes, 1))


class Merged(nn.Module):
    """Logits of one class and of the others taken together; softmax gives the class the probability that it had.

    Args:
        kept: Channel of the class.
    """

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, logits: Tensor) -> Tensor:
        """Map (n, classes, h, w) to (n, 2, h, w): the others, then the class."""
        before, kept, after = torch.split(logits, [self.kept, 1, logits.shape[1] - self.kept - 1], 1)
        return torch.cat([torch.cat([before, after], 1).logsumexp(1, keepdim=True), kept], 1)


class Decoder(nn.Module):
    """From features at 1/16 to logits, by way of the skips it has; bilinear up to each and from the last.

    With both it is the paper's (Xia et al. 2021, Fig. 3): x2, skip at 1/8, x2, skip at 1/4, classifier, x4.

    Args:
        inputs: Channels at 1/16.
        width: Channels behind a skip.
        classes: Number of classes.
        dropout: Probability before the classifier.
        skip8: Channels of the skip at 1/8; 0: it is not used.
        skip4: Channels of the skip at 1/4; 0: it is not used.
    """

    def __init__(self, inputs: int, width: int, classes: int, dropout: float, *, skip8: int = 0,
                 skip4: int = 0) -> None:
        super().__init__()
        self.stage8 = DecoderStage(inputs, skip8, width) if skip8 else None
        self.stage4 = DecoderStage(width if skip8 else inputs, skip4, width) if skip4 else None
        self.classify = classifier(width if skip8 or skip4 else inputs, classes, dropout)

    def forward(self, x: Tensor, skip8: Tensor, skip4: Tensor) -> Tensor:
        """Map features at 1/16 and two skips to logits (n, classes, 4 * h4, 4 * w4)."""
        if self.stage8 is not None:
            x = self.stage8(x, skip8)
        if self.stage4 is not None:
            x = self.stage4(x, skip4)
        return upsample(self.classify(x), (4 * skip4.shape[-2], 4 * skip4.shape[-1]))

    @property
    def reach_px(self) -> int:
        """Pixels between a logit and the furthest square it depends on; bilinear steps see half a coarse cell."""
        reach, stride = 0, 16
        for finer, stage in ((8, self.stage8), (4, self.stage4)):
            if stage is not None:
                reach, stride = reach + stride // 2 + finer * stage.reach, finer
        return reach + stride // 2
