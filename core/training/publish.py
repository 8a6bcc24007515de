"""From a configuration to a model in the registry: train, calibrate on held-out ground, write the card."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core import domain
from core.config import scheme
from core.errors import ModelError, unknown_name
from core.files import write_json
from core.nets import build
from core.registry import MODELS, ModelCard, find_model, load_network, save_model
from core.training.config import TrainConfig
from core.training.crops import Crops, Pool
from core.training.device import device
from core.training.exam import covers, examine, made_up
from core.training.loop import split_of, train
from core.training.manifest import make_manifest
from core.training.pictures import draw_failures
from core.training.sources import Ground, load
from core.training.split import Split, make_split

logger = logging.getLogger(__name__)

RECIPES = Path(__file__).parent / "recipes"
SQUARES = 1000
"""Squares that tell what the imagery of the training looked like."""


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
    return make_model(TrainConfig.read(path), data, runs, models or MODELS,
                      {"command": f"scarp train {path.stem} --data DIR", "recipe": path.name})


def make_model(settings: TrainConfig, data: Path, runs: Path, models: Path, origin: dict[str, str]) -> ModelCard:
    """Train, calibrate on the held-out part of the sources, and put the model into a registry; see ``trained``.

    With the weights and the looks of the model it starts from, it keeps what is known of that one's landslides: taking
    other classes together or apart leaves the probability of landslide as it is. Its land cover alone is scored.
    """
    card = trained(settings, data, runs, models, origin)
    split = split_of(settings, data, runs / settings.model)
    if settings.start and not settings.steps:
        first = find_model(settings.start, models)
        if first.metrics and (first.sha256, first.looks, first.training.get("split_sha256")) == (
                card.sha256, card.looks, split.sha256):
            return _like(card, first, settings, data, split)
    return _examined(replace(card, domain=_domain(settings, data, split)), settings, data, split)


def trained(settings: TrainConfig, data: Path, runs: Path, models: Path, origin: dict[str, str]) -> ModelCard:
    """Train and put the model into a registry as it is: nobody has looked yet at how good it is, and where.

    Args:
        settings: The run; its folder in ``runs`` has the model's name.
        data: Folder of the training data.
        runs: Folder of runs; an unfinished one goes on.
        models: Folder of models.
        origin: What the card says about where the model comes from.
    """
    out = runs / settings.model
    state = train(settings, data, out, models=models)
    split = split_of(settings, data, out)
    about: dict[str, Any] = dict(settings.card)
    network = build(settings.architecture, len(scheme(settings.scheme).names), **settings.arguments)
    finer = {"finer": settings.scheme} if settings.merged else {}
    saw_a_dem = settings.generated_scenes > 0 or any(source.dem for source in settings.sources)
    card = ModelCard(
        name=settings.model, architecture=settings.architecture, arguments=settings.arguments | finer,
        scheme="binary" if settings.merged else settings.scheme,
        trained_topography=("dem",) if network.topography_channels and saw_a_dem else (),
        coarser=settings.coarser, looks_m=settings.looks_m, folder=models / settings.model,
        title=about["title"], summary=about["summary"], licence=about["licence"],
        gsd_range_m=tuple(about["gsd_range_m"]),
        training=origin | {
            "recipe_sha256": settings.sha256, "split_sha256": split.sha256,
            "data_sha256": make_manifest(settings, data).sha256,
            **({"start": settings.start, "start_sha256": find_model(settings.start, models).sha256} if settings.start
               else {}),
            "steps": settings.steps, "crops": settings.steps * settings.batch, "crop_px": settings.crop_px,
            "sources": [s.name for s in settings.sources], "generated_scenes": settings.generated_scenes,
        },
    )
    saved = save_model(card, state)
    if settings.steps:
        shutil.copy(out / "log.jsonl", saved.folder)
    return saved


def examine_model(name: str, data: Path, models: Path | None = None) -> ModelCard:
    """Choose a model's temperature and threshold anew, and score it again, on what its recipe holds out.

    Args:
        name: A model that a recipe that comes with Scarp has made.
        data: Folder of its training data.
        models: Folder of models; the project's own if left out.

    Raises:
        ModelError: It has no such recipe, or the data are not divided as they were for its training.
    """
    card = find_model(name, models or MODELS)
    recipe = RECIPES / str(card.training.get("recipe") or "none")
    if not recipe.is_file():
        raise ModelError(f"model {name}", got="no recipe that comes with Scarp", expected="one on its card",
                         remedy="Train a model with scarp train.")
    settings = TrainConfig.read(recipe)
    split = make_split(settings, data)
    if split.sha256 != card.training.get("split_sha256"):
        raise ModelError(f"split of {name}", got=split.sha256[:12], expected=str(card.training["split_sha256"])[:12],
                         remedy="Give the data that it was trained on: otherwise held-out ground may be known to it.")
    return _examined(card, settings, data, split)


def _like(card: ModelCard, first: ModelCard, settings: TrainConfig, data: Path, split: Split) -> ModelCard:
    """Complete a card with what another's says of the same weights, and with scores of its own land cover."""
    known = {name: each for name, each in first.metrics.items() if name != "land cover"}
    cover = covers(load_network(card).to(device()), _held_out(card, settings, data, split), card.classes,
                   made_up(card.classes))
    card = replace(card, temperature=first.temperature, threshold=first.threshold, thresholds=first.thresholds,
                   domain=first.domain, metrics=known | cover)
    write_json(card.folder / "card.json", card.as_dict())
    for picture in first.failures:
        (card.folder / "failures").mkdir(exist_ok=True)
        shutil.copy(picture, card.folder / "failures")
    return card


def _held_out(card: ModelCard, settings: TrainConfig, data: Path, split: Split) -> dict[str, list[Ground]]:
    return {s.name: load(s, data, split.of(s.name), card.classes, training=False) for s in settings.sources}


def _examined(card: ModelCard, settings: TrainConfig, data: Path, split: Split) -> ModelCard:
    """Calibrate and score a model as it is stored, draw where it fails, and complete its card."""
    network = load_network(card).to(device())
    held_out = _held_out(card, settings, data, split)
    generated = made_up(card.classes)
    card = examine(network, card, held_out, generated)
    write_json(card.folder / "card.json", card.as_dict())
    for name, grounds in (held_out | {"Generated ground": generated[1::2]}).items():
        draw_failures(card.folder / "failures" / f"{name}.webp", grounds, network, card)
    logger.info("held out: %s", json.dumps(card.metrics))
    return card


def _domain(settings: TrainConfig, data: Path, split: Split) -> dict[str, Any]:
    """Describe the imagery that was trained on, square by square as crops are drawn, without their variations."""
    crops = Crops(settings, [Pool(s.share, s.zoom, load(s, data, split.of(s.name), training=True))
                             for s in settings.sources])
    squares = (crops.plain(number) for number in range(SQUARES))
    figures = [domain.describe(image.numpy(), seen.numpy()) for image, seen in squares if seen.float().mean() > 0.25]
    return domain.fit(np.stack(figures)).as_dict()
