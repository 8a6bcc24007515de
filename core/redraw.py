"""A finished detection drawn again at another threshold: at once for a look, or measured in full to be kept.

A detection stores the probability of landslide of every pixel. Where it is at least the threshold there is a landslide,
so that other outlines need no network: see ``core.inference`` for the rule.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from core.config import CLASS_NODATA, PROBABILITY_NODATA, PROBABILITY_SCALE, SCHEMES, ClassScheme
from core.errors import InputError, StorageError
from core.export import OutlineRecord, new_band, publish_raster, write_outlines
from core.files import read_json, write_json
from core.grid import Grid
from core.measure import measure
from core.scene import Scene, SceneSettings
from core.vectorize import Outline, OutlineSettings, outlines

DRAFTS = ".drafts"
DRAFTS_KEPT = 24
WORK = ".scarp-unfinished"

QUICK_PIXELS = 8_000_000
"""A larger raster is first drawn from its overviews."""

STRIP_ROWS = 1024
MEASURED_PIXELS = 4_000_000
"""An outline whose box holds more pixels is measured on every second, third ... pixel."""


@dataclass(frozen=True)
class Cut:
    """Where the line is drawn.

    Attributes:
        threshold: Landslide probability from which a pixel is called landslide.
        min_area_m2: A landslide smaller than this is left out.
    """

    threshold: float
    min_area_m2: float

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not (0 < self.threshold < 1 and 0 <= self.min_area_m2 < 1e12):  # NaN fails too
            raise InputError("threshold or smallest area", got=(self.threshold, self.min_area_m2),
                             expected="a threshold between 0 and 1, an area of 0 or more",
                             remedy="Choose both again.")

    @property
    def stored(self) -> int:
        """The threshold as it is stored in probability rasters."""
        return round(self.threshold / PROBABILITY_SCALE)


@dataclass(frozen=True)
class Draft:
    """Outlines to look at: a GeoPackage with shape and probability of each, without relief.

    Attributes:
        path: Inside the detection's folder; it may be removed at any time.
        exact: Whether it is from every pixel; else it is from an overview.
    """

    path: Path
    exact: bool


def cut_of(about: dict[str, Any]) -> Cut:
    """Return where a detection's own outlines were cut, from its record."""
    try:
        return Cut(float(about["threshold"]), float(about["outlines"]["min_area_m2"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("record of the detection", got="no threshold", expected="a run.json as a detection writes it",
                         remedy="Run the detection again.") from error


def draft(run: Path, cut: Cut, *, quick: bool = False) -> Draft:
    """Return a detection's outlines at another threshold, made when they are not there yet.

    Args:
        run: Folder of a finished detection.
        cut: Threshold and smallest area.
        quick: For a large raster take an overview, unless the exact outlines are there.

    Raises:
        InputError: The detection's files are missing or damaged.
        StorageError: There is no space.
    """
    about, source = _about(run), run / "probability.tif"
    exact = _place(run, cut, 1)
    if exact.is_file():
        return Draft(exact, True)
    try:
        with rasterio.open(source, driver="GTiff") as odds:
            step = _step(odds.width * odds.height) if quick else 1
            path = _place(run, cut, step)
            if not path.is_file():
                grid = _coarser(Grid(odds.shape, odds.transform, odds.crs), step)
                drawn = [_sketched(outline, grid, odds, step)
                         for outline in outlines(_above(odds, cut, step), grid, 1, _settings(about, cut, step))]
                _write(path, drawn, odds.crs, about)
                _forget(path)
    except RasterioError as error:
        raise InputError(f"file {source.name}", got="a file that cannot be read", expected="the detection's own",
                         remedy="Run the detection again.") from error
    return Draft(path, step == 1)


def keep(run: Path, out: Path, cut: Cut, scene: SceneSettings,
         report: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Write a detection's outlines at another threshold as a detection of its own, fully measured; return its record.

    The class map follows: what falls below the new threshold is no landslide any more. In a scheme of more than two
    classes nobody asked the network what it is instead: there the map says nodata.

    Args:
        run: Folder of a finished detection.
        out: New folder.
        cut: Threshold and smallest area.
        scene: What the detection was made from; it gives the relief.
        report: Called with the number of outlines measured so far.

    Raises:
        InputError: The files are missing or damaged, or the image is another one.
        StorageError: ``out`` is there already, or there is no space.
    """
    about = _about(run)
    if out.exists():
        raise StorageError("output folder", got=f"{out.name}, which is there already", expected="a new folder",
                           remedy="Choose another folder.")
    work = out / WORK
    try:
        work.mkdir(parents=True)
        seen = replace(scene, times=about.get("image_pixels", 1))
        with Scene(seen) as opened, rasterio.open(run / "probability.tif", driver="GTiff") as odds:
            grid = Grid(odds.shape, odds.transform, odds.crs)
            if opened.grid.window(_part(about)) != grid:
                raise InputError(f"image {scene.image.name}", got="another grid than the detection's",
                                 expected="the image it was made from", remedy="Choose the image of this detection.")
            records = []
            for outline in outlines(_above(odds, cut, 1), grid, 1, _settings(about, cut, 1)):
                records.append(measured(outline, grid, odds, opened))
                report(len(records))
            areas = _classes(run / "classes.tif", odds, work, cut, _scheme(about), grid)
        _write(work / "landslides.gpkg", records, odds.crs, about)
        _link(run / "probability.tif", work / "probability.tif")
        record = _record(about, run.name, cut, areas, records)
        write_json(work / "run.json", record)
        for name in ("classes.tif", "probability.tif", "landslides.gpkg", "run.json"):  # where this is, all are
            (work / name).replace(out / name)
    except (OSError, RasterioError, InputError) as error:
        shutil.rmtree(out, ignore_errors=True)
        if isinstance(error, InputError | StorageError):
            raise
        raise StorageError("keeping outlines", got=getattr(error, "strerror", None) or "a file that cannot be read",
                           expected="the detection's files, and space for new ones",
                           remedy="Free some space, or run the detection again.") from error
    shutil.rmtree(work)
    return record


def _about(run: Path) -> dict[str, Any]:
    about = read_json(run / "run.json")
    cut_of(about)
    return about


def measured(outline: Outline, grid: Grid, odds: rasterio.DatasetReader, scene: Scene) -> OutlineRecord:
    """Measure one outline on the image's pixels, or on every k-th of them where it is very large."""
    window, mask = outline.window, outline.mask
    k = int(np.ceil(np.sqrt(mask.size / MEASURED_PIXELS)))
    stored = odds.read(1, window=window)[::k, ::k]
    local = grid.window(window)
    if k > 1:
        shape = (stored.shape[0], stored.shape[1])
        local = Grid(shape, local.transform @ local.transform.scale(k), local.crs)
    relief = scene.relief(local)
    return outline.polygon, measure(
        outline.polygon, mask[::k, ::k], local, elevation_m=relief.elevation_m, slope_deg=relief.slope_deg,
        aspect_deg=relief.aspect_deg, probability=_probability(stored))


def _sketched(outline: Outline, grid: Grid, odds: rasterio.DatasetReader, step: int) -> OutlineRecord:
    stored = _read(odds, outline.window, step)
    return outline.polygon, measure(outline.polygon, outline.mask, grid.window(outline.window),
                                    probability=_probability(stored))


def _probability(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.where(stored == PROBABILITY_NODATA, np.float32(np.nan), stored * np.float32(PROBABILITY_SCALE))


def _place(run: Path, cut: Cut, step: int) -> Path:
    """Return the file of a draft; a probability raster that changed has others."""
    source = run / "probability.tif"
    stamp = f"{source.stat().st_mtime_ns:x}" if source.is_file() else "missing"
    return run / DRAFTS / f"{stamp}-{cut.stored}-{cut.min_area_m2:g}-{step}.gpkg"


def _forget(newest: Path) -> None:
    """Remove the oldest drafts, with what was made of them."""
    drafts = sorted(newest.parent.glob("*.gpkg"), key=lambda path: path.stat().st_mtime_ns)
    for old in drafts[:-DRAFTS_KEPT]:
        for path in (old, *newest.parent.glob(f".{old.stem}-*")):
            path.unlink(missing_ok=True)


def _step(pixels: int) -> int:
    """Return which overview has few enough pixels, as a power of two."""
    return 1 << max(0, int(np.ceil(np.log2(max(1.0, pixels / QUICK_PIXELS)) / 2)))


def _coarser(grid: Grid, step: int) -> Grid:
    height, width = max(1, grid.height // step), max(1, grid.width // step)
    scale = grid.transform.scale(grid.width / width, grid.height / height)
    return Grid((height, width), grid.transform @ scale, grid.crs)


def _read(odds: rasterio.DatasetReader, window: Window, step: int) -> NDArray[np.uint8]:
    """Read a window of the raster, given in pixels of ``_coarser``."""
    if step == 1:
        return odds.read(1, window=window)
    wide, high = odds.width / max(1, odds.width // step), odds.height / max(1, odds.height // step)
    source = Window(window.col_off * wide, window.row_off * high, window.width * wide, window.height * high)
    return odds.read(1, window=source, out_shape=(window.height, window.width))


def _above(odds: rasterio.DatasetReader, cut: Cut, step: int) -> Callable[[int, int], NDArray[np.uint8]]:
    """Return a reader of rows: 1 from the threshold, 0 below it, 255 where nothing was predicted."""
    width = max(1, odds.width // step)

    def read(start: int, stop: int) -> NDArray[np.uint8]:
        stored = _read(odds, Window(0, start, width, stop - start), step)
        return np.where(stored == PROBABILITY_NODATA, CLASS_NODATA, stored >= cut.stored).astype(np.uint8)

    return read


def _settings(about: dict[str, Any], cut: Cut, step: int) -> OutlineSettings:
    """Return the detection's own settings with another smallest area, for pixels ``step`` times as wide."""
    own = OutlineSettings(**about["outlines"])
    return replace(own, min_area_m2=cut.min_area_m2, sieve_pixels=own.sieve_pixels // step**2,
                   fill_holes_px=own.fill_holes_px // step**2)


def _scheme(about: dict[str, Any]) -> ClassScheme:
    names = tuple(about["model"]["classes"])
    return next((known for known in SCHEMES.values() if known.names == names), SCHEMES["binary"])


def _part(about: dict[str, Any]) -> Window:
    left, top, width, height = about["part_px"]
    return Window(left, top, width, height)


def _write(path: Path, records: list[OutlineRecord], crs: rasterio.CRS, about: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    day = about.get("image_date")
    write_outlines(path, records, crs, model=about["model"]["name"],
                   image_date=date.fromisoformat(day) if day else None)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disk cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _classes(source: Path, odds: rasterio.DatasetReader, work: Path, cut: Cut, classes: ClassScheme,
             grid: Grid) -> dict[str, float]:
    """Write the class map at another threshold; return the square metres of each class."""
    plain, counts = work / "classes.raw.tif", np.zeros(256)
    below = 1 - classes.landslide if len(classes.names) == 2 else CLASS_NODATA
    with rasterio.open(source, driver="GTiff") as old, new_band(plain, grid, classes) as new:
        for window in _strips(grid):
            stored, values = odds.read(1, window=window), old.read(1, window=window)
            values[(values == classes.landslide) & (stored < cut.stored)] = below
            values[(stored >= cut.stored) & (stored != PROBABILITY_NODATA)] = classes.landslide
            new.write(values, 1, window=window)
            counts += np.bincount(values.ravel(), minlength=256) * grid.window(window).pixel_area_m2
    publish_raster(plain, work / "classes.tif", "nearest")
    plain.unlink()
    return {name: round(float(counts[i]), 1) for i, name in enumerate(classes.names)}


def _strips(grid: Grid) -> Iterator[Window]:
    for top in range(0, grid.height, STRIP_ROWS):
        yield Window(0, top, grid.width, min(STRIP_ROWS, grid.height - top))


def _record(about: dict[str, Any], name: str, cut: Cut, areas: dict[str, float],
            records: list[OutlineRecord]) -> dict[str, Any]:
    own = cut_of(about)
    return {
        **about, "threshold": cut.threshold,
        "outlines": asdict(replace(OutlineSettings(**about["outlines"]), min_area_m2=cut.min_area_m2)),
        "redrawn_from": {"run": name, "threshold": own.threshold, "min_area_m2": own.min_area_m2},
        "area_m2": areas, "landslides": len(records), "landslides_m2": round(sum(m.area_m2 for _, m in records), 1),
        "landslides_with_dem": sum(m.dem_share > 0.5 for _, m in records),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
