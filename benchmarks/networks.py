"""The networks of the study on our engine, in turn: python -m benchmarks.networks.

With --json docs/studies/six_networks/speed.json they are on the study's page. Weights are random, which costs the same;
what surrounds a network in a detection (reading, terrain, halos, outlines) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch

from benchmarks.figures import Figure, medians, run
from benchmarks.network import SIDE, WINDOWS, windows
from core.engines import Probabilities, compile_graph
from core.nets import ARCHITECTURES, build
from core.nets.fstf_net import FUSIONS

TITLE = "Networks on EfficientNet-Lite0, ground of 0.3 m a pixel"
PIXEL_M = 0.3


def measure() -> Sequence[Figure]:
    """Measure all in turn, against FSTF-Net as the paper fuses."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    whole = {name: {} for name in ARCHITECTURES} | {f"fstf_net, {fusion}": {"fusion": fusion} for fusion in FUSIONS[1:]}
    with ExitStack() as stack:
        calls = {}
        for name, arguments in whole.items():
            network = build(name.partition(",")[0], 2, encoder="efficientnet_lite0", **arguments).eval()
            arrays = [torch.randn(1, count, SIDE, SIDE).numpy()
                      for count in (3, len(network.topography_channels)) if count]
            graph = stack.enter_context(compile_graph(Probabilities(network), [array.shape for array in arrays]))
            calls[name] = lambda graph=graph, arrays=arrays: windows(graph, arrays)
        km2 = WINDOWS * (SIDE * PIXEL_M / 1000) ** 2
        seconds = {name: each / km2 for name, each in medians(calls).items()}
    return [Figure(name, each, "s/km²", "fstf_net", seconds["fstf_net"], note=graph.name)
            for name, each in seconds.items()]


if __name__ == "__main__":
    run(TITLE, measure)
