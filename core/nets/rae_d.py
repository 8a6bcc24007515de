"""RAE-D: ASPP and two skips; image only."""

from __future__ import annotations

from typing import Unpack

from core.nets.blocks import Decoder
from core.nets.staged import Pyramid, Staged


class RaeD(Staged):
    """Residual network, ASPP and a stepped decoder (Xia et al. 2021, section 2.1, Fig. 3).

    Args:
        classes: Number of classes, from 1.
        dropout: Probability before the classifier.
        **pyramid: See ``core.nets.staged.Pyramid``.
    """

    def __init__(self, classes: int, *, dropout: float = 0.5, **pyramid: Unpack[Pyramid]) -> None:
        super().__init__(**pyramid)
        self.decoder = Decoder(self.width, self.width, classes, dropout, skip8=self.encoder.skip8,
                               skip4=self.encoder.skip4)
