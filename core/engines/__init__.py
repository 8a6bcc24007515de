"""Engines: the same network, run by what the machine has."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.engines.graph import Array, Graph
from core.engines.torch_graph import CudaGraph, TorchGraph
from core.errors import EngineError, unknown_name

__all__ = ["ENGINES", "Array", "Engine", "Graph", "Probabilities", "choose", "compile_graph"]

ENGINES = ("auto", "torch", "openvino")


class Probabilities(nn.Module):
    """A network with its calibrated softmax, and one signature for all networks."""

    def __init__(self, network: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, image: Tensor, topography: Tensor | None = None) -> Tensor:
        """Return class probabilities (n, classes, h, w); a network without topography needs none."""
        logits = self.network(image, topography) if self.network.topography_channels else self.network(image)
        return (logits / self.temperature).softmax(1)


class Engine:
    """Runs a network on batches of equal windows.

    Attributes:
        graph: Compiled for one window.
    """

    def __init__(self, graph: Graph[Any]) -> None:
        self.graph = graph
        self.name, self.reason, self.slots = graph.name, graph.reason, graph.slots

    def predict(self, image: Array, topography: Array) -> Array:
        """Map (n, 3, h, w) and (n, t, h, w) to class probabilities (n, classes, h, w)."""
        windows = [self.graph.submit(image[i:i + 1], topography[i:i + 1]) for i in range(len(image))]
        return np.concatenate([window.result()[0] for window in windows])


def choose(name: str, network: nn.Module, window: int, *, temperature: float = 1.0, key: str = "",
           precision: str | None = None) -> Engine:
    """Return an engine for a network and a window size.

    Args:
        name: See ``compile_graph``.
        network: In evaluation mode.
        window: Side of the windows in pixels.
        temperature: Of the calibrated softmax.
        key: See ``compile_graph``.
        precision: See ``compile_graph``.
    """
    wrapped = Probabilities(network, temperature).eval()
    channels = max(len(network.topography_channels), 1)  # type: ignore[arg-type]
    shapes = [(1, 3, window, window), (1, channels, window, window)]
    return Engine(compile_graph(wrapped, shapes, engine=name, key=key, precision=precision))


def compile_graph(module: nn.Module, shapes: Sequence[tuple[int, ...]], *, engine: str = "auto", key: str = "",
                  precision: str | None = None, alone: bool = False) -> Graph[Any]:
    """Return a module as a function of float32 arrays of fixed shapes.

    Args:
        module: In evaluation mode, traceable: tensors in, a tensor or a tuple of them out.
        shapes: Of the inputs.
        engine: ``auto``, ``torch`` (CUDA where there is a device) or ``openvino``.
        key: Names the weights (their sha256), so that what is compiled is kept and found again; empty: not kept.
        precision: ``f32`` or ``bf16``; the fastest if left out. PyTorch on the CPU has ``f32`` alone.
        alone: Whether each run has all cores, as suits a few large ones; else OpenVINO gives each of two its half.

    Raises:
        UnknownNameError: No such engine.
        EngineError: OpenVINO was asked for and is not installed.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, list(ENGINES))
    if torch.cuda.is_available() and engine != "openvino":
        return CudaGraph(module, shapes, "a CUDA device is there", precision=precision)
    installed = importlib.util.find_spec("openvino") is not None
    if engine == "openvino" and not installed:
        raise EngineError("engine openvino", got="not installed", expected="the openvino package",
                          remedy="Install it (pip install openvino) or use --engine torch.")
    if engine == "torch" or not installed:
        reason = "asked for" if engine == "torch" else "no CUDA device and OpenVINO is not installed"
        return TorchGraph(module, shapes, reason)
    from core.engines.openvino_graph import OpenVinoGraph  # noqa: PLC0415 - optional, slow to import

    reason = "asked for" if engine == "openvino" else "no CUDA device: fastest on a CPU"
    return OpenVinoGraph(module, shapes, reason, key=key, precision=precision, alone=alone)
