"""OpenVINO on the CPU: bfloat16 where the processor has it in hardware, float32 elsewhere."""

from __future__ import annotations

import logging

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from torch import nn

Array = NDArray[np.float32]
logging.getLogger("openvino").setLevel(logging.WARNING)


class OpenVinoEngine:
    """A network compiled for one window size."""

    def __init__(self, network: nn.Module, window: int, reason: str, precision: str | None = None) -> None:
        core = ov.Core()
        if precision is None:
            precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        channels = max(len(network.network.topography_channels), 1)  # type: ignore[union-attr, arg-type]
        example = (torch.zeros(1, 3, window, window), torch.zeros(1, channels, window, window))
        with torch.inference_mode():
            model = ov.convert_model(network, example_input=example, input=[tuple(e.shape) for e in example])
        self._takes = len(model.inputs)
        self._request = core.compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
        self.name, self.reason, self.batch = f"OpenVINO, CPU, {precision}", reason, 1

    def predict(self, image: Array, topography: Array) -> Array:
        """See ``core.engines.Engine``."""
        parts = []
        for one in zip(image, topography, strict=True):
            inputs = [np.ascontiguousarray(array)[None] for array in one][:self._takes]
            parts.append(self._request.infer(inputs)[0].copy())
        return np.concatenate(parts)
