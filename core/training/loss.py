"""The loss: cross-entropy, eq. (2) of Xia et al. 2021, and soft Dice on the landslide class; labels may be partial."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from core.config import CLASS_NODATA

NOT_LANDSLIDE = 254
"""Label of a pixel that is any class but landslide; which one is unknown."""


def cross_entropy_dice(logits: Tensor, label: Tensor, landslide: int) -> Tensor:
    """Return the mean cross-entropy plus one minus the batch's Dice coefficient of the landslide class.

    Where a label only says that there is no landslide, the cross-entropy is that of the other classes' sum.

    Args:
        logits: (n, classes, h, w).
        label: (n, h, w) int64; ``NOT_LANDSLIDE`` is any other class, 255 is ignored.
        landslide: Channel of the landslide class.
    """
    chances = F.log_softmax(logits.float(), 1)
    partial, known = label == NOT_LANDSLIDE, (label != CLASS_NODATA).float()
    classes = label.clamp(max=chances.shape[1] - 1)
    right = chances.gather(1, classes[:, None])[:, 0]
    others = [channel for channel in range(chances.shape[1]) if channel != landslide]
    right = right.where(~partial, chances[:, others].logsumexp(1))
    entropy = -(right * known).sum() / known.sum().clamp(min=1)
    truth, probability = (label == landslide) * known, chances[:, landslide].exp() * known
    dice = (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    return entropy + 1 - dice
