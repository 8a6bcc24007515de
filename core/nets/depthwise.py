"""Depthwise convolution whose gradients are fast on a CPU.

PyTorch's kernels for two of them are slow: of the inputs at a stride of 2 in bfloat16, and of windows that are wider
than 3. Both are brought to fast ones here, to the same numbers. Half of a training step of the lite encoder goes away
in bfloat16.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

FAST_WIDTH = 3


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding  # type: ignore[attr-defined]
        return F.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        shape = ctx.stride, ctx.padding  # type: ignore[attr-defined]
        return _of_input(gradient, x, weight, *shape), _of_weight(gradient, x, weight, *shape), None, None


def _gradient(wanted: int, gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: list[int]) -> Tensor:
    found: Tensor = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride] * 2, padding, [1, 1], False, [0, 0], len(weight),
        [wanted == 0, wanted == 1, False],
    )[wanted]
    return found


def _of_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """A stride of 2 leaves out every second result of a stride of 1: their gradients are zero."""
    if stride > 1 and x.dtype == torch.bfloat16:
        n, channels, *size = x.shape
        rows, columns = (side + 2 * padding - weight.shape[-1] + 1 for side in size)
        spread = gradient.new_zeros(n, rows, columns, channels).permute(0, 3, 1, 2)
        spread[:, :, ::stride, ::stride] = gradient
        gradient, stride = spread, 1
    return _gradient(0, gradient, x, weight, stride, [padding] * 2)


def _of_weight(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """A wide window is several narrow ones that look at the input further left or right; they may overlap."""
    spare = weight.shape[-1] - FAST_WIDTH
    if spare <= 0:
        return _gradient(1, gradient, x, weight, stride, [padding] * 2)
    found = torch.empty_like(weight)
    for start in {*range(0, spare, FAST_WIDTH), spare}:
        columns = slice(start, start + FAST_WIDTH)
        beside = F.pad(x, (padding - start, padding - spare + start))
        found[..., columns] = _gradient(1, gradient, beside, weight[..., columns], stride, [padding, 0])
    return found


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Convolve every channel with its own window.

    Args:
        x: (n, c, h, w).
        weight: (c, 1, k, k).
        stride: Step of the windows.
        padding: Zeros on every side.

    Returns:
        What ``torch.nn.functional.conv2d`` returns, in autocast's type where that is on.
    """
    if torch.is_autocast_enabled("cpu"):
        x, weight = (each.to(torch.get_autocast_dtype("cpu")) for each in (x, weight))
    result: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
    return result
