"""The numbers that a network is trained in: bfloat16 where the processor multiplies in it, float32 elsewhere."""

from __future__ import annotations

from functools import cache

import torch

IN_HARDWARE = ("amx_bf16", "avx512_bf16")


@cache
def has_bfloat16() -> bool:
    """Return whether the processor multiplies in bfloat16; PyTorch imitates it on others, at half the speed."""
    return any(torch.cpu.get_capabilities().get(name) for name in IN_HARDWARE)


def autocast() -> torch.autocast:
    """Return the context in which a network is called for training, and on held-out ground."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16())
