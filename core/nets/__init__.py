"""Networks: one file an architecture, one table of them all."""

from __future__ import annotations

from typing import Any

from torch import nn

from core.errors import InputError, unknown_name
from core.nets.fstf_net_lite import FstfNetLite
from core.nets.rae_d_lite import RaeDLite

ARCHITECTURES: dict[str, type[nn.Module]] = {"fstf_net_lite": FstfNetLite, "rae_d_lite": RaeDLite}


def build(architecture: str, classes: int, **arguments: Any) -> nn.Module:  # noqa: ANN401 - each network's own
    """Return an untrained network.

    Args:
        architecture: A name in ``ARCHITECTURES``.
        classes: Number of classes, from 1.
        **arguments: The network's own, as its model card records them.

    Raises:
        UnknownNameError: No such architecture.
        InputError: No classes, or arguments the network does not have.
    """
    if architecture not in ARCHITECTURES:
        raise unknown_name("architecture", architecture, sorted(ARCHITECTURES))
    if classes < 1:
        raise InputError("number of classes", got=classes, expected="1 or more", remedy="Name at least one class.")
    try:
        return ARCHITECTURES[architecture](classes, **arguments)
    except TypeError as error:
        raise InputError(f"arguments of {architecture}", got=sorted(arguments), expected="those of the network",
                         remedy=f"Correct the model card: {error}.") from error
