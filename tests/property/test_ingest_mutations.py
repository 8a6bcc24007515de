"""A file with any bytes changed is read or refused: never another error, never a long wait."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box, mapping

from core.errors import InputError
from core.ingest import check_readable, open_geotiff, read_area

ROUNDS = 150
MAX_SECONDS = 5.0


def mutate(
    data: bytes, random_: random.Random, *, keep: int, head: int = 600, alphabet: bytes = bytes(range(256)),
) -> bytes:
    """Change 1 to 50 bytes, mostly in the head, and cut some files short; the first ``keep`` bytes stay."""
    changed = bytearray(data)
    for _ in range(random_.choice([1, 2, 5, 50])):
        end = min(len(data), head) if random_.random() < 0.7 else len(data)
        changed[random_.randrange(keep, end)] = random_.choice(alphabet)
    return bytes(changed[: random_.randrange(keep, len(data))] if random_.random() < 0.1 else changed)


def outcomes(path: Path, data: bytes, read, **how) -> set[bool]:
    """Return which of read (True) and refused (False) happened; any other error comes through."""
    seen = set()
    for seed in range(ROUNDS):
        path.write_bytes(mutate(data, random.Random(seed), **how))
        start = time.monotonic()
        try:
            read(path)
            seen.add(True)
        except InputError:
            seen.add(False)
        assert time.monotonic() - start < MAX_SECONDS, f"seed {seed}"
    return seen


def read_raster(path: Path) -> None:
    with open_geotiff(path) as dataset:
        check_readable(dataset)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("options", [
    {"shape": (64, 64), "tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"},
    {"shape": (32, 32), "dtype": "uint16", "compress": "lzw", "mask": np.eye(32, dtype=bool)},
    {"shape": (32, 32), "dtype": "float32", "bands": 1, "BIGTIFF": "YES"},
])
def test_mutated_geotiffs(make_raster, tmp_path, options) -> None:
    data = make_raster(**options).read_bytes()
    assert outcomes(tmp_path / "mutated.tif", data, read_raster, keep=4) == {True, False}


def test_mutated_geopackages(tmp_path) -> None:
    gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), box(0.5, 0, 3, 1)], crs=4326).to_file(tmp_path / "area.gpkg")
    data = (tmp_path / "area.gpkg").read_bytes()
    assert outcomes(tmp_path / "mutated.gpkg", data, read_area, keep=16, head=len(data)) == {True, False}


def test_mutated_geojson(tmp_path) -> None:
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(box(x, 0, x + 1, 1))} for x in (0, 0.5)]
    crs = {"type": "name", "properties": {"name": "EPSG:4326"}}
    data = json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}).encode()
    alphabet = b'0123456789[]{}",.-eE truefalsn:\xff'
    assert outcomes(tmp_path / "mutated.geojson", data, read_area, keep=1, alphabet=alphabet) == {True, False}
