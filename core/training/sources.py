"""Labelled ground in memory, and the crops drawn from it."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.config import CLASS_NODATA
from core.errors import InputError
from core.landscape import FIRST_TRAINING_SEED, landscape
from core.normalize import image_tensor, topography_tensor
from core.raster import band_roles, grid_of, open_raster, read_on
from core.terrain import gradients
from core.training.augment import colour, resize, turn
from core.windows import blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.grid import Grid
    from core.training.config import Source, TrainConfig

logger = logging.getLogger(__name__)


@dataclass
class Ground:
    """One piece of labelled ground.

    Attributes:
        image: (3, h, w) uint8; 0 where invalid.
        label: (h, w) uint8: channel of the binary scheme, 255 unlabelled or invalid.
        gradients: (2, h/k, w/k) float32 dz/de and dz/dn on a grid k times as coarse, NaN where absent; None without.
        centres: (m, 2) rows and columns a crop may be centred on; None: anywhere.
    """

    image: Tensor
    label: Tensor
    gradients: Tensor | None = None
    centres: Tensor | None = None


def held_out(name: str, share: float) -> bool:
    """Tell, from its name alone, whether a chip is kept out of training."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF < share


def load(source: Source, folder: Path, *, training: bool) -> list[Ground]:
    """Load one side of a source's split: what is trained on, or what is held out."""
    if source.labels is None or not source.labels.endswith(".tif"):
        return _load_chips(source, folder, training)
    return [_load_scene(source, folder, training)]


def _load_chips(source: Source, folder: Path, training: bool) -> list[Ground]:
    files = sorted(folder.glob(source.images))
    if not files:
        raise InputError(f"source {source.name}", got="no files", expected=f"images at {source.images}",
                         remedy="Point --data at the folder that holds the training data.")
    share = source.holdout if isinstance(source.holdout, float) else 0.0
    grounds = []
    for file in files:
        excluded = bool(source.exclude_prefix) and file.name.startswith(source.exclude_prefix)
        if (excluded or held_out(file.name, share)) == training:
            continue
        with Image.open(file) as picture:
            image = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
        label = torch.zeros(image.shape[1:], dtype=torch.uint8)
        if source.labels:
            with Image.open(folder / source.labels / f"{file.stem}.png") as mask:
                label = (torch.from_numpy(np.array(mask.convert("L"))) > 0).to(torch.uint8)
        grounds.append(Ground(image, label))
    return grounds


def _load_scene(source: Source, folder: Path, training: bool) -> Ground:
    with open_raster(folder / source.images) as image, open_raster(folder / str(source.labels)) as labels:
        grid, roles = grid_of(image), band_roles(image)
        pixels = torch.zeros(3, *grid.shape, dtype=torch.uint8)
        label = torch.full(grid.shape, CLASS_NODATA, dtype=torch.uint8)
        for window in blocks(grid.shape, 2048):
            rgb, valid = read_on(image, grid.window(window), [roles[r] for r in ("red", "green", "blue")])
            classes, known = read_on(labels, grid.window(window), [1], "nearest")
            where = (slice(window.row_off, window.row_off + window.height),
                     slice(window.col_off, window.col_off + window.width))
            pixels[(slice(None), *where)] = torch.from_numpy(rgb.astype(np.uint8))
            label[where] = torch.from_numpy(np.where(valid & known, classes[0], CLASS_NODATA).astype(np.uint8))
    left, top, right, bottom = source.holdout if isinstance(source.holdout, tuple) else (0, 0, 0, 0)
    if training:
        gap = source.gap_px
        label[max(top - gap, 0):bottom + gap, max(left - gap, 0):right + gap] = CLASS_NODATA
    else:
        kept = label[top:bottom, left:right].clone()
        label.fill_(CLASS_NODATA)
        label[top:bottom, left:right] = kept
    centres = (label[32::64, 32::64] != CLASS_NODATA).nonzero() * 64 + 32
    return Ground(pixels, label, _scene_gradients(source, folder, grid), centres)


def _scene_gradients(source: Source, folder: Path, grid: Grid) -> Tensor | None:
    if source.dem is None:
        return None
    with open_raster(folder / source.dem) as dem:
        dem_grid = grid_of(dem)
        elevation, present = read_on(dem, dem_grid, [1])
    de, dn = gradients(np.where(present, elevation[0], np.float32(np.nan)), dem_grid.frame_m())
    ratio = dem_grid.gsd_m / grid.gsd_m
    if dem_grid.bounds[0] != grid.bounds[0] or dem_grid.bounds[3] != grid.bounds[3] or ratio != round(ratio, 6):
        logger.warning("%s: terrain is shifted by less than a DEM pixel: its corner is not the image's", source.name)
    return torch.from_numpy(np.stack([de, dn]))


def generated(count: int, size: int = 768) -> list[Ground]:
    """Return scenes of the landscape generator as ground with a DEM; the demo's own seed is never among them."""
    grounds = []
    for seed in range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + count):
        scene = landscape(seed, size, gsd_m=(0.5, 0.7, 1.0)[seed % 3], landslides=bool(seed % 2))
        frame = np.array([[scene.gsd_m, 0.0], [0.0, -scene.gsd_m]])
        slopes = torch.from_numpy(np.stack(gradients(scene.dem, frame)))
        smooth = torch.nn.functional.avg_pool2d(slopes.nan_to_num()[None], 8)[0]
        for epoch in (scene.before, scene.after):
            label = torch.from_numpy((epoch.classes == 0).astype(np.uint8))
            grounds.append(Ground(torch.from_numpy(epoch.image[:3].copy()), label, smooth))
        if len(grounds) % 20 == 0:
            logger.info("generated %d of %d scenes", len(grounds) // 2, count)
    return grounds


class Crops(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Augmented crops; crop ``i`` depends on the configuration's seed and ``i`` alone.

    Each is (image (3, c, c), topography (6, c, c), label (c, c) int64) as the networks take them.
    """

    def __init__(self, config: TrainConfig, pools: list[tuple[float, tuple[float, float], list[Ground]]]) -> None:
        self.config, self.pools = config, pools
        self.shares = torch.tensor([share for share, _, _ in pools])
        self.terrains = [patch for _, _, grounds in pools for g in grounds if g.gradients is not None
                         for patch in _whole_patches(g.gradients)]
        self.palette = self._palette()

    def _palette(self) -> Tensor:
        rows = []
        for _, _, grounds in self.pools:
            for ground in grounds[:: max(1, len(grounds) // 60)]:
                seen = ground.image[:, ground.label != CLASS_NODATA][:, ::97].float()
                if seen.shape[1] > 30:
                    rows.append(torch.stack([seen.mean(1), seen.std(1)]))
        return torch.stack(rows)

    def __len__(self) -> int:
        return self.config.steps * self.config.batch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 10_000_019 + index)

        def integer(high: int) -> int:
            return int(torch.randint(max(high, 1), (1,), generator=random))

        def real() -> float:
            return float(torch.rand(1, generator=random))

        _, zoom, grounds = self.pools[int(torch.multinomial(self.shares, 1, generator=random))]
        ground = grounds[integer(len(grounds))]
        size = self.config.crop_px
        height, width = ground.label.shape
        low, high = (size * z for z in zoom)
        if ground.centres is None:
            high = min(high, 1.2 * min(height, width))
            low = min(low, high)
        side = round(low * (high / low) ** real())
        if ground.centres is None:
            top, left = integer(height - side + 1), integer(width - side + 1)
        else:
            centre = ground.centres[integer(len(ground.centres))]
            jitter = [(real() - 0.5) * min(side, 512) for _ in range(2)]
            top, left = (int(c) - side // 2 + int(j) for c, j in zip(centre, jitter, strict=True))
        image, label, slopes = self._cut(ground, top, left, side, size)
        if slopes is None:
            slopes = self._borrowed(integer, size) if real() < self.config.borrowed_terrain else None
        if slopes is None or real() < self.config.terrain_dropout:
            slopes = torch.full((2, size, size), torch.nan)
        image, label, slopes = turn(image, label, slopes, integer(4), integer(2) == 1)
        valid = label[1] > 0
        image = colour(image, random, self.palette)
        topography = topography_tensor(slopes[0].numpy(), slopes[1].numpy(), np.full((size, size), np.nan, np.float32))
        return (torch.from_numpy(image_tensor(image.numpy(), valid.numpy())), torch.from_numpy(topography),
                label[0].long())

    @staticmethod
    def _cut(ground: Ground, top: int, left: int, side: int, size: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Cut a square, reaching over the edge where it must, and bring it to the crop's size."""
        height, width = ground.label.shape
        rows = (torch.arange(size) + 0.5) * side / size + top
        columns = (torch.arange(size) + 0.5) * side / size + left
        y0, y1, x0, x1 = max(top, 0), min(top + side, height), max(left, 0), min(left + side, width)
        inside = ground.image[:, y0:y1, x0:x1]
        square = torch.zeros(3, side, side, dtype=torch.uint8)
        square[:, y0 - top:y1 - top, x0 - left:x1 - left] = inside
        image = resize(square, size)
        r, c = rows.long(), columns.long()
        on = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
        label = torch.where(on, ground.label[r.clamp(0, height - 1)][:, c.clamp(0, width - 1)], CLASS_NODATA)
        # a scene's unlabelled ground is nodata of its image; a chip's black padding is not observed either
        label = torch.stack([label, on & (image.sum(0) > 0)])
        if ground.gradients is None:
            return image, label, None
        k = height / ground.gradients.shape[1]
        gr, gc = (rows / k).long().clamp(0, ground.gradients.shape[1] - 1), (columns / k).long()
        slopes = ground.gradients[:, gr][:, :, gc.clamp(0, ground.gradients.shape[2] - 1)]
        return image, label, torch.where(on, slopes, torch.nan)

    def _borrowed(self, integer: Callable[[int], int], size: int) -> Tensor | None:
        """Return the terrain of some other place."""
        return resize(self.terrains[integer(len(self.terrains))], size) if self.terrains else None


def _whole_patches(gradients: Tensor, side: int = 48, step: int = 16) -> list[Tensor]:
    """Cut gradients (2, h, w) into squares and keep those without a gap."""
    rows, columns = (range(0, length - side + 1, step) for length in gradients.shape[1:])
    patches = (gradients[:, r:r + side, c:c + side] for r in rows for c in columns)
    return [patch for patch in patches if not bool(patch.isnan().any())]
