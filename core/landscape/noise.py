"""Seeded noise, resampling and small numeric helpers. Lengths are in pixels of the array made."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


def stream(seed: int, topic: str) -> np.random.Generator:
    """Return the random numbers of one topic, so that a change in one part does not move all the others."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(topic.encode())])))


def smoothstep(low: float, high: float, x: F32) -> F32:
    """Rise from 0 at ``low`` to 1 at ``high`` with flat ends; ``low > high`` falls instead."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def wave(x: NDArray[np.floating], rng: np.random.Generator, length_m: float, octaves: int = 4) -> F32:
    """Return smooth noise along a line: a sum of sines about -1 to 1, longest wavelength ``length_m``."""
    total = np.zeros(np.shape(x), np.float64)
    norm = 0.0
    for octave in range(octaves):
        gain = 0.6**octave
        total += gain * np.sin(2 * np.pi * (x / length_m * 1.83**octave * rng.uniform(0.9, 1.1) + rng.random()))
        norm += gain
    return (total / norm).astype(np.float32)


@njit(cache=True, nogil=True)
def _hash(ix: int, iy: int, seed: int) -> int:
    h = (ix * 374761393 + iy * 668265263 + seed * 2147483647) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 2246822519) & 0xFFFFFFFF
    return h ^ (h >> 15)


@njit(cache=True, nogil=True, fastmath=True)
def _fbm(height: int, width: int, top: float, left: float, period: float, octaves: int, gain: float,
         seed: int) -> F32:
    out = np.zeros((height, width), np.float32)
    gx, gy = np.empty(64, np.float32), np.empty(64, np.float32)
    for k in range(64):
        gx[k], gy[k] = math.cos(k * math.pi / 32), math.sin(k * math.pi / 32)
    amplitude, frequency = np.float32(1.0), 1.0 / period
    for octave in range(octaves):
        turn = 0.6 + 1.1 * octave
        c, s = math.cos(turn) * frequency, math.sin(turn) * frequency
        for row in range(height):
            for col in range(width):
                x = (left + col) * c - (top + row) * s + 71.3 * octave
                y = (left + col) * s + (top + row) * c + 13.7 * octave
                ix, iy = math.floor(x), math.floor(y)
                fx, fy = np.float32(x - ix), np.float32(y - iy)
                jx, jy = int(ix), int(iy)
                h0, h1 = _hash(jx, jy, seed) & 63, _hash(jx + 1, jy, seed) & 63
                h2, h3 = _hash(jx, jy + 1, seed) & 63, _hash(jx + 1, jy + 1, seed) & 63
                d0 = gx[h0] * fx + gy[h0] * fy
                d1 = gx[h1] * (fx - 1) + gy[h1] * fy
                d2 = gx[h2] * fx + gy[h2] * (fy - 1)
                d3 = gx[h3] * (fx - 1) + gy[h3] * (fy - 1)
                u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
                v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
                a, b = d0 + u * (d1 - d0), d2 + u * (d3 - d2)
                out[row, col] += amplitude * (a + v * (b - a))
        amplitude *= np.float32(gain)
        frequency *= 2.03
    return out


def fbm(shape: tuple[int, int], period: float, rng: np.random.Generator, *, octaves: int = 4,
        gain: float = 0.5) -> F32:
    """Return fractal gradient noise with mean about 0 and standard deviation 1.

    Args:
        shape: (height, width).
        period: Size of the largest lumps, in pixels.
        rng: Draws the seed and the place in the endless noise plane.
        octaves: How many times the lumps are halved and added.
        gain: Amplitude of an octave against the one before.
    """
    seed = int(rng.integers(1 << 30))
    top, left = rng.uniform(0, 1000, 2) * period
    while octaves > 1 and period / 2.03 ** (octaves - 1) < 1.5:
        octaves -= 1
    energy = math.sqrt(sum(gain ** (2 * k) for k in range(octaves)))
    return _fbm(*shape, top, left, max(period, 1.5), octaves, gain, seed) * np.float32(4.0 / energy)


@njit(cache=True, nogil=True)
def _spline(t: float) -> tuple[float, float, float, float]:
    u = 1 - t
    return u * u * u / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * u * u * u - 6 * u * u + 4) / 6, t * t * t / 6


@njit(cache=True, nogil=True)
def _resample(field: F32, top: float, left: float, step: float, height: int, width: int) -> F32:
    rows, cols = field.shape
    tall = np.zeros((height, cols), np.float32)
    for row in range(height):
        y = top + (row + 0.5) * step - 0.5
        iy = int(math.floor(y))
        weights = _spline(y - iy)
        for k in range(4):
            source = min(max(iy - 1 + k, 0), rows - 1)
            weight = np.float32(weights[k])
            for col in range(cols):
                tall[row, col] += weight * field[source, col]
    out = np.zeros((height, width), np.float32)
    for col in range(width):
        x = left + (col + 0.5) * step - 0.5
        ix = int(math.floor(x))
        weights = _spline(x - ix)
        w0, w1 = np.float32(weights[0]), np.float32(weights[1])
        w2, w3 = np.float32(weights[2]), np.float32(weights[3])
        c0, c1 = min(max(ix - 1, 0), cols - 1), min(max(ix, 0), cols - 1)
        c2, c3 = min(max(ix + 1, 0), cols - 1), min(max(ix + 2, 0), cols - 1)
        for row in range(height):
            out[row, col] = w0 * tall[row, c0] + w1 * tall[row, c1] + w2 * tall[row, c2] + w3 * tall[row, c3]
    return out


def resample(field: F32, origin: tuple[float, float], step: float, shape: tuple[int, int]) -> F32:
    """Read a field through a cubic B-spline: smooth, and without overshoot.

    Args:
        field: (rows, columns) float32.
        origin: (row, column) of the new array's upper left corner, in pixels of ``field``.
        step: Size of a new pixel in pixels of ``field``.
        shape: (height, width) of the result.
    """
    return _resample(np.ascontiguousarray(field, np.float32), *origin, step, *shape)


@njit(cache=True, nogil=True)
def streaks(noise: F32, drow: F32, dcol: F32, steps: int) -> F32:
    """Smear noise along a direction field (line integral convolution), so that it follows the fall of the ground.

    Args:
        noise: (height, width) float32.
        drow: Row part of the unit direction; zero where there is none.
        dcol: Column part.
        steps: Pixels walked each way.
    """
    height, width = noise.shape
    out = np.empty_like(noise)
    for row in range(height):
        for col in range(width):
            total, count = noise[row, col], np.float32(1)
            for sign in (-1.0, 1.0):
                y, x = row + 0.5, col + 0.5
                for _ in range(steps):
                    iy, ix = int(y), int(x)
                    dy, dx = drow[iy, ix], dcol[iy, ix]
                    if dy == 0 and dx == 0:
                        break
                    y += sign * dy
                    x += sign * dx
                    if y < 0 or x < 0 or y >= height or x >= width:
                        break
                    total += noise[int(y), int(x)]
                    count += np.float32(1)
            out[row, col] = total / count * math.sqrt(count)
    return out
