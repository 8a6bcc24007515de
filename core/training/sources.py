"""Labelled ground in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from core.config import CLASS_NODATA, SCHEMES
from core.errors import InputError
from core.landscape import FIRST_TRAINING_SEED, landscape
from core.raster import band_roles, grid_of, open_raster, read_on
from core.terrain import gradients
from core.training.loss import NOT_LANDSLIDE
from core.training.manifest import images_of, is_scene
from core.windows import blocks

if TYPE_CHECKING:
    from pathlib import Path

    from core.config import ClassScheme
    from core.grid import Grid
    from core.training.config import Source
    from core.training.split import Part

logger = logging.getLogger(__name__)

ALL_CLASSES = {name for scheme in SCHEMES.values() for name in scheme.names}


@dataclass
class Ground:
    """One piece of labelled ground.

    Attributes:
        image: (3, h, w) uint8; 0 where invalid.
        label: (h, w) uint8: channel of the class scheme, ``NOT_LANDSLIDE``, or 255 unlabelled or invalid.
        gradients: (2, h/k, w/k) float32 dz/de and dz/dn on a grid k times as coarse, NaN where absent; None without.
        centres: (m, 2) rows and columns a crop may be centred on; None: anywhere.
        gsd_m: Pixel size; 0 where it is unknown.
    """

    image: Tensor
    label: Tensor
    gradients: Tensor | None = None
    centres: Tensor | None = None
    gsd_m: float = 0.0


def load(source: Source, folder: Path, part: Part, scheme: ClassScheme = SCHEMES["binary"], *, training: bool,
         ) -> list[Ground]:
    """Load one side of a source's split: what is trained on, or what is held out; labels become the scheme's."""
    if is_scene(source):
        return [_load_scene(source, folder, part, scheme, training)]
    return _load_chips(source, folder, part, scheme, training)


def channels(scheme: ClassScheme, names: dict[int, str]) -> Tensor:
    """Return a table (256,) uint8 from a label's value to its channel; values without a name are unlabelled.

    ``other`` is any class but landslide: a channel where the scheme has it, else ``NOT_LANDSLIDE``.

    Raises:
        InputError: The scheme has no such class.
    """
    known = {name: index for index, name in enumerate(scheme.names)}
    known.setdefault("other", NOT_LANDSLIDE)
    if strange := sorted(set(names.values()) - set(known)):
        if "other" not in scheme.names or not set(strange) <= ALL_CLASSES:
            raise InputError("classes of a source", got=strange, expected=f"some of {sorted(known)}",
                             remedy="Name classes of the configuration's scheme, or 'other'.")
        known |= dict.fromkeys(strange, known["other"])  # a scheme of two classes takes finer ones together
    table = torch.full((256,), CLASS_NODATA, dtype=torch.uint8)
    for value, name in names.items():
        table[value] = known[name]
    return table


def _names(source: Source, default: dict[int, str]) -> dict[int, str]:
    return {int(value): name for value, name in source.classes.items()} or default


def _load_chips(source: Source, folder: Path, part: Part, scheme: ClassScheme, training: bool) -> list[Ground]:
    table = channels(scheme, _names(source, {0: "other"} | dict.fromkeys(range(1, 256), "landslide")))
    grounds = []
    for name in images_of(source, folder):
        if part.holds(name) == training:
            continue
        file = folder / name
        with Image.open(file) as picture:
            image = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
        value = torch.zeros(image.shape[1:], dtype=torch.uint8)
        if source.labels:
            with Image.open(folder / source.labels / f"{file.stem}.png") as mask:
                value = torch.from_numpy(np.array(mask.convert("L")))
        grounds.append(Ground(image, table[value.long()], gsd_m=source.gsd_m))
    return grounds


def _load_scene(source: Source, folder: Path, part: Part, scheme: ClassScheme, training: bool) -> Ground:
    table = channels(scheme, _names(source, {0: "other", 1: "landslide"})).numpy()
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
            label[where] = torch.from_numpy(np.where(valid & known, table[classes[0].astype(np.uint8)], CLASS_NODATA))
    if source.close_px:
        _close(label, scheme.landslide, source.close_px)
    label[torch.from_numpy(~part.used(grid.shape, training=training))] = CLASS_NODATA
    centres = (label[32::64, 32::64] != CLASS_NODATA).nonzero() * 64 + 32
    return Ground(pixels, label, _scene_gradients(source, folder, grid), centres, grid.gsd_m)


def _close(label: Tensor, landslide: int, pixels: int) -> None:
    """Take the label from what lies in narrow gaps between landslides."""
    for window in blocks((label.shape[0], label.shape[1]), 2048):
        top, left = max(window.row_off - pixels, 0), max(window.col_off - pixels, 0)
        part = label[top:window.row_off + window.height + pixels, left:window.col_off + window.width + pixels].numpy()
        slides = part == landslide
        if not slides.any():
            continue
        filled = minimum_filter(maximum_filter(slides.view(np.uint8), pixels), pixels).astype(bool)
        inner = np.s_[window.row_off - top:, window.col_off - left:]
        gaps = (filled & ~slides)[inner][:window.height, :window.width]
        part[inner][:window.height, :window.width][gaps] = CLASS_NODATA


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


def generated(count: int, scheme: ClassScheme = SCHEMES["binary"], size: int = 768,
              first: int = FIRST_TRAINING_SEED) -> list[Ground]:
    """Return scenes of the landscape generator as ground with a DEM; the demo's own seed is never among them.

    Each is there on two dates, one after the other.
    """
    grounds, table = [], channels(scheme, dict(enumerate(SCHEMES["paper"].names)))
    for seed in range(first, first + count):
        scene = landscape(seed, size, gsd_m=(0.5, 0.7, 1.0)[seed % 3], landslides=bool(seed % 2))
        frame = np.array([[scene.gsd_m, 0.0], [0.0, -scene.gsd_m]])
        slopes = torch.from_numpy(np.stack(gradients(scene.dem, frame)))
        smooth = torch.nn.functional.avg_pool2d(slopes.nan_to_num()[None], 8)[0]
        for epoch in (scene.before, scene.after):
            label = table[torch.from_numpy(epoch.classes).long()]
            grounds.append(Ground(torch.from_numpy(epoch.image[:3].copy()), label, smooth, gsd_m=scene.gsd_m))
        if len(grounds) % 20 == 0:
            logger.info("generated %d of %d scenes", len(grounds) // 2, count)
    return grounds
