"""Make tests/golden/data/terrain_*.npz: elevations, and what gdaldem says of them.

Run ``python tests/golden/make_terrain.py`` with gdaldem on PATH. For every elevation model it writes
a GeoTIFF with nodata -9999 and runs, with and without ``-compute_edges``:

    gdaldem slope dem.tif out.tif -q
    gdaldem aspect dem.tif out.tif -q
    gdaldem hillshade dem.tif out.tif -q
    gdaldem hillshade dem.tif out.tif -q -az 200 -alt 30 -z 2
    gdaldem hillshade dem.tif out.tif -q -multidirectional
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

DATA = Path(__file__).parent / "data"
NODATA = -9999.0
PIXEL = 5.0  # metres; square, for gdaldem aspect takes every pixel for square
COMMANDS = {
    "slope": ("slope",),
    "aspect": ("aspect",),
    "hillshade": ("hillshade",),
    "hillshade_200_30_2": ("hillshade", "-az", "200", "-alt", "30", "-z", "2"),
    "hillshade_multi": ("hillshade", "-multidirectional"),
}


def fractal(size: int, seed: int) -> np.ndarray:
    """Rough ground: noise whose power falls with frequency, about 0 to 300 m high."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    scale = 1 / np.maximum(np.hypot(fy, fx), 1 / size) ** 1.8
    z = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * scale, s=(size, size))
    return ((z - z.min()) / np.ptp(z) * 300).astype(np.float32)


def dems() -> dict[str, np.ndarray]:
    """Every elevation model of the golden tests; NaN where missing."""
    rows, cols = np.mgrid[0:12, 0:12]
    planes = []
    for azimuth in range(0, 360, 45):
        a = np.radians(azimuth)
        planes.append(200 - 0.5 * PIXEL * (np.sin(a) * cols - np.cos(a) * rows))
    flats = fractal(40, 3)
    flats = np.where(flats < 150, np.float32(150.37), flats)  # lakes among hills
    holes = fractal(40, 5)
    holes[np.random.default_rng(6).random(holes.shape) < 0.02] = np.nan
    holes[10:16, 20:29] = np.nan
    return {"rough": fractal(80, 1), "planes": np.block([planes[:4], planes[4:]]).astype(np.float32),
            "flats": flats.astype(np.float32), "holes": holes}


def gdaldem(dem: np.ndarray, *options: str) -> np.ndarray:
    """Run gdaldem on an array with NaN where missing; its nodata comes back as it is."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "dem.tif", Path(folder) / "out.tif"
        transform = Affine(PIXEL, 0, 500000, 0, -PIXEL, 3500000)
        with rasterio.open(source, "w", driver="GTiff", height=dem.shape[0], width=dem.shape[1], count=1,
                           dtype="float32", crs="EPSG:32648", transform=transform, nodata=NODATA) as out:
            out.write(np.where(np.isnan(dem), np.float32(NODATA), dem), 1)
        subprocess.run(["gdaldem", options[0], source, target, "-q", *options[1:]], check=True)
        with rasterio.open(target) as out:
            return out.read(1)


def main() -> None:
    """Write one file per elevation model."""
    DATA.mkdir(exist_ok=True)
    version = subprocess.run(["gdalinfo", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    for name, dem in dems().items():
        results = {"dem": dem, "made_by": np.array(version)}
        for key, command in COMMANDS.items():
            results[key] = gdaldem(dem, *command)
            results[f"{key}_edges"] = gdaldem(dem, *command, "-compute_edges")
        np.savez_compressed(DATA / f"terrain_{name}.npz", **results)


if __name__ == "__main__":
    main()
