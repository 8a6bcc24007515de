"""PyTorch: float32 on the CPU, bfloat16 on CUDA."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from core.engines.graph import Arrays, Graph, flush_subnormals
from core.errors import EngineError

logger = logging.getLogger(__name__)


class TorchGraph(Graph[None]):
    """Float32 on the CPU: the reference every other engine is measured against."""

    def __init__(self, module: nn.Module, shapes: Sequence[tuple[int, ...]], reason: str) -> None:
        super().__init__("torch, CPU, float32", reason, shapes, [None], flush_subnormals)
        self.module = module.float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def _run(self, lane: None, arrays: Arrays) -> Arrays:
        return tuple(tensor.contiguous().numpy() for tensor in _tuple(self.module(*map(_channels_last, arrays))))


class CudaGraph(Graph[None]):
    """Bfloat16 autocast on a CUDA device; a batch is halved when memory runs out."""

    def __init__(self, module: nn.Module, shapes: Sequence[tuple[int, ...]], reason: str,
                 device: str = "cuda") -> None:
        super().__init__(f"torch, {device}, bfloat16", reason, shapes, [None, None])
        self.device, self.batch = torch.device(device), shapes[0][0]
        self.module = module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._computing = threading.Lock()

    @torch.inference_mode()
    def _run(self, lane: None, arrays: Arrays) -> Arrays:
        parts, done = [], 0
        while done < len(arrays[0]):
            part = slice(done, done + self.batch)
            try:
                parts.append(self._part([array[part] for array in arrays]))
                done += self.batch
            except torch.cuda.OutOfMemoryError as error:
                if self.batch == 1:
                    raise EngineError("GPU memory", got="too little for one window", expected="room for one window",
                                      remedy="Use a smaller window or --engine openvino.") from error
                torch.cuda.empty_cache()
                self.batch //= 2
                logger.warning("GPU memory ran out; batch is now %d", self.batch)
        return tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

    def _part(self, arrays: Sequence[np.ndarray]) -> Arrays:
        tensors = [_channels_last(array).to(self.device) for array in arrays]
        with self._computing, torch.autocast(self.device.type, dtype=torch.bfloat16):
            return tuple(tensor.float().contiguous().cpu().numpy() for tensor in _tuple(self.module(*tensors)))


def _channels_last(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _tuple(outputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
