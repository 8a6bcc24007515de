"""Commands about models: models, convert-weights."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    models = commands.add_parser("models", help="list the models")
    models.add_argument("--models", type=Path, help="folder of models")
    models.add_argument("--networks", action="store_true", help="count the networks' weights and operations instead")
    models.set_defaults(run=_models)

    weights = commands.add_parser("convert-weights", help="make encoder weights of an ImageNet checkpoint")
    weights.add_argument("checkpoint", type=Path, help="a .pth file that torchvision publishes")
    weights.add_argument("--architecture", required=True, help="resnet50, vgg16 or vgg16_bn")
    weights.add_argument("--out", type=Path, required=True, help="a .safetensors file")
    weights.set_defaults(run=_convert_weights)


def _models(options: argparse.Namespace) -> None:
    from core.nets.cost import costs  # noqa: PLC0415
    from core.registry import list_models  # noqa: PLC0415

    if options.networks:
        for one in costs():
            arguments = ", ".join(f"{name} {value}" for name, value in one.arguments.items())
            print(f"{one.architecture:16} {arguments:40} {one.parameters / 1e6:7.2f} million weights "
                  f"{one.gflop:7.1f} GFLOP")
        return
    for card in list_models(options.models):
        low, high = card.gsd_range_m
        state = "" if card.has_weights else f"  [no weights: scarp train {card.name} --data DIR]"
        print(f"{card.name:16} {card.title}; {', '.join(card.classes.names)}; {low:g} to {high:g} m{state}")
        print(f"{'':16} {card.summary}")


def _convert_weights(options: argparse.Namespace) -> None:
    from core.convert import convert_weights  # noqa: PLC0415

    count = convert_weights(options.checkpoint, options.architecture, options.out)
    print(f"{count / 1e6:.1f} million weights of {options.architecture} are in {options.out}")
