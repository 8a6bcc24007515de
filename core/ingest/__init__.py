"""The one door for files from outside: each is judged by its declared kind and its first bytes before it is opened."""

from core.ingest.area import count_repaired, read_area, read_attributed, read_polygons, read_said
from core.ingest.geotiff import check_readable, open_geotiff
from core.ingest.table import Table, read_features

__all__ = ["Table", "check_readable", "count_repaired", "open_geotiff", "read_area", "read_attributed",
           "read_features", "read_polygons", "read_said"]
