"""From a configuration to a model in the registry: train, calibrate on held-out ground, write the card."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.config import CLASS_NODATA, scheme
from core.errors import unknown_name
from core.nets import build
from core.normalize import image_tensor, topography_tensor
from core.registry import MODELS, ModelCard, save_model
from core.training.config import TrainConfig
from core.training.loop import train
from core.training.sources import Ground, load

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)

RECIPES = Path(__file__).parent / "recipes"
WINDOW = 512
EDGES = np.linspace(-12.0, 12.0, 481)
"""Log-odds of landslide are counted in these bins."""

Counts = NDArray[np.float64]
"""(2, bins): held-out pixels that are not landslide, and that are, by log-odds."""


def train_model(config: str, data: Path, runs: Path, models: Path | None = None) -> ModelCard:
    """Train a configuration or a named recipe and put the model into the registry.

    The temperature and the threshold are chosen on the held-out part of the sources alone.

    Args:
        config: A file, or the name of a recipe.
        data: Folder of the training data.
        runs: Folder of runs; an unfinished one goes on.
        models: Folder of models; the project's own if left out.
    """
    path = Path(config) if config.endswith(".json") else RECIPES / f"{config}.json"
    if not path.exists() and not config.endswith(".json"):
        raise unknown_name("recipe", config, sorted(p.stem for p in RECIPES.glob("*.json")))
    settings = TrainConfig.read(path)
    state = train(settings, data, runs / settings.model)
    network = build(settings.architecture, len(scheme(settings.scheme).names), **settings.arguments)
    network.load_state_dict({name: value.half().float() if value.is_floating_point() else value
                             for name, value in state.items()})
    network.eval()
    counts = {s.name: held_out_counts(network, load(s, data, training=False), scheme(settings.scheme).landslide)
              for s in settings.sources}
    temperature, threshold = calibrate(counts)
    about: dict[str, Any] = dict(settings.card)
    card = ModelCard(
        name=settings.model, architecture=settings.architecture, arguments=settings.arguments, scheme=settings.scheme,
        trained_topography=("dem",) if getattr(network, "topography_channels", ()) else (),
        temperature=temperature, threshold=threshold, folder=(models or MODELS) / settings.model,
        title=about["title"], summary=about["summary"], licence=about["licence"],
        gsd_range_m=tuple(about["gsd_range_m"]),
        training={
            "command": f"scarp train {path.stem} --data DIR", "recipe": path.name,
            "recipe_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "steps": settings.steps, "crops": settings.steps * settings.batch, "crop_px": settings.crop_px,
            "sources": [s.name for s in settings.sources], "generated_scenes": settings.generated_scenes,
        },
        metrics={"held out": {name: _scores(c, temperature, threshold) for name, c in counts.items()}},
    )
    saved = save_model(card, state)
    logger.info("held out: %s", json.dumps(saved.metrics))
    return saved


@torch.inference_mode()
def held_out_counts(network: nn.Module, grounds: list[Ground], landslide: int) -> Counts:
    """Count held-out pixels by label and log-odds of landslide; each piece of ground is seen at its own scale."""
    counts = np.zeros((2, len(EDGES) - 1))
    for ground in grounds:
        height, width = ground.label.shape
        ratio = 1 if ground.gradients is None else height // ground.gradients.shape[1]
        for top in range(0, height, WINDOW):
            for left in range(0, width, WINDOW):
                where = (slice(top, min(top + WINDOW, height)), slice(left, min(left + WINDOW, width)))
                label = ground.label[where].numpy()
                if (label == CLASS_NODATA).all():
                    continue
                image = ground.image[(slice(None), *where)].float().numpy()
                slopes = np.full((2, *label.shape), np.nan, np.float32)
                if ground.gradients is not None:
                    coarse = tuple(slice(s.start // ratio, -(-s.stop // ratio)) for s in where)
                    fine = ground.gradients[(slice(None), *coarse)].numpy().repeat(ratio, 1).repeat(ratio, 2)
                    slopes = fine[:, :label.shape[0], :label.shape[1]]
                topography = topography_tensor(slopes[0], slopes[1], np.full(label.shape, np.nan, np.float32))
                counts += _count(network, image_tensor(image, image.sum(0) > 0), topography, label, landslide)
    return counts


def _count(network: nn.Module, image: NDArray[np.float32], topography: NDArray[np.float32], label: NDArray[np.uint8],
           landslide: int) -> Counts:
    inputs = [torch.from_numpy(image)[None]]
    if network.topography_channels:
        inputs.append(torch.from_numpy(topography)[None])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(*inputs)[0].float()
    others = torch.cat([logits[:landslide], logits[landslide + 1:]]).logsumexp(0)
    odds = (logits[landslide] - others).clamp(EDGES[0], EDGES[-1]).numpy()
    return np.stack([np.histogram(odds[label == value], EDGES)[0] for value in (0, 1)]).astype(float)


def calibrate(counts: dict[str, Counts]) -> tuple[float, float]:
    """Return the temperature and the landslide threshold that suit held-out ground.

    The temperature makes the log loss smallest, every source counting alike; the threshold makes largest the mean
    landslide IoU over the sources that have landslides, less twice the mean false-alarm share over those that have
    none.
    """
    shares = sum(c / max(c.sum(), 1) for c in counts.values())
    odds = (EDGES[1:] + EDGES[:-1]) / 2
    losses = {t: float((shares[0] * np.logaddexp(0, odds / t) + shares[1] * np.logaddexp(0, -odds / t)).sum())
              for t in np.round(np.geomspace(0.4, 4.0, 60), 3)}
    temperature = float(min(losses, key=lambda t: losses[t]))

    def gain(threshold: float) -> float:
        scores = [_scores(c, temperature, threshold) for c in counts.values()]
        found = [s["iou"] for s in scores if s["landslide_pixels"]]
        false = [s["false_alarm_share"] for s in scores if not s["landslide_pixels"]]
        return float(np.mean(found)) - 2 * float(np.mean(false) if false else 0)

    thresholds = np.round(np.arange(0.2, 0.9, 0.02), 2)
    return temperature, float(max(thresholds, key=gain))


def _scores(counts: Counts, temperature: float, threshold: float) -> dict[str, Any]:
    called = (EDGES[1:] + EDGES[:-1]) / 2 >= temperature * np.log(threshold / (1 - threshold))
    (tn, fp), (fn, tp) = ((float(c[~called].sum()), float(c[called].sum())) for c in counts)
    known = {"landslide_pixels": int(tp + fn), "pixels": int(counts.sum()),
             "false_alarm_share": round(fp / max(fp + tn, 1), 4)}
    if not tp + fn:
        return known
    return known | {"iou": round(tp / (tp + fp + fn), 4), "f1": round(2 * tp / (2 * tp + fp + fn), 4),
                    "precision": round(tp / max(tp + fp, 1), 4), "recall": round(tp / (tp + fn), 4)}
