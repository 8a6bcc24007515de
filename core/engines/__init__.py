"""Engines: the same network, run by what the machine has."""

from __future__ import annotations

import importlib.util
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.engines.torch_engine import CudaEngine, TorchEngine
from core.errors import EngineError, unknown_name

Array = NDArray[np.float32]

ENGINES = ("auto", "torch", "openvino")


class Engine(Protocol):
    """Runs a network on batches of equal windows.

    Attributes:
        name: Engine, device and precision, for people and run records.
        reason: Why this one.
        batch: Windows it likes at once.
    """

    name: str
    reason: str
    batch: int

    def predict(self, image: Array, topography: Array) -> Array:
        """Map (n, 3, h, w) and (n, t, h, w) to class probabilities (n, classes, h, w)."""
        ...


class Probabilities(nn.Module):
    """A network with its calibrated softmax, and one signature for all networks."""

    def __init__(self, network: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, image: Tensor, topography: Tensor) -> Tensor:
        """Return class probabilities (n, classes, h, w)."""
        logits = self.network(image, topography) if self.network.topography_channels else self.network(image)
        return (logits / self.temperature).softmax(1)


def choose(name: str, network: nn.Module, window: int, *, temperature: float = 1.0, key: str = "") -> Engine:
    """Return an engine for a network and a window size.

    Args:
        name: ``auto``, ``torch`` (CUDA where there is a device) or ``openvino``.
        network: In evaluation mode.
        window: Side of the windows in pixels.
        temperature: Of the calibrated softmax.
        key: Names the weights (their sha256), so that a compiled network is found again; empty: not kept.

    Raises:
        UnknownNameError: No such engine.
        EngineError: OpenVINO was asked for and is not installed.
    """
    if name not in ENGINES:
        raise unknown_name("engine", name, list(ENGINES))
    wrapped = Probabilities(network, temperature).eval()
    if torch.cuda.is_available() and name != "openvino":
        return CudaEngine(wrapped, "a CUDA device is there")
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not installed:
        raise EngineError("engine openvino", got="not installed", expected="the openvino package",
                          remedy="Install it (pip install openvino) or use --engine torch.")
    if name == "torch" or not installed:
        return TorchEngine(wrapped, "asked for" if name == "torch" else "no CUDA device and OpenVINO is not installed")
    from core.engines.openvino_engine import OpenVinoEngine  # noqa: PLC0415 - optional, slow to import

    reason = "asked for" if name == "openvino" else "no CUDA device: fastest on a CPU"
    return OpenVinoEngine(wrapped, window, reason, key=f"{key}-{temperature:g}" if key else "")
