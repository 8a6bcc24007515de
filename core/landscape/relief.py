"""The shape of the land: a valley, its sides worn by water, from 16 m cells down to a few pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from core.landscape.flow import catchment_m2, erode
from core.landscape.noise import F32, Mask, fbm, resample, smoothstep, stream
from core.landscape.traits import Traits
from core.landscape.valley import Axis, Valley

PIXELS_A_CELL = 4
MARGIN = 24
"""Cells of land modelled around the scene, so that nothing changes at its edge."""


@dataclass(frozen=True)
class Frame:
    """Where the scene lies in the modelled land.

    Attributes:
        size: Side of the scene in pixels.
        gsd_m: Pixel size.
        origin_m: (y, x) of the base grid's upper left corner in the modelled land.
        cells: Side of the base grid in cells.
    """

    size: int
    gsd_m: float
    origin_m: tuple[float, float]
    cells: int

    @property
    def cell_m(self) -> float:
        """Size of a base cell."""
        return self.gsd_m * PIXELS_A_CELL

    def up(self, field: F32) -> F32:
        """Bring a base field to the scene's pixels, smoothly."""
        return resample(field, (MARGIN, MARGIN), 1 / PIXELS_A_CELL, (self.size, self.size))

    def pixel(self, y_m: float, x_m: float) -> tuple[float, float]:
        """Return the (row, column) of a place in the modelled land."""
        return tuple((p - o) / self.gsd_m - MARGIN * PIXELS_A_CELL  # type: ignore[return-value]
                     for p, o in zip((y_m, x_m), self.origin_m, strict=True))


@dataclass(frozen=True)
class Relief:
    """The bare land on the base grid, before people.

    Attributes:
        frame: Place of the scene.
        z: (cells, cols) float32, metres.
        along_m: Distance down the valley.
        across_m: Signed distance from the valley's axis.
        floor_m: Half width of the valley floor here.
        floor_z: Elevation of the valley floor here.
        catchment: Area that drains through, square metres.
        wide_z: Elevation of the whole modelled land on ``wide_cell_m`` cells; shadows come from afar.
        wide_cell_m: Their size.
        axis: Middle of the valley.
    """

    frame: Frame
    z: F32
    along_m: F32
    across_m: F32
    floor_m: F32
    floor_z: F32
    catchment: F32
    wide_z: F32
    wide_cell_m: float
    axis: Axis

    @property
    def above_floor(self) -> F32:
        """Height over the valley floor."""
        return self.z - self.floor_z


def build(traits: Traits, seed: int, size: int, gsd_m: float) -> Relief:
    """Model the land around a scene.

    Args:
        traits: The place.
        seed: Of the scene.
        size: Side in pixels.
        gsd_m: Pixel size.
    """
    rng = stream(seed, "relief")
    base_m = gsd_m * PIXELS_A_CELL
    levels = max(1, round(math.log2(16 / base_m)))
    coarse_m = base_m * 2**levels
    extent_m = size * gsd_m
    count = math.ceil(max(2000.0, 1.5 * extent_m + 2 * MARGIN * base_m) / coarse_m)
    side_m = count * coarse_m
    valley = Valley(traits, side_m, rng)

    z, hard = _carve(valley, traits, count, coarse_m, rng)
    centre = _centre(valley, traits, extent_m, side_m, rng)
    cell_m, origin, cells = coarse_m, (0.0, 0.0), count
    wide_z, wide_m = z, coarse_m
    for level in range(levels):
        if level == min(1, levels - 1):
            wide_z, wide_m = z, cell_m
            z, hard, origin, cells = _crop(z, hard, centre, size, base_m, cell_m)
        z, hard = (resample(f, (0, 0), 0.5, (2 * cells, 2 * cells)) for f in (z, hard))
        cell_m, cells = cell_m / 2, cells * 2
        rows, cols = (np.indices((cells, cells), np.float32) + np.float32(0.5)) * np.float32(cell_m)
        along, across, half, floor_z = valley.locate(rows + origin[0], cols + origin[1])
        z = _bend(z, smoothstep(5, 60, np.abs(across) - half), rng)
        z = _refine(z, hard, across, half, floor_z, traits, cell_m, rng)
    side = math.ceil(size / PIXELS_A_CELL) + 2 * MARGIN
    cut = (slice(0, side), slice(0, side))
    z, along, across, half, floor_z = (f[cut] for f in (z, along, across, half, floor_z))
    drains = np.abs(across) <= half
    drains[[0, -1]], drains[:, [0, -1]] = True, True
    return Relief(Frame(size, gsd_m, origin, side), z, along, across, half, floor_z,
                  catchment_m2(z, drains, base_m, rng), wide_z, wide_m,
                  valley.axis(origin, base_m))


def _carve(valley: Valley, traits: Traits, count: int, cell_m: float, rng: np.random.Generator) -> tuple[F32, F32]:
    """Raise the land and let it wear down to the valley; return elevation and hardness.

    The cells are worn on a bent grid, and bent back after, so that the eight flow directions of a cell do not show.
    """
    shape = (count, count)
    bend = [np.float32(30 / cell_m) * fbm(shape, 420 / cell_m, rng, octaves=2)
            + np.float32(10 / cell_m) * fbm(shape, 120 / cell_m, rng, octaves=2) for _ in "yx"]
    rows, cols = np.indices(shape, np.float32)
    metre = np.float32(cell_m)
    _, across, half, floor_z = valley.locate((rows + bend[0] + 0.5) * metre, (cols + bend[1] + 0.5) * metre)
    beyond = np.maximum(np.abs(across) - half, 0)
    rough = 25 * np.abs(fbm(shape, 500 / cell_m, rng))
    outlets = beyond <= 0
    edge = np.ones_like(outlets)
    edge[1:-1, 1:-1] = False
    z = floor_z + np.where(edge, 0.1 * beyond, 0.12 * beyond + np.where(outlets, 0, rough)).astype(np.float32)
    hard = fbm(shape, 420 / cell_m, rng, octaves=3)
    k = 0.13 * math.tan(math.radians(32)) / math.tan(math.radians(traits.steep_deg))
    z = erode(z, outlets | edge, cell_m, rng, steps=70, k=k, uplift_m=6.0, steepest=_limit(traits, hard))
    y, x = rows.astype(np.float32), cols.astype(np.float32)
    for _ in range(4):
        y, x = rows - _at(bend[0], y, x), cols - _at(bend[1], y, x)
    return _at(z, y, x, order=2), _at(hard, y, x)


def _at(field: F32, y: F32, x: F32, order: int = 1) -> F32:
    return map_coordinates(field, (y, x), order=order, mode="nearest", output=np.float32)


def _bend(z: F32, where: F32, rng: np.random.Generator) -> F32:
    """Push the land about by a cell or two, so that gullies wind as they do in the field."""
    rows, cols = np.indices(z.shape).astype(np.float32)
    push = [where * (1.1 * fbm(z.shape, 18, rng, octaves=2)) for _ in "yx"]
    return _at(z, rows + push[0], cols + push[1])


def _limit(traits: Traits, hard: F32) -> F32:
    """Return the slope that stands: the place's own, more in hard rock."""
    return np.tan(np.radians(np.clip(traits.steep_deg + 5 * hard, 18, 58))).astype(np.float32)


def _centre(valley: Valley, traits: Traits, extent_m: float, side_m: float,
            rng: np.random.Generator) -> tuple[float, float]:
    """Put the scene beside the valley's axis, inside the modelled land."""
    room = (side_m - extent_m) / 2
    middle = len(valley.along) // 2 + int(rng.uniform(-0.5, 0.5) * room / 4)
    turn = valley.turn[middle]
    shift = traits.offset * extent_m
    y = valley.y[middle] + shift * math.cos(turn)
    x = valley.x[middle] - shift * math.sin(turn)
    low, high = side_m / 2 - 0.8 * room, side_m / 2 + 0.8 * room
    return float(np.clip(y, low, high)), float(np.clip(x, low, high))


def _crop(z: F32, hard: F32, centre: tuple[float, float], size: int, base_m: float,
          cell_m: float) -> tuple[F32, F32, tuple[float, float], int]:
    """Keep the land around the scene."""
    side_m = (math.ceil(size / PIXELS_A_CELL) + 2 * MARGIN) * base_m
    cells = min(math.ceil(side_m / cell_m) + 1, z.shape[0])
    top, left = (int(np.clip(round((c - side_m / 2) / cell_m), 0, z.shape[0] - cells)) for c in centre)
    cut = (slice(top, top + cells), slice(left, left + cells))
    return z[cut], hard[cut], (top * cell_m, left * cell_m), cells


def _refine(z: F32, hard: F32, across: F32, half: F32, floor_z: F32, traits: Traits, cell_m: float,
            rng: np.random.Generator) -> F32:
    """Add roughness at this cell size, let water and gravity work it, and keep the valley floor."""
    beyond = np.abs(across) - half
    side = smoothstep(0, 40, beyond)
    gy, gx = np.gradient(gaussian_filter(z, 2), cell_m)
    rough = smoothstep(0.15, 0.7, np.hypot(gy, gx).astype(np.float32))
    z = z + side * (0.25 + rough) * np.float32(0.3 * cell_m) * fbm(z.shape, 64 / cell_m, rng, octaves=5, gain=0.55)
    outlets: Mask = beyond <= 0
    edge = np.zeros_like(outlets)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    z[outlets] = floor_z[outlets]
    z = erode(z, outlets | edge, cell_m, rng, steps=6, k=0.012, steepest=_limit(traits, hard) * 2.2, diffusion=0.3)
    apron = (1 - smoothstep(0, 45, np.abs(beyond))) * 0.85
    return (z + apron * (gaussian_filter(z, 10 / cell_m) - z)).astype(np.float32)
