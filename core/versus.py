"""Several detections of one ground: where they agree, where they do not, and what each says there."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
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
from rasterio.windows import Window

from core.config import CLASS_NODATA, PROBABILITY_NODATA, PROBABILITY_SCALE
from core.errors import InputError, StorageError
from core.evaluate import compare
from core.export import LAYER, new_band, publish_raster, write_layer
from core.files import read_json, write_json
from core.grid import Grid
from core.metrics.basics import ratio, without_nan
from core.metrics.objects import object_scores
from core.raster import grid_of, open_raster, read_on
from core.slopes import terrain_at
from core.terrain import slope_deg
from core.vectorize import Outline, OutlineSettings, outlines, rows_of

MOST = 6
"""Detections that are compared at once: the map has one bit for each."""

COLOURS = ("#e4572e", "#2b6cb0", "#f0a202", "#8d5a97", "#2f8f6b", "#5c6470")
"""Of the first detection, the second and so on; told apart with colour blindness."""

ALL, SOME = (120, 96, 86), (163, 92, 160)
RECORD, MAP, APART = "versus.json", "agreement.tif", "apart.gpkg"
WORK = ".scarp-unfinished"
ROWS = 512
MEASURED_PIXELS = 4_000_000
"""A disagreement whose box holds more pixels is measured on every second, third ... of them."""

Report = Callable[[str, float], None]


def versus(runs: Sequence[Path], out: Path, *, min_area_m2: float = 50.0, labels: Path | None = None,
           classes: str = "binary", dem: Path | None = None, unit_m: float = 1.0,
           report: Report = lambda _stage, _share: None) -> dict[str, Any]:
    """Compare detections and write ``versus.json``, ``agreement.tif`` and ``apart.gpkg``; return the record.

    Args:
        runs: Folders of two to six finished detections; the first one's grid is the result's.
        out: New folder.
        min_area_m2: Smaller pieces of ground that they do not agree on are left out of the list.
        labels: See ``core.evaluate``; then each is scored, and each against the first.
        classes: Class scheme of the labels.
        dem: GeoTIFF of elevation, for the slope of what they do not agree on.
        unit_m: Metres in one unit of elevation.
        report: Told the stage (``pixels``, ``objects``, ``scores``) and its share.

    Raises:
        InputError: There are too few or too many, one cannot be read, or they have no ground in common.
        StorageError: ``out`` is there already, or there is no space.
    """
    if not 2 <= len(set(runs)) == len(runs) <= MOST:
        raise InputError("detections", got=f"{len(set(runs))} different ones", expected=f"2 to {MOST}",
                         remedy="Choose others.")
    if (out / RECORD).exists():
        raise StorageError("output folder", got=f"{out.name}, which holds a comparison", expected="a new folder",
                           remedy="Choose another folder.")
    work = out / WORK
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        about = [read_json(run / "run.json") for run in runs]
        slides = [each["model"]["classes"].index("landslide") for each in about]
        with ExitStack() as stack:
            maps, odds = ([stack.enter_context(open_raster(run / f"{name}.tif")) for run in runs]
                          for name in ("classes", "probability"))
            grid = grid_of(maps[0])
            areas = _agreement(maps, slides, grid, work / MAP, report)
            relief = stack.enter_context(open_raster(dem)) if dem else None
            apart = list(_apart(work / MAP, odds, relief, unit_m, min_area_m2, report))
        _write(work / APART, apart, len(runs), grid)
        report("scores", 0.0)
        record = {
            "runs": [{"id": run.name, "model": each["model"]["name"], **_cost(each)}
                     for run, each in zip(runs, about, strict=True)],
            "min_area_m2": min_area_m2, "areas_m2": areas.round(1).tolist(), "pairs": _pairs(runs, areas, grid),
            "apart": len(apart), "apart_m2": round(sum(row["area_m2"] for _, row in apart), 1),
            "scores": compare(runs, labels, classes=classes, report=lambda stage, share: report(
                "scores", 0.7 * share if stage == "pixels" else 0.7 + 0.2 * share)) if labels else None,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(work / RECORD, record)
        for name in (MAP, APART, RECORD):  # where the record is, all are
            (work / name).replace(out / name)
    except (RasterioError, OSError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError("comparison", got=getattr(error, "strerror", None) or "a file that cannot be read",
                           expected="the detections' files, and space for new ones",
                           remedy="Free some space, or run the detections again.") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return record


def words(value: int, runs: int) -> str:
    """Return what a value of the map means.

    >>> words(0b101, 3)
    'landslide by 1 and 3, of 3'
    """
    said = [str(at + 1) for at in range(runs) if value >> at & 1]
    return f"landslide by {' and '.join(said)}, of {runs}" if said else "no landslide by any"


def colours(runs: int) -> NDArray[np.uint8]:
    """Return red, green, blue and opacity of the 256 values: one says so, some do, all do."""
    table = np.zeros((256, 4), np.uint8)
    for value in range(1, 1 << runs):
        said = [at for at in range(runs) if value >> at & 1]
        code = COLOURS[said[0]]
        one = tuple(int(code[at:at + 2], 16) for at in (1, 3, 5))
        table[value] = (*(ALL if len(said) == runs else one if len(said) == 1 else SOME), 255)
    return table


def _cost(about: dict[str, Any]) -> dict[str, float | None]:
    """Return what a detection took, as far as its record says."""
    laps = {**(about.get("timing") or {}), "network_s": 0.0}  # which is a part of the others
    ground, seconds = about.get("observed_m2"), sum(laps.values())
    return {"threshold": about.get("threshold"), "landslides": about.get("landslides"),
            "landslides_m2": about.get("landslides_m2"), "memory_mb": about.get("peak_memory_mb"),
            "seconds_per_km2": round(seconds / (ground / 1e6), 2) if seconds and ground else None}


def _agreement(maps: list[rasterio.DatasetReader], slides: list[int], grid: Grid, target: Path,
               report: Report) -> NDArray[np.float64]:
    """Write who says landslide where, a bit each; return the area of each value, (2 ** runs,) square metres."""
    areas = np.zeros(256)
    plain = target.with_suffix(".raw.tif")
    with new_band(plain, grid) as new:
        new.write_colormap(1, {value: tuple(ink) for value, ink in enumerate(colours(len(maps)).tolist())})
        for top in range(0, grid.height, ROWS):
            window = Window(0, top, grid.width, min(ROWS, grid.height - top))
            strip = grid.window(window)
            said, known = np.zeros(strip.shape, np.uint8), np.ones(strip.shape, bool)
            for at, (dataset, slide) in enumerate(zip(maps, slides, strict=True)):
                values, seen = read_on(dataset, strip, [1], "nearest")
                said |= ((values[0] == slide) & seen).astype(np.uint8) << np.uint8(at)
                known &= seen
            said[~known] = CLASS_NODATA
            new.write(said, 1, window=window)
            areas += np.bincount(said.ravel(), minlength=256) * strip.pixel_area_m2
            report("pixels", (top + window.height) / grid.height)
    publish_raster(plain, target, "nearest")
    plain.unlink()
    areas = areas[:1 << len(maps)]
    if not areas.any():
        raise InputError("detections", got="no ground that all of them looked at", expected="one place",
                         remedy="Choose detections of the same image.")
    return areas


Apart = tuple[Outline, dict[str, float]]


def _apart(agreement: Path, odds: list[rasterio.DatasetReader], relief: rasterio.DatasetReader | None, unit_m: float,
           min_area_m2: float, report: Report) -> Iterator[Apart]:
    """Yield ground in one piece that some call landslide and others do not, with what each says there."""
    most = (1 << len(odds)) - 1
    with rasterio.open(agreement, driver="GTiff") as dataset:
        grid = grid_of(dataset)
        rows = rows_of(dataset)

        def disputed(start: int, stop: int) -> NDArray[np.uint8]:
            said = rows(start, stop)
            report("objects", stop / grid.height)
            return np.where(said == CLASS_NODATA, said, (said > 0) & (said < most)).astype(np.uint8)

        for outline in outlines(disputed, grid, 1, OutlineSettings(min_area_m2=min_area_m2)):
            k = math.ceil(math.sqrt(outline.mask.size / MEASURED_PIXELS))
            place, mask = grid.window(outline.window), outline.mask[::k, ::k]
            place = Grid((mask.shape[0], mask.shape[1]), place.transform @ place.transform.scale(k), place.crs)
            row = {"area_m2": float(np.count_nonzero(mask)) * place.pixel_area_m2}
            for at, each in enumerate(odds):
                stored, seen = read_on(each, place, [1], "nearest")
                here = mask & seen & (stored[0] != PROBABILITY_NODATA)
                row[f"p{at + 1}"] = float(stored[0][here].mean()) * PROBABILITY_SCALE if here.any() else math.nan
            terrain = terrain_at(relief, place, unit_m) if relief else None
            here = mask & terrain.present if terrain else np.zeros_like(mask)
            row["slope_mean_deg"] = float(slope_deg(terrain.de, terrain.dn)[here].mean()) \
                if terrain and here.any() else math.nan
            yield outline, row


def _write(path: Path, apart: list[Apart], runs: int, grid: Grid) -> None:
    """Write the disputed ground, the largest first; ``p1`` is what the first detection says, and so on."""
    apart = sorted(apart, key=lambda each: -each[1]["area_m2"])
    points = geopandas.GeoSeries([shapely.point_on_surface(each.polygon) for each, _ in apart],
                                 crs=grid.crs.to_wkt()).to_crs(4326)
    geometry = np.empty(len(apart), object)
    geometry[:] = [each.polygon for each, _ in apart]
    names = ("area_m2", *(f"p{at + 1}" for at in range(runs)), "slope_mean_deg")
    write_layer(path, {
        "geometry": geometry, "id": np.arange(1, len(apart) + 1, dtype=np.int32),
        **{name: np.array([row[name] for _, row in apart], np.float64).round(3) for name in names},
        "lon": points.x.to_numpy(np.float64), "lat": points.y.to_numpy(np.float64)}, grid.crs,
        "Ground that detections do not agree on")


def _pairs(runs: Sequence[Path], areas: NDArray[np.float64], grid: Grid) -> list[dict[str, Any]]:
    """Return for each two: agreement of pixels, and landslides that match."""
    shapes = [_shapes(run, grid) for run in runs]
    value = np.arange(len(areas))
    found = []
    for a, b in itertools.combinations(range(len(runs)), 2):
        one, two = (value >> a & 1).astype(bool), (value >> b & 1).astype(bool)
        both, first, second, none = (float(areas[mask].sum()) for mask in (
            one & two, one & ~two, two & ~one, ~one & ~two))
        whole = both + first + second + none
        by_chance = ((both + first) * (both + second) + (none + first) * (none + second)) / whole**2
        same = (both + none) / whole
        objects = object_scores(list(shapes[a]), list(shapes[b]))
        found.append({"first": a, "second": b, **without_nan({  # type: ignore[dict-item]
            "agreement": same, "iou": float(ratio(both, both + first + second)),
            "kappa": float(ratio(same - by_chance, 1 - by_chance)), "both_m2": both, "only_first_m2": first,
            "only_second_m2": second, "matched": objects.matched, "first_landslides": objects.reference,
            "second_landslides": objects.detected})})
    return found


def _shapes(run: Path, grid: Grid) -> NDArray[np.object_]:
    about, _, wkb, _ = pyogrio.raw.read(run / "landslides.gpkg", layer=LAYER, columns=[])
    moved = geopandas.GeoSeries(shapely.from_wkb(wkb), crs=about["crs"]).to_crs(grid.crs.to_wkt())
    return np.asarray(shapely.make_valid(moved.to_numpy()), object)
