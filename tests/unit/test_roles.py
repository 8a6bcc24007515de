"""Guesses: what a file is for, each with a reason."""

from dataclasses import replace

import pytest

from core.facts import Band, Facts
from core.roles import guess, guess_bands, guess_outlines


def band(index=1, text="", colour="undefined", low=0.0, high=255.0, values=64):
    return Band(index, text, colour, low, high, low, high, (1,), 1.0, values)


def raster(*bands, dtype="uint8", **more):
    base = Facts(100, 100, dtype, None, "EPSG:32648 WGS 84 / UTM zone 48N", 0.5, (50, 50), ((0, 0),), 1.0, bands, (),
                 "", False)
    return replace(base, **more)


RGB = tuple(band(i, colour=name) for i, name in enumerate(("red", "green", "blue"), start=1))


@pytest.mark.parametrize(("facts", "name", "role", "reason"), [
    (raster(*RGB), "x.tif", "image", "3 bands"),
    (raster(band(low=812, high=3211), dtype="float32"), "x.tif", "dem", "812 to 3,211"),
    (raster(band(low=0, high=0.9), dtype="float32"), "dtm.tif", "dem", "name speaks of elevation"),
    (raster(band(low=-0.3, high=0.9), dtype="float32"), "x.tif", "ndvi", "-0.30 and 0.90"),
    (raster(band(low=-3000, high=9000), dtype="int16"), "S2_NDVI_2020.tif", "ndvi", "name says NDVI"),
    (raster(band(values=2, high=1)), "slides.tif", "truth", "2 different whole numbers"),
    (raster(band(values=2, high=1)), "cloud_mask.tif", "unobserved", "clouds"),
    (raster(band(values=40), palette=True), "x.tif", "truth", "stand for colours"),
    (raster(band()), "pan.tif", "image", "grey"),
    (raster(band(text="Elevation", low=0, high=0.5), dtype="float32"), "x.tif", "dem", "description"),
])
def test_roles(facts, name, role, reason):
    found = guess(facts, name)
    assert found.role == role and reason in dict(found.reasons)["role"]


@pytest.mark.parametrize(("facts", "name", "bands", "reason"), [
    (raster(*RGB), "x.tif", {"red": 1, "green": 2, "blue": 3}, "marks"),
    (raster(*RGB, band(4, colour="alpha", values=2)), "x.tif", {"red": 1, "green": 2, "blue": 3}, "marks"),
    (raster(*RGB, band(4, colour="alpha")), "x.tif", {"red": 1, "green": 2, "blue": 3, "nir": 4}, "not like a mask"),
    (raster(*(band(i, text) for i, text in enumerate(("Blue", "GREEN (560 nm)", "red, 665", "NIR"), start=1))), "x.tif",
     {"red": 3, "green": 2, "blue": 1, "nir": 4}, "described"),
    (raster(*(band(i, text) for i, text in enumerate(("B02", "B03", "B04", "B08"), start=1))), "x.tif",
     {"red": 3, "green": 2, "blue": 1, "nir": 4}, "described"),
    (raster(*(band(i) for i in range(1, 5))), "psscene_analytic.tif", {"blue": 1, "green": 2, "red": 3, "nir": 4},
     "Planet"),
    (raster(*(band(i) for i in range(1, 5))), "x.tif", {"red": 1, "green": 2, "blue": 3, "nir": 4}, "position"),
    (raster(*(band(i, values=2 if i == 4 else 64) for i in range(1, 5))), "x.tif", {"red": 1, "green": 2, "blue": 3},
     "position"),
    (raster(band(1), band(2)), "x.tif", {}, "fewer than three"),
])
def test_bands(facts, name, bands, reason):
    found, why = guess_bands(facts, name)
    assert dict(found) == bands and reason in why


@pytest.mark.parametrize(("more", "name", "unit", "reason"), [
    ({}, "dem.tif", "m", "metres are usual"),
    ({"unit": "us survey foot"}, "dem.tif", "ft", "file gives its unit"),
    ({"unit": "metre"}, "dem_ft.tif", "m", "file gives its unit"),
    ({}, "dem_ft.tif", "ft", "name"),
    ({}, "draft.tif", "m", "usual"),
    ({"crs": "EPSG:2927 NAD83(HARN) / Washington South (ftUS)"}, "dem.tif", "ft", "CRS counts in feet"),
])
def test_units_of_elevation(more, name, unit, reason):
    found = guess(raster(band(low=100, high=2000), dtype="float32", **more), name)
    assert found.unit == unit and reason in dict(found.reasons)["unit"]


def test_elevation_higher_than_any_ground_is_in_feet():
    found = guess(raster(band(low=100, high=12_000), dtype="int16"), "srtm.tif")
    assert (found.role, found.unit) == ("dem", "ft") and "12,000" in dict(found.reasons)["unit"]


@pytest.mark.parametrize(("tags", "name", "day"), [
    ((("TIFFTAG_DATETIME", "2017:08:09 10:00:00"),), "x_20200101.tif", "2017-08-09"),
    ((("ACQUISITIONDATETIME", "2016-01-02"), ("TIFFTAG_DATETIME", "2017:08:09")), "x.tif", "2016-01-02"),
    ((("TIFFTAG_DATETIME", "never"),), "S2A_20170809T035541.tif", "2017-08-09"),
    ((), "after 2017-08-09 v2.tif", "2017-08-09"), ((), "x_20171345.tif", ""), ((), "tile_120170809.tif", ""),
    ((), "2017_08_09.tif", "2017-08-09")])
def test_days(tags, name, day):
    found = guess(raster(*RGB, tags=tags), name)
    assert found.date == day and ("date" in dict(found.reasons)) == bool(day)


def test_outlines_by_their_name():
    assert guess_outlines("Landslides_2017-08-09.gpkg").role == "truth"
    found = guess_outlines("my_clouds.geojson")
    assert (found.role, found.title) == ("unobserved", "My clouds") and "clouds" in found.reasons[0][1]


def test_titles_are_short_and_never_empty():
    assert guess_outlines("x" * 300 + ".gpkg").title == "X" + "x" * 79
    assert guess_outlines("_.gpkg").title == "Layer"
