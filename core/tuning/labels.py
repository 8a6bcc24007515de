"""What is known of the ground: from reviewed detections, from polygons of anyone, or from a class raster of anyone."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import geopandas
import numpy as np
import shapely
from rasterio.features import shapes
from rasterio.io import DatasetReader

from core.config import SCHEMES, ClassScheme
from core.errors import InputError
from core.export import LAYER
from core.ingest import count_repaired, open_geotiff, read_attributed, read_features, read_said
from core.ingest.attributes import as_text
from core.raster import grid_of
from core.review import POSITIVE

WGS84 = "EPSG:4326"
MOST_VALUES = 40
"""An attribute or a raster with more values names no classes."""
MOST_PIXELS = 120_000_000
IGNORED = ""
"""Class of a value that says nothing."""


@dataclass(frozen=True)
class Labels:
    """What is known.

    Attributes:
        frame: Polygons in degrees with ``class``, a name of a class scheme.
        ignored: Ground of which nothing is known, in degrees: detections that nobody has reviewed.
        known: Ground that is known wholly, such as a class raster's; None: the polygons alone.
        source: In words.
    """

    frame: geopandas.GeoDataFrame
    ignored: shapely.Geometry
    known: shapely.Geometry | None
    source: str

    @property
    def counts(self) -> dict[str, int]:
        """Polygons of each class."""
        return dict(Counter(self.frame["class"]))


@dataclass(frozen=True)
class LabelFile:
    """What a file could be labels by.

    Attributes:
        path: The file, from anyone.
        kind: Polygons, or a raster.
        values: Polygons or pixels of each value, by attribute; of a raster, or where all polygons are alike, under "".
        names: What a raster's tag ``classes`` calls its values.
        repaired: Polygons that touched or crossed themselves.
    """

    path: Path
    kind: Literal["polygons", "raster"]
    values: Mapping[str, Mapping[str, int]]
    names: Mapping[str, str] = field(default_factory=dict)
    repaired: int = 0


def from_reviews(detections: geopandas.GeoDataFrame, scheme: ClassScheme = SCHEMES["binary"]) -> Labels:
    """Take what people decided: accepted, edited and drawn are landslides, rejected are not, the rest is unknown.

    Where another detection of the same ground was decided, such as that of another model, nothing is unknown.

    Args:
        detections: As ``core.review.Ledger.detections`` gives them.
        scheme: What is rejected is of the class that a reviewer gave it, or ``other`` where the scheme has no such one.
    """
    status = detections["status"]
    decided = detections[status.isin([*POSITIVE, "rejected"])]
    others = decided["class"].where(decided["class"].isin(set(scheme.names) - {"landslide"}), "other")
    frame = geopandas.GeoDataFrame(
        {"class": np.where(decided["status"] == "rejected", others, "landslide")},
        geometry=decided.geometry.to_numpy(), crs=WGS84)
    unknown = shapely.union_all(detections.geometry[status == "unreviewed"].to_numpy())
    return Labels(frame, unknown.difference(shapely.union_all(frame.geometry.to_numpy())), None, "reviewed detections")


def look_at(path: Path) -> LabelFile:
    """Return which values a file has, through the gate.

    Raises:
        InputError: It cannot be read, or its values are no classes.
    """
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        with open_geotiff(path) as dataset:
            return LabelFile(path, "raster", {"": _pixels(dataset)}, _names(dataset.tags().get("classes", "")))
    count = len(read_attributed(path)[0])
    if suffix == ".gpkg":
        columns: Mapping[str, Sequence[Any]] = read_features(path, LAYER).columns
    elif suffix in (".geojson", ".json"):
        features = json.loads(path.read_bytes()).get("features") or []
        rows = [each.get("properties") or {} for each in features if isinstance(each, dict)]
        columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(key for row in rows for key in row)}
    else:
        columns = read_said(path)
    counted = {name: Counter(as_text(value) for value in values) for name, values in columns.items()}
    return LabelFile(path, "polygons", {"": {"": count}} | {
        name: dict(found.most_common()) for name, found in counted.items() if len(found) <= MOST_VALUES},
        repaired=count_repaired(path))


def from_file(file: LabelFile, attribute: str, classes: Mapping[str, str]) -> Labels:
    """Take polygons or pixels by what their values mean.

    Args:
        file: As ``look_at`` found it.
        attribute: Of polygons; "" takes all as of one class, that of the value "".
        classes: A class for each value; a value without one, or of ``IGNORED``, is unknown ground.

    Raises:
        InputError: No value means a class.
    """
    meant = {value: name for value, name in classes.items() if name != IGNORED}
    if not meant:
        raise InputError(f"labels {file.path.name}", got="no value with a class", expected="landslide for one of them",
                         remedy="Say what the values mean.")
    if file.kind == "raster":
        with open_geotiff(file.path) as dataset:
            return _from_pixels(dataset, meant, file.path.name)
    found, crs = read_attributed(file.path, attribute)
    kept = [(shape, meant[value if attribute else ""]) for shape, value in found
            if (value if attribute else "") in meant]
    unknown = [shape for shape, value in found if (value if attribute else "") not in meant]
    frame = geopandas.GeoDataFrame({"class": [name for _, name in kept]}, geometry=[shape for shape, _ in kept],
                                   crs=crs.to_wkt()).to_crs(WGS84)
    rest = geopandas.GeoSeries(unknown, crs=crs.to_wkt()).to_crs(WGS84)
    return Labels(frame, shapely.union_all(rest.to_numpy()), None, file.path.name)


def _names(tag: str) -> dict[str, str]:
    with contextlib.suppress(ValueError):
        names = json.loads(tag)
        return {str(value): str(name) for value, name in enumerate(names)} if isinstance(names, list) else {}
    return {}


def _pixels(dataset: DatasetReader) -> dict[str, int]:
    """Count a class raster's values; refuse one that holds measurements, or is too large to be made polygons of."""
    if dataset.width * dataset.height > MOST_PIXELS or dataset.count != 1 or np.dtype(dataset.dtypes[0]).kind == "f":
        raise InputError("class raster", got=f"{dataset.width:,} x {dataset.height:,} pixels, {dataset.count} bands of "
                         f"{dataset.dtypes[0]}", expected=f"one band of whole numbers, at most {MOST_PIXELS:,} pixels",
                         remedy="Cut it to the area that is labelled, and export the classes alone.")
    values, counts = np.unique(dataset.read(1, masked=True).compressed(), return_counts=True)
    if len(values) > MOST_VALUES:
        raise InputError("class raster", got=f"{len(values)} values", expected=f"at most {MOST_VALUES}",
                         remedy="Choose a raster whose values stand for classes.")
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def _from_pixels(dataset: DatasetReader, meant: Mapping[str, str], name: str) -> Labels:
    grid, band = grid_of(dataset), dataset.read(1, masked=True)
    values, valid = band.filled(0), ~np.ma.getmaskarray(band)
    numbers = {int(float(value)): number for number, value in enumerate(meant, start=1)}
    drawn = np.zeros(values.shape, np.uint8)
    for value, number in numbers.items():
        drawn[(values == value) & valid] = number
    names = list(meant.values())
    slides = np.isin(drawn, [n for n, each in enumerate(names, start=1) if each != "other"])
    found = [(shapely.geometry.shape(shape), names[int(number) - 1])
             for shape, number in shapes(drawn, slides, connectivity=8, transform=grid.transform)]
    known = [shapely.geometry.shape(shape) for shape, _ in
             shapes((drawn > 0).astype(np.uint8), drawn > 0, transform=grid.transform)]
    crs = grid.crs.to_wkt()
    frame = geopandas.GeoDataFrame({"class": [each for _, each in found]},
                                   geometry=shapely.make_valid([shape for shape, _ in found]), crs=crs)
    ground = geopandas.GeoSeries(shapely.make_valid(known), crs=crs).to_crs(WGS84)
    return Labels(frame.to_crs(WGS84), shapely.Polygon(), shapely.union_all(ground.to_numpy()), name)
