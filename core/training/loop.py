"""The training loop: a moving average of the weights, looks at held-out ground, checkpoints and resume."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core.config import scheme
from core.errors import ModelError
from core.nets import build
from core.registry import find_model, load_network
from core.training.crops import Crops, Pool
from core.training.device import autocast, device, random_state, set_random_state
from core.training.holdout import calibrate, gain, held_out_counts, scores
from core.training.loss import cross_entropy_dice
from core.training.memory import keep_memory
from core.training.sources import generated, load
from core.training.split import Split, make_split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from core.nets.network import Network
    from core.training.config import TrainConfig
    from core.training.sources import Ground

logger = logging.getLogger(__name__)

SAVE_EVERY = 100
LOG_EVERY = 20
LOOK_AT = 120
"""Windows of each source's held-out ground that are looked at."""
STEP_EVERY = 15_000
"""Steps between two falls of the rate in the paper's schedule."""


class Average:
    """An exponential moving average of a network's weights and statistics; short at first."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.seen = decay, 0
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's weights after a step."""
        self.seen += 1
        decay = min(self.decay, (1 + self.seen) / (10 + self.seen))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)


def rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate's factor at a step; see ``TrainConfig.schedule``."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "step":
        return float(0.1 ** (step // STEP_EVERY))
    if config.schedule == "trapezoid":
        return min(1.0, max(0.0, (config.steps - step) / max(1, config.cooldown_steps)))
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def train(config: TrainConfig, data: Path, out: Path, report: Callable[[dict[str, Any]], None] | None = None,
          models: Path | None = None) -> dict[str, Tensor]:
    """Train and return the weights worth keeping; a second call goes on from the last checkpoint.

    Args:
        config: The run.
        data: Folder the configuration's sources lie in.
        out: Run folder: ``split.json``, ``log.jsonl`` (a line every ``LOG_EVERY`` steps, and one for every look at
            held-out ground), and checkpoints of ours: ``last.pt``, ``best.pt`` where the configuration looks, and
            ``level.pt``, from which a run with the schedule ``trapezoid`` can be made longer.
        report: Told each line of the log; it may raise to stop.
        models: Folder of the model that the configuration starts from; the project's own if left out.

    Raises:
        ModelError: The loss is not a number; the batch that caused it is saved beside the log.
    """
    run = Run(config, out, lambda: _begin(config, data, models))
    return run.to_the_end(lambda: _ground(config, data, split_of(config, data, out)), report)


def split_of(config: TrainConfig, data: Path, out: Path) -> Split:
    """Return a run's split: the one in its folder, or one that is made now and kept there."""
    if not (out / "split.json").exists():
        out.mkdir(parents=True, exist_ok=True)
        make_split(config, data).write(out / "split.json")
    return Split.read(out / "split.json")


def _ground(config: TrainConfig, data: Path, split: Split) -> tuple[Crops, dict[str, list[Ground]]]:
    """Return what is trained on, and the held-out ground of each source where the configuration looks at it."""
    classes = scheme(config.scheme)
    pools = [Pool(s.share, s.zoom, load(s, data, split.of(s.name), classes, training=True)) for s in config.sources]
    if config.generated_scenes:
        pools.append(Pool(config.generated_share, (0.8, 2.0), generated(config.generated_scenes, classes)))
    for pool, name in zip(pools, [*(s.name for s in config.sources), "generated"], strict=False):
        logger.info("%s: %d pieces of ground", name, len(pool.grounds))
    held_out = {s.name: load(s, data, split.of(s.name), classes, training=False)
                for s in config.sources if config.evaluate_every}
    return Crops(config, pools, classes.landslide), held_out


class Run:
    """What changes while a network is trained: all of it is in a checkpoint, so that a resumed run ends the same.

    Args:
        config: What decides the result.
        out: The run's folder.
        begin: Gives the network to start from, in training mode; called when the seed is set.
        save_every: Steps between two checkpoints; ``SAVE_EVERY`` if left out.
        log_every: Steps between two lines of the log; ``LOG_EVERY`` if left out.
    """

    def __init__(self, config: TrainConfig, out: Path, begin: Callable[[], Network], save_every: int = 0,
                 log_every: int = 0) -> None:
        self.config, self.out, self.save_every = config, out, save_every or SAVE_EVERY
        self.log_every = log_every or LOG_EVERY
        self.landslide = scheme(config.scheme).landslide
        torch.manual_seed(config.seed)
        self.network = begin().to(device())
        self.start = {name: value.cpu().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = _optimiser(config, self.network)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: rate(step, config))
        self.average = Average(self.network, config.ema)
        self.step, self.best, self.vain = 0, -math.inf, 0
        self.losses: list[float] = []

    def to_the_end(self, ground: Callable[[], tuple[Crops, dict[str, list[Ground]]]],
                   report: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Tensor]:
        """Go on from the last checkpoint, if there is one, and return the weights worth keeping.

        Args:
            ground: Gives the crops and the held-out ground that is looked at; not asked where nothing is left to do.
            report: See ``train``.
        """
        torch.set_flush_denormal(True)
        keep_memory()
        config, out = self.config, self.out
        if (out / "last.pt").exists():
            self.restore(out / "last.pt")
            logger.info("going on from step %d", self.step)
        if self.over:
            return self.kept()
        crops, held_out = ground()
        order = torch.utils.data.Subset(crops, range(self.step * config.batch, len(crops)))
        # a generator of its own: the loader would draw from the one that dropout uses, and a resumed run would differ
        loader = torch.utils.data.DataLoader(order, config.batch, generator=torch.Generator())
        with (out / "log.jsonl").open("a") as log:
            def tell(line: dict[str, Any]) -> None:
                log.write(json.dumps(line) + "\n")
                log.flush()
                logger.info("%s", "  ".join(f"{key} {value}" for key, value in line.items()))
                if report:
                    report(line)

            started, first = time.monotonic(), self.step
            for batch in loader:
                self.learn(*batch)
                if self.step % self.log_every == 0:
                    speed = (self.step - first) * config.batch / (time.monotonic() - started)
                    tell(self.figures() | {"samples_per_s": round(speed, 2),
                                          "left_s": round((config.steps - self.step) * config.batch / speed)})
                if held_out and (self.step % config.evaluate_every == 0 or self.step == config.steps):
                    tell(self.look(held_out))
                self.keep()
                if self.over:
                    break
        return self.kept()

    @property
    def over(self) -> bool:
        """Whether all steps are done, or nothing has become better for long."""
        return self.step >= self.config.steps or 0 < self.config.patience <= self.vain

    def learn(self, image: Tensor, topography: Tensor, label: Tensor) -> None:
        """Take one step."""
        loss = _step(self.network, image, topography, label, self.landslide, self.config.cover_dice)
        if not torch.isfinite(loss):
            torch.save({"image": image, "topography": topography, "label": label}, self.out / "bad_batch.pt")
            raise ModelError("training loss", got=float(loss), expected="a finite number",
                             remedy=f"Lower the learning rate; the batch of step {self.step} is in bad_batch.pt.")
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.schedule.step()
        self.average.update(self.network)
        self.step += 1
        self.losses.append(float(loss))

    def figures(self) -> dict[str, Any]:
        """Return the step and the mean loss since the last call."""
        mean = sum(self.losses) / len(self.losses)
        self.losses.clear()
        return {"step": self.step, "steps": self.config.steps, "loss": round(mean, 4)}

    def keep(self) -> None:
        """Write the checkpoints that are due."""
        if self.step % self.save_every == 0 or self.over:
            self.save(self.out / "last.pt")
        if self.config.schedule == "trapezoid" and self.step == self.config.steps - self.config.cooldown_steps:
            self.save(self.out / "level.pt")

    def look(self, held_out: dict[str, list[Ground]]) -> dict[str, Any]:
        """Score the averaged weights on some of the held-out ground, and keep them where they are the best so far."""
        config = self.config
        shadow = build(config.architecture, len(scheme(config.scheme).names), **config.arguments).eval()
        shadow.load_state_dict(self.average.state)
        shadow.to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
        counts = {name: held_out_counts(shadow, grounds, self.landslide, LOOK_AT) for name, grounds in held_out.items()}
        temperature, threshold = calibrate(counts)
        score = gain(counts, temperature, threshold)
        self.vain += 1
        if score > self.best:
            self.best, self.vain = score, 0
            self.save(self.out / "best.pt")
        found = {name: scores(each, temperature, threshold) for name, each in counts.items()}
        return {"step": self.step, "gain": round(score, 4), "best": round(self.best, 4), "threshold": threshold,
                "held_out": {name: s.get("iou", s["false_alarm_share"]) for name, s in found.items()}}

    def kept(self) -> dict[str, Tensor]:
        """Return the best averaged weights, or what the configuration makes of them; the last where nobody looked."""
        kept = last = {name: value.cpu() for name, value in self.average.state.items()}
        if (self.out / "best.pt").exists():
            kept = dict(torch.load(self.out / "best.pt", map_location="cpu", weights_only=True)["average"])
            if self.config.blend:
                kept = between(kept, last, 0.5)
        return between(kept, self.start, self.config.towards_start) if self.config.towards_start else kept

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        aside = path.with_suffix(".part")
        torch.save({"step": self.step, "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
                    "schedule": self.schedule.state_dict(), "average": self.average.state, "seen": self.average.seen,
                    "best": self.best, "vain": self.vain, "random": random_state()}, aside)
        aside.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint."""
        saved = torch.load(path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        self.average.state = {name: value.to(device()) for name, value in saved["average"].items()}
        self.average.seen = saved["seen"]
        self.step, self.best, self.vain = saved["step"], saved["best"], saved["vain"]
        set_random_state(saved["random"])


def between(these: Mapping[str, Tensor], those: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return weights so far, of 1, on the way from these to those; counts are these'."""
    return {name: value.lerp(those[name], share) if value.is_floating_point() else value
            for name, value in these.items()}


def _optimiser(config: TrainConfig, network: Network) -> torch.optim.Optimizer:
    if config.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), config.learning_rate, momentum=0.9,
                               weight_decay=config.weight_decay)
    encoder = {id(p) for p in network.encoder.parameters()}
    return torch.optim.AdamW([
        {"params": [p for p in network.parameters() if id(p) in encoder], "lr": config.learning_rate / 2},
        {"params": [p for p in network.parameters() if id(p) not in encoder], "lr": config.learning_rate},
    ], weight_decay=config.weight_decay)


def _begin(config: TrainConfig, data: Path, models: Path | None = None) -> Network:
    """Return the network with the weights that the configuration names."""
    network = build(config.architecture, len(scheme(config.scheme).names), **config.arguments)
    if config.start:
        own = network.state_dict()
        theirs = load_network(find_model(config.start, models)).state_dict()
        network.load_state_dict(own | {name: value for name, value in theirs.items()
                                       if name in own and own[name].shape == value.shape})
    elif config.encoder_weights == "imagenet":
        network.load_imagenet()
    elif config.encoder_weights != "none":
        network.load_encoder(data / config.encoder_weights)
    return network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _step(network: nn.Module, image: Tensor, topography: Tensor, label: Tensor, landslide: int, cover_dice: bool,
          ) -> Tensor:
    where = next(network.parameters()).device
    given = (image, topography) if network.topography_channels else (image,)
    with autocast(where):
        logits = network(*(each.to(where, memory_format=torch.channels_last) for each in given))
    loss = cross_entropy_dice(logits, label.to(where), landslide, cover_dice=cover_dice)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()
