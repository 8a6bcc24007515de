"""Pictures of held-out ground: what fine-tuning changed there, and where a model fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.special import expit

from core.config import CLASS_NODATA, OUTCOMES
from core.training.holdout import held_out_odds
from core.training.sources import Ground

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from core.registry import ModelCard

PICTURES = 6
FAILURES, FAILURE_PX, LOOKS = 4, 384, 120
MOST_PX = 420
GAP_PX = 8
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


def draw_failures(path: Path, grounds: list[Ground], network: nn.Module, card: ModelCard) -> bool:
    """Write a WebP of the pieces of ground on which a model errs most: images left, what it finds right.

    At most ``LOOKS`` pieces, spread evenly, are looked at.

    Args:
        path: The file; its folder is made when it is missing.
        grounds: What was held out of one source.
        network: In evaluation mode.
        card: Has its temperature and threshold.

    Returns:
        Whether there is a picture: not where nothing is wrong.
    """
    slide, pieces = card.classes.landslide, [piece for ground in grounds for piece in _pieces(ground)]
    pieces = pieces[::-(-len(pieces) // LOOKS) or 1]
    called = _called(network, card, pieces)
    labels = [piece.label.numpy() for piece in pieces]
    wrong = [int(((label != CLASS_NODATA) & ((label == slide) != each)).sum())
             for label, each in zip(labels, called, strict=True)]
    worst = [at for at in np.argsort(wrong)[::-1][:FAILURES] if wrong[at]]
    if not worst:
        path.unlink(missing_ok=True)
        return False
    step = FAILURE_PX + GAP_PX
    whole = Image.new("RGB", (2 * step - GAP_PX, len(worst) * step - GAP_PX), "white")
    for row, at in enumerate(worst):
        image = pieces[at].image[:3].numpy().transpose(1, 2, 0)
        for column, panel in enumerate((image, _painted(image, labels[at], called[at], slide))):
            whole.paste(Image.fromarray(np.ascontiguousarray(panel)), (column * step, row * step))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path, "WEBP", quality=80)
    return True


def _pieces(ground: Ground) -> Iterator[Ground]:
    """Cut ground into squares; those without any label are left out."""
    height, width = ground.label.shape
    times = height // ground.gradients.shape[1] if ground.gradients is not None else 1
    side = FAILURE_PX // times * times
    for top in range(0, height, side):
        for left in range(0, width, side):
            where, coarse = (np.s_[..., top // k:(top + side) // k, left // k:(left + side) // k] for k in (1, times))
            if (ground.label[where] != CLASS_NODATA).any():
                gradients = None if ground.gradients is None else ground.gradients[coarse]
                yield Ground(ground.image[where], ground.label[where], gradients, gsd_m=ground.gsd_m)


def _called(network: nn.Module, card: ModelCard, grounds: list[Ground]) -> list[NDArray[np.bool_]]:
    """Return where a model calls landslide on each piece; a piece is no larger than one window."""
    slide, found = card.classes.landslide, [np.zeros(tuple(ground.label.shape), bool) for ground in grounds]
    for number, label, odds in held_out_odds(network, grounds, slide):
        height, width = label.shape
        threshold = card.threshold_at(grounds[number].gsd_m)
        found[number][:height, :width] |= expit(odds / card.temperature) >= threshold
    return found


def _painted(image: NDArray[np.uint8], label: NDArray[np.uint8], called: NDArray[np.bool_], slide: int,
             ) -> NDArray[np.uint8]:
    painted = image.astype(np.float32)
    known, real = label != CLASS_NODATA, label == slide
    for name, where in (("found", real & called), ("missed", real & ~called), ("false alarm", known & ~real & called)):
        colour = np.array([int(OUTCOMES[name][i:i + 2], 16) for i in (1, 3, 5)], np.float32)
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
