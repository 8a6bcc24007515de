"""Does tiling show? python -m benchmarks.seams --image I [--dem D] --part COLUMN ROW WIDTH HEIGHT [--model NAME].

Maps a part of a scene by several tilings, in float32, and compares each with one window over everything, whose margin
is wider than anything the network can see. Prints a Markdown table; redundancy is what a tiling costs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.inference import Parts, Plan, Step, Whole, decide, predict
from core.registry import ModelCard, find_model, load_network
from core.scene import Scene, SceneSettings
from core.windows import LATTICE_PX, Tiling

FIELD_PX = 576
"""The lite networks see no further than this: 34 cells of 16 pixels at 1/16, and the decoder's reach."""

ORIGINS = ((0, 0), (48, 16), (16, 96), (128, 64))


def probability_map(network: Parts | Whole, card: ModelCard, settings: SceneSettings,
                    part: Window) -> NDArray[np.float32]:
    """Return the landslide probability of a part of a scene, NaN where absent."""
    out = np.full((part.height, part.width), np.nan, np.float32)
    plan = Plan(part, card.classes, card.threshold, use_dem="dem" in card.trained_topography, use_ndvi=False)
    found: list[NDArray[np.float32]] = []

    def keep(probability: NDArray[np.float32], where: NDArray[np.bool_], plan: Plan) -> NDArray[np.uint8]:
        found.append(np.where(where, probability[plan.classes.landslide], np.float32(np.nan)))
        return decide(probability, where, plan)

    def place(step: Step) -> None:
        if step.place is not None:
            top, left = step.place.row_off - part.row_off, step.place.col_off - part.col_off
            out[top:top + step.place.height, left:left + step.place.width] = found.pop()

    with Scene(settings) as scene, tempfile.TemporaryDirectory() as work:
        for _ in predict(scene, network, plan, Path(work), place, keep):
            pass
    return out


def whole(part: Window) -> Tiling:
    """Return the tiling of one window over a part that starts on the lattice, wider than the network can see."""
    side = -(-max(part.height, part.width) // LATTICE_PX) * LATTICE_PX
    return Tiling(side + 2 * FIELD_PX, FIELD_PX, 0, (part.row_off, part.col_off))


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--dem", type=Path)
    parser.add_argument("--part", type=int, nargs=4, required=True, help="observed ground, its corner on the lattice")
    parser.add_argument("--model", default="fstf_net_lite")
    parser.add_argument("--models", type=Path)
    options = parser.parse_args()
    card, settings = find_model(options.model, options.models), SceneSettings(options.image, options.dem)
    part = Window(*options.part)
    network = load_network(card)

    def compiled(tiling: Tiling) -> Whole:
        return Whole(network, tiling, temperature=card.temperature, engine="torch")

    reference = probability_map(compiled(whole(part)), card, settings, part)
    print("| window | halo | redundancy | off by over 0.001 | off by over 0.01 | largest | mask differs |")
    print("|---|---|---|---|---|---|---|")
    for halo in (64, 128, 192, 256, 320, 384, 448, 512):
        rows = []
        tilings = [Tiling(256 + 2 * halo, halo, 32, origin) for origin in ORIGINS]
        for found in (probability_map(compiled(tiling), card, settings, part) for tiling in tilings):
            off = abs(found - reference)[np.isfinite(reference)]
            mask = ((found >= card.threshold) != (reference >= card.threshold))[np.isfinite(reference)]
            rows.append(((off > 1e-3).mean(), (off > 1e-2).mean(), off.max(), mask.mean()))
        far, very, most, differs = np.max(rows, axis=0)
        redundancy = Tiling(256 + 2 * halo, halo, 32).redundancy
        print(f"| {256 + 2 * halo} | {halo} | {redundancy:.1f} | {far:.2%} | {very:.2%} | {most:.4f} | {differs:.4%} |",
              flush=True)


if __name__ == "__main__":
    main()
