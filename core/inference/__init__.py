"""A network over a scene: windows in, class maps and probabilities out, finished parts kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rasterio.windows import Window

from core.inference.cuts import CELL_PX, COST, Cuts
from core.inference.parts import Parts, compile_near
from core.inference.plan import Block, Decide, Done, Plan, Step, decide
from core.inference.staged import StagedPass
from core.inference.windowed import Whole, WindowedPass
from core.nets.network import Network
from core.nets.staged import Staged
from core.windows import Tiling

if TYPE_CHECKING:
    from core.scene import Scene

__all__ = ["CELL_PX", "COST", "Block", "Cuts", "Done", "Parts", "Plan", "Step", "Whole", "compile_near", "decide",
           "predict", "prepare"]


def prepare(network: Network, part: Window, *, tiling: Tiling | None = None, temperature: float = 1.0,
            engine: str = "auto", key: str = "", like: Parts | Whole | None = None) -> Parts | Whole:
    """Compile a network for a part of an image.

    Args:
        network: In evaluation mode.
        part: The window of the image that is to be mapped.
        tiling: Windows that go through the whole network; left out: three parts with windows of their own, where
            the network's reach is finite, else the default tiling.
        temperature: Of the calibrated softmax.
        engine: See ``core.engines.compile_graph``.
        key: Names the weights, so that the compiled network is found again.
        like: The same network prepared for another part: what suits both is shared.
    """
    if tiling is None and isinstance(network, Staged) and network.reach.far_cells is not None:
        return Parts(network, Cuts.of(network.reach, part), temperature=temperature, engine=engine, key=key,
                     like=like if isinstance(like, Parts) else None)
    return Whole(network, tiling or Tiling(), temperature=temperature, engine=engine, key=key,
                 like=like if isinstance(like, Whole) else None)


def predict(scene: Scene, network: Parts | Whole, plan: Plan, work: Path, done: Done,
            decide: Decide = decide) -> Iterator[tuple[int, Block]]:
    """Predict a scene and yield it in bands, from the top.

    What is finished is kept in ``work`` until nothing needs it any more, the blocks of the map until the caller removes
    the folder. A call after an interruption goes on from there, and both end in the same values.

    Args:
        scene: The opened scene.
        network: Prepared for ``plan.part``.
        plan: What to do.
        work: Folder of unfinished work.
        done: Called after each step.
        decide: Turns probabilities into what is stored.

    Yields:
        (first row in the mapped part, uint8 (2, rows, part width)): class values (255 nodata) and landslide
        probability (``value * PROBABILITY_SCALE``, 255 nodata).
    """
    kind = StagedPass if isinstance(network, Parts) else WindowedPass
    return kind(scene, network, plan, work, done, decide).run()  # type: ignore[arg-type]
