"""A training step of ours against a plain loop in float32: python -m benchmarks.training."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.figures import Figure, run
from core.nets import build
from core.training.device import has_bfloat16
from core.training.loop import _step
from core.training.memory import keep_memory

TITLE = "Training, FSTF-Net lite, crops of 256 x 256 pixels"
CROP, BATCH, STEPS = 256, 12, 6
ARGUMENTS = {"encoder": "efficientnet_lite0"}


def crops() -> tuple[Tensor, Tensor, Tensor]:
    """Return one batch of noise, which costs the same."""
    return (torch.randn(BATCH, 3, CROP, CROP), torch.randn(BATCH, 6, CROP, CROP),
            torch.randint(0, 2, (BATCH, CROP, CROP)))


def plain() -> Callable[[], None]:
    """Return a step as a newcomer would write it: float32, PyTorch's own order of memory and gradients, AdamW."""
    network = build("fstf_net", 2, **ARGUMENTS).train()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.training = False  # our quick gradients are for training alone
    optimiser, batch = torch.optim.AdamW(network.parameters()), crops()

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(network(*batch[:2]), batch[2]).backward()
        optimiser.step()

    return step


def ours() -> Callable[[], None]:
    """Return the training loop's step."""
    network = build("fstf_net", 2, **ARGUMENTS).train().to(memory_format=torch.channels_last)
    optimiser, batch = torch.optim.AdamW(network.parameters()), crops()

    def step() -> None:
        _step(network, *batch, 1)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def seconds(step: Callable[[], None]) -> float:
    """Return the median time of a step; the first two do not count."""
    found = []
    for turn in range(STEPS + 2):
        started = time.perf_counter()
        step()
        if turn > 1:
            found.append(time.perf_counter() - started)
    return statistics.median(found)


def convolving(step: Callable[[], None]) -> float:
    """Return the time that a step spends in convolutions and their gradients."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    return sum(each.self_cpu_time_total for each in found.key_averages() if "convolution" in each.key) / 1e6


def measure() -> Sequence[Figure]:
    """Measure the plain loop first: memory that is kept would help it too."""
    torch.manual_seed(0)
    theirs = seconds(plain())
    torch.set_flush_denormal(True)
    keep_memory()
    step = ours()
    own, least = seconds(step), convolving(step)
    numbers = "bfloat16" if has_bfloat16() else "float32"
    peer = ("crops/s", "plain loop, float32", BATCH / theirs)
    return [Figure(f"training loop, {numbers}", BATCH / own, *peer, 3, f"{BATCH} crops a step"),
            Figure("its convolutions alone", BATCH / least, *peer, note="a ceiling: the rest of the step left out")]


if __name__ == "__main__":
    run(TITLE, measure)
