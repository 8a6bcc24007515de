"""Commands about projects: import, unpack, demo."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from core.cli.detection import say_result
from core.cli.progress import reporter
from core.errors import InputError, ScarpError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    bring = commands.add_parser("import", help="bring rasters and outlines into a project")
    bring.add_argument("files", nargs="*", type=Path, help="GeoTIFF, GeoPackage, GeoJSON or zipped Shapefile")
    bring.add_argument("--project", type=Path, required=True, help="folder of the project; made when there is none")
    bring.add_argument("--crs", default="", help="for rasters that name none, such as EPSG:32648")
    bring.add_argument("--incoming", nargs="*", default=[], metavar="ID", help="files that wait in the project")
    bring.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    bring.set_defaults(run=_import)

    opened = commands.add_parser("unpack", help="open a zipped project, once every file in it was checked")
    opened.add_argument("file", type=Path, help="zip, as a project is downloaded")
    opened.add_argument("--projects", type=Path, default=Path(os.environ.get("SCARP_PROJECTS") or "projects"),
                        help="folder of projects")
    opened.set_defaults(run=_unpack)

    demo = commands.add_parser("demo", help="make the demo project and run detection on it")
    demo.add_argument("folder", type=Path)
    demo.set_defaults(run=_demo)


def _import(options: argparse.Namespace) -> None:
    from core import incoming  # noqa: PLC0415
    from core.intake import bring_in  # noqa: PLC0415
    from core.project import create  # noqa: PLC0415

    if not (options.project / "project.json").exists():
        create(options.project, options.project.resolve().name)
    folder = options.project.resolve()
    names = [incoming.add(folder, file.name, file.resolve(), ours=False).id for file in options.files]
    layers, errors = bring_in(folder, [*names, *options.incoming],
                              reporter(options.progress_file, "import"), crs=options.crs)
    for name in names:
        incoming.end(folder, name)
    for layer in layers:
        print(f"{layer.source}: {layer.role}, in {layer.path}")
        for field, why in layer.guesses:
            print(f"  guessed {field}: {dict(layer.bands) if field == 'bands' else getattr(layer, field)} ({why})")
    for error in errors[:-1]:
        print(f"error: {error}", file=sys.stderr)
    if errors:
        raise errors[-1]


def _unpack(options: argparse.Namespace) -> None:
    from core.archive import unpack  # noqa: PLC0415

    try:
        with options.file.open("rb") as file:
            made = unpack(file, options.projects)
    except OSError as error:
        if isinstance(error, ScarpError):
            raise
        raise InputError(f"file {options.file.name}", got=error.strerror or "an error", expected="a zipped project",
                         remedy="Give its path.") from error
    print(f"project {made.name} is in {made.folder}")


def _demo(options: argparse.Namespace) -> None:
    from core.demo import build, register  # noqa: PLC0415
    from core.detect import DetectSettings, detect  # noqa: PLC0415
    from core.scene import SceneSettings  # noqa: PLC0415

    files = build(options.folder, progress=lambda stage, share: print(f"{share:4.0%}  {stage}", file=sys.stderr))
    project = register(options.folder, files)
    if project.runs():
        print(f"the demo project is in {options.folder}")
        return
    out = options.folder / "runs" / "demo"
    scene = SceneSettings(files["image_after"], files["dem"])
    say_result(detect(DetectSettings(scene, "fstf_net_lite", out), reporter(None)), out)
