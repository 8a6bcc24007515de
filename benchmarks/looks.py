"""What looks with other pixels are worth, by pixel size: python -m benchmarks.looks --data DIR --runs DIR.

The same weights with other looks on held-out ground as cameras with wider pixels would see it, each with the
temperature and the threshold that suit it on the ground as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.nets.looks import Looks
from core.registry import find_model, load_network
from core.training.config import TrainConfig
from core.training.exam import coarsened
from core.training.holdout import calibrate, held_out_counts, scores
from core.training.loop import split_of
from core.training.publish import RECIPES
from core.training.sources import load

LOOKS = {"its own pixels": Looks(), "and twice as wide": Looks((2,)),
         "and twice and half as wide, from 0.28 to 2 m": Looks((2,), (0.28, 2.0))}
TIMES = (1, 2, 4, 8)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--model", default="fstf_net_lite")
    parser.add_argument("--every", type=int, default=1, help="look at one of so many chips")
    options = parser.parse_args()
    settings, card = TrainConfig.read(RECIPES / f"{options.model}.json"), find_model(options.model)
    network, split = load_network(card), split_of(settings, options.data, options.runs / options.model)
    slide = card.classes.landslide
    grounds = {s.name: load(s, options.data, split.of(s.name), card.classes, training=False)[::options.every]
               for s in settings.sources if s.gsd_m or s.dem}
    columns = [(name, times) for name, each in grounds.items() for times in TIMES if each[0].gsd_m * times < 4]  # noqa: PLR2004
    print("| | " + " | ".join(f"{name}, {grounds[name][0].gsd_m * times:.2g} m" for name, times in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, network.looks in LOOKS.items():
        counts = {column: held_out_counts(network, [coarsened(g, column[1], slide) for g in grounds[column[0]]], slide)
                  for column in columns}
        suited = calibrate({source: each for (source, times), each in counts.items() if times == 1})
        found = [scores(each, *suited) for each in counts.values()]
        cells = [f"IoU {s['iou']:.3f}" if "iou" in s else f"{s['false_alarm_share']:.2%} called" for s in found]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
