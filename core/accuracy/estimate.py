"""What labelled points say of a map: area-weighted error matrix, accuracies, and the area after its errors.

A stratum lies in one class of the map, and a class of the map may be of several strata (ground near landslides and
far from them are both "other"). The estimators are those of Stehman (2014), doi:10.1080/01431161.2014.930207, for
strata that are not the map's classes; where they are, these are equations 1 to 11 of Olofsson et al. (2014),
doi:10.1016/j.rse.2014.02.015. The unit is the pixel; the finite population is left out, as there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

Z95 = 1.959964
FEW_ERRORS = 5
FEW = 50
"""Labelled points under which a stratum's intervals are rough."""


@dataclass(frozen=True)
class Figure:
    """An estimate.

    Attributes:
        value: The estimate; NaN where nothing can be said.
        error: Its standard error.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """What the labels say.

    Attributes:
        classes: Names, in the order of the matrix.
        matrix: (n, n) shares of the area, ``[map, reference]``; they sum to 1.
        overall: Overall accuracy.
        user: User's accuracy of each class: the share of what the map calls so that is so.
        producer: Producer's accuracy: the share of what is so that the map calls so.
        area_m2: Error-adjusted area of each class.
        mapped_m2: Area that the map gives it.
        counts: Labelled points in each stratum by class.
        cautions: What someone who reads the intervals should know.
    """

    classes: tuple[str, ...]
    matrix: NDArray[np.float64]
    overall: Figure
    user: Mapping[str, Figure]
    producer: Mapping[str, Figure]
    area_m2: Mapping[str, Figure]
    mapped_m2: Mapping[str, float]
    counts: Mapping[str, Mapping[str, int]]
    cautions: tuple[str, ...]


def estimate(areas_m2: Mapping[str, float], mapped_as: Mapping[str, str],
             counts: Mapping[str, Mapping[str, int]], classes: Sequence[str]) -> Estimate:
    """Estimate accuracies and areas from labelled points.

    Args:
        areas_m2: Area of each stratum; one without any may be left out of ``counts``.
        mapped_as: The class that the map gives each stratum.
        counts: Of each stratum, the labelled points of each class; drawn at random in it, with equal chances.
        classes: Names.

    Raises:
        InputError: A stratum with an area has fewer than two labelled points, or a class is unknown.
    """
    strata = [name for name, area in areas_m2.items() if area > 0]
    if unknown := ({mapped_as[name] for name in strata} | {c for name in strata for c in counts.get(name, {})}) - {
            *classes}:
        raise InputError("classes of labels", got=sorted(unknown), expected=list(classes), remedy="Label them again.")
    table = np.array([[counts.get(name, {}).get(each, 0) for each in classes] for name in strata], np.float64)
    number = table.sum(1)
    if not strata or number.min() < 2:
        few = [name for name, n in zip(strata, number, strict=True) if n < 2]
        raise InputError("labelled points", got=f"fewer than two in {', '.join(few) or 'every stratum'}",
                         expected="at least two in each stratum, better 50", remedy="Label more points.")
    weight = np.array([areas_m2[name] for name in strata]) / sum(areas_m2[name] for name in strata)
    share = table / number[:, None]
    spread = weight[:, None] ** 2 * share * (1 - share) / (number - 1)[:, None]  # variance that each class adds
    of = np.array([list(classes).index(mapped_as[name]) for name in strata])
    held = np.eye(len(classes))[of]  # (strata, classes): what the map calls them
    matrix = held.T @ (weight[:, None] * share)
    mapped, real = matrix.sum(1), matrix.sum(0)
    right = np.diag(matrix)
    total = sum(areas_m2[name] for name in strata)
    user, producer, area = {}, {}, {}
    for k, name in enumerate(classes):
        user[name] = _ratio(right[k], mapped[k], float((held[:, k] * spread[:, k]).sum()))
        missed = right[k] / real[k] if real[k] > 0 else math.nan
        producer[name] = _ratio(right[k], real[k], float(((held[:, k] - missed) ** 2 * spread[:, k]).sum()))
        area[name] = _figure(real[k] * total, math.sqrt(spread[:, k].sum()) * total, total)
    overall = _figure(float(right.sum()), math.sqrt(float((held * spread).sum())), 1.0)
    return Estimate(
        tuple(classes), matrix, overall, user, producer, area,
        {name: float(mapped[k] * total) for k, name in enumerate(classes)},
        {name: {each: int(n) for each, n in zip(classes, row, strict=True)}
         for name, row in zip(strata, table, strict=True)},
        _cautions(strata, areas_m2, mapped_as, number, table, classes))


def _ratio(part: float, whole: float, variance: float) -> Figure:
    if whole <= 0:
        return Figure(math.nan, math.nan, math.nan, math.nan)
    return _figure(part / whole, math.sqrt(variance) / whole, 1.0)


def _figure(value: float, error: float, most: float) -> Figure:
    return Figure(float(value), float(error), float(max(0.0, value - Z95 * error)),
                  float(min(most, value + Z95 * error)))


def _cautions(strata: Sequence[str], areas_m2: Mapping[str, float], mapped_as: Mapping[str, str],
              number: NDArray[np.float64], table: NDArray[np.float64], classes: Sequence[str]) -> tuple[str, ...]:
    """Say where the normal approximation behind the intervals is poor.

    Where none of n points shows an error, up to 3 / n of the stratum may still be one (the rule of three, 95 %).
    """
    said = []
    for name, n, row in zip(strata, number, table, strict=True):
        if n < FEW:
            said.append(f"Only {n:.0f} points are labelled in {name}: its part of the intervals is rough.")
        errors = n - row[list(classes).index(mapped_as[name])]
        if not errors:
            said.append(f"No error was found in {name}, so it adds nothing to the intervals; up to "
                        f"{3 / n:.1%} of it ({3 / n * areas_m2[name] / 1e4:,.2f} ha) may be wrong all the same.")
        elif errors < FEW_ERRORS:
            said.append(f"Only {errors:.0f} errors were found in {name}: the true interval is somewhat wider.")
    return tuple(said)
