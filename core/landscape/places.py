"""People's marks on the land: road, village, farmland, quarry; they change the ground and say where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d, label
from scipy.spatial import cKDTree

from core.landscape.fields import terrace
from core.landscape.houses import House, build_houses, level_ground
from core.landscape.light import steepness
from core.landscape.noise import F32, fbm, smoothstep, stream, wave
from core.landscape.relief import MARGIN, Relief
from core.landscape.routes import Network, Route, bench, smooth
from core.landscape.traits import Traits


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
    where = np.argwhere(np.ones(relief.z.shape, bool)) + 0.5
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


def _quarry(z: F32, relief: Relief, taken: F32, rng: np.random.Generator
            ) -> tuple[F32, F32, list[tuple[float, float]]]:
    """Cut a stepped pit into the foot of a slope; return elevation, the pit's mask and its gate."""
    cell = relief.frame.cell_m
    slope, above = steepness(z, cell, 12), z - relief.floor_z
    inner = np.zeros(z.shape, bool)
    pad = MARGIN + int(30 / cell)
    inner[pad:-pad, pad:-pad] = True
    fit = inner & (slope > 0.25) & (slope < 0.75) & (above > 12) & (above < 90) & (taken < 0.2)
    spots = np.flatnonzero(fit)
    if spots.size == 0:
        return z, np.zeros_like(z), []
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
    return (z + inside * (level - z)).astype(np.float32), inside, [(float(row), float(col))]


def _large(field: F32, cells: float) -> F32:
    """Keep the connected parts above one half that are large enough to be worth the work."""
    parts, count = label(gaussian_filter(field, 2) > 0.4)
    size = np.bincount(parts.ravel(), minlength=count + 1)
    size[0] = 0
    return np.where(size[parts] >= cells, field, 0).astype(np.float32)


def _farmland(relief: Relief, z: F32, traits: Traits, free: F32, rng: np.random.Generator) -> tuple[F32, F32]:
    """Return where fields are, and where they are stepped, 0 to 1; both only where the land is ``free``."""
    cell = relief.frame.cell_m
    slope = steepness(z, cell, 5)
    wanted = smoothstep(-0.25, 0.25, fbm(z.shape, 150 / cell, rng, octaves=3) + 2.2 * traits.farmed - 1.0)
    flat = smoothstep(0.34, 0.16, slope) * wanted * free
    hill = smoothstep(0.55, 0.42, slope) * smoothstep(0.14, 0.22, slope) * smoothstep(140, 80, relief.above_floor)
    patch = smoothstep(0.9, 1.2, fbm(z.shape, 300 / cell, rng, octaves=2) + traits.farmed)
    stepped = _large(hill * patch * free, 5000 / cell**2)
    return np.maximum(flat, stepped), stepped


def _tracks(z: F32, toll: F32, road: Route | None, goals: list[tuple[float, float]], cell_m: float,
            rng: np.random.Generator) -> list[Route]:
    """Lead tracks from the road to the goals, and to a few places more."""
    goals = [*goals, *((float(r), float(c)) for r, c in rng.uniform(0.15, 0.85, (rng.integers(1, 4), 2)) * z.shape)]
    lanes = Network(z, toll, cell_m, grade=0.16)
    start = np.array(z.shape) / 2
    routes = []
    for goal in goals:
        if road is not None:
            away = np.hypot(*(road.line - np.array(goal)).T) + 60 * rng.random(len(road.line)) / cell_m
            start = road.line[int(away.argmin())]
        line = lanes.way((float(start[0]), float(start[1])), goal)
        routes.append(Route(line, float(rng.uniform(2.6, 3.8)), paved=False))
    return routes


def settle(relief: Relief, traits: Traits, seed: int) -> Places:
    """Let the river and the people shape the valley.

    Args:
        relief: The land.
        traits: The place.
        seed: Of the scene.
    """
    rng, cell = stream(seed, "places"), relief.frame.cell_m
    z, channel, river, belt = _river(relief, traits, rng)
    toll = 6 * smoothstep(3, -2, channel - belt) + 9 * (steepness(z, cell, 5) / np.float32(0.6)) ** 2
    road = _valley_road(relief, z, toll, rng)
    quarry = np.zeros_like(z)
    gates: list[tuple[float, float]] = []
    if traits.quarry:
        z, quarry, gates = _quarry(z, relief, smoothstep(12, 0, channel - belt), rng)
    free = smoothstep(3, 9, channel - belt) * (quarry < 0.05)
    farm, terraced = _farmland(relief, z, traits, free, rng)
    rise = float(rng.uniform(1.6, 3.2))
    level = z / np.float32(rise)
    z = terrace(z, gaussian_filter(terraced, 4 / cell), rise)
    routes = ([road] if road else []) + _tracks(z, np.float32(0.3) * toll, road, gates, cell, rng)
    z = bench(z, routes[::-1], cell)
    houses: list[House] = []
    if road is not None and traits.village:
        houses = build_houses(relief, z, road, np.maximum(smoothstep(10, 4, channel - belt), quarry), rng)
    for house in houses:
        z = level_ground(z, house, cell)
    return Places(z, routes, houses, farm, terraced, level, quarry, channel, river, belt)
