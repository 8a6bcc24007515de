"""Slope, aspect and hillshade are gdaldem's.

The stored numbers are remade by tests/golden/make_terrain.py, which names the commands.
"""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.terrain import aspect_deg, gradients, hillshade, slope_aspect_deg, slope_deg

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("make_terrain", HERE / "make_terrain.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)

FRAME = [[make.PIXEL, 0], [0, -make.PIXEL]]
NAMES = ("rough", "planes", "flats", "holes")
EDGES = pytest.mark.parametrize("edges", [False, True], ids=["inner", "edges"])


def check(dem, edges, expected):
    """Compare everything derived from ``dem`` with ``expected(key)``."""
    de, dn = gradients(dem, FRAME, edges=edges)
    slope, aspect = slope_aspect_deg(dem, FRAME, edges=edges)
    np.testing.assert_array_equal(slope, slope_deg(de, dn))
    np.testing.assert_array_equal(aspect, aspect_deg(de, dn))

    theirs = expected("slope")
    there = theirs != make.NODATA
    assert there.any()
    np.testing.assert_array_equal(np.isfinite(slope), there)
    np.testing.assert_allclose(slope[there], theirs[there], rtol=0, atol=1e-5)

    theirs = expected("aspect")
    np.testing.assert_array_equal(np.isfinite(aspect), theirs != make.NODATA)  # missing, and flats
    turn = np.abs(aspect - theirs)[np.isfinite(aspect)]
    assert np.minimum(turn, 360 - turn).max(initial=0) < 1e-4

    for key, options in (("hillshade", {}), ("hillshade_multi", {"multidirectional": True}),
                         ("hillshade_200_30_2", {"azimuth_deg": 200, "altitude_deg": 30, "z_factor": 2})):
        ours, theirs = hillshade(de, dn, **options), expected(key)
        np.testing.assert_array_equal(ours == 0, theirs == 0, err_msg=key)
        assert np.abs(ours.astype(int) - theirs).max() <= 1, key


@EDGES
@pytest.mark.parametrize("name", NAMES)
def test_equal_to_stored_numbers(name, edges):
    with np.load(HERE / "data" / f"terrain_{name}.npz") as stored:
        check(stored["dem"], edges, lambda key: stored[key + "_edges" * edges])


def test_stored_cases_are_what_they_claim():
    with np.load(HERE / "data" / "terrain_flats.npz") as flats, np.load(HERE / "data" / "terrain_holes.npz") as holes:
        assert 0.1 < (flats["slope"] == 0).mean() < 0.9
        assert 0.02 < np.isnan(holes["dem"]).mean() < 0.2
    with np.load(HERE / "data" / "terrain_planes.npz") as planes:
        inner = planes["aspect"].reshape(2, 12, 4, 12)[:, 6, :, 6].ravel()
        np.testing.assert_allclose(inner, np.arange(0, 360, 45), atol=1e-3)
        np.testing.assert_allclose(planes["slope"][6, 6::12], np.degrees(np.arctan(0.5)), atol=1e-3)


@pytest.mark.skipif(shutil.which("gdaldem") is None, reason="gdaldem is not installed")
@EDGES
@pytest.mark.parametrize("seed", [11, 12])
def test_equal_to_gdaldem_here(seed, edges):
    dem = make.fractal(64, seed)[: 40 + seed]
    dem[30:34, 5:9] = np.nan
    dem[:12, 40:] = np.float32(77.3)
    check(dem, edges, lambda key: make.gdaldem(dem, *make.COMMANDS[key], *["-compute_edges"] * edges))
