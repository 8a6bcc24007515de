"""PyTorch: float32 on the CPU, bfloat16 on CUDA."""

from __future__ import annotations

import copy
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


class CudaGraph(Graph[torch.Stream]):
    """Bfloat16 autocast on a CUDA device; a batch is halved when memory runs out.

    A lane is a stream for copies: while one window computes, the next is copied there and the last is copied back. All
    compute in one stream, one behind the other, so that memory holds what one of them needs.
    """

    def __init__(self, module: nn.Module, shapes: Sequence[tuple[int, ...]], reason: str, *,
                 precision: str | None = None, device: str = "cuda") -> None:
        self.device, self.batch = torch.device(device), shapes[0][0]
        self._half, self._cuda = precision != "f32", torch.get_device_module(self.device)
        super().__init__(f"torch, {device}, {'bfloat16' if self._half else 'float32'}", reason, shapes,
                         [self._cuda.Stream() for _ in range(2)])
        self.module = copy.deepcopy(module).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._stream, self._computing = self._cuda.Stream(), threading.Lock()
        self._stream.wait_stream(self._cuda.current_stream())

    @torch.inference_mode()
    def _run(self, lane: torch.Stream, arrays: Arrays) -> Arrays:
        parts, done = [], 0
        while done < len(arrays[0]):
            size = self.batch
            try:
                parts.append(self._part(lane, [array[done:done + size] for array in arrays]))
                done += size
            except torch.OutOfMemoryError as error:
                if size == 1:
                    raise EngineError("GPU memory", got="too little for one window", expected="room for one window",
                                      remedy="Use a smaller window or --engine openvino.") from error
                torch.cuda.empty_cache()
                self.batch = min(self.batch, size // 2)
                logger.warning("GPU memory ran out; batch is now %d", self.batch)
        return tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

    def _part(self, lane: torch.Stream, arrays: Sequence[np.ndarray]) -> Arrays:
        with self._cuda.stream(lane):
            inputs = [self._put(array) for array in arrays]
        with self._computing, self._cuda.stream(self._stream):
            self._stream.wait_stream(lane)
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._half):
                outputs = [tensor.float().contiguous() for tensor in _tuple(self.module(*inputs))]
            computed = self._stream.record_event()
        with self._cuda.stream(lane):
            lane.wait_event(computed)
            found = [tensor.to("cpu", non_blocking=True) for tensor in outputs]
        if self.device.type == "cuda":
            lane.synchronize()
        return tuple(tensor.numpy() for tensor in found)

    def _put(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _channels_last(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _tuple(outputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
