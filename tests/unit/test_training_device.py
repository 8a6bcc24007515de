"""What is trained on: a graphics card, or the processor in the numbers that it multiplies in."""

from collections.abc import Iterator

import pytest
import torch

from core.training import device
from core.training.device import autocast, has_bfloat16


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    has_bfloat16.cache_clear()
    yield
    has_bfloat16.cache_clear()


@pytest.mark.parametrize(("abilities", "kind"), [
    ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
    ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16),
    ({}, torch.float32)])
def test_bfloat16_is_for_processors_that_have_it(abilities: dict[str, bool], kind: torch.dtype, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)
    with autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind


def test_a_restored_generator_draws_the_same_numbers() -> None:
    before = device.random_state()
    drawn = torch.rand(4)
    device.set_random_state(before)
    assert torch.equal(torch.rand(4), drawn)


def test_this_processor_says_what_it_can() -> None:
    flags = open("/proc/cpuinfo").read().split()  # noqa: PTH123, SIM115
    assert has_bfloat16() == any(name in flags for name in device.IN_HARDWARE)
