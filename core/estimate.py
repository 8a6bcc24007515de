"""What a detection will take, told before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from core import speeds
from core.detect import DetectSettings
from core.inference import CELL_PX, COST, Cuts, compile_near
from core.inference.looks import coarse_part
from core.nets.staged import Staged
from core.registry import ModelCard, load_network
from core.scene import Scene
from core.windows import Tiling

BASE_MEMORY_MB = 1000
NEAR_BYTES_A_PIXEL, FAR_BYTES_A_CELL, WINDOW_BYTES_A_PIXEL = 250, 14_000, 700
"""Measured with the lite networks: Python, GDAL and the weights take about 1 GB, and a window of each part so much."""

OVERHEAD = 1.15
"""Reading, writing and outlines, against the network's own time."""


@dataclass(frozen=True)
class Estimate:
    """What a detection will take: seconds, and megabytes of memory and disk."""

    seconds: float
    memory_mb: float
    disk_mb: float


def estimate(settings: DetectSettings, scene: Scene, card: ModelCard, observed: float) -> Estimate:
    """Return what a detection will take; a network that has never run here is timed on one small window.

    Args:
        settings: Of the detection.
        scene: Opened.
        card: Of a model with weights.
        observed: Share of the mapped part that holds image data, 0 to 1.
    """
    finer, coarser = settings.looks(card, scene.grid.gsd_m)
    seen = scene.finer(finer)
    network, part = load_network(card), seen.part
    looks = [coarse_part(seen, part, times) for times in coarser]
    results_mb = 5 * part.width * part.height / finer**2 / 1e6
    busy = min(1.0, observed + 0.1 * (0 < observed < 1))
    if settings.tiling is None and isinstance(network, Staged) and network.reach.far_cells is not None:
        cuts = Cuts.of(network.reach, part)
        second = speeds.recall(card.sha256, settings.engine) or _timed(network, cuts, settings.engine, card.sha256)
        strip = (cuts.core * cuts.cores + 2 * cuts.ring) * (part.width + 2 * cuts.ring)
        cells = (cuts.core * cuts.cores + 2 * cuts.ring) ** 2 / CELL_PX**2
        memory = cells * FAR_BYTES_A_CELL + (cuts.core + 2 * cuts.near) ** 2 * NEAR_BYTES_A_PIXEL
        work = cuts.work + sum(Cuts.of(network.reach, each).work for each in looks)
        return Estimate(busy * work * second * OVERHEAD + 2, BASE_MEMORY_MB + memory / 1e6,
                        results_mb + busy * strip * _bytes_a_pixel(network) / 1e6)
    tiling = settings.tiling or Tiling()
    rows, columns = (-(-side // tiling.core) for side in (part.height, part.width))
    windows = rows * columns + sum(-(-each.height // tiling.core) * -(-each.width // tiling.core) for each in looks)
    second = speeds.recall(card.sha256, settings.engine) or 1e-6
    kept = (tiling.core + 2 * tiling.blend) ** 2 * 4 * len(card.classes.names)
    return Estimate(busy * windows * tiling.size**2 * second * OVERHEAD + 2,
                    BASE_MEMORY_MB + tiling.size**2 * WINDOW_BYTES_A_PIXEL / 1e6, results_mb + 3 * columns * kept / 1e6)


def _timed(network: Staged, cuts: Cuts, engine: str, key: str) -> float:
    """Return seconds a pixel of work, from the first part alone."""
    near = compile_near(network, cuts, engine=engine, key=key)
    inputs = [np.zeros(shape, np.float32) for shape in near.shapes]
    near(*inputs)
    started = time.monotonic()
    near(*inputs)
    return (time.monotonic() - started) / near.shapes[0][-1] ** 2 * sum(COST.values()) / COST["near"]


@torch.inference_mode()
def _bytes_a_pixel(network: Staged) -> float:
    """Return what waits on disk for each pixel between near and decode, as float16."""
    side = 64
    features = network.near(*(torch.zeros(shape) for shape in network.shapes(side)))
    return 2 * sum(array.numel() for array in features) / side**2
