"""Augmented crops of labelled ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import CLASS_NODATA, scheme
from core.normalize import image_tensor, topography_tensor
from core.training.augment import coarsen, colour, paste, resize, turn
from core.training.loss import NOT_LANDSLIDE
from core.training.sampling import windows

if TYPE_CHECKING:
    from core.training.config import TrainConfig
    from core.training.sources import Ground


class Pool(NamedTuple):
    """A source's ground, with the share of the crops that is drawn from it and its range of zooms."""

    share: float
    zoom: tuple[float, float]
    grounds: list[Ground]


@dataclass
class _Crop:
    """A crop before its colours are varied.

    Attributes:
        image: (3, c, c) float, 0 to 255.
        label: (c, c).
        seen: (c, c) bool.
        slopes: (2, c, c) terrain gradients, or None.
        gsd_m: Pixel size, 0 where it is unknown.
    """

    image: Tensor
    label: Tensor
    seen: Tensor
    slopes: Tensor | None
    gsd_m: float


class Draw:
    """Random numbers of one crop."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def integer(self, high: int) -> int:
        """Return 0 to ``high - 1``."""
        return int(torch.randint(max(high, 1), (1,), generator=self.generator))

    def one_of(self, values: tuple[int, ...]) -> int:
        """Return one of some; of one nothing is drawn."""
        return values[self.integer(len(values)) if len(values) > 1 else 0]

    def real(self) -> float:
        """Return 0 to 1."""
        return float(torch.rand(1, generator=self.generator))

    def between(self, low: float, high: float) -> float:
        """Return a number between two, drawn evenly on a logarithmic scale."""
        return low * (high / low) ** self.real()


class Crops(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Augmented crops; crop ``i`` depends on the configuration's seed and ``i`` alone.

    Each is (image (3, c, c), topography (6, c, c), label (c, c) int64) as the networks and the loss take them.
    """

    def __init__(self, config: TrainConfig, pools: list[Pool], landslide: int = 1) -> None:
        self.config, self.pools, self.landslide = config, pools, landslide
        self.shares = torch.tensor([pool.share for pool in pools])
        self.terrains = [patch for pool in pools for g in pool.grounds if g.gradients is not None
                         for patch in _whole_patches(g.gradients)]
        self.palette = self._palette()
        self.centres = [self._sampled(pool) for pool in pools] if config.sampling else None

    def _palette(self) -> Tensor:
        rows = []
        for pool in self.pools:
            for ground in pool.grounds[:: max(1, len(pool.grounds) // 60)]:
                seen = ground.image[:, ground.label != CLASS_NODATA][:, ::97].float()
                if seen.shape[1] > 30:
                    rows.append(torch.stack([seen.mean(1), seen.std(1)]))
        return torch.stack(rows)

    def _sampled(self, pool: Pool) -> NDArray[np.int64]:
        """Return (n, 3): piece of ground, row and column of the windows that the configuration's sampling draws."""
        classes = len(scheme(self.config.scheme).names)
        pieces = [(np.where(g.label.numpy() == NOT_LANDSLIDE, classes, g.label.numpy()), g.image.numpy())
                  for g in pool.grounds]
        return windows(pieces, self.config.crop_px, self.config.sampling, classes + 1, self.config.seed)

    def __len__(self) -> int:
        return self.config.steps * self.config.batch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        config, draw = self.config, Draw(self.config.seed * 10_000_019 + index)
        size = config.crop_px
        crop = self._mosaic(draw, size) if draw.real() < config.mosaic else self._one(draw, size)
        if draw.real() < config.paste:
            self._paste(draw, crop)
        slopes = self._terrain(draw, crop, size)
        image, label, slopes = turn(crop.image, torch.stack([crop.label, crop.seen]), slopes,
                                    draw.integer(4), draw.integer(2) == 1)
        image = colour(image, draw.generator, self.palette)
        topography = topography_tensor(slopes[0].numpy(), slopes[1].numpy(), np.full((size, size), np.nan, np.float32))
        return (torch.from_numpy(image_tensor(image.numpy(), label[1].numpy() > 0)), torch.from_numpy(topography),
                label[0].long())

    def plain(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the image (3, c, c), 0 to 255, and the seen pixels (c, c) of a square of the training's ground."""
        crop = self._one(Draw(self.config.seed * 10_000_019 + index), self.config.crop_px)
        return crop.image, crop.seen

    def _one(self, draw: Draw, size: int, parts: int = 1) -> _Crop:
        """Cut a square somewhere, at some zoom: one of so many along a mosaic's side."""
        chosen = int(torch.multinomial(self.shares, 1, generator=draw.generator))
        _, zoom, grounds = self.pools[chosen]
        sampled = None
        if self.centres is None:
            ground = grounds[draw.integer(len(grounds))]
        else:
            piece, *sampled = self.centres[chosen][draw.integer(len(self.centres[chosen]))].tolist()
            ground = grounds[piece]
        height, width = ground.label.shape
        low, high = (size * z for z in zoom)
        low *= max(parts / 2, 1)  # no smaller a piece of ground than in a mosaic of four
        if ground.centres is None:
            high = min(high, 1.2 * min(height, width))
        side = round(draw.between(min(low, high), high))
        centre, reach = sampled, side / 8
        if centre is None and ground.centres is not None:
            centre, reach = ground.centres[draw.integer(len(ground.centres))].tolist(), min(side, 512)
        if centre is not None:
            top, left = (c - side // 2 + int((draw.real() - 0.5) * reach) for c in centre)
        else:
            top, left = draw.integer(height - side + 1), draw.integer(width - side + 1)
        return cut(ground, top, left, side, size)

    def _mosaic(self, draw: Draw, size: int) -> _Crop:
        """Put small crops together; their terrain would have cliffs between them, and is left out."""
        along = draw.one_of(self.config.mosaic_parts)
        parts = [self._one(draw, size // along, along) for _ in range(along * along)]
        image, label, seen = (
            torch.cat([torch.cat([getattr(p, name) for p in parts[i:i + along]], -1)
                       for i in range(0, len(parts), along)], -2) for name in ("image", "label", "seen"))
        return _Crop(image, label, seen, None, 0.0)

    def _paste(self, draw: Draw, crop: _Crop) -> None:
        """Paste another place's landslides into a crop; the ground's own terrain would not fit, and is left out."""
        for _ in range(4):
            other = self._one(draw, crop.label.shape[-1])
            share = float((other.label == self.landslide).float().mean())
            if 0.003 < share < 0.4:  # noqa: PLR2004 - some, with something around it
                turned = turn(other.image, other.label[None], torch.zeros(2, 1, 1), draw.integer(4), True)
                crop.image, crop.label = paste(crop.image, crop.label, crop.seen, turned[0],
                                               turned[1][0] == self.landslide, self.landslide)
                crop.slopes = None
                return

    def _terrain(self, draw: Draw, crop: _Crop, size: int) -> Tensor:
        """Return the crop's terrain as a DEM of some resolution gives it, another place's, or none."""
        slopes = crop.slopes
        if slopes is None and self.terrains and draw.real() < self.config.borrowed_terrain:
            slopes = resize(self.terrains[draw.integer(len(self.terrains))], size)
        elif slopes is not None and self.config.dem_resolution_m[1] > 0 and crop.gsd_m > 0:
            slopes = coarsen(slopes, draw.between(*self.config.dem_resolution_m) / crop.gsd_m)
        if slopes is None or draw.real() < self.config.terrain_dropout:
            return torch.full((2, size, size), torch.nan)
        return slopes


def cut(ground: Ground, top: int, left: int, side: int, size: int) -> _Crop:
    """Cut a square, reaching over the edge where it must, and bring it to ``size`` pixels a side."""
    height, width = ground.label.shape
    rows = (torch.arange(size) + 0.5) * side / size + top
    columns = (torch.arange(size) + 0.5) * side / size + left
    y0, y1, x0, x1 = max(top, 0), min(top + side, height), max(left, 0), min(left + side, width)
    square = torch.zeros(3, side, side, dtype=torch.uint8)
    square[:, y0 - top:y1 - top, x0 - left:x1 - left] = ground.image[:, y0:y1, x0:x1]
    image = resize(square, size)
    r, c = rows.long(), columns.long()
    on = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    label = torch.where(on, ground.label[r.clamp(0, height - 1)[:, None], c.clamp(0, width - 1)], CLASS_NODATA)
    # a scene's unlabelled ground is nodata of its image; a chip's black padding is not observed either
    seen = on & (image.sum(0) > 0)
    slopes = None
    if ground.gradients is not None:
        k = height / ground.gradients.shape[1]
        gr, gc = (rows / k).long().clamp(0, ground.gradients.shape[1] - 1), (columns / k).long()
        slopes = ground.gradients[:, gr[:, None], gc.clamp(0, ground.gradients.shape[2] - 1)]
        slopes = torch.where(on, slopes, torch.nan)
    return _Crop(image, label, seen, slopes, ground.gsd_m * side / size)


def _whole_patches(gradients: Tensor, side: int = 48, step: int = 16) -> list[Tensor]:
    """Cut gradients (2, h, w) into squares and keep those without a gap."""
    rows, columns = (range(0, length - side + 1, step) for length in gradients.shape[1:])
    patches = (gradients[:, r:r + side, c:c + side] for r in rows for c in columns)
    return [patch for patch in patches if not bool(patch.isnan().any())]
