"""FSTF-Net on the lite encoder: image and topography, fused by concatenation at 1/16."""

from __future__ import annotations

import torch
from torch import Tensor

from core.nets.blocks import ASPP, SteppedDecoder
from core.nets.efficientnet_lite import EfficientNetLite0
from core.nets.staged import Staged
from core.nets.topography import TOPOGRAPHY_CHANNELS, SlimTopography


class FstfNetLite(Staged):
    """RAE-D lite with a topographic branch joined to the ASPP's output, eq. (1) of Xia et al. 2021.

    Args:
        classes: Number of classes, from 1.
        width: Channels of ASPP and decoder.
        rates: ASPP dilation rates in cells of 16 pixels.
        pool_window: Side of the pooled neighbourhood in cells of 16 pixels; 0 is the paper's global pooling.
        dropout: Probability before the classifier.
    """

    topography_channels = TOPOGRAPHY_CHANNELS

    def __init__(self, classes: int, *, width: int = 128, rates: tuple[int, ...] = (3, 6, 9),
                 pool_window: int = 15, dropout: float = 0.5) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.aspp = ASPP(EfficientNetLite0.TOP, width, tuple(rates), pool_window)
        self.topography = SlimTopography()
        self.decoder = SteppedDecoder(width + SlimTopography.OUT, EfficientNetLite0.SKIP8, EfficientNetLite0.SKIP4,
                                      width, classes, dropout)

    def far(self, image: Tensor, *topography: Tensor) -> Tensor:
        """Join the pyramid's output and the topographic branch's, both at 1/16."""
        return torch.cat([super().far(image), *topography], 1)
