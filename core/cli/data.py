"""Steps of the command data: list, check and divide training data."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.training.config import TrainConfig


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    data = commands.add_parser("data", help="list, check and divide training data")
    steps = data.add_subparsers(required=True, metavar="step")
    for name, what, run in (("manifest", "list the files that a configuration uses, with checksums", _data_manifest),
                            ("check", "compare the files with a manifest", _data_check),
                            ("split", "decide what is held out of training", _data_split)):
        step = steps.add_parser(name, help=what)
        step.add_argument("folder", type=Path, help="folder of the training data")
        step.add_argument("--config", required=True, help="as for 'train'")
        file = {"check": "--manifest"}.get(name, "--out")
        step.add_argument(file, type=Path, required=True, metavar="FILE", help="JSON file of the manifest or split")
        step.set_defaults(run=run)


def _training_config(name: str) -> TrainConfig:
    from core.training.config import TrainConfig  # noqa: PLC0415
    from core.training.publish import RECIPES  # noqa: PLC0415

    return TrainConfig.read(Path(name) if name.endswith(".json") else RECIPES / f"{name}.json")


def _data_manifest(options: argparse.Namespace) -> None:
    from core.training.manifest import make_manifest  # noqa: PLC0415

    manifest = make_manifest(_training_config(options.config), options.folder)
    manifest.write(options.out)
    size = sum(entry.bytes for entry in manifest.files)
    print(f"{len(manifest.files)} files, {size / 1e6:.1f} MB, sha256 {manifest.sha256}; listed in {options.out}")


def _data_check(options: argparse.Namespace) -> None:
    from core.training.manifest import Manifest, check  # noqa: PLC0415

    manifest = Manifest.read(options.manifest)
    check(manifest, _training_config(options.config), options.folder)
    print(f"the files are those of the manifest, sha256 {manifest.sha256}")


def _data_split(options: argparse.Namespace) -> None:
    from core.training.split import make_split  # noqa: PLC0415

    logging.getLogger("core").setLevel(logging.INFO)
    split = make_split(_training_config(options.config), options.folder)
    split.write(options.out)
    for part in split.parts:
        print(f"{part.source}: {f'blocks {part.blocks}' if part.blocks else f'{len(part.files)} chips'}")
    print(f"held out as above, sha256 {split.sha256}; written to {options.out}")
