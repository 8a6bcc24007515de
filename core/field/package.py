"""The field package: one zip with landslides, their form, the image of the area, and how to bring edits back."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import InputError, StorageError
from core.field.qgis import project
from core.field.tile import write_tile
from core.ingest import open_geotiff
from core.inventory import check, write_inventory
from core.inventory.qgis import style

GEOPACKAGE, IMAGE, PROJECT = "landslides.gpkg", "image.tif", "landslides.qgs"
STYLE, HELP = "landslides.qml", "README.txt"
_PROGRAM = re.compile(rb"python|macro|<action|<!entity|\[%", re.IGNORECASE)
"""What would run in QGIS; there is none of it in what is written here."""
MAX_EXPANSION = 100
MARGIN = 0.1
"""Share of the landslides' extent that is added around it where no area was given."""

README = """{title}
{made}: {count} landslides{image}

Open {project} in QGIS, QField or Mergin Maps (copy the whole folder to the telephone).
Outlines can be moved, split, drawn and deleted, and each has a form with lists of values. What the program
measured is shown and not typed over: it is measured again from the new outline.

Bringing edits back: close the project, then upload {geopackage}. You are shown what was added, deleted,
moved and changed before anything is taken. A landslide is known again by its column id: leave it as it is;
new ones get theirs by themselves.
Other software may be used as well (GDAL, GeoPandas, ArcGIS), in any CRS and any order of columns, as long as
the id stays.
"""


def write_package(target: Path, records: geopandas.GeoDataFrame, title: str, *, image: Path | None = None,
                  bands: Mapping[str, int] | None = None, area: BaseGeometry | None = None) -> None:
    """Write a field package; what is at ``target`` is the old zip or the whole new one.

    Args:
        target: Ends in .zip; its folder exists.
        records: The landslides given out, in a known CRS; with an area, those that touch it.
        title: For people.
        image: GeoTIFF to take along; outlines are then written in its CRS.
        bands: Its bands, as for ``write_tile``.
        area: In the records' CRS. Without it, the landslides' extent and a margin.

    Raises:
        InputError: A record is wrong, there is neither a landslide nor an area, or the area is beside the image.
        StorageError: There is no room.
    """
    check(records)
    given = records if area is None else records[records.intersects(area)]
    around = area if area is not None else _around(given)
    crs = pyproj.CRS(records.crs)
    if image:
        with open_geotiff(image) as source:
            crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
        given, around = given.to_crs(crs), _moved(around, pyproj.CRS(records.crs), crs)
    step = 1.0
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".field-") as place:
            folder = Path(place)
            write_inventory(folder / GEOPACKAGE, given)
            if image:
                step = write_tile(image, folder / IMAGE, around, bands)
            (folder / PROJECT).write_text(project(title, crs, around.bounds, GEOPACKAGE, IMAGE if image else None))
            (folder / STYLE).write_text(style())
            (folder / HELP).write_text(README.format(
                title=title, made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", count=len(given), project=PROJECT,
                geopackage=GEOPACKAGE, image=f", with image.tif at {_words(step)}" if image else ""))
            packed = folder / "package.zip"
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in sorted(folder.iterdir()):
                    if file != packed:
                        archive.write(file, file.name)
            packed.replace(target)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"field package {target.name}", got=error.strerror or "an error",
                           expected="room and permission to write", remedy="Free some space and try again.") from error


def check_package(path: Path) -> None:
    """Refuse a package of anyone that holds something else than ``write_package`` puts in, or what QGIS would run.

    Raises:
        InputError: It does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
            names = {each.filename for each in found}
            strange = len(names) < len(found) or names - {GEOPACKAGE, IMAGE, PROJECT, STYLE, HELP} or any(
                each.file_size > MAX_EXPANSION * max(each.compress_size, 1000) for each in found)
            strange = strange or any(_PROGRAM.search(archive.read(name)) for name in names & {PROJECT, STYLE})
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error) as error:
        raise _refused("a damaged one") from error
    if strange:
        raise _refused("something that no package holds")


def _refused(got: str) -> InputError:
    return InputError("field package", got=got, expected="landslides, their style and image, as they were given out",
                      remedy="Download the project again where it was made.")


def _around(records: geopandas.GeoDataFrame) -> BaseGeometry:
    if records.empty:
        raise InputError("field package", got="no landslide and no area", expected="one of them",
                         remedy="Draw an area.")
    box = shapely.box(*records.total_bounds)
    return box.buffer(MARGIN * max(box.bounds[2] - box.bounds[0], box.bounds[3] - box.bounds[1]), join_style="mitre")


def _moved(area: BaseGeometry, crs: pyproj.CRS, to: pyproj.CRS) -> BaseGeometry:
    """Bring an area to another CRS, its sides followed."""
    left, bottom, right, top = area.bounds
    dense = shapely.segmentize(area, max(right - left, top - bottom) / 16)
    return shapely.transform(dense, pyproj.Transformer.from_crs(crs, to, always_xy=True).transform, interleaved=False)


def _words(step: float) -> str:
    return "full resolution" if step == 1 else f"1/{step:.0f} of its resolution"
