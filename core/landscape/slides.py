"""Landslides: where they break off, the way they run, what they leave, and what the years do to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label

from core.landscape.noise import F32, Mask, fbm, smoothstep, stream
from core.landscape.traits import Traits

FATES = ("new", "enlarged", "healed", "new", "same", "new", "new", "enlarged", "same", "healed")
"""What becomes of landslides between the dates, in the order they are placed, over and over."""

MOST = 60
"""Landslides in one scene, at most."""


@dataclass(frozen=True)
class Slide:
    """One landslide on the base grid.

    Attributes:
        number: Its id, the same on both dates.
        top: Row of the window's first cell.
        left: Column of it.
        before: (rows, columns) float32, cells to the edge at the first date, above 0 inside.
        after: The same at the second date.
        travel: 0 at the crown to 1 at the toe.
        green_before: Share grown over at the first date.
        green_after: The same later; 1 is healed.
    """

    number: int
    top: int
    left: int
    before: F32
    after: F32
    travel: F32
    green_before: float
    green_after: float

    @property
    def is_new(self) -> bool:
        """Whether it fell between the two dates."""
        return bool(self.before.max() <= 0)

    @property
    def window(self) -> tuple[slice, slice]:
        """Its place on the base grid."""
        rows, cols = self.before.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + cols)


@njit(cache=True, nogil=True)
def _run(z: F32, cell_m: float, rows: NDArray[np.int64], cols: NDArray[np.int64], friction: F32, draws: F32,
         barred: Mask) -> F32:
    """Let parcels slide downhill; return how many passed each cell."""
    height, width = z.shape
    visits = np.zeros(z.shape, np.float32)
    for k in range(len(rows)):
        r, c, energy, heading = rows[k], cols[k], 3.0, -1
        for step in range(draws.shape[1]):
            visits[r, c] += 1
            total = 0.0
            weights = np.zeros(8)
            for d in range(8):
                dr, dc = (-1, -1, 0, 1, 1, 1, 0, -1)[d], (0, 1, 1, 1, 0, -1, -1, -1)[d]
                a, b = r + dr, c + dc
                if a < 1 or b < 1 or a >= height - 1 or b >= width - 1 or barred[a, b]:
                    continue
                length = cell_m * math.sqrt(dr * dr + dc * dc)
                fall = (z[r, c] - z[a, b]) / length
                turn = 0 if heading < 0 else min((d - heading) % 8, (heading - d) % 8)
                if turn > 2 or fall < -0.05:
                    continue
                weights[d] = (max(fall, 0.0) + 0.04) ** 4.0 * (2.0 if turn == 0 else 1.0 if turn == 1 else 0.25)
                total += weights[d]
            if total == 0:
                break
            pick, d = draws[k, step] * total, 0
            while d < 7 and pick > weights[d]:
                pick -= weights[d]
                d += 1
            dr, dc = (-1, -1, 0, 1, 1, 1, 0, -1)[d], (0, 1, 1, 1, 0, -1, -1, -1)[d]
            length = cell_m * math.sqrt(dr * dr + dc * dc)
            energy = min(energy + z[r, c] - z[r + dr, c + dc] - friction[k] * length, 40.0)
            r, c, heading = r + dr, c + dc, d
            if energy <= 0:
                visits[r, c] += 2
                break
    return visits


class _Slopes:
    """The ground that landslides run over.

    Args:
        z: Base elevation.
        cell_m: Base cell.
        barred: Cells that no landslide enters.
    """

    def __init__(self, z: F32, cell_m: float, barred: Mask) -> None:
        self.z, self.cell_m, self.barred = z, cell_m, barred.copy()
        self.fall_y, self.fall_x = (-g for g in np.gradient(gaussian_filter(z, 1.5), cell_m))

    def footprint(self, start: tuple[int, int], area_m2: float, friction: float,
                  rng: np.random.Generator) -> F32 | None:
        """Return a field above 0 inside a landslide of about the given area, on the whole grid; ``None`` if none."""
        slender = math.exp(rng.uniform(math.log(1.8), math.log(5.5)))
        wide = math.sqrt(area_m2 / slender) / self.cell_m
        steps = int(6 + 1.15 * slender * wide)
        sources = self._sources(start, wide, int(np.clip(area_m2 / self.cell_m**2 * 3, 250, 5000)), rng)
        if sources is None:
            return None
        rows, cols = sources
        mu = rng.normal(friction, 0.07, len(rows)).astype(np.float32)
        draws = rng.random((len(rows), steps), np.float32)
        reach = steps + 16
        top, left = max(0, rows.min() - reach), max(0, cols.min() - reach)
        near = (slice(top, rows.max() + reach), slice(left, cols.max() + reach))
        z = gaussian_filter(self.z[near], min(0.12 * wide, 4.0))
        visits = _run(z, self.cell_m, rows - top, cols - left, mu, draws, self.barred[near])
        density = np.log1p(gaussian_filter(visits, 1.0))
        need = round(area_m2 / self.cell_m**2)
        positive = density[density > 0.05]
        if positive.size < max(need // 2, 12):
            return None
        need = min(need, positive.size)
        inside = gaussian_filter(density, 0.8) > np.partition(positive, -need)[-need]
        parts, _ = label(inside)
        here = parts[rows[0] - top, cols[0] - left] or parts[start[0] - top, start[1] - left]
        if here == 0:
            return None
        field = np.full(self.z.shape, -1, np.float32)
        field[near][parts == here] = 1
        return field

    def _sources(self, start: tuple[int, int], wide: float, parcels: int, rng: np.random.Generator
                 ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return cells that break off around the start and face the same way; ``None`` on a ridge."""
        length = math.hypot(self.fall_y[start], self.fall_x[start]) + 1e-6
        y, x = self.fall_y[start] / length, self.fall_x[start] / length
        u, v = rng.uniform(-0.6, 0.6, parcels) * wide, rng.normal(0, 0.27, parcels) * wide
        rows = np.clip(start[0] + u * y - v * x, 2, self.z.shape[0] - 3).astype(np.int64)
        cols = np.clip(start[1] + u * x + v * y, 2, self.z.shape[1] - 3).astype(np.int64)
        fall_y, fall_x = self.fall_y[rows, cols], self.fall_x[rows, cols]
        same_way = fall_y * y + fall_x * x > 0.7 * np.hypot(fall_y, fall_x)
        return (rows[same_way], cols[same_way]) if same_way.mean() >= 0.3 else None


def _window(fields: list[F32]) -> tuple[slice, slice]:
    """Return the part of the grid where any field is above 0, and a few cells more."""
    any_in = binary_dilation(np.any([f > 0 for f in fields], 0), iterations=4)
    rows, cols = np.flatnonzero(any_in.any(1)), np.flatnonzero(any_in.any(0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def _signed_distance(inside: Mask) -> F32:
    """Return cells to the edge, above 0 inside."""
    if not inside.any():
        return np.full(inside.shape, -99, np.float32)
    distance = distance_transform_edt(inside) - distance_transform_edt(~inside)
    return gaussian_filter(distance, 0.7).astype(np.float32)


def _readiness(slopes: _Slopes, above_floor: F32, inner: tuple[slice, slice], rng: np.random.Generator) -> F32:
    """Return how readily each cell breaks off: steep, hollow, in bad rock, and inside the scene."""
    z, cell_m = slopes.z, slopes.cell_m
    slope = np.degrees(np.arctan(np.hypot(slopes.fall_y, slopes.fall_x))).astype(np.float32)
    hollow = gaussian_filter(z, 24 / cell_m) - z
    ready = smoothstep(24, 34, slope) * smoothstep(8, 40, above_floor) * np.exp(
        0.8 * np.clip(hollow / 4, -1.5, 1.5) + 0.9 * fbm(z.shape, 160 / cell_m, rng, octaves=2))
    edge = 6
    scene = np.zeros_like(ready)
    scene[inner][edge:-edge, edge:-edge] = 1
    return np.asarray(ready * scene, np.float32)


def scatter(z: F32, above_floor: F32, cell_m: float, traits: Traits, seed: int, inner: tuple[slice, slice],
            barred: Mask) -> list[Slide]:
    """Place the landslides of both dates.

    Args:
        z: Base elevation.
        above_floor: Height over the valley floor.
        cell_m: Base cell.
        traits: How many.
        seed: Of the scene.
        inner: The scene's part of the base grid; slides begin there.
        barred: Cells that a slide does not enter (water, houses).
    """
    rng = stream(seed, "slides")
    slopes = _Slopes(z, cell_m, barred)
    ready = _readiness(slopes, above_floor, inner, rng)
    scene_m2 = z[inner].size * cell_m**2
    count = min(math.ceil(traits.slides * scene_m2 / 1e6), MOST)
    largest, smallest = min(13000.0 * cell_m, 0.06 * scene_m2), max(350.0, 24 * cell_m**2)
    found: list[Slide] = []
    for _ in range(4 * count):
        chances = np.cumsum(ready, dtype=np.float64)
        if len(found) >= count or chances[-1] <= 0:
            break
        cell = int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))
        row, col = divmod(min(cell, ready.size - 1), ready.shape[1])
        area = largest * min(0.8, 0.6 * rng.uniform(0.7, 1.3) * (len(found) + 0.5) ** -0.9)
        friction = math.tan(math.radians(rng.uniform(15, 26)))
        shape = slopes.footprint((row, col), max(smallest, area), friction, rng)
        if shape is None:
            ready[max(0, row - 5):row + 6, max(0, col - 5):col + 6] = 0
            continue
        fate = FATES[len(found) % len(FATES)]
        slide = _grow(slopes, (row, col), shape, fate, len(found) + 1, friction, rng)
        solid = binary_dilation((slide.before > 0) | (slide.after > 0), iterations=3)
        slopes.barred[slide.window] |= solid
        ready[slide.window] *= ~solid
        found.append(slide)
    return found


def _grow(slopes: _Slopes, start: tuple[int, int], shape: F32, fate: str, number: int, friction: float,
          rng: np.random.Generator) -> Slide:
    """Give a landslide its history."""
    before = after = shape
    if fate == "enlarged":
        area = float((shape > 0).sum()) * slopes.cell_m**2
        wider = slopes.footprint(start, area * rng.uniform(1.5, 2.1), friction * 0.9, rng)
        after = shape if wider is None else np.maximum(shape, wider)
    if fate == "new":
        before = np.full_like(shape, -1)
    window = _window([before, after])
    inside = np.maximum(before, after)[window] > 0
    before, after = (_signed_distance(f[window] > 0) for f in (before, after))
    height = slopes.z[window]
    top, low = height[inside].max(), height[inside].min()
    travel = np.clip((top - height) / max(top - low, 1), 0, 1).astype(np.float32)
    old = float(rng.uniform(0.05, 0.35))
    green_after = {"new": 0.0, "enlarged": 0.05, "healed": 1.0, "same": min(old + 0.25, 0.6)}[fate]
    return Slide(number, window[0].start, window[1].start, before, after, travel,
                 0.45 if fate == "healed" else old, green_after)
