"""How good a map is: by pixel, by landslide, along its edges, on landslide-free ground, and in its probabilities.

Count with ``tally`` (and ``join`` the tallies of chips or windows), then ``scores`` gives every figure with an
interval and ``difference`` compares two maps of the same ground. An undefined figure (a share of nothing) is NaN, is
left out of every average, and is None in files, so that a score never looks like 0 where nothing could be scored.
"""

from core.metrics.alarms import FalseAlarms, false_alarms
from core.metrics.blocks import BLOCK_M, Blocks
from core.metrics.bootstrap import RESAMPLES, comparison, difference, scores
from core.metrics.calibration import calibration_table, expected_calibration_error
from core.metrics.counting import Tally, join, tally
from core.metrics.edges import boundary_f1
from core.metrics.objects import ObjectScores, object_scores, object_scores_of_masks
from core.metrics.pixels import PixelScores, confusion_matrix, pixel_scores
from core.metrics.tables import comparison_tables, score_tables

__all__ = [
    "BLOCK_M", "RESAMPLES", "Blocks", "FalseAlarms", "ObjectScores", "PixelScores", "Tally", "boundary_f1",
    "calibration_table", "comparison", "comparison_tables", "confusion_matrix", "difference",
    "expected_calibration_error", "false_alarms", "join", "object_scores", "object_scores_of_masks", "pixel_scores",
    "score_tables", "scores", "tally",
]
