"""The guards: a signed address gives a tile or outlines; everything else a 404, never another file."""

import io
from datetime import date

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.crs import CRS
from shapely.geometry import box
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from core.errors import InputError
from core.export import write_outlines
from core.grid import Grid
from core.measure import Measured
from core.styles import Style, imagery
from core.tiles import TileGuard, ValueGuard, VectorGuard, tile_url, value_url, vector_url
from core.tokens import Signer, signer

UTM48 = CRS.from_epsg(32648)
WITHOUT_DEM = {
    "length_from": "shape", "elevation_min_m": None, "elevation_max_m": None, "drop_m": None, "reach_angle_deg": None,
    "slope_mean_deg": None, "aspect_mean_deg": None, "dem_share": 0.0, "probability_max": 0.9}


@pytest.fixture
def sign(tmp_path):
    return signer(tmp_path)


@pytest.fixture
def client(sign):
    routes = [Mount("/tiles", app=TileGuard(sign)), Mount("/values", app=ValueGuard(sign)),
              Mount("/vectors", app=VectorGuard(sign))]
    return TestClient(Starlette(routes=routes), raise_server_exceptions=False)


def tile_over(path, zoom=17):
    """Return z, x, y of the tile over a raster's centre."""
    with rasterio.open(path) as dataset:
        west, south, east, north = Grid(dataset.shape, dataset.transform, dataset.crs).bounds_lonlat
    lon, lat = (west + east) / 2, np.radians((south + north) / 2)
    size = 1 << zoom
    return zoom, int((lon + 180) / 360 * size), int((1 - np.arcsinh(np.tan(lat)) / np.pi) / 2 * size)


def fill(template, z, x, y):
    return template.replace("{z}", str(z)).replace("{x}", str(x)).replace("{y}", str(y))


def picture(response):
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGBA"))


def test_a_tile_shows_the_raster_and_may_be_kept(client, sign, make_raster):
    path = make_raster(array=np.full((3, 200, 200), 90, "uint8"))
    response = client.get(fill(tile_url(sign, path, Style("image", (1, 2, 3))), *tile_over(path)))
    shown = picture(response)
    assert (shown[shown[..., 3] == 255][:, :3] == 90).all() and (shown[..., 3] == 255).sum() > 1000
    assert "immutable" in response.headers["cache-control"] and response.headers["x-content-type-options"] == "nosniff"


def test_classes_are_drawn_in_their_colours_and_nodata_is_clear(client, sign, make_raster):
    array = np.full((200, 200), 255, "uint8")
    array[:, :100], array[:100, :100] = 1, 0
    path = make_raster(array=array, nodata=255)
    shown = picture(client.get(fill(tile_url(sign, path, Style("classes:binary")), *tile_over(path))))
    seen = {tuple(map(int, colour)) for colour in np.unique(shown[shown[..., 3] > 0], axis=0)}
    assert seen == {(0xE4, 0x57, 0x2E, 255)}


def test_a_stretched_image_uses_its_whole_range(client, sign, make_raster):
    array = np.linspace(200, 4000, 200 * 200).reshape(200, 200).astype("uint16")
    path = make_raster(array=array)
    shown = picture(client.get(fill(tile_url(sign, path, Style("image", (1,), (200.0,), (4000.0,))), *tile_over(path))))
    grey = shown[shown[..., 3] == 255][:, 0]
    assert grey.min() < 20 and grey.max() > 235


def test_an_image_is_drawn_by_choice_and_only_by_those_it_has(client, sign, make_raster):
    array = np.stack([np.full((200, 200), value, "uint8") for value in (90, 60, 30, 200)])
    path = make_raster(array=array, descriptions=("red", "green", "blue", "nir"))
    url = fill(tile_url(sign, path, imagery(path)), *tile_over(path))
    for choice, colour in (("natural-asis", [90, 60, 30]), ("infrared-asis", [200, 90, 60]), ("b4-asis", [200] * 3)):
        shown = picture(client.get(url.replace("{choice}", choice)))
        assert (shown[shown[..., 3] == 255][:, :3] == colour).all() and shown[..., 3].any(), choice
    assert picture(client.get(url.replace("/{choice}", "")))[..., 3].any(), "without a choice it is the default"
    for wrong in ("b5-asis", "natural-none", "natural", "../..", "a-" + "b" * 40):
        assert client.get(url.replace("{choice}", wrong)).status_code == 404, wrong


def test_missing_values_of_a_float_image_are_clear(client, sign, make_raster):
    array = np.linspace(0, 1, 40_000, dtype="float32").reshape(200, 200)
    array[:100], array[100:120] = -9999, np.nan
    path = make_raster(array=array, nodata=-9999)
    shown = picture(client.get(fill(tile_url(sign, path, imagery(path).style()), *tile_over(path, 18))))
    whole = make_raster("whole.tif", array=np.ones((200, 200), "uint8"))
    full = picture(client.get(fill(tile_url(sign, whole, Style()), *tile_over(path, 18))))
    assert 0 < (shown[..., 3] > 0).sum() < 0.8 * (full[..., 3] > 0).sum()


def test_a_value_is_given_for_a_place_and_never_kept(client, sign, make_raster):
    path = make_raster(array=np.full((200, 200), 60, "uint8"))
    lon, lat = 103.7989, 33.2156
    with rasterio.open(path) as dataset:
        west, south, east, north = Grid(dataset.shape, dataset.transform, dataset.crs).bounds_lonlat
    url = value_url(sign, path, Style("slope"))
    response = client.get(f"{url}{(west + east) / 2:.7f}/{(south + north) / 2:.7f}")
    assert response.json()["text"] == "30.0°" and response.headers["cache-control"] == "no-store"
    for bad in ("", "103", "a/b", "1e2/3", "nan/nan", "103.1/33.2/1", f"{lon}/{lat}.png"):
        assert client.get(url + bad).status_code == 404, bad
    assert client.get(f"{url[:-2]}x/{lon}/{lat}").status_code == 404
    outlines = vector_url(sign, path, "#000000").removesuffix(".geojson").replace("vectors", "values")
    assert client.get(f"{outlines}/{lon}/{lat}").status_code == 404


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_outside_the_raster_is_an_empty_tile(client, sign, make_raster, kind):
    url = tile_url(sign, make_raster(), Style("image", (1, 2, 3)), kind)
    assert not picture(client.get(fill(url, 17, 0, 0)))[..., 3].any()


def test_parameters_of_the_request_change_nothing(client, sign, make_raster, tmp_path):
    path = make_raster(array=np.full((3, 200, 200), 90, "uint8"))
    other = make_raster("other.tif", bands=3, shape=(200, 200))
    url = fill(tile_url(sign, path, Style("image", (1, 2, 3))), *tile_over(path))
    plain = client.get(url).content
    for extra in (f"filename={other}", "url=http://127.0.0.1:1/", f"files={other}", "colormap=nonsense",
                  "expression=b1/0", "indexes=9", "vmin=a", "nodata=90"):
        assert client.get(f"{url}?{extra}").content == plain, extra


def test_what_was_not_signed_here_is_not_found(client, sign, make_raster, tmp_path):
    path = make_raster()
    url = fill(tile_url(sign, path, Style("image", (1, 2, 3))), *tile_over(path))
    token = url.split("/")[2]
    foreign = fill(tile_url(Signer(tmp_path, b"x" * 32), path, Style("image", (1, 2, 3))), *tile_over(path))
    vector = vector_url(sign, path, "#000000").removeprefix("/vectors/").removesuffix(".geojson")
    z, x, y = tile_over(path)
    for bad in (
        foreign, url.replace(token, token[:-1] + ("A" if token[-1] != "A" else "B")), url.replace(token, vector),
        "/tiles/", f"/tiles/{token}", f"/tiles/{token}/{z}/{x}/{y}.tif", f"/tiles/{token}/{z}/{x}/{y}.npy",
        f"/tiles/{token}/25/0/0.png", f"/tiles/{token}/3/8/0.png", f"/tiles/{token}/3/0/8.png",
        f"/tiles/{token}/-1/0/0.png",
        f"/tiles/api/tiles/{z}/{x}/{y}.png?filename={path}", f"/tiles/api/metadata?filename={path}", "/tiles/swagger/",
        f"/tiles/{token}/../../{z}/{x}/{y}.png", f"/tiles/..%2f..%2fetc/{z}/{x}/{y}.png",
        f"/vectors/{token}.geojson", "/vectors/a.geojson", "/vectors/",
    ):
        response = client.get(bad)
        assert response.status_code == 404 and str(tmp_path) not in response.text, bad
    assert client.post(url).status_code == 404


def test_a_raster_that_breaks_after_it_was_signed_gives_404(client, sign, make_raster):
    path = make_raster(shape=(400, 400), tiled=True, blockxsize=64, blockysize=64)
    url = fill(tile_url(sign, path, Style("image", (1, 2, 3))), *tile_over(path))
    whole = path.read_bytes()
    for broken in (b"", b"II*\0", whole[:300], b"<VRTDataset rasterXSize='1'/>"):
        path.write_bytes(broken)
        response = client.get(url)
        assert response.status_code == 404 and str(path.parent) not in response.text, broken[:20]
    path.unlink()
    assert client.get(url).status_code == 404


def test_text_that_calls_itself_tif_gets_no_address(sign, tmp_path):
    (tmp_path / "vrt.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    with pytest.raises(InputError, match="VRT"):
        tile_url(sign, tmp_path / "vrt.tif", Style())


def landslides(path, corners=((388000, 3675900), (388100, 3675800))):
    records = [(box(x, y, x + 30, y + 40), Measured(area_m2=1200 + i, perimeter_m=140, length_m=40, width_m=30,
                                                     probability_mean=0.8, lon=103.8, lat=33.2, **WITHOUT_DEM))
               for i, (x, y) in enumerate(corners)]
    write_outlines(path, records, UTM48, model="m", image_date=date(2017, 8, 9))
    return path


def test_outlines_are_given_in_degrees_with_ids_and_words(client, sign, tmp_path):
    path = landslides(tmp_path / "landslides.gpkg")
    response = client.get(vector_url(sign, path, "#e4572e"))
    assert response.status_code == 200 and response.headers["content-type"] == "application/geo+json"
    features = response.json()["features"]
    assert [f["properties"]["id"] for f in features] == [1, 2]
    assert features[0]["properties"] == {"id": 1, "label": "Landslide 1", "note": "1,201 m², probability 0.80",
                                         "colour": "#e4572e"}
    lon, lat = features[0]["geometry"]["coordinates"][0][0][0]
    assert 103 < lon < 105 and 33 < lat < 34


def test_outlines_are_converted_once_until_they_change(client, sign, tmp_path):
    path = landslides(tmp_path / "landslides.gpkg")
    client.get(vector_url(sign, path, "#e4572e"))
    made = list(tmp_path.glob(".landslides-*.geojson"))
    made[0].write_text("kept")
    assert client.get(vector_url(sign, path, "#e4572e")).text == "kept"
    path.unlink()
    landslides(path, corners=((388000, 3675900),))
    assert len(client.get(vector_url(sign, path, "#e4572e")).json()["features"]) == 1
    assert len(list(tmp_path.glob(".landslides-*.geojson"))) == 1


def test_no_landslides_are_an_empty_collection(client, sign, tmp_path):
    path = landslides(tmp_path / "landslides.gpkg", corners=())
    assert client.get(vector_url(sign, path, "#e4572e")).json()["features"] == []


def test_a_damaged_geopackage_is_not_found(client, sign, tmp_path):
    (tmp_path / "landslides.gpkg").write_bytes(b"SQLite format 3\0 but no more")
    assert client.get(vector_url(sign, tmp_path / "landslides.gpkg", "#e4572e")).status_code == 404
