"""The same scene by a peer's tiled inference in its default way: python -m benchmarks.peers."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from benchmarks.detection import detect
from benchmarks.figures import Figure, medians, optional, run
from benchmarks.scene import SIDE, scene
from core.engines import compile_graph

TITLE = "Peers: tiled inference with a U-Net (ResNet-34) of segmentation-models-pytorch"
PART = 2048
"""Side of what the peers are given of the scene, for they take minutes for all of it; their windows overlap a little
less there, to their advantage."""


def _prepare_torchvision() -> None:
    """Let torchvision be imported beside a torch without CUDA.

    PyPI's torchvision is built for CUDA and cannot load its operators there. Nothing here calls them; they have to have
    a name.
    """
    try:
        optional("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")


def part(image: Path, folder: Path) -> Path:
    """Write the middle of the image's red, green and blue as a file of its own."""
    with rasterio.open(image) as dataset:
        start = (SIDE - PART) // 2
        window = Window(start, start, PART, PART)
        profile = {"driver": "GTiff", "width": PART, "height": PART, "count": 3, "dtype": "uint8", "crs": dataset.crs,
                   "transform": dataset.window_transform(window), "tiled": True, "compress": "deflate"}
        with rasterio.open(folder / "part.tif", "w", **profile) as out:
            out.write(dataset.read([1, 2, 3], window=window))
    return folder / "part.tif"


def unet(smp: ModuleType) -> torch.nn.Module:
    """Return the U-Net that geoai uses by default, with random weights."""
    return smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=2).eval()


def tiled(network: torch.nn.Module, image: Path, folder: Path) -> dict[str, float]:
    """Return megapixels a second of geoai's two ways, both with their defaults; nothing where it is not installed."""
    train, inference = optional("geoai.train"), optional("geoai.inference")
    if train is None or inference is None:
        return {}
    source, target = str(image), str(folder / "out.tif")
    ways = {"segmentation": lambda: train.semantic_inference_on_geotiff(network, source, target, quiet=True),
            "geotiff": lambda: inference.predict_geotiff(network, source, target, num_classes=2, verbose=False)}
    found = {}
    for name, way in ways.items():
        started = time.perf_counter()
        way()
        found[name] = PART**2 / 1e6 / (time.perf_counter() - started)
    return found


def measure() -> Sequence[Figure]:
    """Measure our detection, theirs, and ours again."""
    image, dem = scene()
    _prepare_torchvision()
    smp = optional("segmentation_models_pytorch")
    before, theirs, window = detect(image, dem), {}, {}
    if smp:
        network = unet(smp)
        with tempfile.TemporaryDirectory() as folder:
            theirs = tiled(network, part(image, Path(folder)), Path(folder))
        window = windows(network)
    ours = SIDE**2 / 1e6 / np.mean([before.work_s, detect(image, dem).work_s])
    return [
        Figure("Scarp, fstf_net_lite with terrain, from files to files", ours, "Mpx/s",
               "geoai semantic segmentation, windows of 512, overlap 256", theirs.get("segmentation"), 12),
        Figure("Scarp, the same", ours, "Mpx/s", "geoai predict_geotiff, windows of 256, overlap 64",
               theirs.get("geotiff")),
        Figure("that U-Net on Scarp's engine, one window of 512", window.get("ours"), "Mpx/s", "torch, eager, float32",
               window.get("eager")),
    ]


def windows(network: torch.nn.Module, side: int = 512) -> dict[str, float]:
    """Return megapixels a second of the network alone."""
    image = torch.randn(1, 3, side, side)

    def eager() -> None:
        with torch.inference_mode():
            network(image)

    with compile_graph(network, [image.shape]) as graph:
        seconds = medians({"ours": lambda: graph(image.numpy()), "eager": eager})
    return {name: side**2 / 1e6 / value for name, value in seconds.items()}


if __name__ == "__main__":
    run(TITLE, measure)
