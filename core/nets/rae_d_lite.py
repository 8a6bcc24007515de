"""RAE-D on the lite encoder: image only."""

from __future__ import annotations

from torch import Tensor, nn

from core.nets.blocks import ASPP, SteppedDecoder, pad_to_multiple
from core.nets.efficientnet_lite import EfficientNetLite0


class RaeDLite(nn.Module):
    """EfficientNet-Lite0, ASPP and the stepped decoder (Xia et al. 2021, section 2.1, on a laptop's encoder).

    Args:
        classes: Number of classes, from 1.
        width: Channels of ASPP and decoder.
        rates: ASPP dilation rates in cells of 16 pixels; a third to a half of the paper's, which suit crops of 384.
        pool_window: Side of the pooled neighbourhood in cells of 16 pixels; 0 is the paper's global pooling.
        dropout: Probability before the classifier.
    """

    topography_channels: tuple[str, ...] = ()

    def __init__(self, classes: int, *, width: int = 128, rates: tuple[int, ...] = (3, 6, 9),
                 pool_window: int = 15, dropout: float = 0.5) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.aspp = ASPP(EfficientNetLite0.TOP, width, tuple(rates), pool_window)
        self.decoder = SteppedDecoder(width, EfficientNetLite0.SKIP8, EfficientNetLite0.SKIP4, width, classes, dropout)

    def load_imagenet(self) -> None:
        """Start the encoder from ImageNet."""
        self.encoder.load_imagenet()

    def forward(self, image: Tensor) -> Tensor:
        """Map a normalised image (n, 3, h, w) of any size to logits (n, classes, h, w)."""
        height, width = image.shape[-2:]
        image = pad_to_multiple(image, 16)
        skip4, skip8, top = self.encoder(image)
        logits = self.decoder(self.aspp(top), skip8, skip4, (image.shape[-2], image.shape[-1]))
        return logits[..., :height, :width]
