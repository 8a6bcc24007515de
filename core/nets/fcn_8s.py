"""FCN-8s: the Basic FCN with two skips."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from core.nets.basic_fcn import BasicFcn
from core.nets.blocks import upsample


class Fcn8s(BasicFcn):
    """Scores at 1/32, 1/16 and 1/8 are added on the way up, then bilinear x8 (Long et al. 2015, arXiv 1411.4038).

    The skips are VGG-16's pool4 and pool3, or the lite encoder's last features at 1/16 and 1/8. All up-sampling is
    bilinear, which is where the original's learnt one starts.

    Args:
        classes: Number of classes, from 1.
        **settings: See ``BasicFcn``.
    """

    def __init__(self, classes: int, **settings: Any) -> None:  # noqa: ANN401 - BasicFcn's
        super().__init__(classes, **settings)
        self.classify16 = nn.Conv2d(self.encoder.skip16, classes, 1)
        self.classify8 = nn.Conv2d(self.encoder.skip8, classes, 1)

    def score(self, at8: Tensor, at16: Tensor, top: Tensor) -> Tensor:
        """Map features at 1/8, 1/16 and 1/32 to coarse logits, at 1/8."""
        score = self.classify(top)
        for features, classify in ((at16, self.classify16), (at8, self.classify8)):
            score = classify(features) + upsample(score, (features.shape[-2], features.shape[-1]))
        return score
