"""Pictures of what fine-tuning changed on ground that was held out: the image, before, and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.special import expit

from core.config import CLASS_NODATA
from core.training.holdout import held_out_odds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from core.registry import ModelCard
    from core.training.sources import Ground

PICTURES = 6
MOST_PX = 420
GAP_PX = 8
COLOURS = {"found": "#2f8a66", "missed": "#3a6fc8", "false alarm": "#e4572e"}
"""Of pixels; apart in lightness too, so that they are told apart with red-green blindness."""
_STRENGTH = 0.6


def draw_changes(folder: Path, grounds: list[Ground], models: Sequence[tuple[nn.Module, ModelCard]]) -> list[Path]:
    """Write one WebP for each of a few held-out pieces with landslides: image, first model, second model.

    Args:
        folder: Where to; made when it is missing.
        grounds: What was held out.
        models: Networks in evaluation mode, each with the card that has its temperature and threshold.

    Returns:
        The files, the pieces with the most landslide first.
    """
    slide = models[0][1].classes.landslide
    most = sorted(grounds, key=lambda ground: -int((ground.label == slide).sum()))[:PICTURES]
    chosen = [ground for ground in most if (ground.label == slide).any()]
    called = [_called(network, card, chosen) for network, card in models]
    folder.mkdir(exist_ok=True)
    files = []
    for number, ground in enumerate(chosen):
        label = ground.label.numpy()
        rows, columns = np.nonzero(label != CLASS_NODATA)
        inside = np.s_[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
        image = ground.image[:3].numpy().transpose(1, 2, 0)[inside]
        panels = [image, *(_painted(image, label[inside], each[number][inside], slide) for each in called)]
        path = folder / f"{number + 1}.webp"
        _side_by_side(panels).save(path, "WEBP", quality=85)
        files.append(path)
    return files


def _called(network: nn.Module, card: ModelCard, grounds: list[Ground]) -> list[NDArray[np.bool_]]:
    """Return where a model calls landslide on each piece; a piece is no larger than one window."""
    slide, found = card.classes.landslide, [np.zeros(tuple(ground.label.shape), bool) for ground in grounds]
    for number, label, odds in held_out_odds(network, grounds, slide):
        height, width = label.shape
        found[number][:height, :width] |= expit(odds / card.temperature) >= card.threshold
    return found


def _painted(image: NDArray[np.uint8], label: NDArray[np.uint8], called: NDArray[np.bool_], slide: int,
             ) -> NDArray[np.uint8]:
    painted = image.astype(np.float32)
    known, real = label != CLASS_NODATA, label == slide
    for name, where in (("found", real & called), ("missed", real & ~called), ("false alarm", known & ~real & called)):
        colour = np.array([int(COLOURS[name][i:i + 2], 16) for i in (1, 3, 5)], np.float32)
        painted[where] = (1 - _STRENGTH) * painted[where] + _STRENGTH * colour
    return painted.astype(np.uint8)


def _side_by_side(panels: Sequence[NDArray[np.uint8]]) -> Image.Image:
    pictures = [Image.fromarray(np.ascontiguousarray(panel)) for panel in panels]
    scale = min(1.0, MOST_PX / max(pictures[0].size))
    size = (max(1, round(pictures[0].width * scale)), max(1, round(pictures[0].height * scale)))
    whole = Image.new("RGB", (len(pictures) * (size[0] + GAP_PX) - GAP_PX, size[1]), "white")
    for at, picture in enumerate(pictures):
        whole.paste(picture.resize(size, Image.Resampling.LANCZOS), (at * (size[0] + GAP_PX), 0))
    return whole
