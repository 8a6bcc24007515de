"""How far a network sees, counted from its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import nn


class Reach(NamedTuple):
    """The theoretical reach of a network's three parts; what lies beyond cannot change a single bit.

    Attributes:
        near_px: ``near``: a cell depends on no pixel further than this beyond the square of pixels it stands for.
        far_cells: ``far``: a cell depends on no cell further than this; None where the whole input is pooled.
        decode_px: ``decode``: a pixel depends on no cell whose square is further than this from the pixel.
    """

    near_px: int
    far_cells: int | None
    decode_px: int


@dataclass(frozen=True)
class Field:
    """What one cell of a feature map sees: its own square of input pixels and some on each side.

    Attributes:
        stride: Side of the square.
        before: Pixels above and to the left of the square.
        after: Pixels below and to the right of it.
    """

    stride: int = 1
    before: int = 0
    after: int = 0

    def through(self, *layers: nn.Module) -> Field:
        """Return the field behind layers in series; short cuts are narrower than what they pass by."""
        field = self
        for layer in layers:
            for name, part in layer.named_modules():
                if isinstance(part, nn.Conv2d | nn.MaxPool2d) and "downsample" not in name:
                    field = field._behind(*(value if isinstance(value, int) else int(value[0]) for value in (
                        part.kernel_size, part.stride, part.padding, part.dilation)))
        return field

    def _behind(self, kernel: int, stride: int, padding: int, dilation: int) -> Field:
        """Cell o reads the cells from ``o * stride - padding``, ``kernel`` of them, ``dilation`` apart."""
        grown = dilation * (kernel - 1) - padding + 1 - stride
        return Field(self.stride * stride, self.before + self.stride * padding, self.after + self.stride * grown)

    @property
    def radius(self) -> int:
        """The wider side."""
        return max(self.before, self.after)
