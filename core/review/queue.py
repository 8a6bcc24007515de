"""In which order detections are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from core.errors import unknown_name

ORDERS = ("priority", "largest", "new", "area")


def uncertainty(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy of a mean probability of landslide in bits, 0 (sure) to 1 (as likely as not).

    An unknown probability (NaN) is as uncertain as can be.

    >>> uncertainty(np.array([0.5, 1.0, np.nan])).tolist()
    [1.0, 0.0, 1.0]
    """
    p = np.where(np.isfinite(probability), np.clip(probability, 0, 1), 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(share > 0, -share * np.log2(share), 0.0) for share in (p, 1 - p)]
    return parts[0] + parts[1]


def queue(frame: geopandas.GeoDataFrame, order: str, *, earlier: geopandas.GeoSeries | None = None,
          area: Mapping[str, Any] | None = None) -> list[str]:
    """Return the ids of detections in the order in which they matter; it does not depend on what was decided.

    "priority": uncertainty (in bits) times area, most first. "largest": area. "new": those that touch no outline of
    the date before, the most urgent first; the others are left out. "area": those that touch an area, largest first.

    Args:
        frame: As ``Ledger.detections`` gives it.
        order: One of ``ORDERS``.
        earlier: Outlines of the date before, in degrees.
        area: GeoJSON polygon in degrees.
    """
    if order not in ORDERS:
        raise unknown_name("order", order, list(ORDERS))
    if frame.empty:
        return []
    size = _column(frame, "area_m2", 0.0)
    weight = size if order in ("largest", "area") else size * uncertainty(_column(frame, "probability_mean", np.nan))
    chosen = np.ones(len(frame), bool)
    if order == "new" and earlier is not None:
        chosen = is_new(frame, earlier)
    if order == "area" and area is not None:
        chosen = frame.intersects(shapely.geometry.shape(area)).to_numpy()
    by_weight = np.argsort(-weight, kind="stable")
    return frame["id"].to_numpy()[by_weight[chosen[by_weight]]].tolist()


def is_new(frame: geopandas.GeoDataFrame, earlier: geopandas.GeoSeries) -> NDArray[np.bool_]:
    """Return which detections touch no outline of an earlier date."""
    new = np.ones(len(frame), bool)
    new[shapely.STRtree(earlier.values).query(frame.geometry.values, "intersects")[0]] = False
    return new


def _column(frame: geopandas.GeoDataFrame, name: str, otherwise: float) -> NDArray[np.float64]:
    found = frame[name].to_numpy(np.float64) if name in frame else np.full(len(frame), np.nan)
    return np.where(np.isfinite(found), found, otherwise)
