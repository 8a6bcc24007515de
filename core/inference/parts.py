"""A network compiled in three parts: near, far and decode."""

from __future__ import annotations

from typing import Any

import torch
from rasterio.windows import Window
from torch import Tensor, nn

from core.engines import Graph, compile_graph
from core.inference.busy import Busy
from core.inference.cuts import CELL_PX, Cuts
from core.nets.staged import Staged


class _Near(nn.Module):
    def __init__(self, network: Staged) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.network.near(*inputs)


class _Far(nn.Module):
    def __init__(self, network: Staged) -> None:
        super().__init__()
        self.network = network

    def forward(self, *at16: Tensor) -> Tensor:
        return self.network.far(*at16)


class _Decode(nn.Module):
    def __init__(self, network: Staged, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, context: Tensor, skip8: Tensor, skip4: Tensor) -> Tensor:
        return (self.network.decode(context, skip8, skip4) / self.temperature).softmax(1)


class Parts:
    """A network compiled in three parts for one way to cut a scene.

    Attributes:
        cuts: Where.
        takes_topography: Whether the network reads terrain and vegetation.
        near: Image, and topography if the network takes it, to features, the last ones at 1/16.
        far: Features at 1/16 to context at 1/16.
        decode: (context, skip at 1/8, skip at 1/4) to class probabilities.
        empty: What near gives where nothing was observed, (channels, 1, 1) for each of its outputs.
        at16: Which of near's outputs are far's inputs.
        strides: Pixels of a cell of each of near's outputs.
        busy: How long the network has worked.
    """

    near: Graph[Any]
    far: Graph[Any]
    decode: Graph[Any]

    def __init__(self, network: Staged, cuts: Cuts, *, temperature: float = 1.0, engine: str = "auto",
                 key: str = "", like: Parts | None = None) -> None:
        self.cuts, self.busy = cuts, Busy()
        self.takes_topography = bool(network.topography_channels)
        side = 2 * (cuts.near + CELL_PX)
        with torch.inference_mode():
            nothing = network.near(*(torch.zeros(shape) for shape in network.shapes(side)))
        self.strides = [side // f.shape[-1] for f in nothing]
        self.empty = [f[0, :, f.shape[-2] // 2, f.shape[-1] // 2, None, None].numpy() for f in nothing]
        self.at16 = [k for k, stride in enumerate(self.strides) if stride == CELL_PX]
        with torch.inference_mode():
            context = network.far(*(nothing[k] for k in self.at16)).shape[1]
        cells = (cuts.core * cuts.cores + 2 * cuts.ring) // CELL_PX
        if like and like.cuts.core == cuts.core:
            self.near, self.decode = like.near, like.decode
            if like.cuts.cores == cuts.cores:
                self.far = like.far
                return
        else:
            self.near = compile_near(network, cuts, engine=engine, key=key)
            side = cuts.core + 2 * cuts.decode
            self.decode = compile_graph(_Decode(network, temperature).eval(), [
                (1, context, side // CELL_PX, side // CELL_PX), (1, len(self.empty[1]), side // 8, side // 8),
                (1, len(self.empty[0]), side // 4, side // 4)], engine=engine,
                key=f"{key}-{temperature:g}" if key else "")
        self.far = compile_graph(_Far(network).eval(), [(1, len(self.empty[k]), cells, cells) for k in self.at16],
                                 engine=engine, key=key, alone=True)

    @property
    def graphs(self) -> list[Graph[Any]]:
        """The compiled functions."""
        return [self.near, self.far, self.decode]

    @property
    def redundancy(self) -> float:
        """Work for each pixel kept, against the work of one window without a halo."""
        return self.cuts.redundancy

    def work(self, part: Window) -> float:
        """Return what all steps over a part cost, in pixels that go through the whole network."""
        return self.cuts.work

    def total(self, part: Window) -> float:
        """Return what all steps over a part cost together: a unit for each far window."""
        return float(-(-self.cuts.rows // self.cuts.cores) * -(-self.cuts.columns // self.cuts.cores))


def compile_near(network: Staged, cuts: Cuts, *, engine: str, key: str) -> Graph[Any]:
    """Return the first part of a network, compiled for one way to cut a scene."""
    return compile_graph(_Near(network).eval(), network.shapes(cuts.core + 2 * cuts.near), engine=engine, key=key)
