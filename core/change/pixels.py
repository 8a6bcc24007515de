"""Post-classification comparison pixel by pixel: areas of every from-to pair, and a raster of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from core.change.codes import code, colours
from core.config import CLASS_NODATA
from core.export import new_band, publish_raster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.change.maps import Both

ROWS = 512


def transitions(both: Both, target: Path, report: Callable[[float], None] = lambda _: None) -> NDArray[np.float64]:
    """Write the from-to raster, as a cloud-optimised GeoTIFF, strip by strip; return the areas.

    Args:
        both: Two opened dates.
        target: Where to; see ``core.change.codes`` for its values.
        report: Told the share that is done.

    Returns:
        float64 (classes + 1, classes + 1) square metres, ``[before, after]``; the last row and column are ground
        that was not observed on that date.
    """
    grid, k = both.grid, len(both.scheme.names)
    areas = np.zeros((k + 1) ** 2)
    plain = target.with_suffix(".raw.tif")
    with new_band(plain, grid) as out:
        out.write_colormap(1, {value: tuple(ink) for value, ink in enumerate(colours(both.scheme).tolist())})
        out.update_tags(classes=", ".join(both.scheme.names), values="before * classes + after")
        for top in range(0, grid.height, ROWS):
            window = Window(0, top, grid.width, min(ROWS, grid.height - top))
            place = grid.window(window)
            before, after = both.read(place)
            out.write(code(before, after, k), 1, window=window)
            first, second = (np.where(side == CLASS_NODATA, k, side).astype(np.intp) for side in (before, after))
            areas += np.bincount((first * (k + 1) + second).ravel(), minlength=(k + 1) ** 2) * place.pixel_area_m2
            report((top + window.height) / grid.height)
    publish_raster(plain, target, "nearest")
    plain.unlink()
    return areas.reshape(k + 1, k + 1)
