"""Outlines that people draw, pictures of the ground, and photos from outside."""

import io
import json

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image, TiffImagePlugin

from core.errors import InputError
from core.review import shape
from core.review.chips import SIDE_PX, Source, draw, path, place
from core.review.photo import take_photo
from core.scene import SceneSettings
from core.styles import Style


def square(x=0.0, y=0.0, side=1.0):
    return shapely.box(x, y, x + side, y + side)


def line(*points):
    return {"type": "LineString", "coordinates": points}


def test_a_line_right_across_cuts_in_two_the_larger_first():
    parts = shape.cut(square(), line((-1, 0.25), (2, 0.25)))
    assert [part.area for part in parts] == pytest.approx([0.75, 0.25])
    ring = square().difference(square(0.4, 0.4, 0.2))
    assert sum(part.area for part in shape.cut(ring, line((-1, 0.5), (2, 0.5)))) == pytest.approx(ring.area)


@pytest.mark.parametrize("points", [((-1, 0.5), (0.5, 0.5)), ((2, 2), (3, 3)), ((0.2, 0.2), (0.8, 0.8))])
def test_a_line_that_does_not_go_across_is_refused(points):
    with pytest.raises(InputError, match="right across"):
        shape.cut(square(), line(*points))


def test_drawn_outlines_are_made_whole():
    bow = {"type": "Polygon", "coordinates": [[(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)]]}
    made = shape.outline(bow)
    assert made.is_valid and made.area == pytest.approx(0.5)
    with pytest.raises(InputError, match="nothing with an area"):
        shape.outline({"type": "Polygon", "coordinates": [[(0, 0), (1, 1), (0, 0), (0, 0)]]})
    assert shape.join([square(), square(0.5)]).area == pytest.approx(1.5)
    assert shape.join([square(), square(5)]).geom_type == "MultiPolygon"


def test_many_corners_are_thinned_and_holes_kept_apart():
    turn = np.linspace(0, 2 * np.pi, 3_000, endpoint=False)
    rough = shapely.Polygon(np.c_[np.cos(turn), np.sin(turn)] * (1 + 0.01 * np.sin(40 * turn))[:, None])
    ring = rough.difference(square(-0.1, -0.1, 0.2))
    thinned, holes = shape.editable(ring)
    assert shapely.get_num_coordinates(thinned) <= shape.MOST_CORNERS and not thinned.interiors
    assert thinned.symmetric_difference(rough).area < 0.02 and holes.area == pytest.approx(0.04)
    assert shape.editable(square())[0].equals(square())


@pytest.fixture
def ground(make_raster):
    """An image of 128 x 128 px of 0.5 m, a slope of 45 degrees to the east, probability 0.8."""
    image = np.full((3, 128, 128), 90, "uint8")
    dem = np.tile(-np.arange(64, dtype="float32"), (64, 1))
    return (make_raster("image.tif", image, gsd=0.5), make_raster("dem.tif", dem, gsd=1.0),
            make_raster("probability.tif", np.full((128, 128), 200, "uint8"), gsd=0.5, nodata=255))


def in_degrees(raster, left, top, right, bottom):
    """A rectangle of pixels as a polygon in degrees."""
    from rasterio.warp import transform_geom

    with rasterio.open(raster) as dataset:
        (x0, y0), (x1, y1) = dataset.transform @ (left, top), dataset.transform @ (right, bottom)
        return shapely.geometry.shape(transform_geom(
            dataset.crs, "EPSG:4326", shapely.geometry.mapping(shapely.box(x0, y1, x1, y0)), precision=-1))


def test_a_drawn_outline_is_measured_like_a_detected_one(ground):
    image, dem, probability = ground
    found = shape.measured(in_degrees(image, 20, 40, 60, 60), SceneSettings(image, dem), probability)
    assert found["area_m2"] == pytest.approx(200, rel=1e-3) and found["length_from"] == "fall"
    assert found["slope_mean_deg"] == pytest.approx(45, abs=0.5)
    assert found["aspect_mean_deg"] == pytest.approx(90, abs=1)
    assert found["probability_mean"] == pytest.approx(0.8, abs=1e-6) and found["drop_m"] == pytest.approx(19.5, abs=1)
    plain = shape.measured(in_degrees(image, 20, 40, 60, 60), SceneSettings(image))
    assert plain["area_m2"] == found["area_m2"] and "slope_mean_deg" not in plain and "probability_mean" not in plain
    assert json.dumps(found), "the ledger stores it as JSON"
    with pytest.raises(InputError, match="outside the image"):
        shape.measured(square(10, 10, 0.001), SceneSettings(image))


def test_a_proposal_comes_back_in_degrees_and_covers_the_outline(make_raster):
    rows, _ = np.mgrid[:64, :64]
    dem = (0.6 * np.abs(rows - 32)).astype("float32")  # two slopes that face each other
    image = make_raster("valley.tif", np.full((3, 128, 128), 90, "uint8"), gsd=0.5)
    settings = SceneSettings(image, make_raster("valley-dem.tif", dem, gsd=1.0))
    whole = in_degrees(image, 50, 10, 70, 118)
    parts = shape.proposal(whole, settings)
    assert len(parts) == 2 and shapely.union_all(parts).symmetric_difference(whole).area < 1e-6 * whole.area
    assert shape.proposal(in_degrees(image, 50, 10, 70, 50), settings) == []
    assert shape.proposal(whole, SceneSettings(image)) == [], "without elevation nobody can tell"


def test_chips_show_the_ground_around_true_to_scale(ground):
    image, *_ = ground
    outline = in_degrees(image, 50, 50, 78, 78)
    grid = place(outline)
    assert grid.transform.a * SIDE_PX == pytest.approx(60), "no narrower than 60 m"
    with Image.open(io.BytesIO(draw(Source("Image", image, Style("image", (1, 2, 3))), grid))) as chip:
        pixels = np.asarray(chip.convert("RGB"))
    assert pixels.shape == (256, 256, 3) and abs(int(pixels[128, 128, 0]) - 90) <= 3
    assert abs(int(pixels[2, 2, 0]) - 90) <= 4 or abs(int(pixels[2, 2, 0]) - 128) <= 4
    points = np.array([pair.split() for pair in path(outline, grid).strip("MZ").split("L")], float)
    assert np.ptp(points, axis=0) == pytest.approx([14 / 60 * 256] * 2, abs=2) and points.mean(0) == pytest.approx(
        [128, 128], abs=1)
    with Image.open(io.BytesIO(draw(Source("Image", image, Style("image", (1, 2, 3))), place(
            in_degrees(image, 0, 0, 8, 8))))) as chip:
        assert abs(int(np.asarray(chip.convert("RGB"))[4, 4, 0]) - 128) <= 4, "no colour is made up beside the image"


def test_a_chip_is_grey_where_an_internal_mask_hides_the_image(make_raster):
    seen = np.tile(np.arange(128) >= 64, (128, 1))
    image = make_raster("masked.tif", np.full((3, 128, 128), 40, "uint8"), gsd=0.5, mask=seen)
    grid = place(in_degrees(image, 50, 50, 78, 78))
    with Image.open(io.BytesIO(draw(Source("Image", image, Style("image", (1, 2, 3))), grid))) as chip:
        pixels = np.asarray(chip.convert("RGB")).astype(int)[128, :, 0]
    assert abs(pixels[40] - 128) <= 4 and abs(pixels[-40] - 40) <= 4


def photo(kind="JPEG", size=(300, 200), gps=None, orientation=None):
    made, exif = io.BytesIO(), Image.Exif()
    if gps:
        lat, lon = gps
        exif.get_ifd(0x8825).update({
            1: "N" if lat >= 0 else "S", 2: tuple(TiffImagePlugin.IFDRational(v) for v in (abs(int(lat)), 30, 0)),
            3: "E" if lon >= 0 else "W", 4: tuple(TiffImagePlugin.IFDRational(v) for v in (abs(int(lon)), 15, 0))})
        exif.get_ifd(0x8769)[0x9003] = "2017:08:09 10:11:12"
    if orientation:
        exif[0x0112] = orientation
    exif[0x010E] = "SECRET <script>"
    Image.new("RGB", size, (200, 30, 30)).save(made, kind, exif=exif)
    return made.getvalue()


def test_a_photo_is_stored_anew_with_its_place_and_nothing_else(tmp_path):
    raw = photo(gps=(33, -103), orientation=6)
    found = take_photo(tmp_path, raw)
    assert (found["lat"], found["lon"], found["taken"]) == (33.5, -103.25, "2017:08:09 10:11:12")
    stored = (tmp_path / found["file"]).read_bytes()
    with Image.open(io.BytesIO(stored)) as image:
        assert image.size == (200, 300) and not image.getexif()
    assert b"SECRET" not in stored and stored != raw and take_photo(tmp_path, raw) == found
    assert take_photo(tmp_path, photo("PNG"))["lat"] is None
    with Image.open(tmp_path / take_photo(tmp_path, photo(size=(5_000, 3_000)))["file"]) as image:
        assert max(image.size) == 2_048


@pytest.mark.parametrize("raw", [b"", b"GIF89a" + b"0" * 50, b"<svg/>", photo()[:-400], b"\xff\xd8\xff" + b"x" * 500,
                                 b"\x89PNG\r\n\x1a\n" + b"\0" * 90, photo("PNG", (20_000, 8_000))])
def test_what_is_no_photo_is_refused_and_leaves_nothing(tmp_path, raw):
    with pytest.raises(InputError, match="photo"):
        take_photo(tmp_path, raw)
    assert not list(tmp_path.rglob("*.jpg"))
