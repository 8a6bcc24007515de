"""Augmentation that knows geography: terrain turns with the image, colour and scale vary as sensors do."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.config import CLASS_NODATA


def turn(image: Tensor, label: Tensor, gradients: Tensor, quarter: int, mirror: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror east-west and then turn a crop by quarter turns, the terrain gradients' directions with it.

    Args:
        image: (c, h, w).
        label: (h, w).
        gradients: (2, h, w), dz/de and dz/dn; NaN where absent.
        quarter: Quarter turns anticlockwise.
        mirror: Whether to mirror first.

    Returns:
        The three, turned; ``gradients`` are those of the turned world.
    """
    if mirror:
        image, label, gradients = image.flip(-1), label.flip(-1), gradients.flip(-1)
        gradients = torch.stack([-gradients[0], gradients[1]])
    image, label, gradients = (torch.rot90(x, quarter, (-2, -1)) for x in (image, label, gradients))
    for _ in range(quarter % 4):  # anticlockwise by 90 degrees: (e, n) becomes (-n, e)
        gradients = torch.stack([-gradients[1], gradients[0]])
    return image, label, gradients


def resize(image: Tensor, size: int) -> Tensor:
    """Return (c, size, size) float from (c, h, w) float or uint8, averaged where it shrinks."""
    whole = image[None].contiguous(memory_format=torch.channels_last) if image.dtype == torch.uint8 else image[None]
    return F.interpolate(whole, size=(size, size), mode="bilinear", antialias=True)[0].float().contiguous()


def coarsen(gradients: Tensor, pixels: float) -> Tensor:
    """Return terrain gradients as a DEM of larger cells gives them: a mean's gradient is the mean gradient.

    Args:
        gradients: (2, h, w), dz/de and dz/dn, NaN where absent.
        pixels: Side of a cell in pixels; nothing changes below 2.
    """
    side = gradients.shape[-1]
    cells = max(2, round(side / pixels))
    if cells * 2 > side:
        return gradients
    coarse = F.interpolate(gradients[None], size=(cells, cells), mode="area")
    return F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)[0]


def paste(image: Tensor, label: Tensor, seen: Tensor, other: Tensor, mask: Tensor, value: int) -> tuple[Tensor, Tensor]:
    """Paste parts of another image with soft edges, where the ground is seen and labelled.

    Args:
        image: (3, h, w) float.
        label: (h, w).
        seen: (h, w) bool.
        other: (3, h, w) float, what is pasted.
        mask: (h, w) bool, where.
        value: Label of what is pasted.

    Returns:
        Image and label.
    """
    wanted = mask & seen & (label != CLASS_NODATA)
    soft = F.avg_pool2d(wanted[None, None].float(), 5, 1, 2)[0]
    return torch.lerp(image, other, soft), torch.where(wanted, torch.full_like(label, value), label)


def colour(image: Tensor, generator: torch.Generator, palette: Tensor) -> Tensor:
    """Vary radiometry: gain and offset a band, gamma, saturation, another scene's tone, haze, blur and noise.

    Args:
        image: (3, h, w) float, 0 to 255.
        generator: Source of randomness.
        palette: (k, 2, 3) channel means and deviations of other scenes, whose tone may be taken on.

    Returns:
        (3, h, w) float, 0 to 255.
    """
    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape or (1,), generator=generator) * (high - low) + low

    def chance(p: float) -> bool:
        return bool(torch.rand(1, generator=generator) < p)

    x = image
    if chance(0.4):
        mean, deviation = x.mean((1, 2), keepdim=True), x.std((1, 2), keepdim=True) + 4.0
        other = palette[torch.randint(len(palette), (1,), generator=generator)][0]
        towards = uniform(0.3, 1.0)
        goal = torch.lerp(deviation, other[1].view(3, 1, 1), towards)
        x = (x - mean) / deviation * goal + torch.lerp(mean, other[0].view(3, 1, 1), towards)
    x = x.clamp(0, 255) / 255
    if chance(0.5):
        x = x.clamp(min=1e-4) ** uniform(0.65, 1.5)
    if chance(0.5):
        grey = x.mean(0, keepdim=True)
        x = grey + (x - grey) * uniform(0.0, 1.7)
    x = x * uniform(0.75, 1.3) * uniform(0.88, 1.12, 3, 1, 1) + uniform(-0.08, 0.08)
    if chance(0.2):
        haze = uniform(0.0, 0.4)
        x = x * (1 - haze) + haze * 0.8
    if chance(0.3):
        side = x.shape[-1]
        small = int(side * float(uniform(0.35, 0.9)))
        x = F.interpolate(resize(x, small)[None], size=(side, side), mode="bilinear", align_corners=False)[0]
    if chance(0.4):
        x = x + torch.randn(x.shape, generator=generator) * uniform(0.0, 0.05)
    return x.clamp(0, 1) * 255
