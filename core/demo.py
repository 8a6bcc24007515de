"""The demo valley: two images, elevation, and the truth about both dates, as files and as a project.

The scene is made, not real. Its seed is below ``core.landscape.FIRST_TRAINING_SEED``: no network has
seen it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.shutil import copy as copy_raster

from core.config import CLASS_NODATA, scheme
from core.errors import StorageError
from core.landscape import Epoch, Landscape, Progress, landscape
from core.project import Project, add_layer, create, open_project

DEMO_SEED = 538
GSD_M = 0.5
DEM_CELL_M = 5.0
DEM_NODATA = -9999.0
CRS_DEMO = CRS.from_epsg(32648)
ORIGIN = (388150.0, 3674100.0)
"""Easting and northing of the upper left corner: near 103.8 degrees east, 33.2 degrees north."""

TAKEN = {"before": "2021:07:18 11:42:00", "after": "2023:10:21 11:55:00"}
FILES = ("image_before", "image_after", "dem", "truth_before", "truth_after")
LAYERS = ("image_after", "image_before", "dem", "truth_after", "truth_before")
"""In the order in which the project has them: the first image is the one that is searched."""
TITLES = {"after": "After the event", "before": "Before the event", "": "Elevation"}
MADE_BY = "SCARP_DEMO"


def build(folder: Path, *, seed: int = DEMO_SEED, size: int = 2048,
          progress: Progress | None = None) -> dict[str, Path]:
    """Make the demo's files; files of the same seed and size that are there already are kept.

    Args:
        folder: Made when it is not there.
        seed: Of the landscape.
        size: Side of the images in pixels.
        progress: Told what is being done and the share that is done, 0 to 1.

    Returns:
        The files by name: ``image_before``, ``image_after``, ``dem``, ``truth_before``, ``truth_after``.

    Raises:
        StorageError: They could not be written; none of the old files is damaged.
    """
    say = progress or (lambda _stage, _share: None)
    made_by = json.dumps({"seed": seed, "size": size, "gsd_m": GSD_M})
    paths = {name: folder / f"{name}.tif" for name in FILES}
    if all(_is_made(path, made_by) for path in paths.values()):
        say("The demo is there already", 1.0)
        return paths
    scene = landscape(seed, size, GSD_M, landslides=True, progress=lambda stage, share: say(stage, 0.85 * share))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder) as aside:
            for done, (name, path) in enumerate(paths.items()):
                say(f"Writing {path.name}", 0.85 + 0.03 * done)
                _write(Path(aside) / path.name, name, scene, made_by)
            for path in paths.values():
                (Path(aside) / path.name).replace(path)
    except (OSError, RasterioError) as error:
        raise StorageError("demo files", got=getattr(error, "strerror", None) or str(error),
                           expected="a folder with about 60 MB of room",
                           remedy="Free some space or choose another folder, then make the demo again.") from error
    say("The demo is ready", 1.0)
    return paths


def register(folder: Path, files: Mapping[str, Path]) -> Project:
    """Make the demo project in the folder that holds its files; one that is there already is opened.

    Args:
        folder: Where ``files`` lie.
        files: By name, as ``build`` returns them.
    """
    if (folder / "project.json").exists():
        return open_project(folder)
    project = create(folder, "Demo valley")
    for name in LAYERS:
        role, _, date = name.partition("_")
        day = TAKEN[date][:10].replace(":", "-") if date else ""
        project = add_layer(project, role, files[name], TITLES[date], day)
    return project


def _is_made(path: Path, made_by: str) -> bool:
    if not path.is_file():
        return False
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            return dataset.tags().get(MADE_BY) == made_by
    except RasterioError:
        return False


def _write(path: Path, name: str, scene: Landscape, made_by: str) -> None:
    """Write one of the demo's rasters."""
    kind, _, date = name.partition("_")
    tags = {MADE_BY: made_by, "TIFFTAG_IMAGEDESCRIPTION": "Made-up scene, not a real place"}
    if kind == "dem":
        _cog(path, _coarse(scene.dem), DEM_CELL_M, tags, ["elevation"], nodata=DEM_NODATA)
        return
    epoch: Epoch = getattr(scene, date)
    tags["TIFFTAG_DATETIME"] = TAKEN[date]
    if kind == "image":
        colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.nir)
        _cog(path, epoch.image, scene.gsd_m, tags, [c.name for c in colours], colours=colours)
    else:
        paper = scheme("paper")
        table = {index: (*paper.rgb(index), 255) for index in range(len(paper.names))}
        tags["classes"] = json.dumps(paper.names)
        _cog(path, epoch.classes[None], scene.gsd_m, tags, ["class"], nodata=CLASS_NODATA, table=table)


def _coarse(dem: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average elevation over the cells of the demo's DEM; the last row and column may reach over the edge."""
    step = round(DEM_CELL_M / GSD_M)
    side = -(-dem.shape[0] // step)
    whole = np.full((side * step, side * step), np.nan)
    whole[:dem.shape[0], :dem.shape[1]] = dem
    return np.nanmean(whole.reshape(side, step, side, step), axis=(1, 3))[None].astype(np.float32)


def _transform(gsd_m: float) -> Affine:
    return Affine(gsd_m, 0, ORIGIN[0], 0, -gsd_m, ORIGIN[1])


def _cog(path: Path, bands: NDArray[np.generic], gsd_m: float, tags: dict[str, str], names: list[str], *,
         nodata: float | None = None, colours: tuple[ColorInterp, ...] | None = None,
         table: dict[int, tuple[int, int, int, int]] | None = None) -> None:
    """Write a cloud-optimised GeoTIFF: tiled, compressed, with overviews."""
    real = bands.dtype.kind == "f"
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", width=bands.shape[2], height=bands.shape[1], count=bands.shape[0],
                         dtype=bands.dtype, crs=CRS_DEMO, transform=_transform(gsd_m), nodata=nodata) as draft:
            draft.write(bands)
            draft.update_tags(**tags)
            draft.descriptions = tuple(names)
            if colours:
                draft.colorinterp = colours
            if table:
                draft.write_colormap(1, table)
        with memory.open() as draft:
            copy_raster(draft, path, driver="COG", compress="DEFLATE", level=6, blocksize=512, num_threads=2,
                        predictor="NO" if table else "FLOATING_POINT" if real else "STANDARD",
                        overviews="IGNORE_EXISTING", overview_resampling="MODE" if table else "AVERAGE")
