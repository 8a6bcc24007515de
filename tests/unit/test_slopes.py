"""The ground under a detection: known slopes, observed ground alone, any size."""

import geopandas
import numpy as np
import pytest
import shapely

from core import slopes
from core.errors import InputError
from core.slopes import ground_of

SIDE, GSD, WEST, NORTH = 100, 1.0, 388000.0, 3676000.0


@pytest.fixture
def files(make_raster):
    """Flat ground in the west, 45 degrees in the east; the northern tenth was not observed."""
    stored = np.full((SIDE, SIDE), 10, "uint8")
    stored[:10] = 255
    columns = np.arange(SIDE, dtype="float32")
    dem = np.tile(np.where(columns < 50, 500, 500 + (columns - 50)), (SIDE, 1)).astype("float32")
    return make_raster("probability.tif", stored, gsd=GSD, nodata=255), make_raster("dem.tif", dem, gsd=GSD)


def frame(*boxes):
    return geopandas.GeoDataFrame(geometry=[shapely.box(*each) for each in boxes], crs="EPSG:32648")


def slide(left, top, width, height):
    return WEST + left, NORTH - top - height, WEST + left + width, NORTH - top


def test_slopes_elevations_and_landslides_are_where_they_are(files):
    found = ground_of(files[0], frame(slide(60, 20, 10, 30)), files[1])
    assert len(found.slope_deg) == SIDE * 90 and found.landslide.sum() == 300
    assert found.slope_deg[found.landslide] == pytest.approx(45, abs=0.1)
    assert found.elevation_m[found.landslide].mean() == pytest.approx(514.5, abs=0.2)
    known = np.isfinite(found.slope_deg)
    assert (found.slope_deg[known] < 1).mean() == pytest.approx(0.49, abs=0.02)


def test_feet_are_not_metres(files):
    found = ground_of(files[0], frame(slide(60, 20, 10, 30)), files[1], 0.3048)
    assert np.nanmedian(found.slope_deg[found.landslide]) == pytest.approx(np.degrees(np.arctan(0.3048)), abs=0.1)


def test_a_large_raster_is_sampled_and_says_the_same(files, monkeypatch):
    monkeypatch.setattr(slopes, "SAMPLES", 2500)
    monkeypatch.setattr(slopes, "STRIP_ROWS", 7)
    found = ground_of(files[0], frame(slide(60, 20, 10, 30)), files[1])
    assert found.spacing_m == pytest.approx(2) and found.landslide.sum() == 75
    assert found.slope_deg[found.landslide] == pytest.approx(45, abs=0.5)


def test_without_landslides_or_without_terrain_there(files, make_raster):
    assert not ground_of(files[0], frame(), files[1]).landslide.any()
    far = make_raster("far.tif", np.zeros((10, 10), "float32"), origin=(488000.0, 3676000.0))
    assert np.isnan(ground_of(files[0], frame(), far).slope_deg).all()


def test_nothing_observed_is_no_ground(make_raster, files):
    blank = make_raster("blank.tif", np.full((20, 20), 255, "uint8"), nodata=255)
    assert ground_of(blank, frame(), files[1]).slope_deg.size == 0


def test_a_damaged_raster_is_told(files):
    files[0].write_bytes(b"no")
    with pytest.raises(InputError):
        ground_of(files[0], frame(), files[1])
