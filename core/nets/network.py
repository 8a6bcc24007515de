"""What every network offers besides its forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import ModelError
from core.nets.efficientnet_lite import EfficientNetLite0, imagenet_weights
from core.nets.looks import Looks

_HEADS = ("fc.", "classifier.6.")
"""Classifiers of ImageNet's thousand classes: of no use to an encoder."""


class Network(nn.Module):
    """A network with an image encoder.

    Attributes:
        topography_channels: Channels of the second input, in order; empty: there is no second input.
        encoder: Of the image.
        looks: With which pixels it looks at a scene.
    """

    topography_channels: tuple[str, ...] = ()
    looks: Looks = Looks()
    encoder: nn.Module

    def shapes(self, side: int) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs for one square window: image, and topography if the network takes it."""
        return [(1, count, side, side) for count in (3, len(self.topography_channels)) if count]

    def load_imagenet(self) -> None:
        """Start the encoder from the ImageNet weights that come with Scarp.

        Raises:
            ModelError: None come with Scarp for this encoder.
        """
        if not isinstance(self.encoder, EfficientNetLite0):
            raise ModelError("ImageNet weights", got=f"the encoder {type(self.encoder).__name__}",
                             expected="efficientnet_lite0, whose weights come with Scarp",
                             remedy="Convert a checkpoint with 'scarp convert-weights' and load that.")
        self.encoder.load_state_dict(fitted(imagenet_weights(), self.encoder, "efficientnet_lite0"))

    def load_encoder(self, path: Path) -> None:
        """Start the encoder from a file that ``scarp convert-weights`` wrote.

        Where the encoder reads more than three channels, the further ones start at zero: the network begins as the
        RGB one.

        Raises:
            ModelError: It is not a safetensors file, or its tensors are another encoder's.
        """
        try:
            state = load_file(path)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"encoder weights {path.name}", got="a file that cannot be read",
                             expected="a safetensors file",
                             remedy="Make one with 'scarp convert-weights'.") from error
        self.encoder.load_state_dict(fitted(state, self.encoder, path.name))


def fitted(state: Mapping[str, Tensor], encoder: nn.Module, source: str) -> dict[str, Tensor]:
    """Return a checkpoint's tensors in an encoder's shapes.

    A classifier of ImageNet's classes is left out, a fully connected layer becomes the encoder's convolution, and a
    first convolution of three channels is widened with zeros.

    Args:
        state: The checkpoint's tensors by name.
        encoder: The encoder, with or without values of its own.
        source: Names the checkpoint in an error.

    Raises:
        ModelError: Tensors are missing, unexpected, of another shape, or hold values that are not numbers.
    """
    wanted = encoder.state_dict()
    given = {name: value for name, value in state.items() if not name.startswith(_HEADS)}
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing, unexpected = sorted(wanted.keys() - given.keys() - counters), sorted(given.keys() - wanted.keys())
    if missing or unexpected:
        raise ModelError(f"weights {source}", got=f"{_some(missing)} missing, {_some(unexpected)} unexpected",
                         expected=f"the tensors of {type(encoder).__name__}",
                         remedy="Choose the architecture that the weights belong to.")
    found = {name: _shaped(value, wanted[name]) for name, value in given.items()}
    if misshapen := sorted(name for name, value in found.items() if value.shape != wanted[name].shape):
        name = misshapen[0]
        raise ModelError(f"weights {source}", got=f"{name} of shape {tuple(given[name].shape)}",
                         expected=f"shape {tuple(wanted[name].shape)}",
                         remedy="Choose the architecture that the weights belong to.")
    if broken := sorted(name for name, value in found.items() if not torch.isfinite(value).all()):
        raise ModelError(f"weights {source}", got=f"values that are not numbers in {_some(broken)}",
                         expected="finite weights", remedy="Fetch the checkpoint again.")
    return found


def _shaped(value: Tensor, wanted: Tensor) -> Tensor:
    if value.ndim == 2 and value.numel() == wanted.numel():
        return value.reshape(wanted.shape)
    if value.ndim == wanted.ndim == 4 and value.shape[1] == 3 and value.shape == wanted[:, :3].shape:
        return torch.cat([value, value.new_zeros(wanted[:, 3:].shape)], 1)
    return value


def _some(names: list[str]) -> str:
    return f"{len(names)} tensors ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else "none"
