"""Networks: one file an architecture, one table of them all."""

from __future__ import annotations

from typing import Any

from core.config import scheme
from core.errors import InputError, unknown_name
from core.nets.aspp import AsppNet
from core.nets.basic_fcn import BasicFcn
from core.nets.deeplab_v3plus import DeepLabV3Plus
from core.nets.fcn_8s import Fcn8s
from core.nets.fstf_net import FstfNet
from core.nets.network import Network
from core.nets.rae_d import RaeD
from core.nets.staged import Staged

ARCHITECTURES: dict[str, type[BasicFcn | AsppNet | DeepLabV3Plus | RaeD | FstfNet]] = {
    "basic_fcn": BasicFcn, "fcn_8s": Fcn8s, "aspp": AsppNet, "deeplab_v3plus": DeepLabV3Plus, "rae_d": RaeD,
    "fstf_net": FstfNet,
}
"""The paper's six, from the simplest (Xia et al. 2021, Table 3)."""


def build(architecture: str, classes: int, *, finer: str = "",
          **arguments: Any) -> Network:  # noqa: ANN401 - each network's own
    """Return an untrained network.

    Args:
        architecture: A name in ``ARCHITECTURES``.
        classes: Number of classes, from 1.
        finer: Class scheme whose classes the network itself tells apart, where all but landslide are taken together:
            ``classes`` is 2 then, as in the scheme ``binary``.
        **arguments: The network's own, as its model card records them.

    Raises:
        UnknownNameError: No such architecture.
        InputError: No classes, or arguments the network does not have.
    """
    if architecture not in ARCHITECTURES:
        raise unknown_name("architecture", architecture, sorted(ARCHITECTURES))
    if classes < 1:
        raise InputError("number of classes", got=classes, expected="1 or more", remedy="Name at least one class.")
    own = scheme(finer) if finer else None
    try:
        network = ARCHITECTURES[architecture](len(own.names) if own else classes, **arguments)
    except TypeError as error:
        raise InputError(f"arguments of {architecture}", got=sorted(arguments), expected="those of the network",
                         remedy=f"Correct the model card: {error}.") from error
    if own:
        if classes != 2 or not isinstance(network, Staged):  # noqa: PLR2004 - landslide and the rest
            raise InputError(f"classes of {architecture}, of finer ones", got=classes,
                             expected="2, of a network with ASPP", remedy="Leave 'finer' out of its arguments.")
        network.merge(own.landslide)
    return network
