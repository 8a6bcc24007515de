"""What this machine can do at most: python -m benchmarks.ceilings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks.figures import Figure, medians, run

TITLE = "Ceilings of this machine"
SIDE = 4096
CHANNELS, MAP, KERNEL = 512, 64, 3
CONVOLUTION_GFLOP = 2 * CHANNELS * CHANNELS * KERNEL**2 * MAP**2 / 1e9


def convolution(dtype: torch.dtype) -> Callable[[], object]:
    """Return a 3 x 3 convolution of ``CONVOLUTION_GFLOP``, its weights laid out beforehand as oneDNN likes them.

    512 channels of 64 x 64: large enough to fill every core, small enough to stay in cache.
    """
    layer = torch.nn.Conv2d(CHANNELS, CHANNELS, KERNEL, padding=1).to(dtype).to(memory_format=torch.channels_last)
    image = torch.randn(1, CHANNELS, MAP, MAP).to(dtype).to(memory_format=torch.channels_last)
    geometry = ((1, 1), (1, 1), (1, 1), 1)  # padding, stride, dilation, groups
    onednn = torch.ops.mkldnn
    with torch.inference_mode():
        weight = onednn._reorder_convolution_weight(layer.weight.detach(), *geometry, image.shape)
    bias = layer.bias.detach()

    def once() -> object:
        with torch.inference_mode():
            return onednn._convolution_pointwise(image, weight, bias, *geometry, "none", [], "")
    return once


def measure() -> Sequence[Figure]:
    """Measure products, convolutions and copies."""
    a, b = torch.randn(2, SIDE, SIDE)
    source = np.ones(1 << 26, np.float32)
    target = np.empty_like(source)
    seconds = medians({
        "product": lambda: a @ b, "f32": convolution(torch.float32), "bf16": convolution(torch.bfloat16),
        "copy": lambda: np.copyto(target, source)}, repeats=7)
    return [
        Figure("float32 matrix product", 2 * SIDE**3 / 1e9 / seconds["product"], "GFLOP/s"),
        Figure("float32 convolution", CONVOLUTION_GFLOP / seconds["f32"], "GFLOP/s"),
        Figure("bfloat16 convolution", CONVOLUTION_GFLOP / seconds["bf16"], "GFLOP/s"),
        Figure("copy, one core", 2 * source.nbytes / 1e9 / seconds["copy"], "GB/s", note="read and written")]


if __name__ == "__main__":
    run(TITLE, measure)
