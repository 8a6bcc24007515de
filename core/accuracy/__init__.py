"""How accurate a map is, by random points that people label without seeing it (Olofsson et al., 2014).

``design`` says how many points there should be and where they go among the strata; ``strata`` counts the strata of a
map of any size and draws the points; ``estimate`` turns labels into area-weighted error rates and an error-adjusted
area; ``study`` keeps points and labels, by person and time, in the project's database. Nothing here knows of reviews:
those go through what a map says first, and would flatter it.
"""

from core.accuracy.design import allocate, points_needed
from core.accuracy.estimate import Estimate, Figure, estimate
from core.accuracy.strata import STRATA, MapOf, Point, Stratum, Survey, draw, survey
from core.accuracy.study import LABELS, Studies, Study

__all__ = ["LABELS", "STRATA", "Estimate", "Figure", "MapOf", "Point", "Stratum", "Studies", "Study", "Survey",
           "allocate", "draw", "estimate", "points_needed", "survey"]
