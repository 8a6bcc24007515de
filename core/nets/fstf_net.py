"""FSTF-Net: image and topography, fused at 1/16."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from core.errors import InputError, unknown_name
from core.nets.blocks import Decoder, conv_bn
from core.nets.reach import Field, Reach
from core.nets.staged import Pyramid, Staged
from core.nets.topography import BRANCHES, TOPOGRAPHY_CHANNELS

FUSIONS = ("concat", "sum", "stack")


class FstfNet(Staged):
    """RAE-D with a topographic branch joined to ASPP's output (Xia et al. 2021, section 2.2, Fig. 8).

    The topographic input has six channels and not the paper's three: see ``core.nets.topography``.

    Args:
        classes: Number of classes, from 1.
        fusion: ``concat`` (the paper's choice, eq. 1, Fig. 5a), ``sum`` (Fig. 5b: the branch is brought to the
            pyramid's width by a 1x1, then added) or ``stack`` (Fig. 4a: no branch; the encoder reads image and
            topography as one image of nine channels).
        branch: ``vgg16_bn`` (the paper's, with ``resnet50``) or ``slim`` (with ``efficientnet_lite0``); by default
            the one that suits the encoder.
        dropout: Probability before the classifier.
        **pyramid: See ``core.nets.staged.Pyramid``.
    """

    topography_channels = TOPOGRAPHY_CHANNELS

    def __init__(self, classes: int, *, fusion: str = "concat", branch: str | None = None, dropout: float = 0.5,
                 **pyramid: Unpack[Pyramid]) -> None:
        if fusion not in FUSIONS:
            raise unknown_name("fusion", fusion, list(FUSIONS))
        stacked = fusion == "stack"
        super().__init__(3 + len(TOPOGRAPHY_CHANNELS) if stacked else 3, **pyramid)
        self.fusion, fused = fusion, self.width
        if stacked and branch is not None:
            raise InputError("branch", got=branch, expected="none with fusion 'stack'", remedy="Leave it out.")
        if not stacked:
            branch = self.size.branch if branch is None else branch
            if branch not in BRANCHES:
                raise unknown_name("branch", branch, sorted(BRANCHES))
            self.topography = BRANCHES[branch]()
            if fusion == "sum":
                self.match = conv_bn(self.topography.outputs, self.width, 1)
            else:
                fused += self.topography.outputs
        self.decoder = Decoder(fused, self.width, classes, dropout, skip8=self.encoder.skip8, skip4=self.encoder.skip4)

    def near(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return skips at 1/4 and 1/8 and all features at 1/16; the sides must be multiples of 16."""
        image, topography = inputs
        if self.fusion == "stack":
            return self.encoder.near(torch.cat([image, topography], 1))
        return (*self.encoder.near(image), self.topography(topography))

    def far(self, *at16: Tensor) -> Tensor:
        """Fuse the pyramid's output with the branch's, both at 1/16."""
        context = super().far(at16[0])
        if self.fusion == "concat":
            return torch.cat([context, at16[1]], 1)
        return context + self.match(at16[1]) if self.fusion == "sum" else context

    @property
    def reach(self) -> Reach:
        """How far each part sees; the branch is a part of ``near``."""
        reach = super().reach
        if self.fusion == "stack":
            return reach
        return reach._replace(near_px=max(reach.near_px, Field().through(self.topography).radius))
