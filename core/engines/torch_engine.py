"""PyTorch: float32 on the CPU, bfloat16 on CUDA."""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import EngineError

Array = NDArray[np.float32]
logger = logging.getLogger(__name__)


class TorchEngine:
    """Float32 on the CPU: the reference every other engine is measured against."""

    def __init__(self, network: nn.Module, reason: str) -> None:
        torch.set_flush_denormal(True)
        self.network = network.float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name, self.reason, self.batch = "torch, CPU, float32", reason, 1

    @torch.inference_mode()
    def predict(self, image: Array, topography: Array) -> Array:
        """See ``core.engines.Engine``."""
        tensor = torch.from_numpy(image).to(memory_format=torch.channels_last)
        return self.network(tensor, torch.from_numpy(topography)).numpy()


class CudaEngine:
    """Bfloat16 autocast on a CUDA device; the batch is halved when memory runs out."""

    def __init__(self, network: nn.Module, reason: str, device: str = "cuda", batch: int = 8) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name, self.reason, self.batch = f"torch, {device}, bfloat16", reason, batch

    @torch.inference_mode()
    def predict(self, image: Array, topography: Array) -> Array:
        """See ``core.engines.Engine``."""
        parts, done = [], 0
        while done < len(image):
            part = slice(done, done + self.batch)
            try:
                parts.append(self._run(image[part], topography[part]))
                done += self.batch
            except torch.cuda.OutOfMemoryError as error:
                if self.batch == 1:
                    raise EngineError("GPU memory", got="too little for one window", expected="room for one window",
                                      remedy="Use a smaller window or --engine openvino.") from error
                torch.cuda.empty_cache()
                self.batch //= 2
                logger.warning("GPU memory ran out; batch is now %d", self.batch)
        return np.concatenate(parts)

    def _run(self, image: Array, topography: Array) -> Array:
        tensors = [self._put(array) for array in (image, topography)]
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            return self.network(*tensors).float().cpu().numpy()

    def _put(self, array: Array) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True, memory_format=torch.channels_last)
