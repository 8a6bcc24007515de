"""Basic FCN: the paper's simplest baseline, FCN-32s."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from core.errors import unknown_name
from core.nets.blocks import classifier, pad_to_multiple, upsample
from core.nets.efficientnet_lite import EfficientNetLite0
from core.nets.network import Network
from core.nets.vgg import Vgg16

ENCODERS: dict[str, Callable[..., Vgg16 | EfficientNetLite0]] = {
    "vgg16_bn": partial(Vgg16, norm=True),
    "vgg16": partial(Vgg16, norm=False),
    "efficientnet_lite0": partial(EfficientNetLite0, output_stride=32),
}


class BasicFcn(Network):
    """Encoder at 1/32, classifier, bilinear x32 (Long et al. 2015, arXiv 1411.4038).

    Args:
        classes: Number of classes, from 1.
        encoder: ``vgg16_bn`` (the paper's VGG-16, with the batch norm of its section 2.3), ``vgg16`` (without) or
            ``efficientnet_lite0``.
        dropout: Probability before the classifier.
        **settings: Of the encoder: ``hidden``, the channels of VGG-16's fc6 and fc7.
    """

    encoder: Vgg16 | EfficientNetLite0

    def __init__(self, classes: int, *, encoder: str = "vgg16_bn", dropout: float = 0.5,
                 **settings: Any) -> None:  # noqa: ANN401 - each encoder's own
        super().__init__()
        if encoder not in ENCODERS:
            raise unknown_name("encoder", encoder, sorted(ENCODERS))
        self.encoder = ENCODERS[encoder](**settings)
        self.classify = classifier(self.encoder.top, classes, dropout)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (n, 3, h, w) of any size to logits (n, classes, h, w)."""
        height, width = image.shape[-2:]
        image = pad_to_multiple(image, 32)
        logits = self.score(*self.encoder(image))
        return upsample(logits, (image.shape[-2], image.shape[-1]))[..., :height, :width]

    def score(self, at8: Tensor, at16: Tensor, top: Tensor) -> Tensor:
        """Map features at 1/8, 1/16 and 1/32 to coarse logits, at 1/32."""
        return self.classify(top)
