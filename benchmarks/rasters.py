"""Terrain, resampling and scores, against the usual libraries: python -m benchmarks.rasters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from benchmarks.figures import Figure, medians, optional, run
from core.cubic import resample_cubic
from core.grid import Grid
from core.metrics import confusion_matrix
from core.terrain import slope_aspect_deg

TITLE = "Rasters"
SIDE = 4096
CELL_M = 5.0
CLASSES = 6
FINER = 10


def ground(side: int) -> np.ndarray:
    """Return rough ground in metres."""
    rng = np.random.default_rng(0)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    z = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) / np.maximum(np.hypot(fy, fx), 1 / side) ** 1.8)
    return ((z - z.min()) / np.ptp(z) * 2000).astype(np.float32)


def terrain() -> Sequence[Figure]:
    """Compare slope and aspect with xarray-spatial's, which takes one after the other."""
    dem, frame = ground(SIDE), [[CELL_M, 0], [0, -CELL_M]]
    out = np.empty_like(dem), np.empty_like(dem)
    functions: dict[str, Callable[[], object]] = {
        "ours": lambda: slope_aspect_deg(dem, frame), "again": lambda: slope_aspect_deg(dem, frame, out=out)}
    xrspatial, xarray = optional("xrspatial"), optional("xarray")
    if xrspatial and xarray:
        steps = np.arange(SIDE) * CELL_M
        data = xarray.DataArray(dem, dims=("y", "x"), coords={"y": steps[::-1], "x": steps},
                                attrs={"res": (CELL_M, CELL_M)})
        functions["xrspatial"] = lambda: (xrspatial.slope(data), xrspatial.aspect(data))
    speed = speeds(functions, dem.size)
    return [Figure("slope and aspect", speed["ours"], "Mpx/s", "xarray-spatial", speed.get("xrspatial"), 15),
            Figure("slope and aspect, into arrays that are there", speed["again"], "Mpx/s")]


def scores() -> Sequence[Figure]:
    """Compare confusion matrices with scikit-learn's."""
    rng = np.random.default_rng(0)
    reference = rng.integers(0, CLASSES, SIDE**2, dtype=np.uint8)
    predicted = np.where(rng.random(SIDE**2) < 0.8, reference, rng.integers(0, CLASSES, SIDE**2)).astype(np.uint8)
    functions: dict[str, Callable[[], object]] = {"ours": lambda: confusion_matrix(reference, predicted, CLASSES)}
    if sklearn := optional("sklearn.metrics"):
        functions["sklearn"] = lambda: sklearn.confusion_matrix(reference, predicted)
    speed = speeds(functions, reference.size)
    return [Figure("confusion matrix, six classes", speed["ours"], "Mpx/s", "scikit-learn", speed.get("sklearn"), 15)]


def cubic() -> Sequence[Figure]:
    """Compare elevation of 5 m brought to 0.5 m with GDAL's warp."""
    crs, side = CRS.from_epsg(32648), SIDE // FINER
    coarse = Grid((side, side), Affine(CELL_M, 0, 5e5, 0, -CELL_M, 3.5e6), crs)
    fine = Grid((side * FINER, side * FINER), coarse.transform @ Affine.scale(1 / FINER), crs)
    turned = Grid(fine.shape, fine.transform @ Affine.rotation(1), crs)
    dem = ground(side + side % 2)[:side, :side]
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", height=side, width=side, count=1, dtype="float32", crs=crs,
                         transform=coarse.transform) as out:
            out.write(dem, 1)
        with memory.open() as dataset:
            def gdal() -> None:  # opened every time: a VRT keeps what it has read
                with WarpedVRT(dataset, crs=crs, transform=fine.transform, height=fine.height, width=fine.width,
                               resampling=Resampling.cubic) as warped:
                    warped.read(1)
            speed = speeds({"ours": lambda: resample_cubic(dem[None], coarse, fine),
                            "turned": lambda: resample_cubic(dem[None], coarse, turned), "gdal": gdal},
                           fine.height * fine.width)
    return [Figure("cubic elevation, 5 m to 0.5 m", speed["ours"], "Mpx/s", "GDAL's WarpedVRT", speed["gdal"]),
            Figure("the same onto a grid that is turned by 1 degree", speed["turned"], "Mpx/s")]


def speeds(functions: dict[str, Callable[[], object]], pixels: int) -> dict[str, float]:
    """Return megapixels a second."""
    return {name: pixels / 1e6 / seconds for name, seconds in medians(functions).items()}


def measure() -> Sequence[Figure]:
    """Measure them all."""
    return [*terrain(), *cubic(), *scores()]


if __name__ == "__main__":
    run(TITLE, measure)
