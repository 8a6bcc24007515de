"""What a raster says at a place: the number with its meaning and unit, and the place in the raster's own CRS."""

import numpy as np
import pyproj
import pytest

from core.errors import GridError, InputError
from core.styles import Style, imagery
from core.values import value_at

BACK = pyproj.Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)


def at(path, look, column=10, row=20, gsd=0.5):
    return value_at(path, look, *BACK.transform(388000 + (column + 0.5) * gsd, 3676000 - (row + 0.5) * gsd))


def grey(make_raster, name, value, dtype="uint8", **options):
    array = np.zeros((64, 80), dtype)
    array[20, 10] = value
    return make_raster(name, array, **options)


@pytest.mark.parametrize(("style", "value", "said"), [
    ("slope", 65, "32.5°"), ("aspect", 150, "SW, 226°"), ("aspect", 239, "N, 359°"), ("ndvi", 175, "0.40"),
    ("probability", 125, "0.50"), ("classes:binary", 1, "landslide"), ("classes:paper", 3, "water"),
    ("classes:binary", 9, "")])
def test_a_number_is_said_with_its_meaning(make_raster, style, value, said):
    assert at(grey(make_raster, "a.tif", value, nodata=255), Style(style))["text"] == said


def test_nodata_and_the_world_outside_say_nothing(make_raster):
    path = grey(make_raster, "a.tif", 255, nodata=255)
    assert at(path, Style("slope"))["text"] == "" and at(path, Style("slope"), column=11)["text"] == "0.0°"
    outside = at(path, Style("slope"), column=-1)
    assert outside["text"] == "" and outside["crs"] == "EPSG:32648"


def test_elevations_have_thousands_and_metres(make_raster):
    assert at(grey(make_raster, "dem.tif", 2134.26, "float32"), Style("elevation"))["text"] == "2,134.3 m"
    assert at(grey(make_raster, "dem.tif", 2134.26, "float32"), Style("elevation-ft"))["text"] == "2,134.3 ft"


def test_an_image_gives_all_its_bands_and_the_place_is_in_its_crs(make_raster):
    array = np.zeros((4, 64, 80), "uint16")
    array[:, 20, 10] = 1, 20, 300, 4000
    path = make_raster("image.tif", array)
    said = at(path, imagery(path))
    assert said["text"] == "1, 20, 300, 4000" and said["metric"]
    assert (said["x"], said["y"]) == pytest.approx((388005.25, 3675989.75), abs=1e-4)


def test_a_rotated_raster_is_read_where_its_pixels_are(make_raster):
    array = np.arange(100, dtype="uint8").reshape(10, 10)
    path = make_raster("turned.tif", array, rotation_deg=90, gsd=1.0)
    # Turned by 90 degrees counter-clockwise: columns go north, rows go east.
    said = value_at(path, Style("slope"), *BACK.transform(388000 + 2.5, 3676000 + 4.5))
    assert said["text"] == f"{array[2, 4] * 0.5:.1f}°"


def test_what_cannot_be_read_is_an_error(make_raster, tmp_path):
    (tmp_path / "no.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError):
        value_at(tmp_path / "no.tif", Style(), 103.8, 33.2)
    with pytest.raises(GridError):
        value_at(make_raster("polar.tif", crs="+proj=laea +lat_0=90 +datum=WGS84"), Style(), 0, -90)
