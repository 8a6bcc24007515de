"""A run's outlines as the ledger takes them: in degrees, with what was measured, a few thousand at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import geopandas
import pandas as pd
import pyogrio
import shapely

from core.errors import InputError
from core.export import LAYER
from core.measure import Measured
from core.project import Run

MEASURED = tuple(each.name for each in fields(Measured))
AT_ONCE = 4_000

Taken = tuple[int, str, bytes, dict[str, Any]]
"""Number in the run, day of the image or "", WKB in degrees, and the measured attributes that are known."""


def outlines_of(run: Run) -> Iterator[list[Taken]]:
    """Yield a run's outlines, in the order of the file, some thousand at a time.

    Raises:
        InputError: The file is missing or damaged.
    """
    source = run.folder / "landslides.gpkg"
    try:
        count = pyogrio.read_info(source, layer=LAYER, force_feature_count=True)["features"]
        for start in range(0, count, AT_ONCE):
            frame = pyogrio.read_dataframe(source, layer=LAYER, skip_features=start, max_features=AT_ONCE)
            yield list(_taken(frame.to_crs("EPSG:4326")))
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, KeyError) as error:
        raise InputError(f"outlines of {run.id}", got="a file that cannot be read",
                         expected=f"a GeoPackage with a layer {LAYER!r}, as a detection writes it",
                         remedy="Run the detection again.") from error


def _taken(frame: geopandas.GeoDataFrame) -> Iterator[Taken]:
    days = frame["image_date"].dt.strftime("%Y-%m-%d").fillna("") if "image_date" in frame and len(frame) else (
        [""] * len(frame))
    columns = [name for name in MEASURED if name in frame]
    for number, day, outline, values in zip(frame["id"], days, shapely.to_wkb(frame.geometry.values),
                                            frame[columns].itertuples(index=False, name=None), strict=True):
        yield int(number), str(day), outline, known(dict(zip(columns, values, strict=True)))


def known(values: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of measured attributes: neither None nor NaN, as JSON holds it."""
    return {name: value for name, value in values.items()
            if not (value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)))}
