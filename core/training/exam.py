"""What a model card tells of a network: its scores on held-out ground, at other pixel sizes, and where nothing slid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from core.config import CLASS_NODATA
from core.landscape import FIRST_TRAINING_SEED
from core.training.holdout import Counts, calibrate, called, land_cover, scores, window_counts
from core.training.loss import NOT_LANDSLIDE
from core.training.sources import Ground, generated

if TYPE_CHECKING:
    from torch import nn

    from core.config import ClassScheme

FREE_SCENES = 12
FREE_FIRST = FIRST_TRAINING_SEED - 100
"""Seed of the first made-up scene."""

COARSER = (1, 2, 3, 4, 6, 8)
"""Ground is looked at again with pixels so many times as large: a scene with all, chips with the first four."""

RESAMPLES = 2000


def made_up(scheme: ClassScheme) -> list[Ground]:
    """Return generated ground that is neither trained on nor shown: each scene before and after, in turn."""
    return generated(FREE_SCENES, scheme, first=FREE_FIRST)


def examine(network: nn.Module, held_out: dict[str, list[Ground]], scheme: ClassScheme, landscapes: list[Ground],
            ) -> tuple[float, float, dict[str, Any]]:
    """Choose temperature and threshold on held-out ground, and score the network with them.

    Args:
        network: In evaluation mode.
        held_out: What was held out of each source.
        scheme: The network's classes.
        landscapes: Ground of the landscape generator, see ``made_up``.

    Returns:
        Temperature, threshold, and scores: ``held out`` by source; ``pixel size`` by source with landslides, then by
        size: in metres where it is known, else in times the source's own;
        ``ground without landslides`` of the landscape generator with its DEM and without; ``land cover`` of held-out
        and generated ground where the network tells more than two classes; ``prevalence``, the share of
        landslide for which probabilities are calibrated. Intervals hold 95 %, from draws of windows (of 512 pixels) or
        chips.
    """
    slide = scheme.landslide
    windows = {name: list(window_counts(network, grounds, slide)) for name, grounds in held_out.items()}
    sums = {name: sum(each, np.zeros_like(each[0])) for name, each in windows.items() if each}
    temperature, threshold = calibrate(sums)

    def score(windows: list[Counts]) -> dict[str, Any]:
        total = sum(windows, np.zeros_like(windows[0]))
        return scores(total, temperature, threshold) | _interval(windows, temperature, threshold)

    def look(grounds: list[Ground]) -> dict[str, Any]:
        return score(list(window_counts(network, grounds, slide)))

    slid = {name: (held_out[name], held_out[name][0].gsd_m) for name, counts in sums.items() if counts[1].any()}
    free = [ground for ground in landscapes if not (ground.label == slide).any()]
    return temperature, threshold, {
        "held out": {name: score(each) for name, each in windows.items() if each},
        "pixel size": {name: {f"{gsd_m * times:.2g} m" if gsd_m else f"{times} times its own":
                              look([coarsened(ground, times, slide) for ground in grounds]) if times > 1
                              else score(windows[name])
                              for times in COARSER[:None if grounds[0].centres is not None else 4]}
                       for name, (grounds, gsd_m) in slid.items()},
        "ground without landslides": {
            "with a DEM": look(free), "without a DEM": look([replace(ground, gradients=None) for ground in free])},
        **covers(network, held_out, scheme, landscapes),
        "prevalence": round(float(np.mean([each[1].sum() / each.sum() for each in sums.values()])), 4)}


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
