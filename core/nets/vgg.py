"""VGG-16: the encoder of the two FCNs, and the paper's topographic branch.

Source: Simonyan and Zisserman 2015, arXiv 1409.1556; its fully connected layers as convolutions: Long et al. 2015,
arXiv 1411.4038. Parameter names are torchvision's ``vgg16`` and ``vgg16_bn``.
"""

from __future__ import annotations

from torch import Tensor, nn

_CONVOLUTIONS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def vgg16_features(inputs: int, *, norm: bool, poolings: int = 5) -> nn.Sequential:
    """Return conv1 to conv5, each followed by a 2x2 pooling as long as there are any left.

    Args:
        inputs: Channels in.
        norm: Whether batch norm stands before every activation.
        poolings: The output is at ``1 / 2**poolings``, with 512 channels.
    """
    layers: list[nn.Module] = []
    for index, stage in enumerate(_CONVOLUTIONS):
        for outputs in stage:
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            layers.extend([nn.BatchNorm2d(outputs)] if norm else [])
            layers.append(nn.ReLU(inplace=True))
            inputs = outputs
        if index < poolings:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Vgg16(nn.Module):
    """Encoder: image to pool3 at 1/8 (256 channels), pool4 at 1/16 (512) and fc7 at 1/32.

    ``classifier.0`` and ``classifier.3``, fully connected in the original, are a 7x7 and a 1x1 convolution.

    Args:
        norm: Whether batch norm stands before every activation of the features.
        hidden: Channels of fc6 and fc7; ImageNet's weights have 4096.
        dropout: Probability between the two.
    """

    skip8, skip16 = 256, 512

    def __init__(self, *, norm: bool, hidden: int = 4096, dropout: float = 0.5) -> None:
        super().__init__()
        self.top = hidden
        self.features = vgg16_features(3, norm=norm)
        self.classifier = nn.Sequential(
            nn.Conv2d(512, hidden, 7, padding=3), nn.ReLU(inplace=True), nn.Dropout2d(dropout),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return pool3, pool4 and fc7; the sides must be multiples of 32."""
        pooled = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                pooled.append(x)
        return pooled[2], pooled[3], self.classifier(x)
