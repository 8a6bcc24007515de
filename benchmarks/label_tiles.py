"""What labels drawn tile by tile do to a score: python -m benchmarks.label_tiles --image FILE --labels FILE.

The same weights, temperature and threshold see a scene with what lies around each place, as detection does; then every
tile by itself, as whoever drew the labels saw it; then squares of that size which lie half a tile off.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from core.config import CLASS_NODATA
from core.registry import find_model, load_network
from core.training.config import Source
from core.training.holdout import held_out_counts, scores
from core.training.sources import Ground, load
from core.training.split import Part


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--dem", type=Path)
    parser.add_argument("--labels", type=Path, required=True, help="1: landslide; 0: none; 255: unlabelled")
    parser.add_argument("--tile", type=int, default=256, help="side of a tile in pixels")
    parser.add_argument("--first-column", type=int, default=0, help="labels left of it are not looked at")
    parser.add_argument("--models", nargs="+", default=["fstf_net_lite"])
    options = parser.parse_args()
    source = Source("scene", str(options.image.resolve()), str(options.labels.resolve()),
                    str(options.dem.resolve()) if options.dem else None)
    print("| model | seen | IoU | F1 | precision | recall |\n|---|---|--:|--:|--:|--:|")
    for name in options.models:
        card = find_model(name)
        network = load_network(card)
        ground = load(source, Path("/"), Part(source.name), card.classes, training=True)[0]
        ground.label[:, :options.first_column] = CLASS_NODATA
        for seen, grounds in (
            ("with its surroundings", [ground]),
            ("tile by tile", pieces(ground, options.tile, 0)),
            ("squares half a tile off", pieces(ground, options.tile, options.tile // 2)),
        ):
            found = scores(held_out_counts(network, grounds, card.classes.landslide), card.temperature, card.threshold)
            figures = " | ".join(f"{found[key]:.3f}" for key in ("iou", "f1", "precision", "recall"))
            print(f"| {name} | {seen} | {figures} |", flush=True)


def pieces(ground: Ground, side: int, offset: int) -> list[Ground]:
    """Cut ground into squares of a side, the first of them beginning an offset before the scene; labelled ones alone.

    Both are multiples of the DEM's pixel.
    """
    found = []
    ratio = 1 if ground.gradients is None else ground.label.shape[0] // ground.gradients.shape[1]
    for top in range(-offset, ground.label.shape[0], side):
        for left in range(-offset, ground.label.shape[1], side):
            where = slice(max(top, 0), top + side), slice(max(left, 0), left + side)
            if (ground.label[where] == CLASS_NODATA).all():
                continue
            coarse = tuple(slice(each.start // ratio, -(-each.stop // ratio)) for each in where)
            found.append(replace(ground, image=ground.image[(slice(None), *where)], label=ground.label[where],
                                 gradients=None if ground.gradients is None
                                 else ground.gradients[(slice(None), *coarse)]))
    return found


if __name__ == "__main__":
    main()
