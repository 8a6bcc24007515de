"""Two dates compared from files to files: a record, a from-to raster and the landslides with what became of them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from core.change.maps import Both, Dated
from core.change.objects import KINDS, Change, ObjectSettings, Polygons, changes
from core.change.pixels import transitions
from core.change.shift import NO_SHIFT, WARN_PX, Shift, measure_shift
from core.errors import InputError, StorageError
from core.export import LAYER, write_layer
from core.files import write_json
from core.raster import grid_of, open_raster
from core.vectorize import OutlineSettings, outlines, rows_of

TOLERANCE_PX = 3.0
"""Two pixels off each other along both axes are 2.8."""

RECORD, MAP, OBJECTS = "change.json", "transitions.tif", "change.gpkg"
WORK = ".scarp-unfinished"

Report = Callable[[str, float], None]
"""Told what is done (``register``, ``pixels``, ``objects``) and the share of it; what it raises stops the work."""


@dataclass(frozen=True)
class ChangeSettings:
    """A comparison of two dates.

    Attributes:
        before: The first date, whose grid and CRS the results have.
        after: The second.
        images: Image of each date, for their shift; nothing is measured without.
        bands: 1-based bands of red, green and blue of each image; told from the files by default.
        correct: Take a shift of half a pixel or more, measured for certain, off the second date.
        tolerance_m: See ``ObjectSettings``; three pixels of the first date by default.
        min_area_m2: See ``ObjectSettings``.
        labels: More that the record says of each date, such as its day.
    """

    before: Dated
    after: Dated
    images: tuple[Path, Path] | None = None
    bands: tuple[Mapping[str, int], Mapping[str, int]] = field(default=({}, {}))
    correct: bool = False
    tolerance_m: float | None = None
    min_area_m2: float = 50.0
    labels: tuple[Mapping[str, Any], Mapping[str, Any]] = field(default=({}, {}))


def compare_dates(settings: ChangeSettings, out: Path, report: Report = lambda _stage, _share: None) -> dict[str, Any]:
    """Compare two dates and write ``change.json``, ``transitions.tif`` and ``change.gpkg``; return the record.

    Args:
        settings: What is compared, and how.
        out: New folder.
        report: Progress.

    Raises:
        InputError: A file is missing or damaged, or the dates have no ground in common.
        StorageError: ``out`` is there already, or there is no space.
    """
    if (out / RECORD).exists():
        raise StorageError("output folder", got=f"{out.name}, which holds a comparison", expected="a new folder",
                           remedy="Choose another folder.")
    work = out / WORK
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        record = _compared(settings, work, report)
        write_json(work / RECORD, record)
        for name in (MAP, OBJECTS, RECORD):  # where the record is, all are
            (work / name).replace(out / name)
    except RasterioError as error:
        raise InputError("raster", got="a file that cannot be read to the end", expected="whole GeoTIFFs",
                         remedy="Run the detection again.") from error
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError("comparison", got=error.strerror or "an error", expected="room and permission to write",
                           remedy="Free some space or choose another folder.") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return record


def _compared(settings: ChangeSettings, work: Path, report: Report) -> dict[str, Any]:
    report("register", 0.0)
    shift = measure_shift(*settings.images, *settings.bands) if settings.images else None
    corrected = settings.correct and shift is not None and shift.certain and shift.length_px >= WARN_PX
    with Both(settings.before, settings.after, shift if corrected and shift else NO_SHIFT) as both:
        areas = transitions(both, work / MAP, lambda share: report("pixels", share))
        k = len(both.scheme.names)
        if not areas[:k, :k].any():
            raise InputError("two dates", got="no ground that both of them observed", expected="maps of one place",
                             remedy="Choose maps that overlap.")
        tolerance_m = TOLERANCE_PX * both.grid.gsd_m if settings.tolerance_m is None else settings.tolerance_m
        wanted = ObjectSettings(tolerance_m, settings.min_area_m2)
        crs = both.grid.crs
        sides = [_polygons(each, crs, settings.min_area_m2) for each in (settings.before, settings.after)]
        found = sorted(changes(both, sides[0], sides[1], wanted, lambda share: report("objects", share)), key=_order)
        _write_objects(work / OBJECTS, found, crs)
        classes = both.scheme
    return {
        "before": {"title": settings.before.title, **settings.labels[0]},
        "after": {"title": settings.after.title, **settings.labels[1]},
        "scheme": classes.name, "classes": list(classes.names), "crs": crs.to_string(), "gsd_m": both.grid.gsd_m,
        "shift": shift.as_dict() if shift else None, "corrected": corrected, **asdict(wanted),
        "areas_m2": areas.round(1).tolist(), "changes": _summary(found),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _polygons(side: Dated, crs: rasterio.CRS, min_area_m2: float) -> Polygons:
    """Return a date's landslides in a CRS, from its outlines or its class map."""
    if side.outlines and side.outlines.is_file():
        try:
            about, _, wkb, _ = pyogrio.raw.read(side.outlines, layer=LAYER, columns=[])
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise InputError(f"outlines {side.outlines.name}", got="a file that cannot be read",
                             expected="a detection's own", remedy="Run the detection again.") from error
        polygons, own = shapely.from_wkb(wkb), about["crs"]
    else:
        with open_raster(side.classes) as dataset:
            grid = grid_of(dataset)
            drawn = outlines(rows_of(dataset), grid, side.scheme.landslide, OutlineSettings(min_area_m2=min_area_m2))
            polygons, own = np.array([each.polygon for each in drawn], object), grid.crs.to_wkt()
    moved = geopandas.GeoSeries(polygons, crs=own).to_crs(crs.to_wkt())
    return np.asarray(shapely.make_valid(moved.to_numpy()), object)


def _order(change: Change) -> tuple[int, float]:
    return KINDS.index(change.kind), -max(change.after_m2, change.before_m2)


def _write_objects(path: Path, found: list[Change], crs: rasterio.CRS) -> None:
    """Write the changes, the new ones first, each kind by size; ``before_ids`` and ``after_ids`` are the outlines'."""
    points = geopandas.GeoSeries([shapely.point_on_surface(c.polygon) for c in found], crs=crs.to_wkt()).to_crs(4326)

    def numbers(name: str) -> NDArray[np.float64]:
        return np.array([getattr(c, name) for c in found], np.float64).round(1)

    def ids(name: str) -> NDArray[np.object_]:
        return np.array([",".join(str(i + 1) for i in getattr(c, name)) for c in found], object)

    geometry = np.empty(len(found), object)
    geometry[:] = [c.polygon for c in found]
    before, after = numbers("before_m2"), numbers("after_m2")
    write_layer(path, {
        "geometry": geometry, "id": np.arange(1, len(found) + 1, dtype=np.int32),
        "change": np.array([c.kind for c in found], object), "area_m2": np.where(after > 0, after, before),
        "before_m2": before, "after_m2": after, "gained_m2": numbers("gained_m2"), "lost_m2": numbers("lost_m2"),
        "unobserved_m2": numbers("unobserved_m2"), "before_ids": ids("before"), "after_ids": ids("after"),
        "lon": points.x.to_numpy(np.float64), "lat": points.y.to_numpy(np.float64),
    }, crs, "What became of landslides between two dates")


def _summary(found: list[Change]) -> dict[str, dict[str, float]]:
    return {kind: {"count": len(some), **{
        name: round(sum(getattr(c, name) for c in some), 1)
        for name in ("before_m2", "after_m2", "gained_m2", "lost_m2")}}
        for kind in KINDS for some in [[c for c in found if c.kind == kind]]}


def read_shift(record: Mapping[str, Any]) -> Shift | None:
    """Return the shift that a record tells of."""
    known = record.get("shift")
    if not known:
        return None
    columns, rows, gsd_m, spread_px, agreement, left_px = (
        math.nan if known[name] is None else float(known[name])
        for name in ("columns", "rows", "gsd_m", "spread_px", "agreement", "left_px"))
    return Shift(columns, rows, gsd_m, spread_px, agreement, int(known["windows"]), left_px)
