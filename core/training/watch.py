"""What a person sees of a fine-tuning while it runs: the loss, and how good the model is on ground it is trained on.

Nothing is chosen by these figures, and the ground that is held out is not looked at.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.config import scheme
from core.nets import build
from core.training.holdout import calibrate, held_out_counts, scores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.training.loop import Run
    from core.training.sources import Ground

WINDOWS = 4
EVERY = 2
"""Lines of the log between two looks."""


class Watch:
    """Takes lines of the log, adds a look at some trained ground to every second, and passes them on.

    Args:
        run: The run, before its first step.
        grounds: With landslides, of those that are trained on.
        curve: File that the lines are added to.
        report: Told each line as it was.
    """

    def __init__(self, run: Run, grounds: list[Ground], curve: Path, report: Callable[[dict[str, Any]], None]) -> None:
        self._run, self._grounds, self._curve, self._report, self._seen = run, grounds, curve, report, 0

    def __call__(self, line: dict[str, Any]) -> None:
        """Keep a line, with the IoU of landslides where it is time for a look."""
        found: dict[str, Any] = {key: line[key] for key in ("step", "steps", "loss") if key in line}
        if self._seen % EVERY == 0 or line.get("step") == line.get("steps"):
            found["iou"] = self._look()
        self._seen += 1
        with self._curve.open("a") as file:
            file.write(json.dumps(found) + "\n")
        self._report(line)

    def _look(self) -> float:
        config = self._run.config
        shadow = build(config.architecture, len(scheme(config.scheme).names), **config.arguments).eval()
        shadow.load_state_dict(self._run.average.state)
        counts = held_out_counts(shadow, self._grounds, self._run.landslide, WINDOWS)
        return float(scores(counts, *calibrate({"trained on": counts})).get("iou", 0.0))
