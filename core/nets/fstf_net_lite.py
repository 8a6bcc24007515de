"""FSTF-Net on the lite encoder: image and topography, fused by concatenation at 1/16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.nets.blocks import ASPP, SteppedDecoder, pad_to_multiple
from core.nets.efficientnet_lite import EfficientNetLite0
from core.nets.topography import TOPOGRAPHY_CHANNELS, SlimTopography


class FstfNetLite(nn.Module):
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

    def load_imagenet(self) -> None:
        """Start the image encoder from ImageNet."""
        self.encoder.load_imagenet()

    def forward(self, image: Tensor, topography: Tensor) -> Tensor:
        """Map image (n, 3, h, w) and topography (n, 6, h, w) of any size to logits (n, classes, h, w)."""
        height, width = image.shape[-2:]
        image, topography = pad_to_multiple(image, 16), pad_to_multiple(topography, 16)
        skip4, skip8, top = self.encoder(image)
        fused = torch.cat([self.aspp(top), self.topography(topography)], 1)
        logits = self.decoder(fused, skip8, skip4, (image.shape[-2], image.shape[-1]))
        return logits[..., :height, :width]
