"""The landslide record: what is known of each landslide, in one schema for every file that leaves or comes back.

``schema`` is the table of fields; ``record`` brings landslides into it and checks them; ``mappings`` says the same in
the words of other catalogues; ``files`` writes it, with a form and a style for QGIS (``qgis``).
"""

from core.inventory.files import inventory_as, write_inventory
from core.inventory.mappings import as_coolr, as_inspire
from core.inventory.record import Problem, as_records, check, problems
from core.inventory.schema import FIELDS, Field, field

__all__ = ["FIELDS", "Field", "Problem", "as_coolr", "as_inspire", "as_records", "check", "field", "inventory_as",
           "problems", "write_inventory"]
