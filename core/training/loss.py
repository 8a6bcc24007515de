"""The loss: cross-entropy, eq. (2) of Xia et al. 2021, and soft Dice on the landslide class; labels may be partial."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.config import CLASS_NODATA

NOT_LANDSLIDE = 254
"""Label of a pixel that is any class but landslide; which one is unknown."""


def cross_entropy_dice(logits: Tensor, label: Tensor, landslide: int, *, cover_dice: bool = False) -> Tensor:
    """Return the mean cross-entropy plus one minus the batch's Dice coefficient of the landslide class.

    Where a label only says that there is no landslide, the cross-entropy is that of the other classes' sum.

    Args:
        logits: (n, classes, h, w).
        label: (n, h, w) int64; ``NOT_LANDSLIDE`` is any other class, 255 is ignored.
        landslide: Channel of the landslide class.
        cover_dice: Add one minus the mean Dice coefficient of the other classes that the batch's labels name: classes
            that few pixels show count as much as those that cover the ground.
    """
    chances = F.log_softmax(logits.float(), 1)
    partial, known = label == NOT_LANDSLIDE, (label != CLASS_NODATA).float()
    classes = label.clamp(max=chances.shape[1] - 1)
    right = chances.gather(1, classes[:, None])[:, 0]
    others = [channel for channel in range(chances.shape[1]) if channel != landslide]
    right = right.where(~partial, chances[:, others].logsumexp(1))
    loss = 1 - (right * known).sum() / known.sum().clamp(min=1) - _dice(chances, label, landslide, known)
    if cover_dice:
        named = known * ~partial
        shown = [channel for channel in others if bool((label == channel).any())]
        if shown:
            loss = loss + 1 - torch.stack([_dice(chances, label, channel, named) for channel in shown]).mean()
    return loss


def _dice(chances: Tensor, label: Tensor, channel: int, known: Tensor) -> Tensor:
    truth, probability = (label == channel) * known, chances[:, channel].exp() * known
    return (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
