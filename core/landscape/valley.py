"""The valley's axis: a winding line that falls gently, with a floor of changing width."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.landscape.noise import F32, wave
from core.landscape.traits import Traits


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


class Valley:
    """The valley's axis, and where any place lies against it."""

    def __init__(self, traits: Traits, side_m: float, rng: np.random.Generator) -> None:
        t = np.arange(-0.8 * side_m, 0.8 * side_m, 4.0)
        angle = rng.uniform(0, 2 * np.pi)
        swing = rng.uniform(50, 110) * wave(t, rng, rng.uniform(750, 1200), 3)
        self.y = side_m / 2 + t * math.sin(angle) + swing * math.cos(angle)
        self.x = side_m / 2 + t * math.cos(angle) - swing * math.sin(angle)
        self.along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(self.y), np.diff(self.x)))])
        self.half = traits.floor_m * (1 + 0.45 * wave(self.along, rng, 700, 4)).astype(np.float64)
        self.z = rng.uniform(1400, 2600) - rng.uniform(0.008, 0.025) * self.along
        self.turn = np.unwrap(np.arctan2(np.gradient(self.y), np.gradient(self.x)))
        self.tree = cKDTree(np.stack([self.y, self.x], 1))

    def axis(self, origin_m: tuple[float, float], cell_m: float) -> Axis:
        """Return the axis on a grid of cells."""
        return Axis((self.y - origin_m[0]) / cell_m, (self.x - origin_m[1]) / cell_m, self.along, self.half, self.turn)

    def locate(self, yy: F32, xx: F32) -> tuple[F32, F32, F32, F32]:
        """Return along, signed across, floor half width and floor elevation of places."""
        _, index = self.tree.query(np.stack([yy.ravel(), xx.ravel()], 1), workers=1)
        dy, dx = yy.ravel() - self.y[index], xx.ravel() - self.x[index]
        c, s = np.cos(self.turn[index]), np.sin(self.turn[index])
        along = self.along[index] + dx * c + dy * s
        across = np.where(dy * c - dx * s < 0, -1, 1) * np.hypot(dy, dx)
        fields = (along, across, self.half[index], self.z[index])
        return tuple(np.asarray(f, np.float32).reshape(yy.shape) for f in fields)  # type: ignore[return-value]
