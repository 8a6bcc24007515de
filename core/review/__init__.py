"""The ledger: every detection of a project, what people made of it, when and why.

A detection comes from a run's outlines (``Ledger.take``), or somebody drew it. Each thing that is done to it appends a
version; no version is ever changed or removed. A write names the version that its writer looked at; where that is not
the newest any more, it is kept as a conflict, beside what is there, until somebody settles it. What a write returns is
on disk.

``Ledger.detections`` gives the newest versions as a GeoDataFrame, in longitude and latitude (EPSG:4326), one row each:

    id            text (a UUID), the same for good: taking the same run again, here or elsewhere, gives the same
    version       whole number from 1: what a write has to name
    status        unreviewed, accepted, rejected, edited, drawn; of no landslide any more: merged, split, withdrawn
    class         landslide; of what is rejected: the class of the ground, other where nobody said which
    type, certainty, method, note, and the other fields of ``core.inventory`` that people fill in
    reason        why it was rejected, of ``REASONS``; else ""
    photos        list of {"file": inside the project, "lon", "lat", "taken"}
    reviewer      who gave it its status; "" where nobody has yet
    reviewed      when, as a datetime in UTC; NaT likewise
    action        what made the newest version, of ``ACTIONS``
    model, run    what found it; run is "" where it came from no run
    outline       its number in that run; -1 where it was drawn
    image_date    day of the image, or ""
    parent        id of what it was split from; merged_into: of what it was merged into; or ""
    area_m2 ...   the measured attributes (``core.measure.Measured``), measured again when its shape changes
    geometry      polygon or multipolygon

Geometry is kept in longitude and latitude: detections of runs on different grids, drawings on the map and files from
the field then share one table. At double precision that moves no vertex by more than a nanometre.
"""

from core.review.ledger import Conflict, Ledger, Result
from core.review.record import (
    ACTIONS,
    CLASSES,
    GONE,
    POSITIVE,
    REASONS,
    STATUSES,
    Edit,
    accept,
    change,
    draw,
    merge,
    reject,
    reshape,
    split,
)

__all__ = ["ACTIONS", "CLASSES", "GONE", "POSITIVE", "REASONS", "STATUSES", "Conflict", "Edit", "Ledger", "Result",
           "accept", "change", "draw", "merge", "reject", "reshape", "split"]
