"""One database a project: what people and workers must not lose between them.

It is SQLite, in ``scarp.db`` in the project's folder, unless SCARP_STORE names another by its URL, in which
``{project}`` stands for the folder's name, so that each project has its own. Its schema is brought up to date when it
is opened. Nothing in it depends on where the folder is. Only SQLite opens the file: a second library that opened and
closed it in the same process would drop SQLite's locks.
"""

from core.store.database import Store, checkpoint, exists, forget, open_store
from core.store.lock import locked
from core.store.tables import (
    accuracy_labels,
    accuracy_points,
    accuracy_studies,
    conflicts,
    detections,
    jobs,
    versions,
)

__all__ = ["Store", "accuracy_labels", "accuracy_points", "accuracy_studies", "checkpoint", "conflicts", "detections",
           "exists", "forget", "jobs", "locked", "open_store", "versions"]
