"""Networks in three parts, so that what a scene's windows share need not be computed twice."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from core.nets.blocks import ASPP, SteppedDecoder, pad_to_multiple
from core.nets.reach import Field, Reach


class Encoder(nn.Module):
    """An image encoder with output stride 16, cut behind the first layer at 1/16."""

    @abstractmethod
    def near(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the skips at 1/4 and 1/8, and the first features at 1/16; the sides must be multiples of 16."""

    @abstractmethod
    def far(self, x: Tensor) -> Tensor:
        """Return the top from the first features at 1/16; everything stays at 1/16."""

    @abstractmethod
    def layers(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Return the layers of ``near`` and of ``far``, in series."""

    @abstractmethod
    def load_imagenet(self) -> None:
        """Start from ImageNet."""


class Staged(nn.Module):
    """An encoder, ASPP and a decoder; ``forward`` is ``near``, ``far`` and ``decode``, one behind the other."""

    topography_channels: tuple[str, ...] = ()
    encoder: Encoder
    aspp: ASPP
    topography: nn.Module
    decoder: SteppedDecoder

    def load_imagenet(self) -> None:
        """Start the image encoder from ImageNet."""
        self.encoder.load_imagenet()

    def forward(self, image: Tensor, *topography: Tensor) -> Tensor:
        """Map image (n, 3, h, w), and topography (n, t, h, w) if the network takes it, to logits (n, classes, h, w)."""
        height, width = image.shape[-2:]
        skip4, skip8, *at16 = self.near(*(pad_to_multiple(x, 16) for x in (image, *topography)))
        return self.decode(self.far(*at16), skip8, skip4)[..., :height, :width]

    def near(self, image: Tensor, *topography: Tensor) -> tuple[Tensor, ...]:
        """Return skips at 1/4 and 1/8 and all features at 1/16; the sides must be multiples of 16."""
        return (*self.encoder.near(image), *(self.topography(x) for x in topography))

    def far(self, image: Tensor, *topography: Tensor) -> Tensor:
        """Map features at 1/16 to the decoder's, at 1/16."""
        return self.aspp(self.encoder.far(image))

    def decode(self, context: Tensor, skip8: Tensor, skip4: Tensor) -> Tensor:
        """Map features at 1/16 and the skips to logits (n, classes, 4 * h4, 4 * w4)."""
        return self.decoder(context, skip8, skip4)

    @property
    def reach(self) -> Reach:
        """How far each part sees."""
        near, far = self.encoder.layers()
        fields = [Field().through(*near)]
        if self.topography_channels:
            fields.append(Field().through(self.topography))
        context = self.aspp.reach
        return Reach(
            max(field.radius for field in fields),
            None if context is None else Field().through(*far).radius + context,
            self.decoder.reach_px,
        )
