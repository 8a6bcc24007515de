"""Who has reviewed how much, and how well reviewers agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from core.review.record import POSITIVE, VERDICTS

_LOOKED = ("accept", "reject", "edit", "split", "import")


@dataclass(frozen=True)
class Progress:
    """What one reviewer has done; what was undone does not count.

    Attributes:
        who: The name.
        accepted: Detections whose last verdict by this person is that they are landslides, reshaped ones too.
        rejected: Likewise, that they are none.
        drawn: Landslides this person added.
        last: Time of the last action, seconds since 1970.
    """

    who: str
    accepted: int
    rejected: int
    drawn: int
    last: float


@dataclass(frozen=True)
class Agreement:
    """How two reviewers judged the detections that both have judged.

    Attributes:
        first: One's name.
        second: The other's.
        both: How many both have judged.
        observed: Share on which they agree, 0 to 1.
        kappa: Cohen's kappa: (observed - expected) / (1 - expected), where expected is how often they would agree if
            each gave as many verdicts of each kind by chance; None where it is not defined (both always say the same).
            Cohen (1960), doi:10.1177/001316446002000104.
    """

    first: str
    second: str
    both: int
    observed: float
    kappa: float | None


def verdicts(log: Iterable[Any]) -> dict[str, dict[str, bool]]:
    """Return by reviewer whether each detection is a landslide, as each of them said last.

    Args:
        log: As ``Ledger.log`` gives it.
    """
    found: dict[str, dict[str, bool]] = {}
    for row in _standing(log):
        if row.action in _LOOKED and row.status in (*VERDICTS, "split"):
            found.setdefault(row.who, {})[row.detection] = row.status in POSITIVE or row.status == "split"
    return found


def progress(log: Iterable[Any]) -> list[Progress]:
    """Return what each reviewer has done, the busiest first."""
    rows = _standing(log)
    judged = verdicts(rows)
    drawn: dict[str, set[str]] = {}
    for row in rows:
        if row.action == "draw":
            drawn.setdefault(row.who, set()).add(row.detection)
    last = {row.who: row.at for row in rows}
    found = [Progress(who, sum(judged.get(who, {}).values()), sum(not said for said in judged.get(who, {}).values()),
                      len(drawn.get(who, ())), last[who]) for who in last]
    return sorted(found, key=lambda each: -(each.accepted + each.rejected + each.drawn))


def agreement(log: Iterable[Any]) -> list[Agreement]:
    """Return how each two reviewers agree who have judged the same detections, those with most in common first."""
    found = []
    for (first, one), (second, other) in combinations(sorted(verdicts(log).items()), 2):
        both = one.keys() & other.keys()
        if both:
            pairs = [(one[name], other[name]) for name in both]
            found.append(Agreement(first, second, len(pairs), *cohen_kappa(pairs)))
    return sorted(found, key=lambda each: -each.both)


def cohen_kappa(pairs: list[tuple[bool, bool]]) -> tuple[float, float | None]:
    """Return the share of pairs that agree, and Cohen's kappa.

    >>> cohen_kappa([(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15)
    (0.7, 0.4)
    """
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    expected = first * second + (1 - first) * (1 - second)
    return observed, None if expected == 1 else round((observed - expected) / (1 - expected), 12)


def _standing(log: Iterable[Any]) -> list[Any]:
    """Return what was not undone."""
    rows = list(log)
    undone = {row.undoes for row in rows if row.action == "undo"}
    return [row for row in rows if row.action != "undo" and row.batch not in undone]
