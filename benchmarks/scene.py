"""A scene to measure on: 4096 x 4096 pixels of a made-up valley with elevation, every pixel valid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from core.demo import build

FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"
SIDE = 4096


def scene() -> tuple[Path, Path]:
    """Return image and DEM, made once, in a process of its own: that takes several GB for a minute."""
    subprocess.run([sys.executable, "-m", "benchmarks.scene"], check=True)
    return FOLDER / "image_after.tif", FOLDER / "dem.tif"


if __name__ == "__main__":
    build(FOLDER, size=SIDE)
