"""How many points, and how many of them in each stratum."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.errors import InputError

LEAST = 50
"""Points in a stratum, however small: Olofsson et al. (2014) give rare classes 50 to 100."""


def points_needed(shares: Mapping[str, float], accuracies: Mapping[str, float], standard_error: float) -> int:
    """Return how many points give the overall accuracy a standard error.

    n = (sum of W S / S(O))^2 with S = sqrt(U (1 - U)): equation 13 of Olofsson et al. (2014), after Cochran (1977),
    equation 5.25, for populations of many pixels.

    Args:
        shares: Share of the area in each stratum; they sum to 1.
        accuracies: The user's accuracy that is expected in each.
        standard_error: Aimed at, of the overall accuracy.

    Raises:
        InputError: A share or an accuracy is none, or the standard error is not between 0 and 1.

    Example:
        >>> points_needed({"loss": .02, "gain": .015, "forest": .32, "other": .645},
        ...               {"loss": .7, "gain": .6, "forest": .9, "other": .95}, 0.01)
        641
    """
    _check(shares)
    if not 0 < standard_error < 1 or not all(0 <= accuracies[name] <= 1 for name in shares):
        raise InputError("sample size", got=(standard_error, dict(accuracies)),
                         expected="a standard error between 0 and 1, accuracies from 0 to 1",
                         remedy="Give expected accuracies as shares, such as 0.9.")
    spread = sum(share * math.sqrt(accuracies[name] * (1 - accuracies[name])) for name, share in shares.items())
    return math.ceil((spread / standard_error) ** 2)


def allocate(count: int, shares: Mapping[str, float], least: int = LEAST) -> dict[str, int]:
    """Divide points among strata: in proportion to area, but ``least`` in each that would get fewer.

    As section 5.1.1 of Olofsson et al. (2014) recommends: rare classes first, the rest in proportion. Where ``count``
    cannot give every stratum its least, there are more points.

    Args:
        count: Points in all.
        shares: Share of the area in each stratum; one of 0 gets none.
        least: In each stratum.

    Example:
        >>> allocate(640, {"loss": .02, "gain": .015, "forest": .32, "other": .645}, 75)
        {'loss': 75, 'gain': 75, 'forest': 162, 'other': 328}
    """
    _check(shares)
    given = {name: 0 for name in shares}
    open_ = {name: share for name, share in shares.items() if share > 0}
    rest = count
    while open_:
        total = sum(open_.values())
        rare = [name for name, share in open_.items() if rest * share / total < least]
        if not rare:
            break
        for name in rare:
            given[name] = least
            rest -= least
            del open_[name]
    exact = {name: rest * share / sum(open_.values()) for name, share in open_.items()}
    for name, value in exact.items():
        given[name] = math.floor(value)
    short = rest - sum(math.floor(value) for value in exact.values())
    for name in sorted(exact, key=lambda name: math.floor(exact[name]) - exact[name])[:max(0, short)]:
        given[name] += 1
    return given


def _check(shares: Mapping[str, float]) -> None:
    if not shares or min(shares.values()) < 0 or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise InputError("shares of strata", got=dict(shares), expected="shares that sum to 1",
                         remedy="Measure the strata first.")
