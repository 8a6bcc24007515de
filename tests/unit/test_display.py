"""Rasters to look at: relief on the DEM's own grid, whole across strips, made once."""

import numpy as np
import pytest
import rasterio

from core import display
from core.display import ASPECT_STEP_DEG, NDVI_STEP, SLOPE_STEP_DEG, relief, vegetation
from core.errors import GridError, InputError
from core.grid import Grid
from core.terrain import gradients, hillshade


def hills(shape=(90, 70)):
    rows, columns = np.mgrid[:shape[0], :shape[1]]
    return (20 * np.sin(rows / 9) * np.cos(columns / 7) + rows).astype("float32")


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset


def test_a_plane_has_its_slope_everywhere(make_raster, tmp_path):
    plane = np.tile(np.arange(60, dtype="float32"), (50, 1))
    made = relief(make_raster("dem.tif", plane, gsd=1.0, crs="EPSG:32648"), tmp_path / "derived")
    slope, dataset = read(made["slope"])
    inner = np.s_[1:-1]  # the four corners have only two neighbours to go by
    assert (slope[inner] * SLOPE_STEP_DEG == 45).all() and dataset.nodata == 255
    shade, dataset = read(made["hillshade"])
    assert len(np.unique(shade[inner])) == 1 and dataset.nodata == 0 and shade.min() > 0


def test_elevations_in_feet_are_measured_in_metres(make_raster, tmp_path):
    path = make_raster("dem.tif", np.tile(np.arange(60, dtype="float32") / 0.3048, (50, 1)), gsd=1.0)
    slope = read(relief(path, tmp_path / "a", 0.3048)["slope"])[0]
    assert (slope[1:-1] * SLOPE_STEP_DEG == 45).all()
    assert (read(relief(path, tmp_path / "a")["slope"])[0][1:-1] * SLOPE_STEP_DEG > 70).all(), "kept apart by unit"


@pytest.mark.parametrize("rows", [1, 7, 90])
def test_strips_leave_no_seams(make_raster, tmp_path, monkeypatch, rows):
    array = hills()
    monkeypatch.setattr(display, "_STRIP_PIXELS", rows * array.shape[1])
    made = relief(make_raster("dem.tif", array, gsd=2.0), tmp_path / "derived")
    de, dn = gradients(array, [[2, 0], [0, -2]], edges=True)
    assert np.array_equal(read(made["hillshade"])[0], hillshade(de, dn, multidirectional=True))


def test_missing_elevations_stay_clear_and_the_grid_stays(make_raster, tmp_path):
    array = hills()
    array[20:30, 20:40] = -9999
    path = make_raster("dem.tif", array, nodata=-9999, gsd=5.0)
    made = relief(path, tmp_path / "derived")
    for name, nodata in (("hillshade", 0), ("slope", 255), ("elevation", 255)):
        values, dataset = read(made[name])
        assert (values[20:30, 20:40] == nodata).all() and (values[:10] != nodata).all()
        with rasterio.open(path) as source:
            assert dataset.transform == source.transform and dataset.crs == source.crs and dataset.shape == source.shape


def test_a_geographic_dem_is_measured_in_metres(make_raster, tmp_path):
    plane = np.tile(np.arange(60, dtype="float32") * 30, (60, 1))
    path = make_raster("dem.tif", plane, crs="EPSG:4326", gsd=1 / 3600, origin=(104.0, 33.0))
    with rasterio.open(path) as dataset:
        east = Grid(dataset.shape, dataset.transform, dataset.crs).frame_m()[0, 0]
    slope = read(relief(path, tmp_path / "derived")["slope"])[0]
    assert slope[30, 30] * SLOPE_STEP_DEG == pytest.approx(np.degrees(np.arctan(30 / east)), abs=0.3)


def test_it_is_made_once_and_again_when_the_dem_changes(make_raster, tmp_path):
    path = make_raster("dem.tif", hills(), gsd=2.0)
    first = relief(path, tmp_path / "derived")
    stamps = {name: file.stat().st_mtime_ns for name, file in first.items()}
    assert {name: file.stat().st_mtime_ns for name, file in relief(path, tmp_path / "derived").items()} == stamps
    make_raster("dem.tif", hills() * 2, gsd=2.0)
    assert relief(path, tmp_path / "derived")["slope"] != first["slope"]
    assert not [file for file in (tmp_path / "derived").iterdir() if file.name.startswith(".")]


def test_what_cannot_be_read_is_refused_and_leaves_nothing(make_raster, tmp_path):
    path = make_raster("dem.tif", hills((400, 400)), gsd=2.0)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"dem\.tif"):
        relief(path, tmp_path / "derived")
    with pytest.raises(GridError):
        relief(make_raster("nowhere.tif", hills(), crs=None), tmp_path / "derived")
    assert list((tmp_path / "derived").iterdir()) == []


def test_aspect_goes_by_the_compass_and_says_nothing_on_flats(make_raster, tmp_path):
    down_east = np.tile(-np.arange(60, dtype="float32"), (50, 1))
    aspect, dataset = read(relief(make_raster("dem.tif", down_east, gsd=1.0), tmp_path / "a")["aspect"])
    assert (aspect[1:-1] == 90 // ASPECT_STEP_DEG).all() and dataset.nodata == 255
    flat = np.tile(np.arange(60, dtype="float32") * 0.01, (50, 1))
    assert (read(relief(make_raster("flat.tif", flat, gsd=1.0), tmp_path / "a")["aspect"])[0] == 255).all()


def test_elevations_are_tinted_between_the_lowest_and_the_highest(make_raster, tmp_path):
    array = hills()
    array[3, 3] = -9999
    path = relief(make_raster("dem.tif", array, nodata=-9999, gsd=5.0), tmp_path / "a")["elevation"]
    tint, kept = read(path)[0], array[array > -9999]
    with rasterio.open(path) as dataset:
        ends = [float(dataset.tags()[name]) for name in ("low", "high")]
    assert ends == pytest.approx([kept.min(), kept.max()], abs=0.06)
    assert tint[3, 3] == 255 and tint[array == kept.max()] == 250 and tint[array == kept.min()] == 0


def test_a_vegetation_index_is_drawn_from_bands_or_as_it_is(make_raster, tmp_path):
    image = np.zeros((4, 40, 30), "uint8")
    image[0], image[3] = 50, 150
    image[:, :5] = 0
    made, dataset = read(vegetation(make_raster("image.tif", image), tmp_path / "a", (4, 1)))
    assert (made[:5] == 255).all() and (made[5:] * NDVI_STEP - 1 == pytest.approx(0.5, abs=0.005))
    index = np.linspace(-1, 1, 1200, dtype="float32").reshape(40, 30)
    index[0, 0] = np.nan
    made, _ = read(vegetation(make_raster("ndvi.tif", index), tmp_path / "a"))
    assert made[0, 0] == 255 and made[-1, -1] == 250 and abs(made[20, 0] * NDVI_STEP - 1 - index[20, 0]) < 0.005


def test_a_large_vegetation_index_is_read_at_a_lower_resolution(make_raster, tmp_path, monkeypatch):
    monkeypatch.setattr(display, "_MAX_PIXELS", 300)
    path = make_raster("ndvi.tif", np.full((40, 30), 0.5, "float32"), gsd=2.0)
    made, dataset = read(vegetation(path, tmp_path / "a"))
    assert made.size <= 320 and (made * NDVI_STEP - 1 == pytest.approx(0.5, abs=0.005))
    with rasterio.open(path) as source:
        assert dataset.bounds == pytest.approx(source.bounds)
