"""Detections of the ledger as landslide records."""

from __future__ import annotations

import geopandas

from core.inventory import FIELDS, as_records


def records_of(detections: geopandas.GeoDataFrame, *others: str, **known: object) -> geopandas.GeoDataFrame:
    """Return detections as records; whoever reviewed one last is its mapper, unless another is named.

    Args:
        detections: As ``core.review.Ledger.detections`` gives them.
        *others: Further columns to keep.
        **known: As for ``as_records``.
    """
    frame = detections.reset_index(drop=True)
    for name, instead in (("mapper", frame["reviewer"]), ("mapped_on", frame["reviewed"].dt.strftime("%Y-%m-%d"))):
        said = frame.get(name, instead)
        frame[name] = said.where(said.notna() & (said != ""), instead)
    names = [each.name for each in FIELDS if each.name in frame]
    return as_records(frame[[*names, *others, "geometry"]], **known)
