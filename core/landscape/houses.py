"""Houses: where they stand, the level ground under them, their walls and roofs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.landscape.light import steepness
from core.landscape.noise import F32, Mask, smoothstep
from core.landscape.relief import Relief
from core.landscape.routes import Route


@dataclass(frozen=True)
class House:
    """A building on the base grid.

    Attributes:
        row: Centre.
        col: Centre.
        angle: Of its ridge, radians from the column axis.
        length_m: Along the ridge.
        width_m: Across.
        wall_m: Height of the walls.
        pitch: Rise over run of the roof; 0 is flat.
        roof: Index of its roof colour.
        shade: Its own lightness, about 1.
    """

    row: float
    col: float
    angle: float
    length_m: float
    width_m: float
    wall_m: float
    pitch: float
    roof: int
    shade: float


def build_houses(relief: Relief, z: F32, road: Route, busy: F32, rng: np.random.Generator) -> list[House]:
    """Line up houses along the road and behind it, on gentle ground."""
    cell = relief.frame.cell_m
    slope = steepness(z, cell, 6)
    taken = np.zeros(z.shape, bool)
    tangent = np.gradient(road.line, axis=0)
    seats = [int(n) for n in rng.integers(0, len(road.line), rng.integers(1, 4))]
    houses: list[House] = []
    wanted = int(rng.integers(14, 46))
    for _ in range(wanted * 25):
        if len(houses) >= wanted:
            break
        k = int(np.clip(rng.choice(seats) + rng.normal(0, 55), 0, len(road.line) - 1))
        heading = math.atan2(tangent[k, 0], tangent[k, 1]) + rng.normal(0, 0.05)
        depth = rng.choice([-1, 1]) * (road.width_m / 2 + 9 + abs(rng.normal(0, 30)))
        row = road.line[k, 0] + depth / cell * math.cos(heading)
        col = road.line[k, 1] - depth / cell * math.sin(heading)
        length, width = rng.uniform(9, 19), rng.uniform(6.5, 10)
        r, c, reach = int(row), int(col), math.ceil((length / 2 + 2) / cell)
        if not (reach < r < z.shape[0] - reach and reach < c < z.shape[1] - reach):
            continue
        around = (slice(r - reach, r + reach + 1), slice(c - reach, c + reach + 1))
        if slope[around].max() > 0.42 or busy[around].max() > 0.5 or taken[around].any():
            continue
        taken[around] = True
        turned = heading + (math.pi / 2 if rng.random() < 0.25 else 0)
        flat = rng.random() < 0.25
        houses.append(House(row, col, turned, length, width, float(rng.uniform(3, 7.5)),
                            0.0 if flat else float(rng.uniform(0.35, 0.6)), int(rng.integers(0, 3)) if flat else
                            int(rng.choice([3, 3, 3, 4, 4, 5, 6])), float(rng.uniform(0.8, 1.2))))
    return houses


def level_ground(z: F32, house: House, cell_m: float) -> F32:
    """Level the ground under a house."""
    reach = math.ceil((house.length_m / 2 + 8) / cell_m)
    r, c = int(house.row), int(house.col)
    window = (slice(max(0, r - reach), r + reach + 1), slice(max(0, c - reach), c + reach + 1))
    u, v = _axes(house, house.row, house.col, cell_m, z.shape, window)
    outside = np.maximum(u - house.length_m / 2, v - house.width_m / 2)
    weight = 1 - smoothstep(2.5, 7, outside)
    z[window] += weight * (z[r, c] - z[window])
    return z


def shape_of(house: House, row: float, col: float, gsd_m: float, shape: tuple[int, int]
             ) -> tuple[tuple[slice, slice], Mask, F32, Mask] | None:
    """Return a house's window, its footprint, the roof's height over the ground, and its yard, in pixels."""
    reach = math.ceil(math.hypot(house.length_m, house.width_m) / 2 / gsd_m) + math.ceil(4 / gsd_m)
    r, c = int(row), int(col)
    if r + reach < 0 or c + reach < 0 or r - reach >= shape[0] or c - reach >= shape[1]:
        return None
    window = (slice(max(0, r - reach), max(0, r + reach + 1)), slice(max(0, c - reach), max(0, c + reach + 1)))
    u, v = _axes(house, row, col, gsd_m, shape, window)
    inside = (u < house.length_m / 2) & (v < house.width_m / 2)
    roof = house.wall_m + house.pitch * (house.width_m / 2 - v)
    yard = (u < house.length_m / 2 + 2.5) & (v < house.width_m / 2 + 3.5) & ~inside
    return window, inside, roof.astype(np.float32), yard


def _axes(house: House, row: float, col: float, pixel_m: float, shape: tuple[int, ...],
          window: tuple[slice, slice]) -> tuple[F32, F32]:
    """Return metres from a house's centre, along its ridge and across, for the pixels of a window."""
    rows, cols = (np.arange(part.start, min(part.stop, side), dtype=np.float32) + np.float32(0.5)
                  for part, side in zip(window, shape, strict=True))
    dy, dx = (rows[:, None] - row) * pixel_m, (cols[None, :] - col) * pixel_m
    c, s = math.cos(house.angle), math.sin(house.angle)
    return np.abs(dx * c + dy * s).astype(np.float32), np.abs(dy * c - dx * s).astype(np.float32)
