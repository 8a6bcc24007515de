"""Options that several commands share: imagery, terrain, area, model."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from core.detect import DetectSettings


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add what a detection can be told."""
    parser.add_argument("--image", type=Path, required=True, help="GeoTIFF with red, green, blue (and near infrared)")
    parser.add_argument("--dem", type=Path, help="GeoTIFF of elevation")
    parser.add_argument("--dem-unit", choices=("m", "ft"), default="m")
    parser.add_argument("--terrain", choices=("gradients", "dem"), default="gradients",
                        help="what is resampled: gradients, or (as in the paper) the DEM itself")
    parser.add_argument("--ndvi", type=Path, help="GeoTIFF of NDVI")
    parser.add_argument("--vegetation", choices=("ndvi", "visible"), default="ndvi",
                        help="'visible' puts a visible-band index in the place of NDVI where there is no near infrared")
    parser.add_argument("--bands", default="", metavar="red=1,green=2,...", help="bands that are not to be guessed")
    parser.add_argument("--aoi", type=Path, help="GeoJSON or GeoPackage: predict inside only")
    parser.add_argument("--unobserved", type=Path, help="GeoJSON or GeoPackage of cloud, shadow or snow")
    parser.add_argument("--model", default="fstf_net_lite")
    parser.add_argument("--models", type=Path, help="folder of models")
    parser.add_argument("--engine", default="auto", help="auto, torch or openvino")
    parser.add_argument("--window", type=int, help="side in pixels of windows that each go through the whole network; "
                        "by default its parts have windows of their own, which is faster and shows no seam")
    parser.add_argument("--halo", type=int, default=320, help="margin of such a window that is predicted but not kept")
    parser.add_argument("--single-look", action="store_true", help="see the image with its own pixels alone: up to "
                        "five times as fast, and less good")
    parser.add_argument("--threshold", type=float, help="landslide probability; the model's own by default")
    parser.add_argument("--min-area", type=float, default=50.0, help="smallest landslide in square metres")
    parser.add_argument("--date", type=date.fromisoformat, help="day the image was taken, YYYY-MM-DD")


def settings(options: argparse.Namespace) -> DetectSettings:
    """Return the settings of a detection that was asked for."""
    from core.detect import DetectSettings  # noqa: PLC0415 - keeps 'scarp --help' fast
    from core.ingest import read_area  # noqa: PLC0415
    from core.scene import SceneSettings  # noqa: PLC0415
    from core.vectorize import OutlineSettings  # noqa: PLC0415
    from core.windows import Tiling  # noqa: PLC0415

    if options.threshold is not None and not 0 < options.threshold < 1:
        raise InputError("threshold", got=options.threshold, expected="a number between 0 and 1",
                         remedy="Give a landslide probability.")
    scene = SceneSettings(
        options.image, options.dem, options.ndvi,
        area=read_area(options.aoi) if options.aoi else None,
        unobserved=read_area(options.unobserved) if options.unobserved else None,
        bands=bands(options.bands), dem_unit=options.dem_unit, terrain=options.terrain, vegetation=options.vegetation)
    tiling = Tiling(options.window, options.halo, min(32, options.halo)) if options.window else None
    return DetectSettings(scene, options.model, options.out, options.engine, tiling,
                          OutlineSettings(min_area_m2=options.min_area), options.threshold, options.date,
                          options.models, options.overwrite, options.single_look)


def bands(text: str) -> tuple[tuple[str, int], ...]:
    """Return the band of each role, from red=1,green=2."""
    from core.raster import BAND_ROLES  # noqa: PLC0415

    pairs = [part.partition("=") for part in text.split(",") if part]
    if bad := [role for role, _, index in pairs if role not in BAND_ROLES or not index.isdigit()]:
        raise InputError("--bands", got=", ".join(bad), expected=f"{', '.join(BAND_ROLES)} with a number each",
                         remedy="Write for example --bands red=3,green=2,blue=1,nir=4.")
    return tuple((role, int(index)) for role, _, index in pairs)
