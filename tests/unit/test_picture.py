"""The picture of a detection: where it looks, what is drawn in it, and that its scale bar is true."""

import numpy as np
import pytest
import rasterio
from PIL import Image
from shapely.geometry import box

from core.config import SCHEMES
from core.export import write_outlines
from core.measure import Measured
from core.picture import SIZE, Picture, scale_bar

LEFT, TOP, GSD = 388_000.0, 3_676_000.0, 0.5


def outlines(path, *places):
    """Write squares of 20 m whose lower left corners are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = Measured(
        area_m2=400, perimeter_m=80, length_m=20, width_m=20, length_from="shape", elevation_min_m=None,
        elevation_max_m=None, drop_m=None, reach_angle_deg=None, slope_mean_deg=None, aspect_mean_deg=None,
        dem_share=0.0, probability_mean=0.8, probability_max=0.9, lon=103.8, lat=33.2)
    write_outlines(path, [(box(x, y, x + 20, y + 20), measured) for x, y in places],
                   rasterio.CRS.from_epsg(32648), model="lite")
    return path


def picture(image, folder, **more):
    return Picture(image, folder, **more).make()


def pixels(path):
    return np.asarray(Image.open(path).convert("RGBA")).astype(int)


@pytest.fixture
def grey(make_raster):
    return make_raster("grey.tif", np.full((3, 1200, 400), 120, "uint8"), tiled=True)


def test_it_fills_the_picture_and_looks_where_the_landslides_are(grey, tmp_path):
    low = TOP - 0.98 * 600
    made = pixels(picture(grey, tmp_path / "made", outlines=outlines(tmp_path / "run" / "o.gpkg", (LEFT + 80, low))))
    assert made.shape == (SIZE[1], SIZE[0], 4) and (made[..., 3] == 255).all()
    red, green, blue = SCHEMES["binary"].rgb(SCHEMES["binary"].landslide)
    line = np.abs(made[..., :3] - (red, green, blue)).max(2) < 24
    rows, columns = np.nonzero(line)
    step = 200 / SIZE[0]  # metres a pixel: the image is 200 m wide
    assert (columns.max() - columns.min()) * step == pytest.approx(20, abs=1)
    assert columns.min() * step == pytest.approx(80, abs=1)
    top_of_view = TOP - 600 + SIZE[1] * step
    assert top_of_view - rows.max() * step == pytest.approx(low, abs=1)


def test_nodata_is_clear(make_raster, tmp_path):
    array = np.full((3, 400, 400), 120, "uint8")
    array[:, :, :200] = 0
    made = pixels(picture(make_raster("half.tif", array, nodata=0), tmp_path / "made"))
    assert (made[300, :900, 3] == 0).all() and (made[300, 1000:, 3] == 255).all()


def test_what_an_internal_mask_hides_is_clear(make_raster, tmp_path):
    seen = np.tile(np.arange(400) >= 200, (400, 1))
    image = make_raster("masked.tif", np.full((3, 400, 400), 120, "uint8"), mask=seen)
    made = pixels(picture(image, tmp_path / "made"))
    assert (made[300, :900, 3] == 0).all() and (made[300, 1000:, 3] == 255).all()


def test_relief_shows_the_ground_and_only_where_it_is_known(grey, make_raster, tmp_path):
    ramp = np.abs(np.arange(40, dtype="float32") - 20)[None] * np.full((120, 1), 4, "float32")
    ramp[:60] = -9999
    dem = make_raster("dem.tif", ramp, gsd=5.0, nodata=-9999)
    lit = pixels(picture(grey, tmp_path / "made", dem=dem))[..., 0]
    unknown, east, west = lit[:500], lit[620:1000, 200:800], lit[620:1000, 1100:1800]
    assert np.ptp(unknown) < 6 and unknown.mean() == pytest.approx(120, abs=3)
    assert west.mean() - east.mean() > 10, "the light comes from the north-west"


def test_it_is_made_once_and_again_when_a_file_changes(grey, tmp_path):
    folder = tmp_path / "made"
    first = picture(grey, folder)
    stamp = first.stat().st_mtime_ns
    assert picture(grey, folder).stat().st_mtime_ns == stamp
    run = outlines(tmp_path / "run" / "o.gpkg", (LEFT + 10, TOP - 100))
    second = picture(grey, folder, outlines=run)
    assert second != first and list(folder.iterdir()) == [second]


@pytest.mark.parametrize("options", [{"crs": "EPSG:4326", "gsd": 5e-6, "origin": (103.8, 33.2)},
                                     {"rotation_deg": 20.0}, {"south_up": True}])
def test_any_grid_gives_an_upright_picture(make_raster, tmp_path, options):
    array = np.full((3, 300, 300), 200, "uint8")
    array[:, :30] = 20  # the first rows: the north, or the south of a raster that is south-up
    made = pixels(picture(make_raster("odd.tif", array, **options), tmp_path / "made"))
    assert made.shape == (SIZE[1], SIZE[0], 4) and (made[..., 3] == 255).mean() > 0.6


@pytest.mark.parametrize(("longest", "told"), [(730, (500, "500 m")), (2400, (2000, "2 km")), (0.7, (0.5, "0.5 m"))])
def test_scale_bars_are_round(longest, told):
    assert scale_bar(longest) == told
