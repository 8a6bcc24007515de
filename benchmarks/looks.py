"""What looks with other pixels are worth on held-out ground: python -m benchmarks.looks --data DIR --runs DIR.

The same weights with other looks, each with the temperature and the threshold that suit it there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.nets.looks import Looks
from core.registry import find_model, load_network
from core.training.config import TrainConfig
from core.training.holdout import calibrate, held_out_counts, scores
from core.training.loop import split_of
from core.training.publish import RECIPES
from core.training.sources import load

LOOKS = {"its own pixels": Looks(), "and twice as wide": Looks((2,)), "and four times as wide": Looks((4,)),
         "and twice as wide, and half, of 0.28 to 2 m": Looks((2,), (0.28, 2.0))}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--model", default="fstf_net_lite")
    options = parser.parse_args()
    settings, card = TrainConfig.read(RECIPES / f"{options.model}.json"), find_model(options.model)
    network, split = load_network(card), split_of(settings, options.data, options.runs / options.model)
    grounds = {s.name: load(s, options.data, split.of(s.name), card.classes, training=False) for s in settings.sources}
    print("| | " + " | ".join(grounds) + " |\n" + "|---" * (len(grounds) + 1) + "|")
    for name, network.looks in LOOKS.items():
        counts = {source: held_out_counts(network, held, card.classes.landslide) for source, held in grounds.items()}
        suited = calibrate(counts)
        found = [scores(each, *suited) for each in counts.values()]
        cells = [f"IoU {s['iou']:.3f}" if "iou" in s else f"{s['false_alarm_share']:.2%} called" for s in found]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
