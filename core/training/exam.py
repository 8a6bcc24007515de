"""What a model card tells of a network: its scores on held-out ground, at other pixel sizes, and where nothing slid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from core.config import CLASS_NODATA
from core.landscape import FIRST_TRAINING_SEED
from core.training.holdout import Counts, best_threshold, calibrate, called, land_cover, scores, window_counts
from core.training.loss import NOT_LANDSLIDE
from core.training.sources import Ground, generated

if TYPE_CHECKING:
    from torch import nn

    from core.config import ClassScheme
    from core.registry import ModelCard

FREE_SCENES = 12
FREE_FIRST = FIRST_TRAINING_SEED - 100
"""Seed of the first made-up scene."""

COARSER = (1, 2, 3, 4, 6, 8)
"""Ground is looked at again with pixels so many times as large: a scene with all, chips with the first four."""

RESAMPLES = 2000


def made_up(scheme: ClassScheme) -> list[Ground]:
    """Return generated ground that is neither trained on nor shown: each scene before and after, in turn."""
    return generated(FREE_SCENES, scheme, first=FREE_FIRST)


def examine(network: nn.Module, card: ModelCard, held_out: dict[str, list[Ground]], landscapes: list[Ground],
            ) -> ModelCard:
    """Choose temperature and thresholds on held-out ground, and score the network with them.

    Args:
        network: In evaluation mode.
        card: The network's.
        held_out: What was held out of each source.
        landscapes: Ground of the landscape generator, see ``made_up``.

    Returns:
        The card with temperature, thresholds and ``metrics``, which are scores: ``held out`` by source;
        ``pixel size`` by source with landslides, then by size: in metres where it is known, else in times the source's
        own;
        ``ground without landslides`` of the landscape generator with its DEM and without; ``land cover`` of held-out
        and generated ground where the network tells more than two classes; ``prevalence``, the share of
        landslide for which probabilities are calibrated. Intervals hold 95 %, from draws of windows (of 512 pixels) or
        chips.
    """
    slide = card.classes.landslide

    def look(grounds: list[Ground]) -> _Looked:
        sizes_m = {ground.gsd_m for ground in grounds}
        return _Looked(sizes_m.pop() if len(sizes_m) == 1 else 0, list(window_counts(network, grounds, slide)))

    own = {name: looked for name, grounds in held_out.items() if (looked := look(grounds)).windows}
    sums = {name: looked.total for name, looked in own.items()}
    sizes = {name: {times: own[name] if times == 1 else look([coarsened(each, times, slide) for each in held_out[name]])
                    for times in COARSER[:None if held_out[name][0].centres is not None else 4]}
             for name, counts in sums.items() if counts[1].any()}
    temperature, threshold = calibrate(sums)
    card = replace(card, temperature=temperature, threshold=threshold, thresholds=_by_size(
        [looked for each in sizes.values() for looked in each.values()],
        {name: counts for name, counts in sums.items() if name not in sizes}, temperature))

    def score(looked: _Looked) -> dict[str, Any]:
        threshold = card.threshold_at(looked.gsd_m)
        return scores(looked.total, temperature, threshold) | _interval(looked.windows, temperature, threshold)

    free = [ground for ground in landscapes if not (ground.label == slide).any()]
    return replace(card, metrics={
        "held out": {name: score(looked) for name, looked in own.items()},
        "pixel size": {name: {f"{looked.gsd_m:.2g} m" if looked.gsd_m else f"{times} times its own": score(looked)
                              for times, looked in each.items()} for name, each in sizes.items()},
        "ground without landslides": {
            name: score(look(grounds)) for name, grounds in (
                ("with a DEM", free), ("without a DEM", [replace(ground, gradients=None) for ground in free]))},
        **covers(network, held_out, card.classes, landscapes),
        "prevalence": round(float(np.mean([each[1].sum() / each.sum() for each in sums.values()])), 4)})


@dataclass(frozen=True)
class _Looked:
    """What is counted on ground of one kind, window by window, and its pixel size: 0 if it is unknown or not one."""

    gsd_m: float
    windows: list[Counts]

    @property
    def total(self) -> Counts:
        return sum(self.windows, np.zeros_like(self.windows[0]))


def _by_size(slid: list[_Looked], free: dict[str, Counts], temperature: float) -> tuple[tuple[float, float], ...]:
    """Return pixel sizes, octave by octave, each with the threshold that suits the ground seen at about that size.

    Args:
        slid: Ground with landslides; its finest known size is the first.
        free: Ground without, which counts at every size: the size of its pixels is not known.
        temperature: Of the probabilities.
    """
    known = [looked for looked in slid if looked.gsd_m]
    finest_m = min((looked.gsd_m for looked in known), default=0)
    octaves: dict[int, dict[str, Counts]] = {}
    for number, looked in enumerate(known):
        octaves.setdefault(round(np.log2(looked.gsd_m / finest_m)), {})[str(number)] = looked.total
    return tuple((round(finest_m * 2**octave, 3), best_threshold(octaves[octave] | free, temperature))
                 for octave in sorted(octaves))


def covers(network: nn.Module, held_out: dict[str, list[Ground]], scheme: ClassScheme, landscapes: list[Ground],
           ) -> dict[str, Any]:
    """Return the ``land cover`` of ``examine``; nothing where the network tells two classes alone."""
    sources = held_out | {"generated scenes": landscapes} if len(scheme.names) > 2 else {}  # noqa: PLR2004 - and others
    found = {name: scored for name, grounds in sources.items() if (scored := land_cover(network, grounds, scheme))}
    return {"land cover": found} if found else {}


def coarsened(ground: Ground, times: int, landslide: int) -> Ground:
    """Return a piece of ground as a camera with pixels ``times`` as large would see it.

    Colours are means; a pixel is landslide where most of its labelled part is, and has no label where half of it has
    none.
    """
    if times == 1:
        return ground
    labelled, slides, seen, *colours = (avg_pool2d(values.float()[None], times)[0] for values in (
        ground.label != CLASS_NODATA, ground.label == landslide, (ground.image > 0).any(0), *ground.image))
    label = (slides > labelled / 2).to(ground.label.dtype) * landslide
    label[slides <= labelled / 2] = NOT_LANDSLIDE
    label[labelled <= 0.5] = CLASS_NODATA
    image = torch.stack(colours).round().to(ground.image.dtype)
    image[:, seen < 1] = 0
    slopes = ground.gradients
    if slopes is not None:
        slopes = interpolate(slopes[None], size=label.shape, mode="nearest")[0]
    return Ground(image, label, slopes, gsd_m=ground.gsd_m * times)


def _interval(windows: list[Counts], temperature: float, threshold: float) -> dict[str, Any]:
    """Return the interval of the IoU, or of the share of false alarms where there is no landslide."""
    positive = called(temperature, threshold)
    table = np.stack([np.stack([each[:, ~positive].sum(1), each[:, positive].sum(1)], 1).ravel() for each in windows])
    if len(table) < 2:
        return {}
    drawn = np.random.default_rng(0).multinomial(len(table), np.full(len(table), 1 / len(table)), RESAMPLES)
    tn, fp, fn, tp = (drawn @ table).T
    name, top, whole = ("iou", tp, tp + fp + fn) if (tp + fn).any() else ("false_alarm_share", fp, fp + tn)
    ends = np.quantile(top / np.maximum(whole, 1), (0.025, 0.975))
    return {f"{name}_interval": [round(float(end), 4) for end in ends]}
