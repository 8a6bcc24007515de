"""Fine-tuning: a model learns a new image from a few outlines, and is compared with itself on ground it never saw.

Against forgetting, part of the crops comes from other ground with true labels (*replay*): the chips of the model's own
training, or scenes of the landscape generator where these are not at hand. What is kept is a mean of the old weights
and the new ones (Wortsman, M. et al. (2022), Robust fine-tuning of zero-shot models).
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from core.config import CLASS_NODATA, SCHEMES
from core.errors import InputError, StorageError, unknown_name
from core.files import read_json, write_atomic, write_json
from core.landscape import FIRST_TRAINING_SEED
from core.metrics import Blocks, Tally, difference, join, scores, tally
from core.nets import build
from core.registry import MODELS, ModelCard, find_model, load_network, save_model, sha256_of
from core.scene import Scene, SceneSettings, suited
from core.training.config import TrainConfig
from core.training.crops import Crops, Pool
from core.training.holdout import calibrate, held_out_counts, held_out_odds
from core.training.labels import read_labels, read_on_crs
from core.training.loop import Run, between, split_of
from core.training.manifest import is_scene
from core.training.outlined import Outlined, outlined
from core.training.pictures import draw_changes
from core.training.publish import RECIPES
from core.training.sources import Ground, generated, load
from core.training.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from core.nets.network import Network

logger = logging.getLogger(__name__)

MODES = {"decoder": 3e-4, "full": 1e-4}
"""The peak learning rate of each."""
ON_LANDSLIDES = 0.15
"""Share of the user's crops that are centred on landslides; with more of them, the model calls too much landslide."""
SCENES, SCENE_PX = 12, 512
"""Generated scenes for replay, and as many others to see what was forgotten."""
CALIBRATED_ON = 60
"""Windows of the ground that was trained on from which temperature and threshold are taken."""
CHIPS_LOOKED_AT = 80
"""Held-out windows of each source of the model's own training."""
SAVE_EVERY = 20
LOG_EVERY = 5
BATCH, CROP_PX = 6, 256
"""Crops a step: the same time gives twice the steps of a batch of 12."""
SCORES = {"IoU": ("landslide", "iou"), "F1": ("landslide", "f1"), "precision": ("landslide", "precision"),
          "recall": ("landslide", "recall"), "free ground called landslide": ("false_alarms", "share")}


@dataclass(frozen=True)
class FineTune:
    """Everything that decides the result, with the files.

    Attributes:
        model: The model to start from.
        name: The model to write; it must not be there yet.
        image: GeoTIFF that the outlines were drawn on.
        labels: Polygons of landslides: GeoPackage, GeoJSON or a zipped Shapefile.
        dem: GeoTIFF of elevation.
        area: Polygons of the area that was searched for landslides. Without it, only a ring around each polygon counts
            as ground without landslides.
        attribute: The attribute that tells what a polygon is; without one, all are landslides.
        classes: The class for each of its values; ``other`` is a detection that was rejected.
        mode: ``decoder``: the encoder stays as it is; ``full``: everything learns.
        steps: Optimiser steps; 0: as many as fit into ``minutes``.
        minutes: Time for training, without reading and comparing.
        learning_rate: Peak rate; 0: the mode's own. The encoder's is half of it.
        replay: Share of the crops that comes from other ground.
        data: Folder of the model's own training data, for replay and for what was forgotten; None: generated scenes.
        kept: Share of the new weights in the mean of new and old.
        seed: Of everything random.
        test: Polygons of the ground that is held out for the comparison; without it, two of eight blocks are chosen.
        bands: 1-based band of "red", "green" and "blue", where they are not to be guessed.
        dem_unit: Of elevation.
    """

    model: str
    name: str
    image: Path
    labels: Path
    dem: Path | None = None
    area: Path | None = None
    attribute: str = ""
    classes: dict[str, str] = field(default_factory=dict)
    mode: str = "full"
    steps: int = 0
    minutes: float = 5.0
    learning_rate: float = 0.0
    replay: float = 0.4
    data: Path | None = None
    kept: float = 0.7
    seed: int = 1
    test: Path | None = None
    bands: tuple[tuple[str, int], ...] = ()
    dem_unit: Literal["m", "ft"] = "m"

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.mode not in MODES:
            raise unknown_name("fine-tuning mode", self.mode, list(MODES))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", self.name):
            raise InputError("name of the new model", got=repr(self.name), expected="letters, digits, _ and -",
                             remedy="Give another --name.")
        if self.steps < 0 or not self.minutes > 0 or not 0 <= self.replay < 1 or not 0 < self.kept <= 1:
            raise InputError("fine-tuning", got=(self.steps, self.minutes, self.replay, self.kept),
                             expected="steps from 0, minutes above 0, replay from 0 to under 1, kept above 0 to 1",
                             remedy="Correct the numbers.")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; files by their names alone."""
        plain = {key: value.name if isinstance(value, Path) else value for key, value in asdict(self).items()}
        return plain | {"bands": dict(self.bands)}


@dataclass(frozen=True)
class Elsewhere:
    """Other ground than the user's.

    Attributes:
        pools: To train on; their shares are those among themselves.
        held_out: By name: what shows how much was forgotten.
    """

    pools: list[Pool]
    held_out: dict[str, list[Ground]]


def fine_tune(settings: FineTune, runs: Path, models: Path | None = None,
              report: Callable[[dict[str, Any]], None] | None = None, *, into: Path | None = None) -> ModelCard:
    """Fine-tune a model, compare it with the one it comes from, and put it into the registry under its own name.

    A call with the same settings goes on from the last checkpoint, with the same result to the bit.

    Args:
        settings: What to do.
        runs: Folder of runs. The run's own has the new model's name: ``settings.json``, ``log.jsonl``, checkpoints, and
            at the end ``scores.json`` and ``scores.md``.
        models: Folder of models; the project's own if left out.
        report: Told each line of the log and, when training is over, ``stage`` compare with how far it is; it may raise
            to stop.
        into: Folder of the new model, in the place of one among the models: nobody may want to keep it. Then the run's
            folder also has ``curve.jsonl``, how good the model is on ground that it is trained on, and ``pictures/``.

    Raises:
        InputError: The outlines cannot be used, or the run's folder belongs to other settings.
        StorageError: There is a model of the new name already.
        ModelError: The model cannot be loaded, or the loss is not a number.
    """
    folder, out = models or MODELS, runs / settings.name
    card = find_model(settings.model, folder)
    target = into or folder / settings.name
    if target.exists():
        raise StorageError(f"model {settings.name}", got="a model of that name", expected="a new name",
                           remedy="Give another --name; a model is never overwritten.")
    network = load_network(card)
    ground = _ground(settings, card)
    logger.info("landslides: %s", ground.counts)
    out.mkdir(parents=True, exist_ok=True)
    other = _elsewhere(settings, card, out)
    finer, _ = card.looks.at(ground.gsd_m)
    pools = [Pool(share * (1 - settings.replay), (0.8 / finer, 1.25), grounds)
             for share, grounds in ((ON_LANDSLIDES, ground.landslides), (1 - ON_LANDSLIDES, ground.others))]
    total = sum(pool.share for pool in other.pools)
    pools += [pool._replace(share=settings.replay * pool.share / total) for pool in other.pools if settings.replay]
    pools = [pool for pool in pools if pool.grounds]

    def run(steps: int) -> Run:
        return Run(_config(settings, card, steps), out, lambda: _begin(load_network(card), settings.mode), SAVE_EVERY,
                   LOG_EVERY)

    def crops(steps: int) -> Crops:
        return Crops(_config(settings, card, steps), pools, card.classes.landslide)

    steps = _steps(settings, card, out, lambda: _step_s(run(1000), crops(1000)))
    tell = report or (lambda _: None)
    going = run(steps)
    watched = Watch(going, ground.landslides, out / "curve.jsonl", tell) if into else tell
    new = going.to_the_end(lambda: (crops(steps), {}), watched)
    tell({"stage": "compare", "step": 0})
    state = _mean(network.state_dict(), new, settings.kept)
    tests = {settings.image.stem: (ground.held_out, ground.blocks)} | {
        name: (grounds, [f"{name} {number}" for number in range(len(grounds))])
        for name, grounds in other.held_out.items()}
    tuned = build(card.architecture, len(card.classes.names), **card.arguments)
    tuned.load_state_dict(state)
    tuned.looks = card.looks
    counts = held_out_counts(tuned.eval(), ground.landslides + ground.others, card.classes.landslide, CALIBRATED_ON)
    temperature, threshold = calibrate({"trained on": counts})
    after = replace(_card(settings, card, target, ground, steps), temperature=temperature, threshold=threshold)
    rows = _compared(card, network, after, tuned, tests, tell)
    write_json(out / "scores.json", {"ground": rows})
    write_atomic(out / "scores.md", table(rows).encode())
    if into:
        draw_changes(out / "pictures", ground.held_out, [(network, card), (tuned, after)])
    held_out = {row["ground"]: {name.lower(): each["after"] for name, each in row["scores"].items()} for row in rows}
    return save_model(replace(after, metrics={"held out": held_out, "fine-tuning": rows}), state)


def _ground(settings: FineTune, card: ModelCard) -> Outlined:
    dem = settings.dem if "dem" in card.trained_topography else None
    layers = SceneSettings(settings.image, dem, bands=settings.bands, dem_unit=settings.dem_unit)
    with Scene(suited(layers, card.gsd_range_m[0])) as scene:
        labels = read_labels(settings.labels, scene.grid.crs, attribute=settings.attribute, classes=settings.classes,
                             mapped=settings.area)
        return outlined(scene, labels, card.classes, read_on_crs(settings.test, scene.grid.crs))


def _elsewhere(settings: FineTune, card: ModelCard, out: Path) -> Elsewhere:
    """Return the chips of the model's own training, divided as they were then, or generated scenes.

    Whole scenes of the training are left out: reading one takes longer than fine-tuning.
    """
    if settings.data is None:
        held = generated(SCENES, card.classes, SCENE_PX, FIRST_TRAINING_SEED + 10_000)
        return Elsewhere([Pool(1.0, (0.8, 2.0), generated(SCENES, card.classes, SCENE_PX))], {"generated scenes": held})
    recipe = RECIPES / str(card.training.get("recipe", ""))
    if not recipe.is_file():
        raise InputError(f"training of {card.name}", got="no recipe that comes with Scarp", expected="one on its card",
                         remedy="Leave --data out: generated scenes are used.")
    config = TrainConfig.read(recipe)
    config = replace(config, sources=tuple(source for source in config.sources if not is_scene(source)))
    split = split_of(config, settings.data, out)
    sides = [[load(s, settings.data, split.of(s.name), card.classes, training=side) for s in config.sources]
             for side in (True, False)]
    return Elsewhere([Pool(s.share, s.zoom, each) for s, each in zip(config.sources, sides[0], strict=True)],
                     {s.name: _some(each) for s, each in zip(config.sources, sides[1], strict=True) if each})


def _some(grounds: list[Ground]) -> list[Ground]:
    return grounds[:: max(1, -(-len(grounds) // CHIPS_LOOKED_AT))]


def _config(settings: FineTune, card: ModelCard, steps: int) -> TrainConfig:
    return TrainConfig(
        settings.name, card.architecture, card.arguments, scheme=card.scheme, steps=steps, batch=BATCH,
        crop_px=CROP_PX, learning_rate=settings.learning_rate or MODES[settings.mode],
        weight_decay=0.0, warmup_steps=max(1, min(20, steps // 5)), ema=0.98, terrain_dropout=0.2, borrowed_terrain=0.2,
        dem_resolution_m=(5.0, 30.0), seed=settings.seed)


def _begin(network: Network, mode: str) -> Network:
    """Return the network ready to learn; the statistics of its batches stay, as those of a few crops are poor."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    if mode == "decoder":
        network.encoder.eval().requires_grad_(requires_grad=False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _steps(settings: FineTune, card: ModelCard, out: Path, step_s: Callable[[], float]) -> int:
    """Return the number of steps; the folder remembers it, with all else that a run that goes on must share."""
    about = settings.as_dict() | {"model_sha256": card.sha256, "labels_sha256": sha256_of(settings.labels)}
    about = json.loads(json.dumps(about))
    if (out / "settings.json").exists():
        known = read_json(out / "settings.json")
        steps = int(known.pop("planned_steps"))
        if changed := sorted(key for key in about if known.get(key) != about[key]):
            raise InputError(f"run {out.name}", got=f"another {', '.join(changed)} than when it began",
                             expected="the same settings to go on", remedy="Give another --name, or remove the folder.")
        return steps
    steps = settings.steps or max(40, round(settings.minutes * 60 / step_s()))
    write_json(out / "settings.json", about | {"planned_steps": steps})
    return steps


def _step_s(run: Run, crops: Crops) -> float:
    """Measure a step on this machine; the first one, which is slower, does not count."""
    began = 0.0
    for step in range(4):
        if step == 1:
            began = time.monotonic()
        samples = [crops[step * run.config.batch + i] for i in range(run.config.batch)]
        image, topography, label = (torch.stack(part) for part in zip(*samples, strict=True))
        run.learn(image, topography, label)
    return (time.monotonic() - began) / 3


def _mean(old: Mapping[str, Tensor], new: Mapping[str, Tensor], kept: float) -> dict[str, Tensor]:
    """Return the weights between old and new, rounded as they are stored."""
    return {name: value.half().float() if value.is_floating_point() else value
            for name, value in between(new, old, 1 - kept).items()}


def _compared(old_card: ModelCard, old: nn.Module, new_card: ModelCard, new: nn.Module,
              tests: Mapping[str, tuple[list[Ground], Sequence[Blocks | str]]],
              tell: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Score both networks on each ground, with their own temperatures and thresholds, block by block."""
    rows: list[dict[str, Any]] = []
    done, pieces = 0, 2 * sum(len(grounds) for grounds, _ in tests.values())
    for name, (grounds, blocks) in tests.items():
        tallied = []
        for network, card in ((old, old_card), (new, new_card)):
            tallied.append(_tally(network, grounds, blocks, card, partial(_further, tell, done, pieces)))
            done += len(grounds)
        before, after = tallied
        found, apart = [scores(each) for each in (before, after)], difference(before, after)
        rows.append({"ground": name, "blocks": found[0]["blocks"], "scores": {
            score: {"before": found[0][a][b], "after": found[1][a][b], "difference": apart[a][b],
                    "interval": apart["intervals"][a][b]} for score, (a, b) in SCORES.items()
            if found[0][a][b] is not None or found[1][a][b] is not None}})
    return rows


def _further(tell: Callable[[dict[str, Any]], None], done: int, pieces: int, number: int) -> None:
    tell({"stage": "compare", "step": done + number + 1, "steps": pieces})


def _tally(network: nn.Module, grounds: list[Ground], blocks: Sequence[Blocks | str], card: ModelCard,
           further: Callable[[int], None]) -> Tally:
    slide, counted = card.classes.landslide, []
    for number, label, odds in held_out_odds(network, grounds, slide):
        chances = expit(odds / card.temperature).astype(np.float32)
        truth = np.where(label == CLASS_NODATA, CLASS_NODATA, label == slide).astype(np.uint8)
        counted.append(tally(truth, (chances >= card.threshold_at(grounds[number].gsd_m)).astype(np.uint8), chances,
                             scheme=SCHEMES["binary"], blocks=blocks[number]))
        further(number)
    return join(counted)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return Markdown of the comparison: each score before and after, with the interval of the difference."""
    lines = ["| not trained on | score | before | after | difference | 95 % interval |", "|---|---|---|---|---|---|"]
    for row in rows:
        for score, each in row["scores"].items():
            numbers = ["undefined" if each[key] is None else f"{each[key]:{form}}"
                       for key, form in (("before", ".3f"), ("after", ".3f"), ("difference", "+.3f"))]
            low_high = "[{:+.3f}, {:+.3f}]".format(*each["interval"]) if each["interval"] else "too few blocks"
            lines.append(f"| {row['ground']} ({row['blocks']} blocks) | {score} | {' | '.join([*numbers, low_high])} |")
    return "\n".join(lines) + "\n"


def _card(settings: FineTune, card: ModelCard, target: Path, ground: Outlined, steps: int) -> ModelCard:
    low, high = card.gsd_range_m
    replayed = "generated scenes" if settings.data is None else "chips of its training"
    return replace(
        card, name=settings.name, folder=target,
        title=f"{card.title}; fine-tuned: {settings.image.stem}",
        summary=f"{card.name}, fine-tuned on {ground.counts['trained']} landslides of {settings.image.name}. "
                f"{card.summary}",
        gsd_range_m=(min(low, ground.gsd_m / 1.25), max(high, ground.gsd_m * 1.25)), thresholds=(), sha256="",
        training={
            "command": f"scarp finetune --from {card.name}", "from": card.name, "from_sha256": card.sha256,
            "from_training": card.training, "settings": settings.as_dict(), "steps": steps,
            "labels_sha256": hashlib.sha256(settings.labels.read_bytes()).hexdigest(), "landslides": ground.counts,
            "crop_px": CROP_PX, "sources": [settings.image.stem, replayed]})
