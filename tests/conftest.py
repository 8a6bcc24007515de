"""What every test may use: small rasters made on the spot, and the optional folder of real scenes."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import settings

from core.files import write_json
from core.landscape import Landscape, landscape
from core.nets import build
from core.nets.network import Network
from core.registry import ModelCard, save_model

RasterFactory = Callable[..., Path]
THIN: dict[str, Any] = {"encoder": "efficientnet_lite0", "width": 32}
"""A lite network for tests of what is done with one: its layers, its reach, and half its time."""
MASKS_IN_THREADS = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
"""For what draws masks in several threads: rasterio hides this warning of its own scratch rasters in a way that another
thread undoes, and a warning is an error here."""


def keep_to_own_cores() -> None:
    """Pin a worker of several, and all that it starts, to its share of the cores: sharing them is far slower."""
    worker, of = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[int(worker.removeprefix("gw")) % min(of, len(cores))::of])
        torch.set_num_threads(len(os.sched_getaffinity(0)))


keep_to_own_cores()

settings.register_profile("patient", deadline=None)  # no test judges speed
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser tests last; leave them out where SCARP_WITHOUT_BROWSER=1 says that there is no browser."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)  # the browser's event loop stays to the end
    without = os.environ.get("SCARP_WITHOUT_BROWSER") == "1"
    for item in items:
        if item.get_closest_marker("e2e"):  # a busy machine may miss a moment: a second chance, which is told of
            item.add_marker(pytest.mark.skip(reason="SCARP_WITHOUT_BROWSER=1") if without
                            else pytest.mark.flaky(reruns=1))


@pytest.fixture(autouse=True)
def keep_subnormals() -> Iterator[None]:
    """Undo what a worker sets for its whole process: numbers flushed to zero, which other tests would meet."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def make_raster(tmp_path: Path) -> RasterFactory:
    """Return a function that writes a GeoTIFF and returns its path; see ``write_raster``."""

    def make(path: str | Path = "image.tif", array: np.ndarray | None = None, **options: Any) -> Path:
        return write_raster(tmp_path / path, array, **options)

    return make


def write_raster(
    path: Path,
    array: np.ndarray | None = None,
    *,
    shape: tuple[int, int] = (64, 80),
    bands: int = 3,
    dtype: str = "uint8",
    crs: str | None = "EPSG:32648",
    gsd: float = 0.5,
    origin: tuple[float, float] = (388000.0, 3676000.0),
    nodata: float | None = None,
    descriptions: Sequence[str] | None = None,
    rotation_deg: float = 0.0,
    south_up: bool = False,
    mask: np.ndarray | None = None,
    **profile: Any,
) -> Path:
    """Write a small GeoTIFF.

    Args:
        path: Where to; a missing folder is made.
        array: (bands, h, w) or (h, w); without it, noise that is the same for the same file name.
        shape: (height, width) of the noise.
        bands: Bands of the noise.
        dtype: Of the noise; an array keeps its own.
        crs: None writes a raster without a CRS.
        gsd: Pixel size in CRS units.
        origin: CRS coordinates of the raster's first corner: the upper left one, or the lower left one if ``south_up``.
        nodata: Nodata value.
        descriptions: Band names.
        rotation_deg: Turns the raster about its first corner, counter-clockwise.
        south_up: The first row is the southernmost.
        mask: (h, w), written as an internal mask; 0 or False where a pixel is not valid.
        **profile: Creation options of GDAL's GTiff driver, such as ``tiled=True, blockxsize=16``.
    """
    if array is None:
        random = np.random.default_rng(zlib.crc32(path.name.encode()))
        high = min(np.iinfo(dtype).max, 10_000) if np.issubdtype(dtype, np.integer) else 1
        array = (random.random((bands, *shape)) * high).astype(dtype)
    array = array[np.newaxis] if array.ndim == 2 else array
    step = Affine.scale(gsd, gsd if south_up else -gsd)
    transform = Affine.translation(*origin) @ Affine.rotation(rotation_deg) @ step
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", count=array.shape[0], height=array.shape[1], width=array.shape[2],
            dtype=array.dtype.name, crs=crs, transform=transform, nodata=nodata, **profile,
        ) as dataset,
    ):
        dataset.write(array)
        for index, description in enumerate(descriptions or (), start=1):
            dataset.set_band_description(index, description)
        if mask is not None:
            dataset.write_mask(np.where(mask, 255, 0).astype("uint8"))
    return path


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real scenes that ``SCARP_TEST_DATA`` names; skip the test when there is none."""
    folder = os.environ.get("SCARP_TEST_DATA")
    if not folder:
        pytest.skip("SCARP_TEST_DATA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"SCARP_TEST_DATA is not a folder: {folder}")
    return Path(folder)


@pytest.fixture(scope="session")
def place() -> Landscape:
    """Return one small generated scene with landslides."""
    return landscape(7, 512, gsd_m=1.0, landslides=True)


@pytest.fixture(scope="session")
def place_files(place: Landscape, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return that scene as files: ``image`` (red, green, blue, near infrared), ``dem`` (4 m) and ``truth``."""
    folder, size = tmp_path_factory.mktemp("place"), place.dem.shape[0]
    coarse = place.dem.reshape(size // 4, 4, size // 4, 4).mean((1, 3)).astype(np.float32)
    return {
        "image": write_raster(folder / "image.tif", place.after.image, gsd=1.0,
                              descriptions=("red", "green", "blue", "nir")),
        "dem": write_raster(folder / "dem.tif", coarse, gsd=4.0, nodata=-9999),
        "truth": write_raster(folder / "truth.tif", place.after.classes, gsd=1.0, nodata=255),
    }


def varied(network: Network, place: Landscape) -> Network:
    """Give a network of weights by chance statistics that make its outputs vary over a place."""
    network.load_imagenet()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    pixels = torch.from_numpy(place.after.image[:3].reshape(3, 2, 256, 2, 256)).permute(1, 3, 0, 2, 4).flatten(0, 1)
    with torch.no_grad():
        network((pixels.float() - 127) / 128, *[torch.rand(4, 6, 256, 256)] * bool(network.topography_channels))
        list(network.parameters())[-2].mul_(6)
    return network


@pytest.fixture(scope="session")
def models(place: Landscape, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two models with random weights whose outputs vary; the second has no weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(3)
    arguments = {**THIN, "branch": "slim"}
    network = varied(build("fstf_net", 2, **arguments), place)
    card = ModelCard("random", "Random weights", "fstf_net", "binary", (0.2, 2.0), arguments,
                     trained_topography=("dem",), folder=folder / "random")
    save_model(card, network.state_dict())
    (folder / "untrained").mkdir()
    write_json(folder / "untrained" / "card.json", replace(card, name="untrained", architecture="rae_d").as_dict())
    return folder
