"""A project is a folder: project.json, its layers, its areas and one folder for each detection.

    project.json              name, created, note, event, layers
    layers/                   rasters and outlines that came in
    incoming/                 files that wait to be judged and imported (core.incoming)
    areas/<id>.geojson        areas of interest, WGS 84
    runs/<run id>/            what one detection wrote
    jobs/<job id>/            its worker (core.jobs)
    derived/                  what can be made again at any time

A path in it never leads out of it, and its files are replaced whole. A change reads project.json again under a lock,
so that an import and a page that work at once lose nothing of each other's.
"""

from __future__ import annotations

import fcntl
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError, ScarpError, StorageError, unknown_name
from core.files import dated_name, read_json, write_json
from core.layers import ROLES, Kind, Layer, check_day

FORMAT = 2
"""Of project.json; 1 had no number and layers of five fields."""

RUN_FILE = "run.json"


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
        note: What it is about, for people.
        event: Day of the earthquake or rain that set the landslides off, ISO 8601, or empty.
    """

    folder: Path
    name: str
    created: str
    layers: tuple[Layer, ...] = ()
    note: str = ""
    event: str = ""

    def __post_init__(self) -> None:
        """Refuse a project without a name, or with an event on no day."""
        if not self.name.strip():
            raise InputError("project name", got="nothing", expected="a name", remedy="Give the project a name.")
        if self.event:
            check_day(self.event)

    @property
    def id(self) -> str:
        """Name of the folder, unique among its neighbours."""
        return self.folder.name

    def of(self, role: str, kind: Kind = "raster") -> list[Layer]:
        """Return the rasters of one role, or its outlines."""
        if role not in ROLES:
            raise unknown_name("layer role", role, list(ROLES))
        return [layer for layer in self.layers if layer.role == role and layer.kind == kind]

    def layer(self, name: str) -> Layer:
        """Return a layer by its id; an unknown one lists those that exist."""
        for layer in self.layers:
            if layer.id == name:
                return layer
        raise unknown_name("layer", name, [layer.id for layer in self.layers])

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
        return self.folder / "runs" / dated_name()

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


def create(folder: Path, name: str, *, note: str = "", event: str = "") -> Project:
    """Make a project in a folder that has none yet.

    Raises:
        InputError: The name is empty, or the event's day is no day.
        StorageError: There is a project already, or the folder cannot be made.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    project = Project(folder.resolve(), name.strip(), now, (), note.strip(), event)
    if (folder / "project.json").exists():
        raise StorageError("project folder", got="a folder that holds a project", expected="a new or empty folder",
                           remedy="Open that project, or choose another folder.")
    try:
        for part in ("layers", "areas", "runs", "jobs", "derived"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError("project folder", got=error.strerror or "an error", expected="a folder that can be written",
                           remedy="Choose another folder.") from error
    _save(project)
    return project


def new_project(root: Path, name: str, *, note: str = "", event: str = "") -> Project:
    """Make a project in a new folder, called after it, among the others.

    Args:
        root: Folder of projects.
        name: For people, not empty.
        note: What it is about.
        event: Day the landslides were set off, ISO 8601.

    Raises:
        InputError: The name is empty, or the event's day is no day.
        StorageError: The folder cannot be made.
    """
    return create(free_folder(root, name), name, note=note, event=event)


def free_folder(root: Path, name: str) -> Path:
    """Return a folder for a project of this name that is not there yet."""
    return next(folder for folder in (root / each for each in _numbered(slug(name, "project"))) if not folder.exists())


def open_project(folder: Path) -> Project:
    """Open a project.

    Raises:
        InputError: There is none in the folder, its project.json is damaged, or a later Scarp wrote it.
    """
    file = folder / "project.json"
    if not file.is_file():
        raise InputError("project", got=f"{folder.name!r}, which holds no project.json", expected="a project folder",
                         remedy="Choose a project from the list, or make one.")
    value = read_json(file)
    version = value.get("format", 1)
    if isinstance(version, int) and version > FORMAT:
        raise InputError(f"project {folder.name!r}", got=f"format {version}, which a later version of Scarp wrote",
                         expected=f"format {FORMAT} or older", remedy="Update Scarp, then open the project again.")
    kinds = {"name": str, "created": str, "layers": list}
    if not all(isinstance(value.get(key), kind) for key, kind in kinds.items()):
        raise InputError("project.json", got=sorted(value), expected="name, created and layers",
                         remedy="Restore the file from a copy.")
    layers = tuple(_layer(each) for each in value["layers"])
    return Project(folder.resolve(), value["name"], value["created"], layers, str(value.get("note", "")),
                   str(value.get("event", "")))


def _layer(value: object) -> Layer:
    """Return a layer as project.json tells it."""
    try:
        known = {**value} if isinstance(value, dict) else {}
        for name in ("bands", "guesses"):
            known[name] = tuple(dict(known.get(name, {})).items())
        return Layer(**known)
    except (TypeError, ValueError) as error:
        if isinstance(error, ScarpError):
            raise
        raise InputError("project.json", got="a layer with missing or unknown fields",
                         expected=", ".join(field.name for field in fields(Layer)),
                         remedy="Restore the file from a copy; if a later version of Scarp wrote it, update Scarp.",
                         ) from error


def list_projects(root: Path) -> list[Project]:
    """Return the projects in a folder by name; one that cannot be opened is left out."""
    found = []
    for file in root.glob("*/project.json"):
        try:
            found.append(open_project(file.parent))
        except ScarpError:
            continue
    return sorted(found, key=lambda project: (project.name.lower(), project.id))


def add_layer(project: Project, role: str, path: Path, title: str, date: str = "", **more: Any) -> Project:  # noqa: ANN401
    """Add a raster or outlines that lie inside the project folder.

    Args:
        project: As it was opened; what others changed since is kept.
        role: One of ``ROLES``.
        path: The file.
        title: For people.
        date: Day of acquisition, or empty.
        **more: Other fields of ``Layer``.

    Raises:
        InputError: The file is missing or outside, or the role or date means nothing.
    """
    inside = path.resolve()
    if not inside.is_file() or not inside.is_relative_to(project.folder):
        raise InputError(f"layer {title!r}", got="a file that is missing or outside the project",
                         expected="a file inside the project", remedy="Copy it into the project's layers folder first.")

    def add(now: Project) -> Project:
        taken = {layer.id for layer in now.layers}
        name = next(n for n in _numbered(slug(path.stem, role)) if n not in taken)
        layer = Layer(name, role, inside.relative_to(project.folder).as_posix(), title, date, **more)
        return replace(now, layers=(*now.layers, layer))

    return _change(project, add)


def change_layer(project: Project, name: str, **changes: Any) -> Project:  # noqa: ANN401
    """Change fields of a layer; what is changed, or said again, is no guess any more.

    Raises:
        InputError: There is no such layer, or a field means nothing.
    """
    def change(now: Project) -> Project:
        old = now.layer(name)
        guesses = tuple((field, why) for field, why in old.guesses if field not in changes)
        new = replace(old, **{"guesses": guesses} | changes)
        return replace(now, layers=tuple(new if layer.id == name else layer for layer in now.layers))

    return _change(project, change)


def remove_layer(project: Project, name: str) -> Project:
    """Take a layer out of the project; its file goes too when it lies in ``layers/``.

    Raises:
        InputError: There is no such layer.
    """
    layer = project.layer(name)
    changed = _change(project, lambda now: replace(now, layers=tuple(x for x in now.layers if x.id != name)))
    file = project.folder / layer.path
    if file.parent == project.folder / "layers" and not any(x.path == layer.path for x in changed.layers):
        file.unlink(missing_ok=True)
    return changed


def change_project(project: Project, *, name: str, note: str = "", event: str = "") -> Project:
    """Give a project another name, note and event.

    Raises:
        InputError: The name is empty, or the event's day is no day.
    """
    return _change(project, lambda now: replace(now, name=name.strip(), note=note.strip(), event=event))


def slug(text: str, otherwise: str) -> str:
    """Return a text as a name for a file or folder: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].strip("-") or otherwise


def _numbered(stem: str) -> list[str]:
    return [stem, *(f"{stem}-{i}" for i in range(2, 10_000))]


def _change(project: Project, change: Callable[[Project], Project]) -> Project:
    """Change project.json as it is now, alone."""
    try:
        with (project.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            changed = change(open_project(project.folder))
            _save(changed)
            return changed
    except PermissionError as error:
        raise StorageError(f"project {project.id!r}", got=error.strerror or "an error",
                           expected="a folder that can be written", remedy="Check its permissions.") from error


def _save(project: Project) -> None:
    layers = [{**{key: value for key, value in asdict(layer).items() if value or key in ("title", "date")},
               "bands": dict(layer.bands), "guesses": dict(layer.guesses)} for layer in project.layers]
    write_json(project.folder / "project.json", {
        "format": FORMAT, "name": project.name, "created": project.created, "note": project.note,
        "event": project.event, "layers": layers})
