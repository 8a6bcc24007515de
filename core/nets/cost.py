"""What networks cost, counted without computing anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.nets import ARCHITECTURES, build
from core.nets.fstf_net import FUSIONS

CLASSES, SIDE_PX = 6, 512
"""What is counted: the paper's classes, on one square image of this side."""


class Cost(NamedTuple):
    """A network's size.

    Attributes:
        architecture: Its name.
        arguments: Its own; what is left out is the default.
        parameters: Number of weights.
        gflop: Billions of floating-point operations for one image; a multiplication and an addition are two.
    """

    architecture: str
    arguments: dict[str, Any]
    parameters: int
    gflop: float


def cost(architecture: str, **arguments: Any) -> Cost:  # noqa: ANN401 - as build
    """Count a network's weights and operations; no memory is taken for either."""
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = build(architecture, CLASSES, **arguments).eval()
        channels = [3, len(network.topography_channels)] if network.topography_channels else [3]
        network(*(torch.zeros(1, count, SIDE_PX, SIDE_PX) for count in channels))
    parameters = sum(value.numel() for value in network.parameters())
    return Cost(architecture, arguments, parameters, counter.get_total_flops() / 1e9)


def costs() -> Iterator[Cost]:
    """Yield the cost of each network, as the paper has it and on the lite encoder, and of each fusion."""
    encoders: tuple[dict[str, Any], ...] = ({}, {"encoder": "efficientnet_lite0"})
    for encoder in encoders:
        for architecture in ARCHITECTURES:
            yield cost(architecture, **encoder)
        for fusion in FUSIONS[1:]:
            yield cost("fstf_net", **encoder, fusion=fusion)
