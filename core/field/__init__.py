"""To the field and back: a package for QField, Mergin Maps and QGIS, and what its return changes.

``package`` makes the zip; ``edits`` reads an edited copy and says, landslide by landslide, what was added, deleted,
moved or said otherwise. Nothing is taken before someone has seen that.
"""

from core.field.edits import Change, Diff, apply, conflicts, difference, read_edited
from core.field.package import write_package
from core.field.tile import write_tile

__all__ = ["Change", "Diff", "apply", "conflicts", "difference", "read_edited", "write_package", "write_tile"]
