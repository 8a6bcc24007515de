"""The loss: cross-entropy, eq. (2) of Xia et al. 2021, and soft Dice on the landslide class."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from core.config import CLASS_NODATA


def cross_entropy_dice(logits: Tensor, label: Tensor, landslide: int) -> Tensor:
    """Return the mean cross-entropy plus one minus the batch's Dice coefficient of the landslide class.

    Args:
        logits: (n, classes, h, w).
        label: (n, h, w) int64; 255 is ignored.
        landslide: Channel of the landslide class.
    """
    logits = logits.float()
    entropy = F.cross_entropy(logits, label, ignore_index=CLASS_NODATA)
    known = label != CLASS_NODATA
    truth = (label == landslide)[known].float()
    probability = logits.softmax(1)[:, landslide][known]
    dice = (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    return entropy + 1 - dice
