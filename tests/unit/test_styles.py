"""Styles: bands, ranges and colours, and the choices that an image offers."""

import json

import numpy as np
import pytest

from core.config import SCHEMES
from core.errors import InputError
from core.styles import ASPECT_WHEEL, ELEVATION_RAMP, NDVI_RAMP, Style, imagery


def test_an_eight_bit_image_is_drawn_as_it_is(make_raster):
    looks = imagery(make_raster(bands=4, descriptions=("red", "green", "blue", "nir")))
    assert looks.style() == Style("image", (1, 2, 3)) and looks.default == "natural-asis"
    assert imagery(make_raster("grey.tif", bands=1)).style() == Style("image", (1,))


def test_other_images_are_stretched_between_percentiles(make_raster):
    band = np.linspace(1000, 3000, 64 * 80).reshape(64, 80).astype("uint16")
    band[0, 0] = 0
    looks = imagery(make_raster(array=np.stack([band, band, band + 100]), nodata=0))
    style = looks.style()
    assert looks.default == "natural-percent" and "asis" not in looks.ranges
    assert style.low[0] == pytest.approx(1040, abs=5) and style.high[0] == pytest.approx(2960, abs=5)
    assert style.low[2] == pytest.approx(1140, abs=5)
    assert looks.style("natural-extremes").high[0] == 3000 and looks.style("b3-gamma").low == style.low[2:]


def test_near_infrared_and_single_bands_can_be_chosen_and_nothing_else(make_raster):
    path = make_raster(bands=4, descriptions=("blue", "green", "red", "nir"))
    looks = imagery(path)
    assert looks.style("natural-asis").indexes == (3, 2, 1) and looks.style("infrared-asis").indexes == (4, 3, 2)
    assert looks.style("b2-percent").indexes == (2,)
    for unknown in ("b5-asis", "natural-none", "natural", "-", "b1-asis-asis"):
        assert looks.style(unknown) is None, unknown
    assert imagery(path, {"red": 1, "green": 2, "blue": 3}).style().indexes == (1, 2, 3)
    assert "infrared" not in imagery(make_raster("rgb.tif", bands=3)).bands


def test_a_constant_or_empty_band_still_has_a_range(make_raster):
    for name, value in (("plain.tif", 7), ("nan.tif", np.nan)):
        looks = imagery(make_raster(name, array=np.full((1, 8, 8), value, "float32")))
        for choice in ("b1-percent", "b1-extremes"):
            style = looks.style(choice)
            assert style.high[0] > style.low[0]


def test_values_are_stretched_brightened_and_masked_where_they_are_not_numbers():
    values = np.ma.MaskedArray(np.float32([[[0, 50, 100, 200, np.nan]]]), [[[True, False, False, False, False]]])
    drawn = Style("image", (1,), (0.0,), (100.0,)).paint(values)
    assert drawn.dtype == np.uint8 and drawn.mask.tolist() == [[[True, False, False, False, True]]]
    assert drawn.data[0, 0, 1:4].tolist() == [128, 255, 255]
    bright = Style("image", (1,), (0.0,), (100.0,), gamma=2.0).paint(values)
    assert bright.data[0, 0, 1] == round(255 * 0.5**0.5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_classes_have_their_scheme_colours_and_nothing_else_shows(scheme):
    table = json.loads(Style(f"classes:{scheme}").colormap)
    known = SCHEMES[scheme]
    assert table[str(known.landslide)] == [*known.rgb(known.landslide), 255]
    drawn = {int(value) for value, colour in table.items() if colour[3]}
    assert drawn == {i for i, name in enumerate(known.names) if name != "other"}


def test_ramps_start_and_end_at_their_colours_with_nodata_clear():
    slope = json.loads(Style("slope").colormap)
    assert slope["0"] == [0xFB, 0xF6, 0xDC, 255] and slope["120"] == slope["180"] == [0x2A, 0x11, 0x45, 255]
    odds = json.loads(Style("probability").colormap)
    assert odds["0"][3] == 0 and odds["250"] == [0x5F, 0x0F, 0x3C, 255]
    assert slope["255"][3] == odds["255"][3] == 0
    aspect, tint, ndvi = (json.loads(Style(name).colormap) for name in ("aspect", "elevation", "ndvi"))
    assert aspect["0"][:3] == hexed(ASPECT_WHEEL[0]) and aspect["120"][:3] == hexed(ASPECT_WHEEL[4])
    assert max(abs(a - b) for a, b in zip(aspect["239"], aspect["0"], strict=True)) < 6, "the wheel does not close"
    assert tint["0"][:3] == hexed(ELEVATION_RAMP[0]) and tint["250"][:3] == hexed(ELEVATION_RAMP[-1])
    assert ndvi["250"][:3] == hexed(NDVI_RAMP[-1]) and ndvi["0"][:3] == hexed(NDVI_RAMP[0])


def hexed(colour):
    return [int(colour[i:i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("bad", [
    {"name": "viridis"}, {"name": "classes:none"}, {"indexes": (1, 2)}, {"low": (0.0,)},
    {"indexes": (1, 2, 3), "low": (0.0,), "high": (1.0,)}, {"gamma": 0.0}])
def test_a_style_that_cannot_be_drawn_is_refused(bad):
    with pytest.raises(InputError, match="raster style"):
        Style(**bad)
