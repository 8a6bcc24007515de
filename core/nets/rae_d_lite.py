"""RAE-D on the lite encoder: image only."""

from __future__ import annotations

from core.nets.blocks import ASPP, SteppedDecoder
from core.nets.efficientnet_lite import EfficientNetLite0
from core.nets.staged import Staged


class RaeDLite(Staged):
    """EfficientNet-Lite0, ASPP and the stepped decoder (Xia et al. 2021, section 2.1, on a laptop's encoder).

    Args:
        classes: Number of classes, from 1.
        width: Channels of ASPP and decoder.
        rates: ASPP dilation rates in cells of 16 pixels; a third to a half of the paper's, which suit crops of 384.
        pool_window: Side of the pooled neighbourhood in cells of 16 pixels; 0 is the paper's global pooling.
        dropout: Probability before the classifier.
    """

    def __init__(self, classes: int, *, width: int = 128, rates: tuple[int, ...] = (3, 6, 9),
                 pool_window: int = 15, dropout: float = 0.5) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.aspp = ASPP(EfficientNetLite0.TOP, width, tuple(rates), pool_window)
        self.decoder = SteppedDecoder(width, EfficientNetLite0.SKIP8, EfficientNetLite0.SKIP4, width, classes, dropout)
