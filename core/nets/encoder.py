"""What every image encoder with output stride 16 offers."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module):
    """An encoder cut in two behind the first layer at 1/16.

    Attributes:
        skip4: Channels of the skip at 1/4.
        skip8: Channels of the skip at 1/8.
        top: Channels of the last features.
    """

    skip4: int
    skip8: int
    top: int

    @abstractmethod
    def near(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the skips at 1/4 and 1/8, and the first features at 1/16; the sides must be multiples of 16."""

    @abstractmethod
    def far(self, x: Tensor) -> Tensor:
        """Return the top; everything stays at 1/16."""

    @abstractmethod
    def layers(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Return the layers of ``near`` and of ``far``, in series."""
