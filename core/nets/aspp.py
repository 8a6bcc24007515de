"""ASPP: the paper's baseline without skips."""

from __future__ import annotations

from typing import Unpack

from core.nets.blocks import Decoder
from core.nets.staged import Pyramid, Staged


class AsppNet(Staged):
    """Encoder, ASPP, classifier at 1/16, bilinear x16 (Chen et al. 2017, arXiv 1706.05587).

    Args:
        classes: Number of classes, from 1.
        dropout: Probability before the classifier.
        **pyramid: See ``core.nets.staged.Pyramid``.
    """

    def __init__(self, classes: int, *, dropout: float = 0.5, **pyramid: Unpack[Pyramid]) -> None:
        super().__init__(**pyramid)
        self.decoder = Decoder(self.width, self.width, classes, dropout)
