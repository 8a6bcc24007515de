"""A fine-tuning as it is asked for: what is wrong with it, in words; how long it takes; and the job that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import geopandas
import shapely

from core.files import dated_name, write_json
from core.jobs import Job, submit
from core.layers import Layer
from core.project import Project
from core.raster import grid_of, open_raster
from core.registry import ModelCard
from core.training.outlined import LEAST, ringed
from core.tuning.labels import WGS84, Labels

MODES = {"quick": 3.0, "full": 15.0}
"""Minutes of training of each."""
AROUND_S = 120.0
"""Reading the ground before, and comparing after: measured with some 50 landslides on one core."""
FOLDER, RECORD = "trainings", "tuning.json"


@dataclass(frozen=True)
class Finding:
    """What a look at the labels found.

    Attributes:
        level: "stop" where nothing can be learnt, "warn" where less than one would think, "good".
        text: In a sentence or two.
    """

    level: Literal["stop", "warn", "good"]
    text: str


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        model: To start from.
        image: Layer that the labels belong to.
        labels: What is known.
        dem: Elevation, or none.
        area: GeoJSON polygon in degrees that was searched for landslides; None: only the labels' surroundings count.
        test: GeoJSON polygon in degrees that is held out; None: blocks are chosen.
        mode: A key of ``MODES``.
        minutes: Of training; 0: the mode's own.
        learns: "full": the whole network, "decoder": its last part.
        steps: Of training, in the place of minutes.
    """

    model: ModelCard
    image: Layer
    labels: Labels = field(hash=False)
    dem: Layer | None = None
    area: Mapping[str, Any] | None = field(default=None, hash=False)
    test: Mapping[str, Any] | None = field(default=None, hash=False)
    mode: str = "quick"
    minutes: float = 0.0
    learns: str = "full"
    steps: int = 0

    @property
    def seconds(self) -> float:
        """About how long it will take in all."""
        return 60 * (self.minutes or MODES[self.mode]) + AROUND_S

    def submit(self, project: Project, models: Path | None) -> Job:
        """Write what it needs into the project and put it into the queue.

        Args:
            project: Where to.
            models: Folder of models, unless it is the program's own.

        Raises:
            StorageError: There is no room.
        """
        now = datetime.now(UTC)
        folder = project.folder / FOLDER / dated_name()
        folder.mkdir(parents=True)
        ground = known_ground(self)
        inside = self.labels.frame[self.labels.frame.intersects(ground)]
        _write(folder / "labels.geojson", inside)
        _write(folder / "area.geojson", geopandas.GeoDataFrame(geometry=[ground], crs=WGS84))
        classes = dict.fromkeys([*self.model.classes.names, "other"])
        command: list[object] = [
            "{python}", "-m", "core.cli", "finetune", "--from", self.model.name, "--image", project.path(self.image),
            "--labels", folder / "labels.geojson", "--area", folder / "area.geojson", "--attribute", "class",
            "--classes", ",".join(f"{name}={name}" for name in classes), "--name", "run",
            "--mode", self.learns, "--out", folder, "--into", folder / "model", "--progress-file", "{progress}"]
        command += ["--steps", self.steps] if self.steps else ["--minutes", self.minutes or MODES[self.mode]]
        if self.test:
            _write(folder / "test.geojson", geopandas.GeoDataFrame(
                geometry=[shapely.geometry.shape(self.test)], crs=WGS84))
            command += ["--test", folder / "test.geojson"]
        if self.image.bands:
            command += ["--bands", ",".join(f"{name}={index}" for name, index in self.image.bands)]
        if self.dem:
            command += ["--dem", project.path(self.dem), "--dem-unit", self.dem.unit or "m"]
        if models:
            command += ["--models", models]
        title = f"Fine-tuning of {self.model.title}"
        job = submit(project.folder / "jobs", "finetune", title, command, {"training": folder.name})
        write_json(folder / RECORD, {
            "created": now.isoformat(timespec="seconds"), "model": self.model.name, "model_title": self.model.title,
            "image": self.image.title, "labels": self.labels.source, "counts": self.labels.counts, "mode": self.mode,
            "learns": self.learns, "minutes": self.minutes or MODES[self.mode], "steps": self.steps, "job": job.id,
            "test": bool(self.test), "kept": ""})
        return job


def known_ground(request: Request) -> shapely.Geometry:
    """Return the ground that counts for a fine-tuning, in degrees; see ``ground_of``."""
    return ground_of(request.labels, request.area, request.test)


def ground_of(labels: Labels, *searched: Mapping[str, Any] | None) -> shapely.Geometry:
    """Return the ground that counts, in degrees: searched areas, or rings around labels; never what nobody reviewed.

    Args:
        labels: What is known.
        searched: GeoJSON polygons in degrees; the first one was searched for all landslides, or is None.
    """
    areas = [shapely.geometry.shape(each) for each in searched if each]
    if labels.known is not None:
        ground = shapely.intersection(labels.known, shapely.union_all(areas)) if searched[0] else labels.known
    elif searched[0]:
        ground = shapely.union_all(areas)
    else:
        metric = labels.frame.to_crs(labels.frame.estimate_utm_crs())
        rings = geopandas.GeoSeries([ringed(metric.geometry.to_numpy())], crs=metric.crs).to_crs(WGS84)
        ground = shapely.union_all([*rings, *areas])
    return shapely.difference(ground, labels.ignored)


def check(project: Project, request: Request) -> list[Finding]:
    """Say what is wrong with labels and areas, and what will be learnt from them.

    Args:
        project: Of the image.
        request: What is asked for.

    Raises:
        InputError: The image cannot be read.
    """
    frame = request.labels.frame
    with open_raster(project.path(request.image)) as dataset:
        image = shapely.box(*grid_of(dataset).bounds_lonlat)
    slides = frame[frame["class"] == "landslide"]
    here = slides[slides.intersects(image)]
    if slides.empty:
        return [Finding("stop", "No label means landslide: say which value does.")]
    if here.empty:
        return [Finding("stop", "No landslide of the labels lies on this image. Choose the image they were drawn on, "
                                "and check their coordinate system.")]
    found = _sides(request, here)
    if unknown := set(frame["class"]) - {*request.model.classes.names, "other"}:
        found.append(Finding("stop", f"The model knows no class {', '.join(sorted(unknown))}."))
    return found + _notes(request, slides, here)


def _sides(request: Request, here: geopandas.GeoDataFrame) -> list[Finding]:
    """Say how many landslides there are to learn from, and how many to test with."""
    found: list[Finding] = []
    ground = known_ground(request)
    test = shapely.geometry.shape(request.test) if request.test else None
    inside = here[here.intersects(ground)]
    tested = inside[inside.intersects(test)] if test is not None else inside.iloc[:0]
    trained = len(inside) - len(tested)
    if len(inside) < LEAST:
        found.append(Finding("stop", f"{len(inside)} landslides on the ground that counts: at least {LEAST} are "
                                     "needed, better 20."))
    if test is not None and (tested.empty or not trained):
        found.append(Finding("stop", "The test area holds no labelled landslide." if tested.empty else
                             "All labelled landslides reach into the test area: none is left to learn from."))
    elif test is not None:
        found.append(Finding("good", f"{trained} landslides to learn from, {len(tested)} in the test area."))
    elif not found:
        found.append(Finding("good", f"{len(inside)} landslides; about a quarter of them is held out for the test."))
    return found


def _notes(request: Request, slides: geopandas.GeoDataFrame, here: geopandas.GeoDataFrame) -> list[Finding]:
    """Say what is not learnt as one would think."""
    frame, found = request.labels.frame, []
    if len(slides) > len(here):
        found.append(Finding("warn", f"{len(slides) - len(here)} landslides lie beside the image and are left out."))
    others = frame[frame["class"] != "landslide"]
    tree = shapely.STRtree(here.geometry.to_numpy())
    first, second = tree.query(here.geometry.to_numpy(), predicate="intersects")
    pairs = shapely.intersection(here.geometry.to_numpy()[first], here.geometry.to_numpy()[second])
    if doubled := len(set(first[(first < second) & (shapely.area(pairs) > 0)].tolist())):
        found.append(Finding("warn", f"Outlines of landslides that overlap another one: {doubled}. What two cover "
                                     "counts once; there may be fewer landslides than it seems."))
    hits = tree.query(others.geometry.to_numpy(), predicate="intersects")
    if len(hits[0]):
        found.append(Finding("warn", f"{len(set(hits[0].tolist()))} labels of another class overlap landslides: there "
                                     "the later one in the file counts."))
    if not request.area and request.labels.known is None:
        found.append(Finding("warn", "Without a training area only a ring around each label counts as searched. Draw "
                                     "the area where you looked for all landslides, and false alarms are learnt too."))
    if not request.labels.ignored.is_empty and request.area:
        found.append(Finding("good", "Detections that nobody has reviewed are left out: they count as neither."))
    return found


def _write(path: Path, frame: geopandas.GeoDataFrame) -> None:
    write_json(path, {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {name: row[name] for name in frame if name != "geometry"},
         "geometry": shapely.geometry.mapping(row["geometry"])} for row in frame.to_dict("records")]})
