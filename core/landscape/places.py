"""People's marks on the land: road, village, farmland, quarry; they change the ground and say where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, label
from scipy.spatial import cKDTree

from core.landscape.fields import terrace
from core.landscape.noise import F32, fbm, smoothstep, stream, wave
from core.landscape.relief import MARGIN, Relief
from core.landscape.routes import Network, Route, bench, smooth
from core.landscape.traits import Traits


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


@dataclass(frozen=True)
class Places:
    """What people and the river made of the land, on the base grid.

    Attributes:
        z: Elevation after their works.
        routes: Roads and tracks.
        houses: Buildings.
        farm: 0 to 1 where fields are (above 0.5).
        terraced: 0 to 1 where fields are stepped.
        level: Number of the terrace, with its fraction.
        quarry: Above 0.5 inside.
        channel_m: Distance from the middle of the river.
        river_m: Half width of the river here.
        belt_m: Half width of its gravel here.
    """

    z: F32
    routes: list[Route]
    houses: list[House]
    farm: F32
    terraced: F32
    level: F32
    quarry: F32
    channel_m: F32
    river_m: F32
    belt_m: F32


def _river(relief: Relief, traits: Traits, rng: np.random.Generator) -> tuple[F32, F32, F32, F32]:
    """Lay the river and its gravel in the valley floor; return elevation, distance, widths."""
    axis, cell = relief.axis, relief.frame.cell_m
    s = axis.along_m
    room = np.maximum(axis.half_m - 1.5 * traits.river_m - 6, 0)
    middle = gaussian_filter1d(room * 0.9 * np.clip(1.3 * wave(s, rng, rng.uniform(260, 420), 3), -1, 1), 6) / cell
    line = smooth(np.stack([axis.row + middle * np.cos(axis.turn), axis.col - middle * np.sin(axis.turn)], 1),
                  1.0, 14 / cell)
    where = np.stack(np.indices(relief.z.shape), -1).reshape(-1, 2) + 0.5
    away, nearest = cKDTree(line).query(where)
    distance = (away * cell).astype(np.float32).reshape(relief.z.shape)
    s = (nearest.reshape(relief.z.shape) * cell).astype(np.float32)
    half = traits.river_m * (1 + 0.35 * wave(s, rng, 190, 3))
    belt = half + traits.river_m * np.clip(0.6 + 2.0 * wave(s, rng, 330, 3), 0.0, 2.8) + 1
    if traits.river_m == 0:
        half, belt = half - 1, half + 1.5 * wave(s, rng, 200, 3)
    bank = rng.uniform(1.8, 4.0)
    low = 1 - smoothstep(0, 9, distance - belt)
    on_floor = 1 - smoothstep(-4, 14, np.abs(relief.across_m) - relief.floor_m)
    z = relief.z + bank * (1 - low) * on_floor + 0.5 * on_floor * fbm(s.shape, 70 / relief.frame.cell_m, rng)
    z -= low * 1.2 * smoothstep(0, -4, distance - half)
    return z.astype(np.float32), distance, half.astype(np.float32), belt.astype(np.float32)


def _slope(z: F32, cell_m: float, soften_m: float) -> F32:
    gy, gx = np.gradient(gaussian_filter(z, soften_m / cell_m), cell_m)
    return np.hypot(gy, gx).astype(np.float32)


def _valley_road(relief: Relief, z: F32, toll: F32, rng: np.random.Generator) -> Route | None:
    """Follow the valley from one edge of the modelled land to the other, on one side of it."""
    cell = relief.frame.cell_m
    side = rng.choice([-1, 1])
    aim = side * (relief.floor_m + rng.uniform(2, 14))
    away = np.abs(relief.across_m - aim) + 0.3 * np.abs(z - relief.floor_z - 5)
    rim = np.ones(z.shape, bool)
    rim[2:-2, 2:-2] = False
    near = rim & (away < 20)
    if near.sum() < 8:
        return None
    along = np.where(near, relief.along_m, np.nan)
    ends = [np.unravel_index(pick(along), z.shape) for pick in (np.nanargmin, np.nanargmax)]
    if abs(relief.along_m[ends[0]] - relief.along_m[ends[1]]) < 0.4 * z.shape[0] * cell:
        return None
    cost = toll + 0.02 * away
    line = Network(z, cost.astype(np.float32), cell).way(*((float(r), float(c)) for r, c in ends))
    return Route(line, float(rng.uniform(5.5, 7.5)), paved=True)


def _houses(relief: Relief, z: F32, road: Route, busy: F32, rng: np.random.Generator) -> list[House]:
    """Line up houses along the road and behind it, on gentle ground."""
    cell = relief.frame.cell_m
    slope = _slope(z, cell, 6)
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


def _quarry(z: F32, relief: Relief, clear: F32, rng: np.random.Generator) -> tuple[F32, F32, tuple[float, float] | None]:
    """Cut a stepped pit into the foot of a slope; return elevation, its mask and its gate."""
    cell = relief.frame.cell_m
    none = np.zeros_like(z)
    slope, above = _slope(z, cell, 12), z - relief.floor_z
    inner = np.zeros(z.shape, bool)
    pad = MARGIN + int(30 / cell)
    inner[pad:-pad, pad:-pad] = True
    fit = inner & (slope > 0.25) & (slope < 0.75) & (above > 12) & (above < 90) & (clear < 0.2)
    spots = np.flatnonzero(fit)
    if spots.size == 0:
        return z, none, None
    row, col = divmod(int(rng.choice(spots)), z.shape[1])
    radius = float(rng.uniform(26, 46))
    rows, cols = np.indices(z.shape, np.float32)
    away = (np.hypot(rows - row, cols - col) * cell / radius + 0.20 * fbm(z.shape, 75 / cell, rng, octaves=1)).astype(
        np.float32)
    inside = 1 - smoothstep(0.92, 1.08, away + 0.03 * fbm(z.shape, 20 / cell, rng, octaves=2))
    gate = z[row, col] - 0.2 * radius
    cut = np.minimum(z, gate + np.maximum(0, away - 0.35) * radius * 1.25)
    stepped = np.where(cut > gate + 1, gate + np.floor((cut - gate) / 6) * 6 + 6 * smoothstep(
        0.75, 1, (cut - gate) / 6 % 1), cut)
    level = np.minimum(stepped, z) + np.where(z < gate, 0.7 * (gate - z), 0)
    return (z + inside * (level - z)).astype(np.float32), inside, (float(row), float(col))


def _large(field: F32, cells: float) -> F32:
    """Keep the connected parts above one half that are large enough to be worth the work."""
    parts, count = label(gaussian_filter(field, 2) > 0.4)
    size = np.bincount(parts.ravel(), minlength=count + 1)
    size[0] = 0
    return np.where(size[parts] >= cells, field, 0).astype(np.float32)


def settle(relief: Relief, traits: Traits, seed: int) -> Places:
    """Let the river and the people shape the valley."""
    rng, cell = stream(seed, "places"), relief.frame.cell_m
    z, channel, half, belt = _river(relief, traits, rng)
    slope = _slope(z, cell, 5)
    toll = (6 * smoothstep(3, -2, channel - belt) + 9 * (slope / 0.6) ** 2).astype(np.float32)
    road = _valley_road(relief, z, toll, rng)
    routes = [road] if road else []
    quarry, gate = np.zeros_like(z), None
    if traits.quarry:
        z, quarry, gate = _quarry(z, relief, smoothstep(12, 0, channel - belt), rng)
    gentle = smoothstep(0.34, 0.16, slope) * smoothstep(3, 9, channel - belt) * (quarry < 0.05)
    lumps = fbm(z.shape, 150 / cell, rng, octaves=3)
    bias = 2.2 * traits.farmed - 1.0
    farm = gentle * smoothstep(-0.25, 0.25, lumps + bias)
    hill = smoothstep(0.55, 0.42, slope) * smoothstep(0.14, 0.22, slope) * smoothstep(140, 80, relief.above_floor)
    patch = smoothstep(0.9, 1.2, fbm(z.shape, 300 / cell, rng, octaves=2) + traits.farmed) * (quarry < 0.05)
    terraced = _large(hill * patch * smoothstep(3, 9, channel - belt), 5000 / cell**2)
    rise = float(rng.uniform(1.6, 3.2))
    stepped = gaussian_filter(terraced, 4 / cell)
    level = (z / np.float32(rise)).astype(np.float32)
    z = terrace(z, stepped.astype(np.float32), rise)
    start = road.line[len(road.line) // 2] if road else np.array(z.shape) / 2
    goals = [gate] if gate else []
    for _ in range(int(rng.integers(1, 4))):
        goals.append(tuple(rng.uniform(0.15, 0.85, 2) * z.shape))  # type: ignore[arg-type]
    lanes = Network(z, (0.3 * toll).astype(np.float32), cell, grade=0.16)
    for goal in goals:
        if road is not None:
            nearest = np.hypot(*(road.line - np.array(goal)).T) + 60 * rng.random(len(road.line)) / cell
            start = road.line[int(nearest.argmin())]
        routes.append(Route(lanes.way(tuple(start), goal), float(rng.uniform(2.6, 3.8)), paved=False))
    z = bench(z, routes[::-1], cell)
    busy = np.maximum(smoothstep(10, 4, channel - belt), quarry)
    houses = _houses(relief, z, road, busy, rng) if road is not None and traits.village else []
    for house in houses:
        z = _pad(z, house, cell)
    return Places(z, routes, houses, np.maximum(farm, terraced), terraced, level, quarry, channel, half, belt)


def _pad(z: F32, house: House, cell_m: float) -> F32:
    """Level the ground under a house."""
    reach = math.ceil((house.length_m / 2 + 8) / cell_m)
    r, c = int(house.row), int(house.col)
    window = (slice(max(0, r - reach), r + reach + 1), slice(max(0, c - reach), c + reach + 1))
    u, v = _axes(house, house.row, house.col, cell_m, z.shape, window)
    outside = np.maximum(u - house.length_m / 2, v - house.width_m / 2)
    weight = 1 - smoothstep(2.5, 7, outside)
    z[window] += weight * (z[r, c] - z[window])
    return z


def _axes(house: House, row: float, col: float, pixel_m: float, shape: tuple[int, ...],
          window: tuple[slice, slice]) -> tuple[F32, F32]:
    """Return metres from a house's centre, along its ridge and across, for the pixels of a window."""
    rows, cols = (np.arange(part.start, min(part.stop, side), dtype=np.float32) + np.float32(0.5)
                  for part, side in zip(window, shape, strict=True))
    dy, dx = (rows[:, None] - row) * pixel_m, (cols[None, :] - col) * pixel_m
    c, s = math.cos(house.angle), math.sin(house.angle)
    return np.abs(dx * c + dy * s).astype(np.float32), np.abs(dy * c - dx * s).astype(np.float32)


def shape_of(house: House, row: float, col: float, gsd_m: float, shape: tuple[int, int]
             ) -> tuple[tuple[slice, slice], NDArray[np.bool_], F32, NDArray[np.bool_]] | None:
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
