"""FSTF-Net on our engine, against plain torch and against the ceiling: python -m benchmarks.network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.ceilings import CONVOLUTION_GFLOP, convolution
from benchmarks.figures import Figure, medians, run
from core.engines import Graph, Probabilities, compile_graph
from core.nets import build

TITLE = "FSTF-Net, windows of 512 x 512 pixels"
SIDE = 512
CLASSES = 6
WINDOWS = 4
"""Windows handed to the engine at once, so that all its slots are in use."""


def gflop(network: nn.Module, inputs: Sequence[torch.Tensor]) -> float:
    """Return the operations of one forward pass; a multiplication and an addition are two."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        network(*inputs)
    return counter.get_total_flops() / 1e9


def windows(graph: Graph, arrays: Sequence[np.ndarray]) -> None:
    """Run ``WINDOWS`` windows, as many at once as the engine takes."""
    for future in [graph.submit(*arrays) for _ in range(WINDOWS)]:
        future.result()


def measure() -> Sequence[Figure]:
    """Measure both sizes; weights are random, which costs the same."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    found = []
    for title, encoder, times, share in (("paper size", "resnet50", 10, 0.7),
                                         ("lite", "efficientnet_lite0", None, None)):
        network = Probabilities(build("fstf_net", CLASSES, encoder=encoder)).eval()
        inputs = [torch.randn(1, 3, SIDE, SIDE), torch.randn(1, len(network.network.topography_channels), SIDE, SIDE)]
        arrays = [tensor.numpy() for tensor in inputs]
        work = gflop(network, inputs)

        def eager(network: nn.Module = network, inputs: Sequence[torch.Tensor] = inputs) -> None:
            with torch.inference_mode():
                network(*inputs)

        with compile_graph(network, [array.shape for array in arrays]) as graph:
            seconds = medians({"eager": eager, "convolution": convolution(torch.bfloat16),
                               "engine": lambda graph=graph, arrays=arrays: windows(graph, arrays)})
            name = graph.name
        ours = WINDOWS / seconds["engine"]
        megapixels = SIDE**2 / 1e6
        found += [
            Figure(f"{title}, {name}", ours * megapixels, "Mpx/s", "torch, eager, float32",
                   megapixels / seconds["eager"], times, f"{1e3 / ours:.0f} ms a window"),
            Figure(f"{title}, {name}", ours * work, "GFLOP/s", "the bfloat16 convolution",
                   CONVOLUTION_GFLOP / seconds["convolution"], share, f"{work:.0f} GFLOP a window")]
    return found


if __name__ == "__main__":
    run(TITLE, measure)
