"""DeepLab v3+: ASPP and one skip."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar, Unpack

from core.nets.blocks import Decoder
from core.nets.resnet import ResNet50
from core.nets.staged import Pyramid, Size, Staged


class DeepLabV3Plus(Staged):
    """Encoder, ASPP, x4, a skip at 1/4, two 3x3, classifier, x4 (Chen et al. 2018, arXiv 1802.02611).

    The skip is what that paper takes: the output of the stage at 1/4, reduced to 48 channels; not RAE-D's inner layer.

    Args:
        classes: Number of classes, from 1.
        dropout: Probability before the classifier.
        **pyramid: See ``core.nets.staged.Pyramid``.
    """

    SIZES: ClassVar[dict[str, Size]] = Staged.SIZES | {
        "resnet50": replace(Staged.SIZES["resnet50"], encoder=partial(ResNet50, squeezed=False)),
    }

    def __init__(self, classes: int, *, dropout: float = 0.5, **pyramid: Unpack[Pyramid]) -> None:
        super().__init__(**pyramid)
        self.decoder = Decoder(self.width, self.width, classes, dropout, skip4=self.encoder.skip4)
