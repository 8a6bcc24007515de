"""What a network is trained on: a graphics card where there is one, else the processor, each in its quick numbers."""

from __future__ import annotations

from functools import cache

import torch

IN_HARDWARE = ("amx_bf16", "avx512_bf16")


def device() -> torch.device:
    """Return the graphics card, or the processor where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def has_bfloat16() -> bool:
    """Return whether the processor multiplies in bfloat16; PyTorch imitates it on others, at half the speed."""
    return any(torch.cpu.get_capabilities().get(name) for name in IN_HARDWARE)


def autocast(where: torch.device) -> torch.autocast:
    """Return the context in which a network is called for training, and on held-out ground."""
    return torch.autocast(where.type, dtype=torch.bfloat16, enabled=where.type == "cuda" or has_bfloat16())


def random_state() -> dict[str, torch.Tensor]:
    """Return the state of the generators that a training step draws from, by kind of device."""
    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state()} | cuda


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    """Set the generators of the devices that are here."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
