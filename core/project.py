"""A project is a folder: project.json, its layers, its areas and one folder for each detection.

    project.json              name, created, layers
    layers/                   rasters that came in
    areas/<id>.geojson        areas of interest, WGS 84
    runs/<run id>/            what one detection wrote
    jobs/<job id>/            its worker (core.jobs)
    derived/                  what can be made again at any time

A path in it never leads out of it, and its files are replaced whole.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import InputError, ScarpError, StorageError, unknown_name
from core.files import read_json, write_json
from core.ingest import open_geotiff

ROLES = ("image", "dem", "ndvi", "truth")
"""What a layer is for: imagery, elevation (metres), a vegetation index, labels to compare with."""

RUN_FILE = "run.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class Layer:
    """One raster of a project.

    Attributes:
        id: Unique in the project.
        role: One of ``ROLES``.
        path: Inside the project folder, with forward slashes.
        title: For people.
        date: Day of acquisition, ISO 8601, or empty.
    """

    id: str
    role: str
    path: str
    title: str
    date: str = ""

    def __post_init__(self) -> None:
        """Refuse a layer that means nothing, or that leaves the folder."""
        for name in ("id", "role", "path", "title", "date"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"layer {name}", got=type(getattr(self, name)).__name__, expected="text",
                                 remedy="Add the layer again.")
        if not _NAME.fullmatch(self.id):
            raise InputError("layer id", got=repr(self.id), expected="lower-case letters, digits and hyphens",
                             remedy="Add the layer again.")
        if self.role not in ROLES:
            raise unknown_name("layer role", self.role, list(ROLES))
        path = PurePosixPath(self.path)
        if path.is_absolute() or not path.name or ".." in path.parts or "\\" in self.path:
            raise InputError(f"path of layer {self.id!r}", got="one outside the project", expected="one inside it",
                             remedy="Copy the file into the project's layers folder and add it again.")
        if self.date:
            _check_date(self.date)


@dataclass(frozen=True)
class Run:
    """One finished detection.

    Attributes:
        id: Name of its folder.
        folder: Where its files are.
        about: What run.json says.
    """

    id: str
    folder: Path
    about: Mapping[str, Any]

    @property
    def model(self) -> str:
        """Name of the model that made it, or nothing."""
        return str(self._model.get("name", ""))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes, in the order of the class raster's values."""
        return tuple(self._model.get("classes", ()))

    @property
    def _model(self) -> Mapping[str, Any]:
        model = self.about.get("model")
        return model if isinstance(model, Mapping) else {}


@dataclass(frozen=True)
class Project:
    """An opened project; changing it returns another one.

    Attributes:
        folder: Absolute, without links.
        name: For people.
        created: ISO 8601 with a time zone.
        layers: In the order they were added.
    """

    folder: Path
    name: str
    created: str
    layers: tuple[Layer, ...] = ()

    @property
    def id(self) -> str:
        """Name of the folder, unique among its neighbours."""
        return self.folder.name

    def of(self, role: str) -> list[Layer]:
        """Return the layers of one role."""
        if role not in ROLES:
            raise unknown_name("layer role", role, list(ROLES))
        return [layer for layer in self.layers if layer.role == role]

    def path(self, layer: Layer) -> Path:
        """Return where a layer's file is, links followed.

        Raises:
            InputError: The file is gone, or a link leads out of the project.
        """
        path = (self.folder / layer.path).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise InputError(f"file of layer {layer.title!r}", got="nothing", expected="a file inside the project",
                             remedy="Put the file back, or remove the layer.")
        return path

    def runs(self) -> list[Run]:
        """Return the finished detections, newest first; a damaged one is left out."""
        found = []
        for file in (self.folder / "runs").glob(f"*/{RUN_FILE}"):
            try:
                found.append((file.stat().st_mtime_ns, Run(file.parent.name, file.parent, read_json(file))))
            except (InputError, OSError):
                continue
        return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]

    def new_run(self) -> Path:
        """Return the folder of a run to come, named by the time in UTC; it is not made yet."""
        return self.folder / "runs" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"

    def save_area(self, geometry: Mapping[str, Any]) -> Path:
        """Keep an area of interest (GeoJSON polygon, WGS 84 degrees) and return its file.

        Raises:
            InputError: It is not a polygon.
        """
        if geometry.get("type") not in ("Polygon", "MultiPolygon"):
            raise InputError("area", got=geometry.get("type"), expected="a polygon", remedy="Draw the area again.")
        folder = self.folder / "areas"
        folder.mkdir(exist_ok=True)
        path = folder / f"{secrets.token_hex(4)}.geojson"
        write_json(path, {"type": "FeatureCollection",
                          "features": [{"type": "Feature", "properties": {}, "geometry": dict(geometry)}]})
        return path


def create(folder: Path, name: str) -> Project:
    """Make a project in a folder that has none yet.

    Raises:
        InputError: The name is empty.
        StorageError: There is a project already, or the folder cannot be made.
    """
    if not name.strip():
        raise InputError("project name", got="nothing", expected="a name", remedy="Give the project a name.")
    if (folder / "project.json").exists():
        raise StorageError("project folder", got="a folder that holds a project", expected="a new or empty folder",
                           remedy="Open that project, or choose another folder.")
    try:
        for part in ("layers", "areas", "runs", "jobs", "derived"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError("project folder", got=error.strerror or "an error", expected="a folder that can be written",
                           remedy="Choose another folder.") from error
    project = Project(folder.resolve(), name.strip(), datetime.now(UTC).isoformat(timespec="seconds"))
    _save(project)
    return project


def open_project(folder: Path) -> Project:
    """Open a project.

    Raises:
        InputError: There is none in the folder, or its project.json is damaged.
    """
    file = folder / "project.json"
    if not file.is_file():
        raise InputError("project", got=f"{folder.name!r}, which holds no project.json", expected="a project folder",
                         remedy="Choose a project from the list, or make one.")
    value = read_json(file)
    kinds = {"name": str, "created": str, "layers": list}
    if not all(isinstance(value.get(key), kind) for key, kind in kinds.items()):
        raise InputError("project.json", got=sorted(value), expected="name, created and layers",
                         remedy="Restore the file from a copy.")
    try:
        layers = tuple(Layer(**layer) for layer in value["layers"])
    except TypeError as error:
        raise InputError("project.json", got="a layer with missing or unknown fields",
                         expected="id, role, path, title and date", remedy="Restore the file from a copy.") from error
    return Project(folder.resolve(), value["name"], value["created"], layers)


def list_projects(root: Path) -> list[Project]:
    """Return the projects in a folder by name; one that cannot be opened is left out."""
    found = []
    for file in root.glob("*/project.json"):
        try:
            found.append(open_project(file.parent))
        except ScarpError:
            continue
    return sorted(found, key=lambda project: (project.name.lower(), project.id))


def add_layer(project: Project, role: str, path: Path, title: str, date: str = "") -> Project:
    """Add a raster that lies inside the project folder.

    Raises:
        InputError: The file is missing or outside, or the role or date means nothing.
    """
    inside = path.resolve()
    if not inside.is_file() or not inside.is_relative_to(project.folder):
        raise InputError(f"layer {title!r}", got="a file that is missing or outside the project",
                         expected="a file inside the project", remedy="Copy it into the project's layers folder first.")
    taken = {layer.id for layer in project.layers}
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:50] or role
    name = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 10_000))) if n not in taken)
    layer = Layer(name, role, inside.relative_to(project.folder).as_posix(), title, date)
    changed = replace(project, layers=(*project.layers, layer))
    _save(changed)
    return changed


DEMO = {
    "image_after": ("image", "After the event"), "image_before": ("image", "Before the event"),
    "dem": ("dem", "Elevation"),
    "truth_after": ("truth", "After the event"), "truth_before": ("truth", "Before the event"),
}
"""Roles and titles of the demo's rasters, in the order they are added."""


def register_demo(folder: Path, files: Mapping[str, Path]) -> Project:
    """Make the demo project in the folder that holds its rasters; one that is there already is opened.

    Args:
        folder: Where ``files`` lie.
        files: Rasters by name, as ``core.demo.build`` returns them.
    """
    if (folder / "project.json").exists():
        return open_project(folder)
    project = create(folder, "Demo valley")
    for name, (role, title) in DEMO.items():
        if name in files:
            project = add_layer(project, role, files[name], title, _taken(files[name]))
    return project


def _taken(path: Path) -> str:
    """Return the day that a raster's tags name, or nothing."""
    with open_geotiff(path) as dataset:
        day = str(dataset.tags().get("TIFFTAG_DATETIME", ""))[:10].replace(":", "-")
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        return ""


def _save(project: Project) -> None:
    write_json(project.folder / "project.json", {
        "name": project.name, "created": project.created, "layers": [asdict(layer) for layer in project.layers]})


def _check_date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise InputError("layer date", got=repr(text), expected="a day such as 2017-08-08",
                         remedy="Write the date as year-month-day.") from error
