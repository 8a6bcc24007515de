"""The training loop: AdamW, a warmed-up cosine, bf16 on the CPU, a moving average of the weights, resume."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.config import scheme
from core.errors import ModelError
from core.nets import build
from core.training.loss import cross_entropy_dice
from core.training.sources import Crops, generated, load

if TYPE_CHECKING:
    from pathlib import Path

    from core.nets.network import Network
    from core.training.config import TrainConfig

logger = logging.getLogger(__name__)

SAVE_EVERY = 100


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
    """Return the learning rate's factor at a step: linear warm-up, then half a cosine down to 0."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def train(config: TrainConfig, data: Path, out: Path) -> dict[str, Tensor]:
    """Train and return the averaged weights; a second call goes on from the last checkpoint.

    Args:
        config: The run.
        data: Folder the configuration's sources lie in.
        out: Run folder: ``log.jsonl`` (a line every 20 steps) and ``last.pt`` (our own checkpoint).

    Raises:
        ModelError: The loss is not a number; the batch that caused it is saved beside the log.
    """
    torch.set_flush_denormal(True)
    out.mkdir(parents=True, exist_ok=True)
    if (out / "last.pt").exists() and (last := torch.load(out / "last.pt", weights_only=True))["step"] >= config.steps:
        return dict(last["average"])
    pools = [(s.share, s.zoom, load(s, data, training=True)) for s in config.sources]
    if config.generated_scenes:
        pools.append((config.generated_share, (0.8, 2.0), generated(config.generated_scenes)))
    for (_, _, grounds), name in zip(pools, [*(s.name for s in config.sources), "generated"], strict=False):
        logger.info("%s: %d pieces of ground", name, len(grounds))
    torch.manual_seed(config.seed)
    network = _begin(config, data)
    encoder = {id(p) for p in network.encoder.parameters()}
    optimiser = torch.optim.AdamW([
        {"params": [p for p in network.parameters() if id(p) in encoder], "lr": config.learning_rate / 2},
        {"params": [p for p in network.parameters() if id(p) not in encoder], "lr": config.learning_rate},
    ], weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, config))
    average, first = Average(network, config.ema), 0
    if (out / "last.pt").exists():
        first = _restore(out / "last.pt", network, optimiser, schedule, average)
        logger.info("going on from step %d", first)
    crops = Crops(config, pools)
    order = torch.utils.data.Subset(crops, range(first * config.batch, len(crops)))
    # a generator of its own: the loader would draw from the one that dropout uses, and a resumed run would differ
    loader = torch.utils.data.DataLoader(order, config.batch, generator=torch.Generator())
    with (out / "log.jsonl").open("a") as log:
        recent: list[float] = []
        started = time.monotonic()
        for step, (image, topography, label) in enumerate(loader, first):
            loss = _step(network, image, topography, label, scheme(config.scheme).landslide)
            if not torch.isfinite(loss):
                torch.save({"image": image, "topography": topography, "label": label}, out / "bad_batch.pt")
                raise ModelError("training loss", got=float(loss), expected="a finite number",
                                 remedy=f"Lower the learning rate; the batch of step {step} is in bad_batch.pt.")
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            schedule.step()
            average.update(network)
            recent.append(float(loss))
            if (step + 1) % 20 == 0:
                speed = (step + 1 - first) * config.batch / (time.monotonic() - started)
                left = (config.steps - step - 1) * config.batch / speed
                line = {"step": step + 1, "loss": round(sum(recent) / len(recent), 4),
                        "samples_per_s": round(speed, 2), "left_s": round(left)}
                log.write(json.dumps(line) + "\n")
                log.flush()
                logger.info("step %(step)d  loss %(loss).4f  %(samples_per_s).2f samples/s  %(left_s)d s left", line)
                recent.clear()
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == config.steps:
                _save(out / "last.pt", step + 1, network, optimiser, schedule, average)
    return average.state


def _begin(config: TrainConfig, data: Path) -> Network:
    """Return the untrained network with the encoder weights that the configuration names."""
    network = build(config.architecture, len(scheme(config.scheme).names), **config.arguments)
    if config.encoder_weights == "imagenet":
        network.load_imagenet()
    elif config.encoder_weights != "none":
        network.load_encoder(data / config.encoder_weights)
    return network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _step(network: nn.Module, image: Tensor, topography: Tensor, label: Tensor, landslide: int) -> Tensor:
    image = image.to(memory_format=torch.channels_last)
    inputs = (image, topography.to(memory_format=torch.channels_last)) if network.topography_channels else (image,)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(*inputs)
    loss = cross_entropy_dice(logits, label, landslide)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _save(path: Path, step: int, network: nn.Module, optimiser: torch.optim.Optimizer,
          schedule: torch.optim.lr_scheduler.LambdaLR, average: Average) -> None:
    aside = path.with_suffix(".part")
    torch.save({"step": step, "network": network.state_dict(), "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(), "average": average.state, "seen": average.seen,
                "random": torch.get_rng_state()}, aside)
    aside.replace(path)


def _restore(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer,
             schedule: torch.optim.lr_scheduler.LambdaLR, average: Average) -> int:
    saved = torch.load(path, weights_only=True)
    network.load_state_dict(saved["network"])
    optimiser.load_state_dict(saved["optimiser"])
    schedule.load_state_dict(saved["schedule"])
    average.state, average.seen = saved["average"], saved["seen"]
    torch.set_rng_state(saved["random"])
    return int(saved["step"])
