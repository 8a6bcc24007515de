"""A detection as it is asked for in a project: which layers, where, with what; and the same again of a finished one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast

import pyproj
import shapely
from rasterio.crs import CRS

from core.detect import DetectSettings
from core.errors import InputError
from core.ingest import read_area
from core.jobs import Job, submit_detect
from core.layers import Layer
from core.project import Project, Run
from core.raster import grid_of, open_raster
from core.registry import ModelCard
from core.scene import SceneSettings, suited
from core.vectorize import OutlineSettings
from core.windows import Tiling


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        image: Layer to search in.
        model: Card of a model.
        dem: Elevation, or none.
        area: GeoJSON polygon in degrees to search in; None: the whole image.
        engine: What the network runs on.
        threshold: Landslide probability from which a pixel is called landslide; the model's own if left out.
        min_area_m2: A smaller landslide is left out.
        window: Side in pixels of windows that each go through the whole network; chosen by the program if left out.
        halo: Margin of such a window that is predicted but not kept.
        single_look: The image is seen with its own pixels alone.
    """

    image: Layer
    model: ModelCard
    dem: Layer | None = None
    area: Mapping[str, Any] | None = field(default=None, hash=False)
    engine: str = "auto"
    threshold: float | None = None
    min_area_m2: float = OutlineSettings.min_area_m2
    window: int | None = None
    halo: int = 320
    single_look: bool = False

    def scene(self, project: Project) -> SceneSettings:
        """Return the rasters of this request.

        Raises:
            InputError: A layer's file is gone.
        """
        ndvi, unseen = _of_day(project.of("ndvi"), self.image), _unobserved(project, self.image)
        unit = self.dem.unit if self.dem and self.dem.unit else "m"
        return SceneSettings(
            project.path(self.image), project.path(self.dem) if self.dem else None,
            project.path(ndvi) if ndvi else None,
            area=(shapely.geometry.shape(self.area), CRS.from_epsg(4326)) if self.area else None,
            unobserved=read_area(project.path(unseen)) if unseen else None,
            bands=self.image.bands, dem_unit=cast('Literal["m", "ft"]', unit))

    def own_threshold(self, project: Project) -> float:
        """Return the model's threshold for pixels as wide as those with which it will see the image.

        Raises:
            InputError: The image's file is gone or cannot be opened.
        """
        seen = suited(SceneSettings(project.path(self.image)), self.model.gsd_range_m[0])
        with open_raster(seen.image) as image:
            return self.model.threshold_at(seen.times * grid_of(image).gsd_m)

    def settings(self, project: Project) -> DetectSettings:
        """Return what a detection needs to know, for a look at it before it runs."""
        settings = DetectSettings(
            self.scene(project), self.model.name, project.folder / "runs" / "new", self.engine,
            outlines=OutlineSettings(min_area_m2=self.min_area_m2), threshold=self.threshold,
            image_date=date.fromisoformat(self.image.date) if self.image.date else None,
            models=self.model.folder.parent, single_look=self.single_look)
        return replace(settings, tiling=Tiling(self.window, self.halo, min(32, self.halo))) if self.window else settings

    def submit(self, project: Project, models: Path | None) -> Job:
        """Put it into the queue as a job; ``models`` is their folder unless it is the program's own."""
        ndvi, unseen = _of_day(project.of("ndvi"), self.image), _unobserved(project, self.image)
        options: list[object] = ["--min-area", self.min_area_m2, *["--single-look"] * self.single_look]
        for option, value in (
                ("--threshold", self.threshold), ("--date", self.image.date), ("--window", self.window),
                ("--halo", self.halo if self.window else None), ("--dem-unit", self.dem.unit if self.dem else None),
                ("--bands", ",".join(f"{name}={index}" for name, index in self.image.bands)),
                ("--unobserved", project.path(unseen) if unseen else None)):
            options += [option, value] if value else []
        return submit_detect(
            project.folder, out=project.new_run(), image=project.path(self.image), model=self.model.name,
            engine=self.engine, dem=project.path(self.dem) if self.dem else None,
            ndvi=project.path(ndvi) if ndvi else None, area=project.save_area(self.area) if self.area else None,
            models=models, title=f"{self.model.title}, {self.image.title[:1].lower()}{self.image.title[1:]}",
            options=options)


def again(project: Project, run: Run, model: ModelCard) -> Request:
    """Return the request of a finished detection, for another model.

    Raises:
        InputError: The image that it was made from is not in the project any more.
    """
    image = source(project, run, "image")
    if image is None:
        raise InputError("image of this detection", got="none in the project", expected="the image it was made from",
                         remedy="Add the image again.")
    about, area = run.about.get("outlines") or {}, run.about.get("area")
    return Request(image, model, source(project, run, "dem"),
                   _in_degrees(area, run.about["inputs"]["image"]["crs"]) if area else None,
                   min_area_m2=about.get("min_area_m2", OutlineSettings.min_area_m2),
                   single_look=run.about.get("single_look", False))


def source(project: Project, run: Run, role: str) -> Layer | None:
    """Return the layer that a detection was made from, by its file's name and size; None where it is not there."""
    record = (run.about.get("inputs") or {}).get(role)
    for layer in project.of(role):
        path = project.folder / layer.path
        if record and path.is_file() and (path.name, path.stat().st_size) == (record["file"], record["bytes"]):
            return layer
    return None


def _in_degrees(area: str, crs: str) -> dict[str, Any]:
    to_degrees = pyproj.Transformer.from_crs(CRS.from_user_input(crs).to_wkt(), "EPSG:4326", always_xy=True)
    return dict(shapely.geometry.mapping(shapely.transform(
        shapely.from_wkt(area), to_degrees.transform, interleaved=False)))


def _of_day(layers: list[Layer], image: Layer) -> Layer | None:
    """Return the layer of the image's day, or one without a day."""
    return next((layer for layer in layers if layer.date in ("", image.date)), None)


def _unobserved(project: Project, image: Layer) -> Layer | None:
    return _of_day(project.of("unobserved", "vector"), image)
