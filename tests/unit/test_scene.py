"""A scene on its image's grid: areas, missing inputs, scaling, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from rasterio.crs import CRS
from rasterio.windows import Window

from core.errors import GridError, InputError
from core.scene import Scene, SceneSettings, suited

UTM = CRS.from_epsg(32648)
WHOLE = Window(0, 0, 80, 64)


def test_only_the_area_is_predicted_and_unobserved_ground_is_not(make_raster) -> None:
    area = shapely.box(388000 + 10, 3676000 - 20, 388000 + 30, 3676000 - 5)
    cloud = shapely.box(388000 + 20, 3676000 - 20, 388000 + 30, 3676000)
    settings = SceneSettings(make_raster(), area=(area, UTM), unobserved=(cloud, UTM))
    with Scene(settings) as scene:
        valid = scene.read(WHOLE).valid
        assert (scene.part.col_off, scene.part.row_off, scene.part.width, scene.part.height) == (20, 10, 40, 30)
        np.testing.assert_array_equal(valid, scene.valid(WHOLE))
    wanted = np.zeros((64, 80), bool)
    wanted[10:40, 20:40] = True
    np.testing.assert_array_equal(valid, wanted)


def test_an_area_in_degrees_is_brought_to_the_image(make_raster) -> None:
    path = make_raster()
    with Scene(SceneSettings(path)) as scene:
        west, south, east, north = scene.grid.bounds_lonlat
    half = shapely.box(west, south, (west + east) / 2, north)
    with Scene(SceneSettings(path, area=(half, CRS.from_epsg(4326)))) as scene:
        assert scene.valid(WHOLE).mean() == pytest.approx(0.5, abs=0.03)


def test_an_area_elsewhere_is_refused(make_raster) -> None:
    with pytest.raises(GridError, match="outside the image"):
        Scene(SceneSettings(make_raster(), area=(shapely.box(0, 0, 1, 1), CRS.from_epsg(4326))))


def test_a_dem_elsewhere_is_refused(make_raster) -> None:
    dem = make_raster("dem.tif", np.ones((10, 10), np.float32), origin=(500000, 3676000))
    with pytest.raises(GridError, match="does not touch the image"):
        Scene(SceneSettings(make_raster(), dem))


def plane(make_raster, name: str = "dem.tif", **options: object) -> Path:
    """Return a DEM that rises one metre a metre eastward, 2 m pixels, wider than the image."""
    x = (np.arange(60, dtype=np.float32) + 0.5) * 2
    return make_raster(name, np.tile(x, (60, 1)), gsd=2.0, origin=(388000 - 40, 3676000 + 40), **options)


def test_terrain_arrives_and_can_be_withheld(make_raster) -> None:
    with Scene(SceneSettings(make_raster(), plane(make_raster))) as scene:
        seen, blind = scene.read(WHOLE), scene.read(WHOLE, use_dem=False)
        relief = scene.relief(scene.grid)
    np.testing.assert_allclose(seen.topography[0], 1, atol=1e-3)  # 45 degrees
    np.testing.assert_allclose(seen.topography[1], -1, atol=1e-3)  # faces west
    assert (seen.topography[4] == 1).all()
    assert not blind.topography.any()
    np.testing.assert_allclose(relief.aspect_deg, 270, atol=0.1)
    np.testing.assert_allclose(relief.elevation_m[0, :2], [40.25, 40.75], atol=0.01)


@pytest.mark.parametrize("options", [{"south_up": True, "origin": (388000, 3676000 - 32)}, {"rotation_deg": -90}])
def test_terrain_lies_along_the_array_of_a_turned_image(make_raster, options: dict[str, object]) -> None:
    with Scene(SceneSettings(make_raster(**options), plane(make_raster))) as scene:
        right, up = scene.read(WHOLE).topography[1:3, 30, 40]
        columns, rows = np.array([[1, 0], [0, 1]])
        step = scene.grid.frame_m() @ np.stack([columns, rows]).T
    rises_right, rises_down = step[0] / np.linalg.norm(step, axis=0)  # the plane rises eastward
    np.testing.assert_allclose([right, up], [-rises_right, rises_down], atol=1e-3)


def test_feet_are_metres(make_raster) -> None:
    with Scene(SceneSettings(make_raster(), plane(make_raster), dem_unit="ft")) as scene:
        slope = scene.relief(scene.grid).slope_deg
    np.testing.assert_allclose(slope, np.degrees(np.arctan(0.3048)), atol=0.01)


def test_ndvi_comes_from_the_raster_then_the_image_then_nowhere(make_raster) -> None:
    image = make_raster("four.tif", bands=4, descriptions=("red", "green", "blue", "nir"))
    ndvi = make_raster("ndvi.tif", np.full((40, 40), 0.25, np.float32), gsd=2.0, origin=(388000 - 10, 3676000 + 10))
    with Scene(SceneSettings(image, ndvi=ndvi)) as scene:
        assert scene.ndvi_source == "raster"
        np.testing.assert_allclose(scene.read(WHOLE).topography[3], 0.25, atol=1e-5)
    with Scene(SceneSettings(image)) as scene:
        assert scene.ndvi_source == "image"
        assert scene.read(WHOLE).topography[5].mean() > 0.99  # where both bands are 0 there is none
        assert not scene.read(WHOLE, use_ndvi=False).topography[5].any()
    with Scene(SceneSettings(make_raster("three.tif"))) as scene:
        assert scene.ndvi_source == "absent"
        assert not scene.read(WHOLE).topography[3].any()
    with Scene(SceneSettings(make_raster("three.tif"), vegetation="visible")) as scene:
        assert scene.ndvi_source == "visible bands"
        assert scene.read(WHOLE).topography[5].all()


def test_sixteen_bits_are_stretched_by_recorded_limits(make_raster) -> None:
    array = np.random.default_rng(0).integers(2000, 3000, (3, 64, 80)).astype(np.uint16)
    with Scene(SceneSettings(make_raster(array=array))) as scene:
        image = scene.read(WHOLE).image
        assert scene.scaling.source.startswith("percentile")
        assert 1990 < scene.scaling.low[0] < 2020 < 2980 < scene.scaling.high[0] < 3010
    assert -1 <= image.min() < -0.95
    assert 0.95 < image.max() <= 1


def test_a_finer_image_is_seen_in_means_of_its_pixels(make_raster, monkeypatch) -> None:
    monkeypatch.setattr("core.scene.FINE_PIXELS", 900)  # several strips
    coarse = np.random.default_rng(1).integers(1, 255, (3, 22, 27)).astype(np.uint8)
    fine = make_raster(array=coarse.repeat(3, 1).repeat(3, 2)[:, :64, :80], gsd=0.125)
    polygon, crs = shapely.box(388001, 3675996, 388006, 3675999), CRS.from_epsg(32648)
    with (Scene(suited(SceneSettings(fine, area=(polygon, crs)), 0.375)) as scene,
          Scene(SceneSettings(make_raster("coarse.tif", coarse, gsd=0.375), area=(polygon, crs))) as wanted):
        assert scene.settings.times == 3 and scene.grid == wanted.grid and scene.part == wanted.part
        window = Window(0, 0, 26, 21)  # the last row and column are cut
        np.testing.assert_allclose(scene.read(window).image, wanted.read(window).image, atol=1e-5)
        np.testing.assert_array_equal(scene.valid(window), wanted.valid(window))
        assert scene.coarser(2).grid.gsd_m == pytest.approx(0.75)


@pytest.mark.parametrize(("gsd", "times"), [(0.05, 6), (0.19, 2), (0.21, 1), (0.3, 1), (2.0, 1)])
def test_pixels_come_close_to_the_finest_that_are_known(gsd: float, times: int, make_raster) -> None:
    assert suited(SceneSettings(make_raster(gsd=gsd)), 0.3).times == times


def test_given_bands_win_and_must_exist(make_raster) -> None:
    path = make_raster(bands=4)
    with Scene(SceneSettings(path, bands=(("red", 4),))) as scene:
        assert scene.rgb_indexes == [4, 2, 3]
    with pytest.raises(InputError, match="band numbers from 1 to 4"):
        Scene(SceneSettings(path, bands=(("nir", 5),)))


def test_beyond_the_image_nothing_is_valid(make_raster) -> None:
    with Scene(SceneSettings(make_raster())) as scene:
        stack = scene.read(Window(-16, -16, 112, 96))
    assert stack.valid.sum() == 64 * 80
    assert not stack.image[:, :16].any()


def test_near_infrared_that_is_marked_as_alpha_hides_nothing(make_raster) -> None:
    array = np.random.default_rng(0).integers(1, 255, (4, 64, 80)).astype(np.uint8)
    array[3, :10] = 0  # water is black in the near infrared
    image = make_raster(array=array, photometric="RGB", alpha="NON-PREMULTIPLIED")
    with Scene(SceneSettings(image)) as scene:
        assert not scene.valid(WHOLE)[:10].any()
    with Scene(SceneSettings(image, bands=(("nir", 4),))) as scene:
        assert scene.valid(WHOLE).all()
        assert scene.ndvi_source == "image"
