"""Networks in three parts, so that what a scene's windows share need not be computed twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from torch import Tensor

from core.errors import unknown_name
from core.nets.blocks import ASPP, Decoder, Merged, pad_to_multiple
from core.nets.efficientnet_lite import EfficientNetLite0
from core.nets.encoder import Encoder
from core.nets.network import Network
from core.nets.reach import Field, Reach
from core.nets.resnet import ResNet50


@dataclass(frozen=True)
class Size:
    """An encoder, and what suits it.

    Attributes:
        encoder: Builds it for a number of input channels.
        width: Channels of ASPP and decoder.
        rates: ASPP's dilation rates, in cells of 16 pixels.
        pool_window: Side of ASPP's pooled neighbourhood in cells of 16 pixels; 0: the whole input.
        branch: A topographic branch.
    """

    encoder: Callable[[int], Encoder]
    width: int
    rates: tuple[int, ...]
    pool_window: int
    branch: str


class Pyramid(TypedDict, total=False):
    """The arguments that all staged networks share; what is left out is the encoder's own.

    Attributes:
        encoder: ``resnet50`` (the paper's) or ``efficientnet_lite0`` (for laptops).
        width: Channels of ASPP and decoder: 256, lite 128.
        rates: ASPP's dilation rates in cells of 16 pixels: 6, 12, 18; lite 3, 6, 9, because it is trained on crops of
            256 pixels, 16 cells, in which a rate of 18 would touch its centre tap only.
        pool_window: Side of ASPP's pooled neighbourhood in cells of 16 pixels. With ``resnet50`` it is 0, the paper's
            pooling of the whole input: the network is then the published one, but its map depends on how a scene is
            cut into windows. With ``efficientnet_lite0`` it is 15: the reach is finite, and tiling need not show.
            Give 31 or so to train a paper-sized network for large scenes.
    """

    encoder: str
    width: int
    rates: Sequence[int]
    pool_window: int


class Staged(Network):
    """An encoder, ASPP and a decoder; ``forward`` is ``near``, ``far`` and ``decode``, one behind the other.

    Args:
        channels: Of the encoder's input.
        encoder: See ``Pyramid``, as for the others.
        width: Likewise.
        rates: Likewise.
        pool_window: Likewise.
    """

    SIZES: ClassVar[dict[str, Size]] = {
        "resnet50": Size(ResNet50, 256, (6, 12, 18), 0, "vgg16_bn"),
        "efficientnet_lite0": Size(EfficientNetLite0, 128, (3, 6, 9), 15, "slim"),
    }
    encoder: Encoder
    decoder: Decoder

    def __init__(self, channels: int = 3, *, encoder: str = "resnet50", width: int | None = None,
                 rates: Sequence[int] | None = None, pool_window: int | None = None) -> None:
        super().__init__()
        if encoder not in self.SIZES:
            raise unknown_name("encoder", encoder, sorted(self.SIZES))
        self.size = self.SIZES[encoder]
        self.width = self.size.width if width is None else width
        self.encoder = self.size.encoder(channels)
        self.aspp = ASPP(self.encoder.top, self.width, tuple(self.size.rates if rates is None else rates),
                         self.size.pool_window if pool_window is None else pool_window)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Map image (n, 3, h, w), and topography (n, t, h, w) if the network takes it, to logits (n, classes, h, w)."""
        height, width = inputs[0].shape[-2:]
        skip4, skip8, *at16 = self.near(*(pad_to_multiple(x, 16) for x in inputs))
        return self.decode(self.far(*at16), skip8, skip4)[..., :height, :width]

    def near(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return skips at 1/4 and 1/8 and all features at 1/16; the sides must be multiples of 16."""
        return self.encoder.near(*inputs)

    def far(self, *at16: Tensor) -> Tensor:
        """Map features at 1/16 to the decoder's, at 1/16."""
        return self.aspp(self.encoder.far(at16[0]))

    def decode(self, context: Tensor, skip8: Tensor, skip4: Tensor) -> Tensor:
        """Map features at 1/16 and the skips to logits (n, classes, 4 * h4, 4 * w4)."""
        return self.decoder(context, skip8, skip4)

    def merge(self, kept: int) -> None:
        """Tell one class from the rest alone, see ``core.nets.blocks.Merged``; the weights stay as they are."""
        self.decoder.classify.append(Merged(kept))

    @property
    def reach(self) -> Reach:
        """How far each part sees."""
        near, far = self.encoder.layers()
        context = self.aspp.reach
        return Reach(Field().through(*near).radius,
                     None if context is None else Field().through(*far).radius + context, self.decoder.reach_px)
