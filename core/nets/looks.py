"""With which pixels a network looks at a scene."""

from __future__ import annotations

from dataclasses import dataclass

FINEST = 8
"""Pixels of the smallest look along one of the scene's, at most."""


@dataclass(frozen=True)
class Looks:
    """A network's looks at a scene, whose answers are averaged: see ``core.inference.looks``.

    Attributes:
        coarser: Looks with pixels so many times as wide as the scene's own.
        sizes_m: Finest and widest pixels that are worth a look. A look with pixels half as wide as the scene's is
            taken where they are not finer than that, and wider pixels, even the scene's own, are not looked at.
            None: the scene's own pixels are looked at, whatever they are, and all of ``coarser``.
    """

    coarser: tuple[int, ...] = ()
    sizes_m: tuple[float, float] | None = None

    def at(self, gsd_m: float) -> tuple[int, tuple[int, ...]]:
        """Return the looks at a scene.

        Args:
            gsd_m: Its pixel size; 0 where it is unknown.

        Returns:
            How many pixels of the smallest look lie along one of the scene's, a power of two; and how many times as
            wide the other looks' pixels are, as the smallest look's.
        """
        if self.sizes_m is None or gsd_m <= 0:
            return 1, self.coarser
        finest, widest = self.sizes_m
        finer = 2 if gsd_m / 2 >= finest else 1
        while gsd_m / finer > widest and finer < FINEST:
            finer *= 2
        others = (finer, *(finer * times for times in self.coarser))
        return finer, tuple(times for times in others if times > 1 and gsd_m * times / finer <= widest)
