"""To the field and back: a package for QField, Mergin Maps and QGIS, and what its return changes.

``package`` makes the zip; ``edits`` reads an edited copy and says, landslide by landslide, what was added, deleted,
moved or said otherwise. ``outings`` remembers what was given out, and takes changes into the ledger once someone has
seen them.
"""

from core.field.edits import Change, Diff, apply, conflicts, difference, read_edited
from core.field.outings import Outing, admit, give_out, outings, take
from core.field.package import write_package
from core.field.records import records_of
from core.field.tile import write_tile

__all__ = ["Change", "Diff", "Outing", "admit", "apply", "conflicts", "difference", "give_out", "outings",
           "read_edited", "records_of", "take", "write_package", "write_tile"]
