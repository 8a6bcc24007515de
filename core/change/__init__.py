"""What changed between two dates: are they on each other, from what to what, and which landslides are new."""

from core.change.compare import MAP, OBJECTS, RECORD, ChangeSettings, compare_dates, read_shift
from core.change.maps import Dated, dated
from core.change.objects import KINDS, ObjectSettings
from core.change.shift import Shift, measure_shift

__all__ = ["KINDS", "MAP", "OBJECTS", "RECORD", "ChangeSettings", "Dated", "ObjectSettings", "Shift", "compare_dates",
           "dated", "measure_shift", "read_shift"]
