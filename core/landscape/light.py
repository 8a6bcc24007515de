"""Sunlight on the land: shading, cast shadows near and far, and the sky's own light."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from core.landscape.noise import F32
from core.landscape.traits import Season


@njit(cache=True, nogil=True, fastmath=True)
def _cast(surface: F32, drow: float, dcol: float, climb: float, steps: int, soft: float, double_after: int) -> F32:
    rows, cols = surface.shape
    lit = np.ones((rows, cols), np.float32)
    for r in range(rows):
        for c in range(cols):
            start, worst, distance = float(surface[r, c]), -1e9, 0.0
            for k in range(steps):
                distance += 1.0 if k < double_after else 2.0
                y, x = int(r + 0.5 + drow * distance), int(c + 0.5 + dcol * distance)
                if r + drow * distance < 0 or c + dcol * distance < 0 or y >= rows or x >= cols:
                    break
                worst = max(worst, surface[y, x] - start - climb * distance)
            if worst > 0:
                lit[r, c] = max(0.0, 1.0 - worst / soft)
    return lit


def cast_shadow(surface: F32, pixel_m: float, season: Season, reach_m: float, soft_m: float) -> F32:
    """Return 1 where the sun is seen, 0 in shadow, between in its soft edge.

    Args:
        surface: (height, width) float32, metres.
        pixel_m: Pixel size.
        season: Where the sun stands.
        reach_m: Farthest thing that casts a shadow, along the ground.
        soft_m: Height by which the sun may be hidden before it is dark.
    """
    azimuth = math.radians(season.sun_azimuth_deg)
    climb = math.tan(math.radians(season.sun_elevation_deg)) * pixel_m
    steps, near = max(2, int(reach_m / pixel_m)), 14
    steps = min(steps, near + (steps - near) // 2) if steps > near else steps
    return _cast(surface, -math.cos(azimuth), math.sin(azimuth), climb, steps, soft_m, near)


def sunlight(dy: F32, dx: F32, season: Season) -> F32:
    """Return the cosine between the ground's normal and the sun, 0 at least.

    Args:
        dy: Rise per metre down the image (south).
        dx: Rise per metre to the right (east).
        season: Where the sun stands.
    """
    azimuth, elevation = math.radians(season.sun_azimuth_deg), math.radians(season.sun_elevation_deg)
    east, south = math.sin(azimuth) * math.cos(elevation), -math.cos(azimuth) * math.cos(elevation)
    dot = math.sin(elevation) - east * dx - south * dy
    return np.maximum(dot / np.sqrt(1 + dx * dx + dy * dy), 0).astype(np.float32)


def gradient(z: F32, pixel_m: float) -> tuple[F32, F32]:
    """Return rise per metre down and to the right, central differences."""
    down, right = (np.asarray(np.gradient(z, axis=axis) / pixel_m, np.float32) for axis in (0, 1))
    return down, right


def openness(surface: F32, pixel_m: float, radius_m: float, depth_m: float) -> F32:
    """Return how much sky is seen, 0 to 1: little in hollows between crowns and beside walls."""
    below = gaussian_filter(surface, radius_m / pixel_m, truncate=2.5) - surface
    return (1 / (1 + np.exp(np.clip(below / np.float32(depth_m), -8, 8)))).astype(np.float32)


def steepness(z: F32, cell_m: float, soften_m: float) -> F32:
    """Return rise over run of softened ground."""
    gy, gx = np.gradient(gaussian_filter(z, soften_m / cell_m), cell_m)
    return np.hypot(gy, gx).astype(np.float32)
