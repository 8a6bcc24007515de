"""Tiles of the map while a detection runs, against a quiet machine: python -m benchmarks.tiles."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.warp import transform_bounds
from rio_tiler.constants import WEB_MERCATOR_TMS

from benchmarks.figures import Figure, run
from benchmarks.scene import scene
from core.display import relief
from core.jobs import Job, State, cancel, read
from core.project import Project, add_layer, create
from core.registry import find_model
from core.request import Request
from core.styles import Style, imagery
from core.tiles import tile_url
from core.tokens import signer

TITLE = "Tiles of the map while a detection runs, 4096 x 4096 pixels, six at a time as a browser asks for them"
ROUNDS, TILES, ZOOMS, AT_ONCE = 5, 96, (16, 17, 18), 6
ROOT = Path(__file__).resolve().parent.parent
MODEL = "fstf_net_lite"


def make_project(root: Path) -> Project:
    """Make a project of the benchmarks' scene."""
    project = create(root / "bench", "Bench")
    for role, source in zip(("image", "dem"), scene(), strict=True):
        target = project.folder / "layers" / source.name
        shutil.copy(source, target)
        project = add_layer(project, role, target, role)
    return project


def addresses(project: Project) -> list[str]:
    """Return tiles of image and hillshade, spread over the scene and over zooms."""
    image, dem = (project.path(project.of(role)[0]) for role in ("image", "dem"))
    sign = signer(project.folder.parent)
    templates = [tile_url(sign, image, imagery(image), "webp"),
                 tile_url(sign, relief(dem, project.folder / "derived")["hillshade"], Style())]
    with rasterio.open(image) as dataset:
        bounds = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
    tiles = list(WEB_MERCATOR_TMS.tiles(*bounds, zooms=ZOOMS))
    spread = tiles[:: max(1, len(tiles) * len(templates) // TILES)]
    choice = imagery(image).default
    return [template.format(choice=choice, z=tile.z, x=tile.x, y=tile.y) for tile in spread for template in templates]


@contextmanager
def server(root: Path) -> Iterator[str]:
    """Start the app on a folder of projects; end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
                               cwd=ROOT, env={**os.environ, "SCARP_PROJECTS": str(root)}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def fetch(base: str, paths: list[str], job: Job | None = None) -> list[float]:
    """Return the seconds of each tile; with a job only of those that came before it ended."""
    def one(path: str) -> float:
        started = time.perf_counter()
        with urllib.request.urlopen(base + path, timeout=60) as answer:
            answer.read()
        return time.perf_counter() - started

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(one, paths))
    if job and read(job.folder).state is not State.RUNNING:
        raise SystemExit("The detection ended before the tiles had come: the scene is too small for this machine.")
    return found


def started(project: Project) -> Job:
    """Start a detection and wait until its first windows are done."""
    image, dem = (project.of(role)[0] for role in ("image", "dem"))
    job = Request(image, find_model(MODEL), dem).submit(project, None)
    while (job := read(job.folder)).state in (State.QUEUED, State.RUNNING) and job.progress.done == 0:
        time.sleep(0.05)
    return job


def measure() -> list[Figure]:
    """Measure the quiet machine and the busy one in turn."""
    quiet: list[float] = []
    busy: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder))
        paths = addresses(project)
        with server(Path(folder)) as base:
            fetch(base, paths)
            for _ in range(ROUNDS):
                quiet += fetch(base, paths)
                job = started(project)
                busy += fetch(base, paths, job)
                cancel(job)
                while read(job.folder).state is State.RUNNING:
                    time.sleep(0.2)
    slow = [f"{statistics.quantiles(seconds, n=20)[-1] * 1000:.0f} ms" for seconds in (busy, quiet)]
    return [Figure("tiles while a detection runs", AT_ONCE / statistics.mean(busy), "tiles/s", "on a quiet machine",
                   AT_ONCE / statistics.mean(quiet), 0.5,
                   f"95 % of them within {slow[0]}, else {slow[1]}; {len(busy)} tiles each")]


if __name__ == "__main__":
    run(TITLE, measure)
