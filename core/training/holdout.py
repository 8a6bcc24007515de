"""How well a network does on held-out ground, and the temperature and threshold that suit it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from core.config import CLASS_NODATA
from core.nets.blocks import Merged
from core.nets.looks import Looks
from core.normalize import image_tensor, topography_tensor
from core.raster import interpolated, reduced
from core.training.device import autocast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn

    from core.config import ClassScheme
    from core.training.sources import Ground

WINDOW, SURROUNDINGS = 512, 256
"""Pixels: side of a window, and what is seen around it. With more in sight networks call more landslide: what is chosen
on narrower windows is wrong where a whole scene is searched."""
MOST_ODDS = 8.0
"""Where several looks are averaged none is surer than this: close to what stored probabilities allow."""
EDGES = np.linspace(-12.0, 12.0, 481)
"""Log-odds of landslide are counted in these bins."""

Counts = NDArray[np.float64]
"""(2, bins): held-out pixels that are not landslide, and that are, by log-odds."""


def held_out_counts(network: nn.Module, grounds: list[Ground], landslide: int, most: int | None = None) -> Counts:
    """Count held-out pixels by label and log-odds of landslide; see ``held_out_odds``."""
    return sum(window_counts(network, grounds, landslide, most), np.zeros((2, len(EDGES) - 1)))


def window_counts(network: nn.Module, grounds: list[Ground], landslide: int, most: int | None = None,
                  ) -> Iterator[Counts]:
    """Count held-out pixels window by window; see ``held_out_odds``."""
    for _, label, odds in held_out_odds(network, grounds, landslide, most):
        yield counted(label, odds, landslide)


def counted(label: NDArray[np.uint8], odds: NDArray[np.float32], landslide: int) -> Counts:
    """Count the labelled pixels of a window."""
    slides, known = label == landslide, label != CLASS_NODATA
    clipped = odds.clip(EDGES[0], EDGES[-1])
    return np.stack([np.histogram(clipped[where], EDGES)[0] for where in (known & ~slides, slides)]).astype(float)


def held_out_odds(network: nn.Module, grounds: list[Ground], landslide: int, most: int | None = None,
                  ) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.float32]]]:
    """Predict held-out ground window by window as detection does: with what is around, and all looks it takes.

    Args:
        network: In evaluation mode.
        grounds: What was held out of one source.
        landslide: Channel of the landslide class.
        most: Windows looked at, the same ones each time; all if left out.

    Yields:
        Number of the piece, label (h, w), and log-odds of landslide (h, w).
    """
    windows = [(number, top, left) for number, ground in enumerate(grounds)
               for top in range(0, ground.label.shape[0], WINDOW) for left in range(0, ground.label.shape[1], WINDOW)
               if (ground.label[top:top + WINDOW, left:left + WINDOW] != CLASS_NODATA).any()]
    step = max(1, -(-len(windows) // most)) if most else 1
    for number, top, left in windows[::step]:
        ground = grounds[number]
        height, width = ground.label.shape
        inner = (slice(top, min(top + WINDOW, height)), slice(left, min(left + WINDOW, width)))
        where = tuple(slice(max(s.start - SURROUNDINGS, 0), min(s.stop + SURROUNDINGS, end))
                      for s, end in zip(inner, (height, width), strict=True))
        image = ground.image[(slice(None), *where)].float().numpy()
        slopes = _slopes(ground, where)
        seen = image.sum(0) > 0
        finer, coarser = getattr(network, "looks", Looks()).at(ground.gsd_m)
        if finer == 1 and not coarser:
            odds = _odds(network, image, seen, slopes, landslide)
        else:
            found = [_look(network, image, seen, slopes, landslide, finer, times) for times in (1, *coarser)]
            odds = reduced(np.mean(found, 0)[None], np.ones(found[0].shape, bool), finer)[0][0]
        within = tuple(slice(i.start - w.start, i.stop - w.start) for i, w in zip(inner, where, strict=True))
        yield number, ground.label[inner].numpy(), odds[within]


def land_cover(network: nn.Module, grounds: list[Ground], classes: ClassScheme) -> dict[str, float]:
    """Score the classes but landslide as detection decides them: the likeliest, landslide left out.

    Args:
        network: In evaluation mode.
        grounds: What was held out of one source; each is predicted in one piece.
        classes: The network's.

    Returns:
        ``accuracy``, the share of the pixels of those classes that are called by the right one, and the IoU of each
        class that is there; nothing where none is labelled.
    """
    count = len(classes.names)
    cover = np.delete(np.arange(count), classes.landslide)
    confusion = np.zeros((count, count))
    for ground in grounds:
        label = ground.label.numpy()
        known = np.isin(label, cover)
        if known.any():
            image = ground.image.float().numpy()
            found = _logits(network, image, image.sum(0) > 0, _slopes(ground, (slice(0, s) for s in label.shape)))
            pairs = label.astype(int) * count + cover[found[cover].argmax(0).numpy()]
            confusion += np.bincount(pairs[known], minlength=count**2).reshape(count, count)
    if not confusion.any():
        return {}
    right, truth, all_called = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return {"accuracy": round(float(right.sum() / confusion.sum()), 4)} | {
        classes.names[i]: round(float(right[i] / (truth[i] + all_called[i] - right[i])), 4) for i in cover if truth[i]}


def _slopes(ground: Ground, where: Iterable[slice]) -> NDArray[np.float32]:
    """Return terrain gradients (2, h, w) for rows and columns of a piece of ground; NaN where there are none."""
    rows, columns = where
    size = rows.stop - rows.start, columns.stop - columns.start
    if ground.gradients is None:
        return np.full((2, *size), np.nan, np.float32)
    ratio = ground.label.shape[0] // ground.gradients.shape[1]
    coarse = (slice(s.start // ratio, -(-s.stop // ratio)) for s in (rows, columns))
    fine: NDArray[np.float32] = ground.gradients[(slice(None), *coarse)].numpy().repeat(ratio, 1).repeat(ratio, 2)
    return fine[:, :size[0], :size[1]]


def _look(network: nn.Module, image: NDArray[np.float32], seen: NDArray[np.bool_], slopes: NDArray[np.float32],
          landslide: int, finer: int, times: int) -> NDArray[np.float32]:
    """Predict with pixels ``times`` as wide as those of which ``finer`` lie along one of the image's.

    As ``core.inference.looks`` does, on the grid of the latter.
    """
    height, width = (finer * side for side in seen.shape)
    if times < finer:
        image, seen = interpolated(image, seen, finer // times)
        slopes = slopes.repeat(finer // times, 1).repeat(finer // times, 2)
    elif times > finer:
        beyond = (0, -seen.shape[0] % (times // finer)), (0, -seen.shape[1] % (times // finer))
        image, seen = reduced(np.pad(image, ((0, 0), *beyond)), np.pad(seen, beyond), times // finer)
        slopes = slopes[:, ::times // finer, ::times // finer]
    odds = torch.from_numpy(_odds(network, image, seen, slopes, landslide).clip(-MOST_ODDS, MOST_ODDS))
    fine = interpolate(odds[None, None], scale_factor=times, mode="bilinear", align_corners=False)
    return fine[0, 0, :height, :width].numpy()


def _odds(network: nn.Module, image: NDArray[np.float32], seen: NDArray[np.bool_], slopes: NDArray[np.float32],
          landslide: int) -> NDArray[np.float32]:
    others, own = Merged(landslide)(_logits(network, image, seen, slopes)[None])[0]
    odds: NDArray[np.float32] = (own - others).numpy()
    return odds


@torch.inference_mode()
def _logits(network: nn.Module, image: NDArray[np.float32], seen: NDArray[np.bool_],
            slopes: NDArray[np.float32]) -> Tensor:
    inputs = [torch.from_numpy(image_tensor(image, seen))[None]]
    if network.topography_channels:
        topography = topography_tensor(slopes[0], slopes[1], np.full(seen.shape, np.nan, np.float32))
        inputs.append(torch.from_numpy(topography)[None])
    where = next((each.device for each in network.parameters()), torch.device("cpu"))
    with autocast(where):
        found: Tensor = network(*(each.to(where) for each in inputs))
    return found[0].float().cpu()


def calibrate(counts: dict[str, Counts]) -> tuple[float, float]:
    """Return the temperature and the landslide threshold that suit held-out ground.

    The temperature makes the log loss smallest, every source counting alike; for the threshold see ``best_threshold``.
    """
    shares = sum(c / max(c.sum(), 1) for c in counts.values())
    odds = (EDGES[1:] + EDGES[:-1]) / 2
    losses = {t: float((shares[0] * np.logaddexp(0, odds / t) + shares[1] * np.logaddexp(0, -odds / t)).sum())
              for t in np.round(np.geomspace(0.4, 4.0, 60), 3)}
    temperature = float(min(losses, key=lambda t: losses[t]))
    return temperature, best_threshold(counts, temperature)


def best_threshold(counts: dict[str, Counts], temperature: float) -> float:
    """Return the landslide threshold that makes ``gain`` largest."""
    thresholds = np.round(np.arange(0.2, 0.9, 0.02), 2)
    return float(max(thresholds, key=lambda threshold: gain(counts, temperature, threshold)))


def gain(counts: dict[str, Counts], temperature: float, threshold: float) -> float:
    """Return the mean landslide IoU over sources with landslides, less twice the mean false-alarm share elsewhere."""
    found = [scores(c, temperature, threshold) for c in counts.values()]
    alarms = [s["false_alarm_share"] for s in found if not s["landslide_pixels"]]
    ious = [s["iou"] for s in found if s["landslide_pixels"]]
    return float(np.mean(ious) if ious else 0) - 2 * float(np.mean(alarms) if alarms else 0)


def called(temperature: float, threshold: float) -> NDArray[np.bool_]:
    """Return (bins,) which log-odds a threshold calls landslide."""
    return (EDGES[1:] + EDGES[:-1]) / 2 >= temperature * np.log(threshold / (1 - threshold))


def scores(counts: Counts, temperature: float, threshold: float) -> dict[str, Any]:
    """Return pixel counts and the landslide class's scores; without landslides the share of false alarms alone."""
    positive = called(temperature, threshold)
    (tn, fp), (fn, tp) = ((float(c[~positive].sum()), float(c[positive].sum())) for c in counts)
    known = {"landslide_pixels": int(tp + fn), "pixels": int(counts.sum()),
             "false_alarm_share": round(fp / max(fp + tn, 1), 4)}
    if not tp + fn:
        return known
    return known | {"iou": round(tp / (tp + fp + fn), 4), "f1": round(2 * tp / (2 * tp + fp + fn), 4),
                    "precision": round(tp / max(tp + fp, 1), 4), "recall": round(tp / (tp + fn), 4)}
