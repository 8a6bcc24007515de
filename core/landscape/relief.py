"""The shape of the land: a valley, its sides worn by water, from 16 m cells down to a few pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from core.landscape.flow import catchment_m2, erode
from core.landscape.noise import F32, Mask, fbm, resample, smoothstep, stream, wave
from core.landscape.traits import Traits

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
class Axis:
    """The middle of the valley, point by point down it; all arrays are (points,) float64.

    Attributes:
        row: On the base grid.
        col: On the base grid.
        along_m: Distance down the valley.
        half_m: Half width of the valley floor.
        turn: Direction, radians from the column axis towards the rows.
    """

    row: NDArray[np.float64]
    col: NDArray[np.float64]
    along_m: NDArray[np.float64]
    half_m: NDArray[np.float64]
    turn: NDArray[np.float64]


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


class _Valley:
    """The valley's axis, and where any place lies against it."""

    def __init__(self, traits: Traits, side_m: float, rng: np.random.Generator) -> None:
        t = np.arange(-0.8 * side_m, 0.8 * side_m, 4.0)
        angle = rng.uniform(0, 2 * np.pi)
        swing = rng.uniform(50, 110) * wave(t, rng, rng.uniform(750, 1200), 3)
        self.y = side_m / 2 + t * math.sin(angle) + swing * math.cos(angle)
        self.x = side_m / 2 + t * math.cos(angle) - swing * math.sin(angle)
        self.along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(self.y), np.diff(self.x)))])
        self.half = traits.floor_m * (1 + 0.45 * wave(self.along, rng, 700, 4))
        self.z = rng.uniform(1400, 2600) - rng.uniform(0.008, 0.025) * self.along
        self.turn = np.unwrap(np.arctan2(np.gradient(self.y), np.gradient(self.x)))
        self.tree = cKDTree(np.stack([self.y, self.x], 1))

    def locate(self, yy: F32, xx: F32) -> tuple[F32, F32, F32, F32]:
        """Return along, signed across, floor half width and floor elevation of places."""
        _, index = self.tree.query(np.stack([yy.ravel(), xx.ravel()], 1), workers=1)
        dy, dx = yy.ravel() - self.y[index], xx.ravel() - self.x[index]
        c, s = np.cos(self.turn[index]), np.sin(self.turn[index])
        along = self.along[index] + dx * c + dy * s
        across = np.where(dy * c - dx * s < 0, -1, 1) * np.hypot(dy, dx)
        fields = (along, across, self.half[index], self.z[index])
        return tuple(np.asarray(f, np.float32).reshape(yy.shape) for f in fields)  # type: ignore[return-value]


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
    valley = _Valley(traits, side_m, rng)

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
    axis = Axis((valley.y - origin[0]) / base_m, (valley.x - origin[1]) / base_m, valley.along, valley.half, valley.turn)
    return Relief(Frame(size, gsd_m, origin, side), z, along, across, half, floor_z,
                  catchment_m2(z, drains, base_m, rng), wide_z, wide_m, axis)


def _carve(valley: _Valley, traits: Traits, count: int, cell_m: float, rng: np.random.Generator) -> tuple[F32, F32]:
    """Raise the land and let it wear down to the valley; return elevation and hardness.

    The cells are worn on a bent grid, and bent back after, so that the eight flow directions of a cell do not show.
    """
    shape = (count, count)
    bend = [sum(a / cell_m * fbm(shape, p / cell_m, rng, octaves=2) for a, p in ((30, 420), (10, 120))) for _ in "yx"]
    rows, cols = np.indices(shape).astype(np.float32)
    _, across, half, floor_z = valley.locate((rows + bend[0] + 0.5) * cell_m, (cols + bend[1] + 0.5) * cell_m)
    beyond = np.maximum(np.abs(across) - half, 0)
    z = floor_z + 0.12 * beyond + np.where(beyond > 0, 25 * np.abs(fbm(shape, 500 / cell_m, rng)), 0)
    outlets = beyond <= 0
    edge = np.ones_like(outlets)
    edge[1:-1, 1:-1] = False
    z = np.where(edge, floor_z + 0.1 * beyond, z).astype(np.float32)
    hard = fbm(shape, 420 / cell_m, rng, octaves=3)
    k = 0.13 * math.tan(math.radians(32)) / math.tan(math.radians(traits.steep_deg))
    z = erode(z, outlets | edge, cell_m, rng, steps=70, k=k, uplift_m=6.0, steepest=_limit(traits, hard))
    y, x = rows, cols
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


def _centre(valley: _Valley, traits: Traits, extent_m: float, side_m: float,
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
    z = z + side * (0.25 + rough) * cell_m * 0.3 * fbm(z.shape, 64 / cell_m, rng, octaves=5, gain=0.55)
    outlets: Mask = beyond <= 0
    edge = np.zeros_like(outlets)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    z = np.where(outlets, floor_z, z).astype(np.float32)
    z = erode(z, outlets | edge, cell_m, rng, steps=6, k=0.012, steepest=_limit(traits, hard) * 2.2, diffusion=0.3)
    apron = (1 - smoothstep(0, 45, np.abs(beyond))) * 0.85
    return (z + apron * (gaussian_filter(z, 10 / cell_m) - z)).astype(np.float32)
