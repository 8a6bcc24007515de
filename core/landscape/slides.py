"""Landslides: where they break off, the way they run, what they leave, and what the years do to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label

from core.landscape.noise import F32, Mask, fbm, smoothstep, stream
from core.landscape.traits import Traits


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


def _footprint(z: F32, cell_m: float, start: tuple[int, int], area_m2: float, friction: float, barred: Mask,
               rng: np.random.Generator) -> F32 | None:
    """Return a field above 0 inside a landslide of about the given area, on the whole base grid; ``None`` if none."""
    row, col = start
    fall_y, fall_x = (-g for g in np.gradient(gaussian_filter(z, 1.5)))
    down = np.array([fall_y[start], fall_x[start]]) / (math.hypot(fall_y[start], fall_x[start]) + 1e-6)
    slender = math.exp(rng.uniform(math.log(1.8), math.log(5.5)))
    wide = math.sqrt(area_m2 / slender) / cell_m
    parcels = int(np.clip(area_m2 / cell_m**2 * 3, 250, 5000))
    u, v = rng.uniform(-0.5, 0.5, parcels) * wide * 1.2, rng.normal(0, 0.27, parcels) * wide
    rows = np.clip(row + u * down[0] - v * down[1], 2, z.shape[0] - 3).astype(np.int64)
    cols = np.clip(col + u * down[1] + v * down[0], 2, z.shape[1] - 3).astype(np.int64)
    same_way = fall_y[rows, cols] * down[0] + fall_x[rows, cols] * down[1] > 0.7 * np.hypot(
        fall_y[rows, cols], fall_x[rows, cols])
    if same_way.sum() < 0.3 * parcels:
        return None
    rows, cols = rows[same_way], cols[same_way]
    parcels = len(rows)
    mu = rng.normal(friction, 0.07, parcels).astype(np.float32)
    draws = rng.random((parcels, int(6 + 1.15 * slender * wide)), np.float32)
    z = gaussian_filter(z, min(0.12 * wide, 4.0))
    visits = _run(z, cell_m, rows, cols, mu, draws, barred)
    density = np.log1p(gaussian_filter(visits, 1.0))
    need = round(area_m2 / cell_m**2)
    positive = density[density > 0.05]
    if positive.size < max(need // 2, 12):
        return None
    threshold = np.partition(positive, -min(need, positive.size))[-min(need, positive.size)]
    field = gaussian_filter(density, 0.8) - threshold
    parts, _ = label(field > 0)
    here = parts[rows[0], cols[0]] or parts[row, col]
    if here == 0:
        return None
    return np.where(parts == here, field, np.minimum(field, -0.05)).astype(np.float32)


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
    gy, gx = np.gradient(gaussian_filter(z, 1.5), cell_m)
    slope = np.degrees(np.arctan(np.hypot(gy, gx))).astype(np.float32)
    hollow = gaussian_filter(z, 24 / cell_m) - z
    ready = smoothstep(24, 34, slope) * smoothstep(8, 40, above_floor) * np.exp(
        0.8 * np.clip(hollow / 4, -1.5, 1.5) + 0.9 * fbm(z.shape, 160 / cell_m, rng, octaves=2))
    keep = np.zeros_like(ready)
    keep[inner] = ready[inner]
    edge = 6
    keep[inner][:edge], keep[inner][-edge:], keep[inner][:, :edge], keep[inner][:, -edge:] = 0, 0, 0, 0
    scene_m2 = keep[inner].size * cell_m**2
    count = math.ceil(traits.slides * scene_m2 / 1e6)
    largest = min(26000.0, 0.06 * scene_m2)
    fates = ["new"] * 4 + ["enlarged"] * 2 + ["healed"] * 2 + ["same"] * 2
    taken = np.zeros(z.shape, bool)
    found: list[Slide] = []
    for k in range(4 * count):
        if len(found) >= count or keep.sum() <= 0:
            break
        cell = int(np.searchsorted(np.cumsum(keep.ravel()), rng.random() * keep.sum()))
        start = divmod(min(cell, keep.size - 1), keep.shape[1])
        rank = (len(found) + 0.5) / count
        area = max(350.0, largest * rank**-0.9 * 0.6 / count**0.9 * rng.uniform(0.7, 1.3)) if k else largest * 0.8
        friction = math.tan(math.radians(rng.uniform(15, 26)))
        fate = fates[(len(found) * 7 + seed) % len(fates)] if len(found) >= 4 else ("new", "enlarged", "healed", "new")[
            len(found)]
        shape = _footprint(z, cell_m, start, min(area, largest), friction, barred | taken, rng)
        if shape is None:
            keep[max(0, start[0] - 5):start[0] + 6, max(0, start[1] - 5):start[1] + 6] = 0
            continue
        slide = _grow(z, cell_m, start, shape, fate, len(found) + 1, friction, barred | taken, rng)
        window = slide.window
        solid = binary_dilation((slide.before > 0) | (slide.after > 0), iterations=3)
        taken[window] |= solid
        keep[window] *= ~solid
        found.append(slide)
    return found


def _grow(z: F32, cell_m: float, start: tuple[int, int], shape: F32, fate: str, number: int, friction: float,
          barred: Mask, rng: np.random.Generator) -> Slide:
    """Give a landslide its history."""
    before = after = shape
    if fate == "enlarged":
        area = float((shape > 0).sum()) * cell_m**2
        wider = _footprint(z, cell_m, start, area * rng.uniform(1.5, 2.1), friction * 0.9, barred, rng)
        after = shape if wider is None else np.maximum(shape, wider)
    if fate == "new":
        before = np.full_like(shape, -1)
    window = _window([before, after])
    inside = np.maximum(before, after)[window] > 0
    before, after = (_signed_distance(f[window] > 0) for f in (before, after))
    height = z[window]
    top, low = height[inside].max(), height[inside].min()
    travel = np.clip((top - height) / max(top - low, 1), 0, 1).astype(np.float32)
    old = float(rng.uniform(0.05, 0.35))
    green_after = {"new": 0.0, "enlarged": 0.05, "healed": 1.0, "same": min(old + 0.25, 0.6)}[fate]
    slide = Slide(number, window[0].start, window[1].start, before, after, travel, old, green_after)
    return replace(slide, green_before=0.45) if fate == "healed" else slide
