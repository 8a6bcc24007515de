"""Styles: bands, ranges and colours as localtileserver takes them."""

import json

import numpy as np
import pytest

from core.config import SCHEMES
from core.errors import InputError
from core.styles import Style, image_style


def test_an_eight_bit_image_is_drawn_as_it_is(make_raster):
    assert image_style(make_raster(bands=4)) == Style("image", (1, 2, 3))
    assert image_style(make_raster("grey.tif", bands=1)) == Style("image", (1,))


def test_other_images_are_stretched_between_percentiles(make_raster):
    band = np.linspace(1000, 3000, 64 * 80).reshape(64, 80).astype("uint16")
    band[0, 0] = 0
    style = image_style(make_raster(array=np.stack([band, band, band + 100]), nodata=0))
    assert style.low[0] == pytest.approx(1040, abs=5) and style.high[0] == pytest.approx(2960, abs=5)
    assert style.low[2] == pytest.approx(1140, abs=5)
    assert style.query()["vmin"].count(",") == 2 and "colormap" not in style.query()


def test_a_constant_or_empty_band_still_has_a_range(make_raster):
    style = image_style(make_raster(array=np.full((1, 8, 8), 7, "float32")))
    assert style.high[0] > style.low[0]
    style = image_style(make_raster("nan.tif", array=np.full((1, 8, 8), np.nan, "float32")))
    assert style.high[0] > style.low[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_classes_have_their_scheme_colours_and_nothing_else_shows(scheme):
    table = json.loads(Style(f"classes:{scheme}").query()["colormap"])
    known = SCHEMES[scheme]
    assert table[str(known.landslide)] == [*known.rgb(known.landslide), 255]
    drawn = {int(value) for value, colour in table.items() if colour[3]}
    assert drawn == {i for i, name in enumerate(known.names) if name != "other"}


def test_ramps_start_and_end_at_their_colours_with_nodata_clear():
    slope = json.loads(Style("slope").query()["colormap"])
    assert slope["0"] == [0xFB, 0xF6, 0xDC, 255] and slope["120"] == slope["180"] == [0x2A, 0x11, 0x45, 255]
    odds = json.loads(Style("probability").query()["colormap"])
    assert odds["0"][3] == 0 and odds["250"] == [0x5F, 0x0F, 0x3C, 255]
    assert slope["255"][3] == odds["255"][3] == 0


@pytest.mark.parametrize("bad", [
    {"name": "viridis"}, {"name": "classes:none"}, {"indexes": (1, 2)}, {"low": (0.0,)},
    {"indexes": (1, 2, 3), "low": (0.0,), "high": (1.0,)}])
def test_a_style_that_cannot_be_drawn_is_refused(bad):
    with pytest.raises(InputError, match="raster style"):
        Style(**bad)
