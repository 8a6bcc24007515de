"""Reading onto a grid: where there is data, and what it is."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from core.errors import GridError, InputError
from core.grid import Grid
from core.raster import band_roles, grid_of, observed_on, open_raster, read_on, reduced


def test_a_window_over_the_edge_is_invalid_outside(make_raster) -> None:
    path = make_raster(shape=(30, 40))
    with open_raster(path) as dataset:
        values, valid = read_on(dataset, grid_of(dataset).window(Window(-5, 20, 20, 20)), [1, 2, 3])
        expected = dataset.read()
    assert values.shape == (3, 20, 20)
    assert valid[:10, 5:].all()
    assert not valid[10:].any()
    assert not valid[:, :5].any()
    np.testing.assert_array_equal(values[:, :10, 5:], expected[:, 20:, :15])


@pytest.mark.parametrize("kind", ["nodata", "mask", "nan", "alpha"])
def test_every_kind_of_nodata_is_invalid(make_raster, kind: str) -> None:
    array = np.full((3, 20, 20), 7, np.float32 if kind == "nan" else np.uint8)
    hole, options = np.zeros((20, 20), bool), {}
    hole[5:9, 3:6] = True
    if kind == "nodata":
        array[:, hole], options = 0, {"nodata": 0}
    elif kind == "nan":
        array[1, hole] = np.nan
    elif kind == "mask":
        options = {"mask": ~hole}
    else:
        array = np.concatenate([array, np.where(hole, 0, 255)[None].astype(np.uint8)])
        options = {"photometric": "RGB", "alpha": "NON-PREMULTIPLIED"}
    with open_raster(make_raster(array=array, **options)) as dataset:
        values, valid = read_on(dataset, grid_of(dataset), [1, 2, 3])
        np.testing.assert_array_equal(observed_on(dataset, grid_of(dataset), [1, 2, 3]), ~hole)
    np.testing.assert_array_equal(valid, ~hole)
    assert not values[:, hole].any()
    assert np.isfinite(values).all()


def test_a_dark_pixel_is_not_nodata_because_one_band_is_zero(make_raster) -> None:
    array = np.zeros((3, 4, 4), np.uint8)
    array[1, 2, 2] = 9
    with open_raster(make_raster(array=array, nodata=0)) as dataset:
        valid = read_on(dataset, grid_of(dataset), [1, 2, 3])[1]
    assert valid.sum() == 1


def test_another_crs_and_resolution_is_warped_onto_the_grid(make_raster) -> None:
    columns = np.tile(np.arange(60, dtype=np.float32), (50, 1))
    with open_raster(make_raster("dem.tif", columns, gsd=4.0, nodata=-9999)) as dataset:
        own = grid_of(dataset)
        target = Grid((80, 100), own.transform @ Affine.translation(10, 10) @ Affine.scale(0.25), own.crs)
        values, valid = read_on(dataset, target, [1])
        assert valid.all()
        np.testing.assert_allclose(values[0, 40], 10 + (np.arange(100) + 0.5) / 4 - 0.5, atol=1e-3)
        west, south, east, north = target.bounds_lonlat
        degrees = Grid((20, 20), Affine((east - west) / 20, 0, west, 0, (south - north) / 20, north),
                       CRS.from_epsg(4326))
        far, near = read_on(dataset, degrees, [1])
    assert near.all()
    assert 9 < far.min() < far.max() < 36


def test_outside_a_warped_raster_is_invalid(make_raster) -> None:
    with open_raster(make_raster("dem.tif", np.ones((20, 20), np.float32), gsd=4.0)) as dataset:
        own = grid_of(dataset)
        target = Grid((10, 10), own.transform @ Affine.translation(-5, 0), own.crs)
        wide = Grid((10, 10), target.transform @ Affine.scale(1.5), own.crs)
        valid = read_on(dataset, wide, [1])[1]
    assert not valid[:, :3].any()
    assert valid[:, 4:].all()


def test_band_roles_follow_descriptions_then_colours_then_order(make_raster) -> None:
    described = make_raster("a.tif", bands=4, descriptions=("NIR", "Red", "green", "B"))
    with open_raster(described) as dataset:
        assert band_roles(dataset) == {"nir": 1, "red": 2, "green": 3, "blue": 4}
    with open_raster(make_raster("b.tif", bands=5, dtype="uint16", photometric="MINISBLACK")) as dataset:
        assert band_roles(dataset) == {"red": 1, "green": 2, "blue": 3}
    with open_raster(make_raster("c.tif", bands=1)) as dataset, pytest.raises(InputError, match="colour image"):
        band_roles(dataset)


def test_no_crs_is_asked_for(make_raster) -> None:
    with open_raster(make_raster(crs=None)) as dataset, pytest.raises(GridError, match="Assign the raster's CRS"):
        grid_of(dataset)


def test_a_truncated_file_is_an_input_error(make_raster) -> None:
    path = make_raster(shape=(400, 400), tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(InputError, match="truncated or damaged"), open_raster(path) as dataset:
        read_on(dataset, grid_of(dataset), [1, 2, 3])


def test_uint16_is_not_wrapped(make_raster) -> None:
    with open_raster(make_raster(array=np.full((3, 4, 4), 60000, np.uint16))) as dataset:
        assert read_on(dataset, grid_of(dataset), [1])[0].max() == 60000


def test_where_bytes_were_observed_no_band_is_read(make_raster, monkeypatch) -> None:
    path = make_raster(shape=(30, 40), mask=np.tile(np.arange(40) > 9, (30, 1)))
    with open_raster(path) as dataset:
        window = grid_of(dataset).window(Window(-5, 20, 20, 20))
        wanted = read_on(dataset, window, [1, 2, 3])[1]
        monkeypatch.setattr(rasterio.DatasetReader, "read", None, raising=False)
        np.testing.assert_array_equal(observed_on(dataset, window, [1, 2, 3]), wanted)
    assert wanted.any()
    assert not wanted.all()


def test_rasterio_is_given_no_path_by_the_reader(make_raster) -> None:
    with open_raster(make_raster()) as dataset:
        assert isinstance(dataset, rasterio.DatasetReader)


def test_means_of_squares_leave_out_what_was_not_observed() -> None:
    values = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    observed = np.ones((4, 4), bool)
    observed[0, :2] = observed[2:, 3] = observed[2, 2] = False
    means, seen = reduced(np.where(observed, values, 0), observed, 2)
    assert seen.tolist() == [[True, True], [True, False]]
    np.testing.assert_allclose(means, [[[4.5, 4.5], [10.5, 0]]])
