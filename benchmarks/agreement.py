"""Do the engines agree with torch in float32? python -m benchmarks.agreement --model NAME --data DIR.

Reads windows of every ``*image*.tif`` in a folder (with ``dem`` in place of ``image`` in its name: that DEM), and
compares each engine's classes with those of torch in float32, pixel by pixel. Judge a trained network alone: a random
one has no margins. The bar is 99.5 % of all pixels, and all of those where torch's two largest probabilities are
further apart than 0.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.engines import Array, Probabilities, compile_graph
from core.engines.torch_graph import TorchGraph
from core.registry import ModelCard, find_model, load_network
from core.scene import Scene, SceneSettings, Stack

MARGIN = 0.1
ENGINES = {"openvino bf16": ("openvino", "bf16"), "openvino f32": ("openvino", "f32"), "auto": ("auto", None)}


@dataclass
class Agreement:
    """How many pixels have the reference's class.

    Attributes:
        pixels: Compared.
        equal: Of the same class.
        clear: With a margin over ``MARGIN`` in the reference.
        clear_equal: Of those, of the same class.
        largest: Difference of probabilities.
        widest: Margin in the reference of a pixel whose class differs.
    """

    pixels: int = 0
    equal: int = 0
    clear: int = 0
    clear_equal: int = 0
    largest: float = 0.0
    widest: float = 0.0

    def add(self, found: Array, reference: Array, valid: NDArray[np.bool_]) -> None:
        """Take in probabilities (classes, h, w) of one window, where it is valid (h, w)."""
        low, high = np.sort(reference, axis=0)[-2:, valid]
        same, margin = (found.argmax(0) == reference.argmax(0))[valid], high - low
        self.pixels += same.size
        self.equal += int(same.sum())
        self.clear += int((margin > MARGIN).sum())
        self.clear_equal += int(same[margin > MARGIN].sum())
        self.largest = max(self.largest, float(np.abs(found - reference)[:, valid].max(initial=0)))
        self.widest = max(self.widest, float(margin[~same].max(initial=0)))

    @property
    def share(self) -> float:
        """The share of pixels of the same class."""
        return self.equal / max(self.pixels, 1)

    @property
    def clear_share(self) -> float:
        """The share among those with a margin."""
        return self.clear_equal / max(self.clear, 1)


def agreement(card: ModelCard, stacks: Iterable[Stack], engine: str, precision: str | None = None) -> Agreement:
    """Compare an engine with torch in float32 over windows of one size."""
    found, reference, total = None, None, Agreement()
    for stack in stacks:
        batch = stack.image[None], stack.topography[None]
        if found is None or reference is None:
            network, shapes = Probabilities(load_network(card), card.temperature), [array.shape for array in batch]
            reference = TorchGraph(network, shapes, "the reference")
            found = compile_graph(network, shapes, engine=engine, precision=precision)
        total.add(found(*batch)[0][0], reference(*batch)[0][0], stack.valid)
    return total


def stacks(card: ModelCard, image: Path, dem: Path | None, side: int, most: int) -> Iterator[Stack]:
    """Yield up to ``most`` windows of a scene, spread over it and mostly observed, as a detection reads them."""
    with Scene(SceneSettings(image, dem)) as scene:
        places = [(top, left) for top in range(0, max(scene.grid.height - side, 0) + 1, side)
                  for left in range(0, max(scene.grid.width - side, 0) + 1, side)]
        seen = 0
        for place in np.random.default_rng(0).permutation(len(places)):
            window = Window(places[place][1], places[place][0], side, side)
            if scene.valid(window).mean() > 0.5:
                yield scene.read(window, use_dem="dem" in card.trained_topography,
                                 use_ndvi="ndvi" in card.trained_topography)
                seen += 1
            if seen == most:
                return


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="fstf_net_lite")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of GeoTIFFs")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--windows", type=int, default=8, help="of each image, at most")
    options = parser.parse_args()
    card = find_model(options.model, options.models)
    print("| image | engine | pixels | same class | same where clear | largest difference | widest margin lost |")
    print("|---|---|---|---|---|---|---|")
    for image in sorted(options.data.glob("*image*.tif")):
        dem = image.with_name(image.name.replace("image", "dem"))
        windows = list(stacks(card, image, dem if dem.exists() else None, options.window, options.windows))
        for title, (engine, precision) in ENGINES.items():
            a = agreement(card, windows, engine, precision)
            print(f"| {image.name} | {title} | {a.pixels} | {a.share:.3%} | {a.clear_share:.4%} | {a.largest:.3f} | "
                  f"{a.widest:.3f} |", flush=True)


if __name__ == "__main__":
    main()
