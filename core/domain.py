"""How far an image is from what a model was trained on: colour and texture of small squares, against the training's.

A simple score, and an honest one: it sees haze, another season, another sensor's colours or a blurred image, and
nothing of what the ground is. Squares are described by a few figures; the training's are taken as one Gaussian cloud
(Mahalanobis, P. C. (1936), On the generalised distance in statistics).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

Floats = NDArray[np.float64]

FIGURES = ("red", "green", "blue", "contrast", "saturation", "greenness", "texture")
INSIDE = 0.95
"""Share of the training's own squares that lie within the limit."""

_WORDS = {
    "red": ("less red", "redder"), "green": ("less green light", "more green light"), "blue": ("less blue", "bluer"),
    "contrast": ("flatter", "harsher"), "saturation": ("greyer", "more colourful"),
    "greenness": ("less green cover", "greener cover"), "texture": ("smoother or blurred", "rougher or noisier")}


@dataclass(frozen=True)
class Domain:
    """What a model was trained on.

    Attributes:
        mean: (7,) of ``FIGURES``.
        precision: (7, 7), the inverse of their covariance.
        limit: Squared distance within which ``INSIDE`` of the training's squares lie.
    """

    mean: Floats
    precision: Floats
    limit: float

    def as_dict(self) -> dict[str, Any]:
        """Return what a model's card keeps under ``domain``."""
        return {"figures": list(FIGURES), "mean": self.mean.round(5).tolist(),
                "precision": self.precision.round(8).tolist(), "limit": round(self.limit, 4)}


@dataclass(frozen=True)
class Likeness:
    """How an image compares.

    Attributes:
        outside: Share of its squares that are unlike the training's; ``1 - INSIDE`` for an image of the same kind.
        how: In what it differs most, in words.
    """

    outside: float
    how: str


def describe(rgb: NDArray[np.float32], valid: NDArray[np.bool_]) -> Floats:
    """Return the figures of one square.

    Args:
        rgb: (3, h, w), 0 to 255.
        valid: (h, w); at least one pixel and its right neighbour are.

    Returns:
        (7,) float64, see ``FIGURES``.
    """
    colours = rgb[:, valid].astype(np.float64)
    light = rgb.mean(0, dtype=np.float64)
    strongest, weakest = colours.max(0), colours.min(0)
    steps = [np.abs(np.diff(light, axis=axis))[_both(valid, axis)] for axis in (0, 1)]
    return np.array([
        *colours.mean(1), light[valid].std(), np.mean((strongest - weakest) / np.maximum(strongest, 1)) * 100,
        np.mean(2 * colours[1] - colours[0] - colours[2]), np.mean(np.concatenate(steps)) if steps[0].size else 0.0])


def fit(figures: Floats) -> Domain:
    """Return the domain of training squares, (n, 7) figures with n of some dozens at least."""
    mean = figures.mean(0)
    spread = np.cov(figures, rowvar=False)
    precision: Floats = np.linalg.inv(spread + np.diag(np.diag(spread) * 1e-3 + 1e-6)).astype(np.float64)
    return Domain(mean, precision, float(np.quantile(_distances(figures, mean, precision), INSIDE)))


def read(card: Mapping[str, Any]) -> Domain | None:
    """Return the domain that a model's card tells, or None.

    Raises:
        ModelError: It is damaged, or of other figures than today's.
    """
    if not card:
        return None
    try:
        mean, precision = np.array(card["mean"], float), np.array(card["precision"], float)
        whole = tuple(card["figures"]) == FIGURES and mean.shape == (7,) and precision.shape == (7, 7)
        limit = float(card["limit"])
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole or not (np.isfinite(mean).all() and np.isfinite(precision).all() and limit > 0):
        raise ModelError("domain in card.json", got="missing or damaged figures", expected=", ".join(FIGURES),
                         remedy="Restore the model folder from its source.")
    return Domain(mean, precision, limit)


def compare(domain: Domain, figures: Floats) -> Likeness:
    """Compare the squares of an image, (n, 7) figures, with the training's."""
    outside = float(np.mean(_distances(figures, domain.mean, domain.precision) > domain.limit))
    spread = np.sqrt(np.diag(np.linalg.inv(domain.precision)))
    shift = (np.median(figures, axis=0) - domain.mean) / spread
    most = int(np.argmax(np.abs(shift)))
    return Likeness(outside, _WORDS[FIGURES[most]][int(shift[most] > 0)])


def _distances(figures: Floats, mean: Floats, precision: Floats) -> Floats:
    away = figures - mean
    return np.einsum("ni,ij,nj->n", away, precision, away)


def _both(valid: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    one, other = (valid[1:], valid[:-1]) if axis == 0 else (valid[:, 1:], valid[:, :-1])
    return one & other
