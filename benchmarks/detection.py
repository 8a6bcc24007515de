"""Detection from files to files, in a process of its own: python -m benchmarks.detection."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio

from benchmarks.figures import Figure, run
from benchmarks.scene import SIDE, scene
from core.files import read_json
from core.inference import Cuts
from core.scene import Scene, SceneSettings

TITLE = f"Detection from files to files, {SIDE} x {SIDE} pixels with elevation"
REPEATS = 3
STAGES = ("predict_s", "write_s")


@dataclass(frozen=True)
class Detection:
    """One detection.

    Attributes:
        record: Its ``run.json``.
        process_s: Seconds of the whole process.
        peak_gb: Most memory it held.
    """

    record: dict[str, Any]
    process_s: float
    peak_gb: float

    @property
    def work_s(self) -> float:
        """Seconds from the first window to the last file: without starting Python and compiling the network."""
        return sum(self.record["timing"][stage] for stage in STAGES)

    @property
    def network_s(self) -> float:
        """Seconds in which the network was at work."""
        return self.record["timing"]["network_s"]


def detect(image: Path, dem: Path) -> Detection:
    """Run one detection by the command line."""
    with tempfile.TemporaryDirectory() as folder:
        out, said = Path(folder) / "out", Path(folder) / "said.txt"
        started = time.perf_counter()
        with said.open("w") as told:
            child = subprocess.Popen([sys.executable, "-m", "core.cli", "detect", "--image", image, "--dem", dem,
                                      "--out", out], stdout=told, stderr=told)
            _, status, usage = os.wait4(child.pid, 0)  # what this child alone took
        if status:
            raise RuntimeError(f"the detection failed:\n{said.read_text()}")
        return Detection(read_json(out / "run.json"), time.perf_counter() - started, usage.ru_maxrss / 2**20)


def reading(image: Path, dem: Path, cuts: Cuts) -> float:
    """Return the seconds in which one thread reads every window of a detection, halos and terrain included."""
    with rasterio.Env(GDAL_CACHEMAX=256 << 20), Scene(SceneSettings(image, dem)) as opened:
        started = time.perf_counter()
        for row in range(cuts.rows):
            for column in range(cuts.columns):
                opened.read(cuts.window(row, column, cuts.near), use_ndvi=False)
        return time.perf_counter() - started


def measure() -> Sequence[Figure]:
    """Measure detections one after the other; the first compiles the network and does not count."""
    image, dem = scene()
    first, *found = [detect(image, dem) for _ in range(REPEATS + 1)]
    cuts = Cuts(**first.record["tiling"])
    reading(image, dem, cuts)
    read_s = statistics.median(reading(image, dem, cuts) for _ in range(REPEATS))
    work_s, network_s, process_s, peak_gb = (statistics.median(values) for values in zip(
        *((d.work_s, d.network_s, d.process_s, d.peak_gb) for d in found), strict=True))
    predict_s = statistics.median(d.record["timing"]["predict_s"] for d in found)
    megapixels = SIDE**2 / 1e6
    stages = ", ".join(f"{stage.removesuffix('_s')} {statistics.median(d.record['timing'][stage] for d in found):.1f} s"
                       for stage in STAGES)
    record = found[0].record
    return [
        Figure("the scene, from the first window to the last file", megapixels / work_s, "Mpx/s", note=stages),
        Figure("the same with the start of the process", megapixels / process_s, "Mpx/s",
               note=f"{process_s:.1f} s; {record['model']['name']}, {record['engine']['name']}"),
        Figure("share of that work in which the network is busy", 100 * network_s / work_s, "%", target=85),
        Figure("share of the prediction in which the network is busy", 100 * network_s / predict_s, "%"),
        Figure("reading, terrain and halos, one thread", megapixels / read_s, "Mpx/s", "the network, all cores",
               megapixels / network_s, note="pixels of the scene"),
        Figure("computed for each pixel kept", record["redundancy"], "times"),
        Figure("most memory held", peak_gb, "GB"),
    ]


if __name__ == "__main__":
    run(TITLE, measure)
