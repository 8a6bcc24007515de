"""From a file of anyone to a layer of a project: judged by the gate, re-encoded by us, and never opened again.

A raster becomes a Cloud Optimized GeoTIFF with overviews of our own. Its values, nodata, mask, alpha, palette, scale,
offset, unit, colour interpretation and band descriptions are kept; of its tags only those in ``KEPT_TAGS``. Outlines
become GeoJSON in WGS 84, without their attributes. Memory is bounded by a block, not by the raster.
"""

from __future__ import annotations

import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import rasterio
import shapely
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.shutil import copy
from rasterio.windows import Window

from core.errors import GridError, InputError, ScarpError, StorageError
from core.facts import look
from core.files import write_json
from core.grid import Grid
from core.ingest import open_geotiff, read_polygons
from core.layers import Layer
from core.masks import outlines_of
from core.project import Project, add_layer, remove_layer, slug
from core.roles import FEW, guess, guess_outlines

BLOCK = 512
CHUNK_BYTES = 64 * 2**20
CACHE_BYTES = (64 << 20, 512 << 20)
"""Least and most for GDAL's blocks: two rows of tiles should fit, or a wide striped raster is decoded many times."""

NO_CRS = "no coordinate reference system"
KEPT_TAGS = ("TIFFTAG_DATETIME", "ACQUISITIONDATETIME", "classes")
_PART_READ = 0.3  # of the whole work; the rest is packing the optimised file


@dataclass(frozen=True)
class Progress:
    """How far an import is: ``done`` of ``total`` files, counting the share of the present one."""

    stage: str
    done: float
    total: float
    message: str
    pixels_per_s: float = 0.0
    eta_s: float | None = None


Report = Callable[[Progress], None]
"""Takes progress; it may raise ``CancelledError`` to stop."""


def import_file(project: Project, path: Path, name: str, report: Report | None = None, *, crs: str = "") -> Layer:
    """Bring a file into a project, with guesses of what it is for.

    Args:
        project: Where to.
        path: The file, from anyone. It is only read.
        name: What its owner calls it.
        report: Told how far it is.
        crs: For a raster that names none, such as EPSG:32648.

    Returns:
        The new layer.

    Raises:
        InputError: It cannot be used; the message says why.
        GridError: It has no CRS or no place on Earth.
        StorageError: There is no room.
        CancelledError: ``report`` raised it; nothing is left.
    """
    stem = slug(Path(name).stem, "layer")
    try:
        with _work(project.folder) as work:
            if path.suffix.lower() in (".tif", ".tiff"):
                made = work / "layer.tif"
                to_cog(path, made, report or (lambda _: None), crs=crs)
                about = guess(look(made), name)
                if about.role == "unobserved":
                    made = _outlined(made)
            else:
                made = work / "layer.geojson"
                _to_geojson(path, made)
                about = guess_outlines(name)
            final = _place(project.folder / "layers", stem, made)
    except ScarpError as error:
        raise type(error)(name if error.what in (path.name, "layer.tif") else error.what, got=error.got,
                          expected=error.expected, remedy=error.remedy) from error
    try:
        changed = add_layer(project, about.role, final, about.title, about.date, bands=about.bands, unit=about.unit,
                            source=name, guesses=about.reasons)
    except ScarpError:
        final.unlink(missing_ok=True)
        raise
    return changed.layers[-1]


def as_unobserved(project: Project, layer: Layer) -> Project:
    """Take a raster layer as ground that was not observed: its outlines take its place.

    Raises:
        InputError: Nothing in it is marked, or it is in too many pieces.
    """
    with _work(project.folder) as work:
        made = work / "layer.geojson"
        outlines_of(project.path(layer), made)
        final = _place(project.folder / "layers", Path(layer.path).stem, made)
    remove_layer(project, layer.id)
    return add_layer(project, "unobserved", final, layer.title, layer.date, source=layer.source)


def to_cog(source: Path, target: Path, report: Report, *, crs: str = "") -> None:
    """Re-encode a GeoTIFF from anyone as a Cloud Optimized GeoTIFF with overviews of our own.

    Args:
        source: Opened by the gate.
        target: In a folder that is ours alone: a second file is written there meanwhile.
        report: Told how far it is.
        crs: For a raster that names none.

    Raises:
        ScarpError: As ``import_file``.
    """
    plain = target.with_suffix(".plain.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_geotiff(source) as dataset, rasterio.Env(
                GDAL_CACHEMAX=_cache_bytes(dataset), GDAL_TIFF_INTERNAL_MASK=True):
            grid = _grid(dataset, source.name, crs)
            _check_room(target.parent, dataset, source.stat().st_size)
            with _storage(), _created(plain, dataset, grid) as out:
                for done, window in _windows(dataset):
                    report(Progress("read", done * _PART_READ, 1, "checking and copying"))
                    _copy(dataset, out, window, source.name)
        with rasterio.open(plain) as copied:
            overviews = "nearest" if _labels(copied) else "average"
    _optimise(plain, target, overviews, report)
    plain.unlink()


def _cache_bytes(dataset: DatasetReader) -> int:
    rows = 2 * BLOCK * dataset.width * sum(np.dtype(d).itemsize for d in dataset.dtypes)
    return int(np.clip(rows, *CACHE_BYTES))


def _grid(dataset: DatasetReader, name: str, crs: str) -> Grid:
    """Return the raster's grid, with the CRS that was given where it has none; refuse one without a place."""
    own = dataset.crs
    if not own and crs:
        try:
            own = CRS.from_user_input(crs)
        except CRSError as error:
            raise InputError("CRS", got=repr(crs[:40]), expected="a known CRS, such as EPSG:32648",
                             remedy="Look the code up in QGIS or in the data's description.") from error
    if dataset.transform.is_identity:
        found = "control points only" if dataset.gcps[0] else "no georeference"
        raise GridError(name, got=found, expected="a raster with a transform from pixels to coordinates",
                        remedy="Georeference it first: in QGIS with the Georeferencer, or with gdalwarp.")
    if not own:
        raise GridError(name, got=NO_CRS, expected="a CRS, such as EPSG:32648",
                        remedy="Say which CRS its coordinates are in, and import it again.")
    grid = Grid(dataset.shape, dataset.transform, own)
    _ = grid.bounds_lonlat, grid.gsd_m  # refuses coordinates that the CRS does not have
    return grid


def _created(path: Path, source: DatasetReader, grid: Grid) -> DatasetWriter:
    """Create the intermediate: the same bands, tiled, packed lightly."""
    dtype = source.dtypes[0] if len(set(source.dtypes)) == 1 else np.result_type(*source.dtypes).name
    out = rasterio.open(
        path, "w", driver="GTiff", height=grid.height, width=grid.width, count=source.count, dtype=dtype, crs=grid.crs,
        transform=grid.transform, nodata=_nodata(source, dtype), tiled=True, blockxsize=BLOCK, blockysize=BLOCK,
        compress="zstd", zstd_level=1, bigtiff="yes", photometric="minisblack", interleave="pixel")
    colours = list(source.colorinterp)
    if ColorInterp.palette in colours:
        out.write_colormap(1, source.colormap(1))
    else:
        out.colorinterp = colours
    out.scales, out.offsets, out.units = source.scales, source.offsets, source.units
    out.descriptions = source.descriptions
    tags = {**source.tags(), **source.tags(ns="IMAGERY")}
    out.update_tags(**{key: tags[key][:200] for key in KEPT_TAGS if key in tags})
    return out


def _nodata(source: DatasetReader, dtype: str) -> float | None:
    """Return the nodata value if the data type can hold it; else no pixel has it."""
    value = source.nodata
    if value is None or np.dtype(dtype).kind == "f":
        return value
    limits = np.iinfo(dtype)
    return value if float(value).is_integer() and limits.min <= value <= limits.max else None


def _windows(source: DatasetReader) -> Iterator[tuple[float, Window]]:
    """Yield windows of whole tiles of about ``CHUNK_BYTES``, and the share that was done before each."""
    a_pixel = sum(np.dtype(d).itemsize for d in source.dtypes)
    columns = max(1, CHUNK_BYTES // (BLOCK * BLOCK * a_pixel)) * BLOCK
    for row in range(0, source.height, BLOCK):
        rows = min(BLOCK, source.height - row)
        for column in range(0, source.width, columns):
            done = (row * source.width + column * rows) / (source.height * source.width)
            yield done, Window(column, row, min(columns, source.width - column), rows)


def _copy(source: DatasetReader, out: DatasetWriter, window: Window, name: str) -> None:
    try:
        values = source.read(window=window, out_dtype=out.dtypes[0])
        masks = _own_mask(source) and source.dataset_mask(window=window)
    except RasterioError as error:
        raise InputError(name, got="a block that cannot be read", expected="a whole GeoTIFF",
                         remedy="Copy or download the file again, and compare its size with the original's.",
                         ) from error
    out.write(values, window=window)
    if masks is not False:
        out.write_mask(masks, window=window)


def _own_mask(source: DatasetReader) -> bool:
    """Tell whether the file carries a mask of its own, which is neither its nodata nor its alpha band."""
    flags = source.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags and MaskFlags.nodata not in flags


def _labels(dataset: DatasetReader) -> bool:
    """Tell whether values are names: a palette, or one band of few whole numbers in its first and middle tiles."""
    if dataset.count > 1 or np.dtype(dataset.dtypes[0]).kind == "f":
        return False
    seen: set[int] = set()
    for row, column in ((0, 0), (dataset.height // 2, dataset.width // 2)):
        seen |= set(np.unique(dataset.read(1, window=Window(column, row, BLOCK, BLOCK))).tolist())
    return len(seen) <= FEW or ColorInterp.palette in dataset.colorinterp


def _optimise(plain: Path, target: Path, overviews: str, report: Report) -> None:
    """Write the optimised file in a thread of its own, and watch it grow."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            with rasterio.open(plain) as copied, rasterio.Env(GDAL_CACHEMAX=_cache_bytes(copied)):
                copy(copied, target, driver="COG", compress="zstd", level=3, predictor="yes", blocksize=BLOCK,
                     overview_resampling=overviews, bigtiff="if_safer", num_threads=2)
        except (RasterioError, CPLE_BaseError, OSError, SystemError) as error:  # the last where GDAL gives no reason
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    expected = plain.stat().st_size * 1.15  # measured on imagery: less for each pixel, and a third more for overviews
    while thread.is_alive():
        grown = sum(each.stat().st_size for each in target.parent.glob(f"{target.name}*") if each.exists())
        done = _PART_READ + (1 - _PART_READ) * min(grown / expected, 0.99)
        report(Progress("write", done, 1, "writing overviews" if not target.exists() else "writing the layer"))
        thread.join(0.25)
    if failed:
        raise _no_room(failed[0]) from failed[0]


def _to_geojson(source: Path, target: Path) -> None:
    polygons, crs = read_polygons(source)
    to_degrees = pyproj.Transformer.from_crs(crs.to_wkt(), "EPSG:4326", always_xy=True)
    moved = shapely.transform(polygons, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise GridError(source.name, got="coordinates outside what its CRS allows", expected="outlines on Earth",
                        remedy="Export the layer again with the CRS its coordinates are in.")
    features = [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(polygon)}
                for polygon in shapely.set_precision(moved, 1e-8)]
    write_json(target, {"type": "FeatureCollection", "features": features})


def _outlined(mask: Path) -> Path:
    made = mask.with_suffix(".geojson")
    outlines_of(mask, made)
    return made


def _place(folder: Path, stem: str, made: Path) -> Path:
    """Move a finished file to a free name in the folder of layers."""
    folder.mkdir(exist_ok=True)
    for number in range(1, 10_000):
        final = folder / f"{stem}{f'-{number}' if number > 1 else ''}{made.suffix}"
        try:
            final.open("xb").close()  # a rename alone would take the place of another
        except FileExistsError:
            continue
        with made.open("rb") as file:
            os.fsync(file.fileno())
        return made.replace(final)
    raise StorageError("layers folder", got="10,000 files of one name", expected="a free name",
                       remedy="Give the file another name.")


@contextmanager
def _work(project: Path) -> Iterator[Path]:
    """Give a folder inside the project for what is unfinished; nothing of it stays."""
    folder = project / "incoming" / f"work-{os.getpid()}-{threading.get_ident()}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _storage() -> Iterator[None]:
    """Turn a failing write into a word about room."""
    try:
        yield
    except (RasterioError, OSError) as error:
        if isinstance(error, ScarpError):
            raise
        raise _no_room(error) from error


def _no_room(error: Exception) -> StorageError:
    return StorageError("new layer", got=str(getattr(error, "strerror", None) or "a file that could not be written"),
                        expected="room on the disk and permission to write",
                        remedy="Free some space and import the file again.")


def _check_room(folder: Path, source: DatasetReader, size: int) -> None:
    """Refuse what surely has no room: a packed photograph grows some ten times, an empty raster does not."""
    raw = source.width * source.height * sum(np.dtype(d).itemsize for d in source.dtypes)
    needed, free = min(2 * raw, 20 * size), shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError("disk", got=f"{free / 1e9:.1f} GB free", expected=f"about {needed / 1e9:.1f} GB",
                           remedy="Free some space and import the file again.")
