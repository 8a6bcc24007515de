"""What people decided of detections, as a reference to score by.

Accepted, edited and drawn detections are landslides, rejected ones are not, as ``core.tuning`` reads them; ground that
nobody decided on counts as neither. Such a reference is no random sample: it holds what the review came to first, and
the edge of an accepted detection is the model's own. ``core.accuracy`` is the sound way to say how good a map is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import shapely
from rasterio.features import rasterize
from rasterio.windows import Window

from core.config import CLASS_NODATA, scheme
from core.errors import InputError
from core.export import new_band, publish_raster
from core.files import read_json
from core.project import RUN_FILE, Project, Run, open_project
from core.raster import grid_of, open_raster
from core.request import source
from core.review import Ledger
from core.tuning import Labels, from_reviews, ground_of

REVIEWED = "@reviews"
"""Stands for this reference where else a layer's id does."""

FILE = "reviews.tif"
ROWS = 512


@dataclass(frozen=True)
class Reviews:
    """What was decided on a detection's image.

    Attributes:
        labels: Of every detection of that image that somebody decided on.
        unreviewed: Detections of it that nobody decided on.
        revision: Of the ledger.
    """

    labels: Labels
    unreviewed: int
    revision: str

    @property
    def landslides(self) -> int:
        """Accepted, edited or drawn."""
        return self.labels.counts.get("landslide", 0)

    @property
    def rejected(self) -> int:
        """Found to be none."""
        return self.labels.counts.get("other", 0)


def reviews_of(project: Project, run: Run, within: Mapping[str, Any] | None = None) -> Reviews:
    """Return what was decided of the detections of a run's image, by whichever model found them.

    Args:
        project: The project.
        run: One of its detections.
        within: GeoJSON polygon in degrees that they touch; anywhere on the run's map if left out.
    """
    image, ledger = source(project, run, "image"), Ledger(project)
    same = {each.id for each in project.runs() if source(project, each, "image") == image}
    frame = ledger.detections(area=within)
    frame = frame[frame["run"].isin([*same, ""])]
    if len(frame) and not within:
        with open_raster(run.folder / "classes.tif") as dataset:
            frame = frame[frame.intersects(shapely.box(*grid_of(dataset).bounds_lonlat))]
    return Reviews(from_reviews(frame), int((frame["status"] == "unreviewed").sum()), ledger.revision)


def write_reviews(run: Path, target: Path, searched: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write a reference on a detection's grid: 1 landslide, 0 other, 255 where it says nothing.

    What counts are the decided outlines and, without a searched area, a ring around each: ground that was in view when
    it was decided on. Detections that nobody decided on are left out, but where a decided one lies over them. Where two
    decisions meet, landslide holds.

    Args:
        run: Folder of a detection in a project.
        target: GeoTIFF to write.
        searched: GeoJSON polygon in degrees in which all landslides were looked for: what is not outlined there has
            none, and nothing outside counts.

    Returns:
        What the scores say of it: ``landslides``, ``rejected`` and ``unreviewed`` detections, ``searched``, the
        ledger's ``revision``, and when it was ``made``.

    Raises:
        InputError: The folder is no finished detection of a project, or nothing is reviewed there.
    """
    folder = run.resolve()
    reviews = reviews_of(open_project(folder.parents[1]), Run(folder.name, folder, read_json(folder / RUN_FILE)),
                         searched)
    if not reviews.landslides + reviews.rejected:
        raise InputError("reviewed detections", got="none here", expected="some that are accepted, rejected or drawn",
                         remedy="Review some detections of this image first.")
    _draw(reviews.labels, searched, run / "classes.tif", target)
    return {"landslides": reviews.landslides, "rejected": reviews.rejected, "unreviewed": reviews.unreviewed,
            "searched": bool(searched), "revision": reviews.revision,
            "made": datetime.now(UTC).isoformat(timespec="seconds")}


def _draw(labels: Labels, searched: Mapping[str, Any] | None, like: Path, target: Path) -> None:
    frame, classes = labels.frame, scheme("binary")
    slides = (frame["class"] == "landslide").to_numpy()
    shapes = geopandas.GeoSeries([ground_of(labels, searched), *frame.geometry[~slides], *frame.geometry[slides]],
                                 crs=frame.crs)
    if searched:
        shapes = shapes.intersection(shapely.geometry.shape(searched))
    plain = target.with_suffix(".raw.tif")
    with open_raster(like) as dataset:
        grid = grid_of(dataset)
    values = [1 - classes.landslide] * (1 + int((~slides).sum())) + [classes.landslide] * int(slides.sum())
    drawn = [(shape, value) for shape, value in zip(shapes.to_crs(grid.crs.to_wkt()), values, strict=True)
             if not shape.is_empty]
    with new_band(plain, grid, classes) as new:
        new.update_tags(classes=json.dumps(classes.names))
        for top in range(0, grid.height, ROWS):
            window = Window(0, top, grid.width, min(ROWS, grid.height - top))
            strip = grid.window(window)
            new.write(rasterize(drawn, strip.shape, fill=CLASS_NODATA, transform=strip.transform, dtype="uint8"), 1,
                      window=window)
    publish_raster(plain, target, "nearest")
    plain.unlink()
