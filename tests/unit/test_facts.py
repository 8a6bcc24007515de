"""Facts: what a raster is, told from a view of it."""

import io

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import Resampling

from core.errors import GridError, InputError
from core.facts import look, picture


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_facts_of_an_image(make_raster):
    array = np.zeros((3, 200, 300), "uint16")
    array[:, :, 150:] = np.arange(100, 250)
    facts = look(make_raster(array=array, nodata=0, gsd=0.5, descriptions=("red", "green", "blue")))
    assert (facts.width, facts.height, facts.dtype, facts.nodata) == (300, 200, "uint16", 0)
    assert facts.gsd_m == pytest.approx(0.5) and facts.extent_m == pytest.approx((150, 100))
    assert facts.observed == pytest.approx(0.5) and facts.crs == "EPSG:32648 WGS 84 / UTM zone 48N"
    band = facts.bands[0]
    assert (band.text, band.low, band.high, band.values) == ("red", 100, 249, 64)
    assert 100 < band.dark < 105 < 244 < band.bright < 249
    lon, lat = np.array(facts.footprint).T
    assert 103.7 < lon.min() < lon.max() < 103.9 and facts.footprint[0] == facts.footprint[-1]


def test_every_step_of_a_histogram_holds_as_many_whole_numbers(make_raster):
    values = np.tile(np.arange(250, dtype="uint8"), (40, 1))
    band = look(make_raster(array=values)).bands[0]
    assert sum(band.counts) == values.size and set(band.counts[:-1]) == {4 * 40} and band.step == 4
    flat = look(make_raster(array=np.full((20, 20), 7, "uint8"))).bands[0]
    assert flat.counts == (400,)
    smooth = look(make_raster(array=np.linspace(0, 1, 6400, dtype="float32").reshape(80, 80))).bands[0]
    assert len(smooth.counts) == 64 and set(smooth.counts) == {100}


def test_scale_and_offset_are_applied_and_a_raster_without_data_has_no_values(make_raster):
    path = make_raster(array=np.full((1, 20, 20), 5000, "uint16"))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (1e-4,), (-0.1,)
    assert look(path).bands[0].low == pytest.approx(0.4)
    empty = look(make_raster(array=np.zeros((1, 20, 20), "uint8"), nodata=0))
    assert empty.observed == 0 and np.isnan(empty.bands[0].low) and empty.bands[0].counts == ()


def test_a_large_raster_is_read_by_its_overviews(make_raster):
    path = make_raster(array=np.full((1, 2100, 2100), 9, "uint8"))
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.nearest)
        dataset.write(np.zeros((1, 2100, 2100), "uint8"))  # what the overviews were made from is gone
    assert look(path).bands[0].high == 9


def test_what_has_no_place_or_cannot_be_read_is_refused(make_raster, tmp_path):
    with pytest.raises(GridError):
        look(make_raster(crs=None))
    (tmp_path / "x.tif").write_bytes(b"no")
    with pytest.raises(InputError, match="x.tif") as caught:
        look(tmp_path / "x.tif")
    assert str(tmp_path) not in str(caught.value)
    cut = make_raster("cut.tif", shape=(300, 300))
    cut.write_bytes(cut.read_bytes()[:-100_000])
    with pytest.raises(InputError, match="to the end"):
        look(cut)


def test_the_picture_of_an_image_shows_the_chosen_bands_and_its_gaps(make_raster):
    array = np.zeros((4, 60, 90), "uint8")
    array[3, :, :45], array[3, :, 45:] = 20, 220
    array[0] = 100
    mask = np.ones((60, 90), bool)
    mask[:10] = False
    shown = pixels(picture(make_raster(array=array, mask=mask), role="image", bands=(4, 1, 1)))
    assert shown.shape == (60, 90, 4) and (shown[:10, :, 3] == 0).all() and (shown[10:, :, 3] == 255).all()
    assert (shown[30, :45, 0] == 20).all() and (shown[30, 45:, 0] == 220).all()
    assert pixels(picture(make_raster(shape=(1000, 600)), role="image", side=100)).shape[:2] == (100, 60)


def test_the_picture_of_elevation_is_shaded_and_that_of_labels_has_their_colours(make_raster, tmp_path):
    ridge = np.minimum(np.arange(80.0), np.arange(80.0)[::-1])
    shade = pixels(picture(make_raster(array=np.tile(ridge, (64, 1)).astype("float32"), gsd=1), role="dem"))
    assert shade[30, 20, 0] > shade[30, 60, 0] + 20
    labels = np.zeros((40, 40), "uint8")
    labels[:, 20:] = 1
    shown = pixels(picture(make_raster(array=labels), role="truth"))
    assert tuple(shown[5, 5, :3]) == (0xcf, 0xd6, 0xdc) and tuple(shown[5, 30, :3]) == (0xe4, 0x57, 0x2e)
    area = tmp_path / "a.geojson"
    area.write_text('{"type": "Polygon", "coordinates": [[[103, 33], [104, 33], [104, 34], [103, 33]]]}')
    drawn = pixels(picture(area, role="truth", side=64))
    assert drawn.shape == (64, 64, 4) and 0.2 < (drawn[..., 0] == 0xe4).mean() < 0.6
