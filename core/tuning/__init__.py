"""Fine-tuning in a project: labels from review or from a file, two areas kept apart, a job, and what came of it.

``labels`` says what is known of the ground; ``request`` checks it and starts ``core.training.finetune`` as a job;
``finished`` reads what that left: its curve, the comparison, pictures; and keeps the model or throws it away.

    trainings/<id>/tuning.json      what was asked for; ``kept``: the name under which its model was kept
    trainings/<id>/labels.geojson   polygons with their class; area.geojson, what is known of; test.geojson, held out
    trainings/<id>/run/             the run: settings, log, curve, checkpoints, scores, pictures
    trainings/<id>/model/           the new model, until someone keeps it
"""

from core.tuning.finished import Tuning, admit, keep, remove, tunings
from core.tuning.labels import LabelFile, Labels, from_file, from_reviews, look_at
from core.tuning.request import MODES, Finding, Request, check, ground_of

__all__ = ["MODES", "Finding", "LabelFile", "Labels", "Request", "Tuning", "admit", "check", "from_file",
           "from_reviews", "ground_of", "keep", "look_at", "remove", "tunings"]
