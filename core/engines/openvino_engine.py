"""OpenVINO on the CPU: bfloat16 where the processor has it in hardware, float32 elsewhere."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from torch import nn

Array = NDArray[np.float32]
logging.getLogger("openvino").setLevel(logging.WARNING)


class OpenVinoEngine:
    """A network compiled for one window size."""

    def __init__(self, network: nn.Module, window: int, reason: str, *, key: str = "",
                 precision: str | None = None) -> None:
        core = ov.Core()
        if precision is None:
            precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        model = _convert(core, network, window, key)
        self._takes = len(model.inputs)
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if key:
            options["CACHE_DIR"] = str(cache_folder() / "compiled")
        self._request = core.compile_model(model, "CPU", options).create_infer_request()
        self.name, self.reason, self.batch = f"OpenVINO, CPU, {precision}", reason, 1

    def predict(self, image: Array, topography: Array) -> Array:
        """See ``core.engines.Engine``."""
        parts = []
        for one in zip(image, topography, strict=True):
            inputs = [np.ascontiguousarray(array)[None] for array in one][:self._takes]
            parts.append(self._request.infer(inputs)[0].copy())
        return np.concatenate(parts)


def cache_folder() -> Path:
    """Return the folder of compiled networks: ``SCARP_CACHE``, else the user's own cache."""
    return Path(os.environ.get("SCARP_CACHE") or Path.home() / ".cache" / "scarp")


def _convert(core: ov.Core, network: nn.Module, window: int, key: str) -> ov.Model:
    """Return the network in OpenVINO's form, from the cache where it has been converted before."""
    file = cache_folder() / f"{key}-{window}-{ov.__version__.replace('/', '_')}.xml"
    if key and file.exists():
        return core.read_model(file)
    channels = max(len(network.network.topography_channels), 1)  # type: ignore[union-attr, arg-type]
    example = (torch.zeros(1, 3, window, window), torch.zeros(1, channels, window, window))
    with torch.inference_mode():
        model = ov.convert_model(network, example_input=example, input=[tuple(e.shape) for e in example])
    if key:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f"{os.getpid()}-{file.name}")
        ov.save_model(model, aside, compress_to_fp16=False)
        aside.with_suffix(".bin").replace(file.with_suffix(".bin"))
        aside.replace(file)
    return model
