"""Imports: values and their meaning are kept, what could harm is not, and nothing is left of a failure."""

import json
import threading

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from core import importing
from core.errors import CancelledError, GridError, InputError, StorageError
from core.importing import as_unobserved, import_file
from core.ingest import read_area
from core.project import create, open_project


@pytest.fixture
def project(tmp_path):
    return create(tmp_path / "valley", "Valley")


def opened(project, layer):
    return rasterio.open(project.folder / layer.path)


def left(project):
    return [path.name for path in (project.folder / "incoming").glob("*")] + [
        path.name for path in (project.folder / "layers").iterdir()]


def test_an_image_becomes_a_cog_with_the_same_values(project, make_raster):
    random = np.random.default_rng(1)
    array = random.integers(1, 4000, (4, 1100, 1300)).astype("uint16")
    path = make_raster("S2 scene_20170809.tif", array, nodata=0, descriptions=("B02", "B03", "B04", "B08"))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (1e-4,) * 4, (-0.1,) * 4
        dataset.update_tags(secret="/etc/passwd", TIFFTAG_ARTIST="me")
    layer = import_file(project, path, "S2 scene_20170809.tif")
    with opened(project, layer) as made:
        assert (made.read() == array).all() and made.nodata == 0 and made.dtypes[0] == "uint16"
        assert made.profile["compress"] == "zstd" and made.block_shapes[0] == (512, 512)
        assert made.overviews(1) == [2, 4] and made.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert made.descriptions == ("B02", "B03", "B04", "B08")
        assert made.scales == (1e-4,) * 4 and made.offsets == (-0.1,) * 4
        assert not {"secret", "TIFFTAG_ARTIST"} & set(made.tags())
    assert dict(layer.bands) == {"red": 3, "green": 2, "blue": 1, "nir": 4} and layer.date == "2017-08-09"
    assert (layer.role, layer.title, layer.source) == ("image", "S2 scene 20170809", "S2 scene_20170809.tif")
    assert open_project(project.folder).layers == (layer,) and "described" in dict(layer.guesses)["bands"]
    assert left(project) == ["s2-scene-20170809.tif"]


def test_floats_keep_nan_and_nodata_and_are_elevation(project, make_raster):
    dem = (1000 + np.add.outer(np.arange(600.0), np.arange(700.0))).astype("float32")
    dem[:50], dem[50:60] = -9999, np.nan
    path = make_raster("dem.tif", dem, gsd=2, nodata=-9999, predictor=3, compress="deflate")
    layer = import_file(project, path, "x.tif")
    with opened(project, layer) as made:
        np.testing.assert_array_equal(made.read(1), dem)
        assert made.nodata == -9999 and made.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"
    assert (layer.role, layer.unit) == ("dem", "m") and "metres are usual" in dict(layer.guesses)["unit"]


@pytest.mark.parametrize("colours", [
    (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha),
    (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)])
def test_colour_interpretation_and_alpha_are_kept(project, make_raster, colours):
    array = np.random.default_rng(2).integers(1, 255, (4, 600, 600)).astype("uint8")
    if colours[3] is ColorInterp.alpha:
        array[3] = 255
        array[3, :300] = 0
    path = make_raster("a.tif", array)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = colours
    layer = import_file(project, path, "a.tif")
    with opened(project, layer) as made:
        assert made.colorinterp == colours and (made.read() == array).all()
        if colours[3] is ColorInterp.alpha:
            assert (made.dataset_mask()[:300] == 0).all() and made.dataset_mask()[300:].all()
    assert ("nir" in dict(layer.bands)) == (colours[3] is not ColorInterp.alpha)
    assert dict(layer.bands)["red"] == colours.index(ColorInterp.red) + 1


def test_a_mask_of_its_own_is_kept(project, make_raster):
    mask = np.ones((600, 700), bool)
    mask[:, :100] = False
    layer = import_file(project, make_raster(shape=(600, 700), mask=mask), "a.tif")
    with opened(project, layer) as made:
        assert ((made.dataset_mask() > 0) == mask).all()
        assert ((made.read_masks(1, out_shape=(300, 350)) > 0)[:, 60:]).all()


def test_a_palette_is_kept_and_means_labels(project, make_raster):
    path = make_raster("classes.tif", np.random.default_rng(3).integers(0, 3, (600, 600)).astype("uint8"))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (0, 0, 0, 255), 1: (200, 10, 10, 255), 2: (10, 10, 200, 255)})
    layer = import_file(project, path, "classes.tif")
    with opened(project, layer) as made:
        assert made.colormap(1)[1] == (200, 10, 10, 255)
        assert set(np.unique(made.read(1, out_shape=(300, 300)))) <= {0, 1, 2}
    assert layer.role == "truth"


@pytest.mark.parametrize("options", [
    {"tiled": True, "blockxsize": 16, "blockysize": 16}, {"compress": "lzw", "blockysize": 1}, {"interleave": "band"},
    {"south_up": True}, {"rotation_deg": 20}, {"nodata": 7}, {"dtype": "float64"}, {"dtype": "int16", "bands": 7},
    {"bands": 1, "dtype": "int8"}, {"BIGTIFF": "YES"}, {"shape": (1, 1)}, {"shape": (513, 5)},
    {"crs": "EPSG:4326", "gsd": 1e-5, "origin": (103.8, 33.2)}])
def test_rasters_of_every_make_come_through(project, make_raster, options):
    path = make_raster(**options)
    layer = import_file(project, path, "a.tif")
    with opened(project, layer) as made, rasterio.open(path) as source:
        np.testing.assert_array_equal(made.read(), source.read())
        assert made.transform.almost_equals(source.transform) and made.crs == source.crs


@pytest.mark.parametrize(("value", "dtype", "kept"), [
    (-9999, "uint8", None), (0.5, "int16", None), (255, "uint8", 255), (-9999, "float32", -9999)])
def test_a_nodata_value_that_cannot_occur_is_dropped(value, dtype, kept):
    assert importing._nodata(type("Source", (), {"nodata": value})(), dtype) == kept


def test_memory_follows_the_block_and_not_the_raster(make_raster, monkeypatch):
    monkeypatch.setattr(importing, "CHUNK_BYTES", 2 * 512 * 512 * 6)
    path = make_raster(shape=(1100, 2600), dtype="uint16")
    with rasterio.open(path) as dataset:
        windows = list(importing._windows(dataset))
    assert max(window.width * window.height for _, window in windows) == 1024 * 512
    covered = np.zeros((1100, 2600), int)
    for _, window in windows:
        covered[window.toslices()] += 1
    assert (covered == 1).all() and [done for done, _ in windows] == sorted(done for done, _ in windows)


def test_without_a_crs_it_is_asked_for(project, make_raster):
    path = make_raster(crs=None)
    with pytest.raises(GridError, match=r"^mine.tif: got no coordinate reference system"):
        import_file(project, path, "mine.tif")
    with pytest.raises(InputError, match="known CRS"):
        import_file(project, path, "mine.tif", crs="EPSG:1")
    layer = import_file(project, path, "mine.tif", crs="EPSG:32648")
    with opened(project, layer) as made:
        assert made.crs.to_epsg() == 32648
    assert left(project) == ["mine.tif"]


def test_a_raster_without_a_place_is_refused(project, make_raster, tmp_path):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = make_raster(gsd=1, origin=(0, 0), south_up=True)
    with pytest.raises(GridError, match="no georeference"):
        import_file(project, path, "photo.tif")
    with pytest.raises(GridError, match="area of use"):
        import_file(project, make_raster("far.tif", origin=(4e8, 4e8)), "far.tif")
    assert left(project) == []


def test_a_renamed_or_hostile_file_is_refused_by_its_owners_name(project, tmp_path, make_raster):
    victim = make_raster("victim.tif")
    for name, content in (("a.tif", f"<VRTDataset><SourceFilename>{victim}</SourceFilename></VRTDataset>".encode()),
                          ("b.tif", b"\x89PNG\r\n"), ("c.geojson", b"<OGRVRTDataSource/>"), ("d.zip", b"II*\0")):
        path = tmp_path / f"0123{name}"
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"^My {name}"):
            import_file(project, path, f"My {name}")
    path = make_raster("cut.tif", shape=(2000, 2000))
    path.write_bytes(path.read_bytes()[:-4_000_000])
    with pytest.raises(InputError, match="^whole.tif"):
        import_file(project, path, "whole.tif")
    assert left(project) == [] and open_project(project.folder).layers == ()


def test_a_stop_leaves_nothing_in_either_stage(project, make_raster):
    path, others = make_raster(shape=(1500, 1500)), set(threading.enumerate())
    for stage in ("read", "write"):
        def stop(progress, stage=stage):
            if progress.stage == stage:
                raise CancelledError("import", got="a request to stop", expected="to finish", remedy="Start again.")

        with pytest.raises(CancelledError):
            import_file(project, path, "a.tif", stop)
        for thread in set(threading.enumerate()) - others:
            thread.join(10)
        assert left(project) == []


def test_progress_rises_to_the_end(project, make_raster):
    seen = []
    import_file(project, make_raster(shape=(1500, 1500)), "a.tif", seen.append)
    shares = [each.done / each.total for each in seen]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] <= 1 and seen[-1].stage == "write"


def test_a_full_disk_is_said_and_leaves_nothing(project, make_raster, monkeypatch):
    path = make_raster()
    free = type("Usage", (), {"free": 10})()
    with monkeypatch.context() as patch:
        patch.setattr(importing.shutil, "disk_usage", lambda _: free)
        with pytest.raises(StorageError, match="GB free"):
            import_file(project, path, "a.tif")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importing, "copy", fail)
    with pytest.raises(StorageError, match="No space left"):
        import_file(project, path, "a.tif")
    assert left(project) == []


def test_files_of_one_name_do_not_replace_each_other(project, make_raster):
    for _ in range(2):
        import_file(project, make_raster(), "a.tif")
    assert [layer.path for layer in open_project(project.folder).layers] == ["layers/a.tif", "layers/a-2.tif"]


def test_outlines_become_geojson_in_degrees_each_by_itself(project, tmp_path):
    ring = [[388000, 3675000], [388100, 3675000], [388100, 3675100], [388000, 3675100], [388000, 3675000]]
    other = [[x + 50, y + 50] for x, y in ring]
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps({
        "type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:32648"}},
        "features": [{"type": "Feature", "properties": {"note": "<script>"},
                      "geometry": {"type": "Polygon", "coordinates": [each]}} for each in (ring, other)]}))
    layer = import_file(project, path, "Clouds 2017-08-09.geojson")
    assert (layer.role, layer.kind, layer.date) == ("unobserved", "vector", "2017-08-09")
    made = json.loads((project.folder / layer.path).read_text())
    assert len(made["features"]) == 2 and made["features"][0]["properties"] == {}
    lon, lat = np.array(made["features"][0]["geometry"]["coordinates"][0]).T
    assert 103.7 < lon.min() < lon.max() < 103.9 and 33.1 < lat.min() < lat.max() < 33.3


def cloud(shape=(300, 400)):
    mask = np.zeros(shape, "uint8")
    mask[50:100, 200:300] = 1
    mask[0, 0] = 255
    return mask


def test_a_mask_of_clouds_becomes_outlines(project, make_raster, monkeypatch):
    layer = import_file(project, make_raster(array=cloud(), nodata=255), "clouds.tif")
    assert (layer.role, layer.kind) == ("unobserved", "vector") and left(project) == ["clouds.geojson"]
    area, crs = read_area(project.folder / layer.path)
    back = gpd.GeoSeries([area], crs=crs).to_crs(32648)[0]
    np.testing.assert_allclose(back.bounds, (388_100, 3_675_950, 388_150, 3_675_975), atol=0.01)
    monkeypatch.setattr("core.masks.SIDE", 30)  # cells of 14 pixels, of which each counts that is touched
    coarse = import_file(project, make_raster(array=cloud(), nodata=255), "clouds.tif")
    wide = gpd.GeoSeries([read_area(project.folder / coarse.path)[0]], crs=crs).to_crs(32648)[0]
    assert wide.buffer(0.01).contains(back) and wide.area < 1.8 * back.area


def test_a_raster_can_be_taken_as_unobserved_later_and_an_empty_one_not(project, make_raster):
    labels = import_file(project, make_raster(array=cloud()), "labels.tif")
    assert labels.role == "truth"
    changed = as_unobserved(open_project(project.folder), labels)
    assert [(each.role, each.kind) for each in changed.layers] == [("unobserved", "vector")]
    assert left(project) == ["labels.geojson"]
    with pytest.raises(InputError, match="^cloud.tif: got a mask without a mark"):
        import_file(project, make_raster(array=cloud() * 0), "cloud.tif")
