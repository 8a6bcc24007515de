"""The gate: what it lets in, and that nothing else is opened, read or waited for."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.vrt import WarpedVRT

from core.errors import InputError
from core.ingest import check_readable, open_geotiff
from core.ingest import geotiff as gate

VRT = """<VRTDataset rasterXSize="80" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">{victim}</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""
WMS = '<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:9/${z}/${x}/${y}</ServerUrl></Service></GDAL_WMS>'
MRF = "<MRF_META><Raster><Size x='80' y='64' c='1'/><DataFile>{victim}</DataFile></Raster></MRF_META>"


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_geotiff(path)
    error = caught.value
    assert error.got
    assert error.expected
    assert error.remedy.endswith(".")
    assert str(path.parent) not in str(error), "a refusal must not show the server's folders"
    assert path.name in str(error)
    return str(error.got)


def header_only_tiff(path: Path, width: int, height: int, rows_per_strip: int) -> Path:
    """Write a TIFF whose header declares a size, with strips that are all said to be empty."""
    strips = -(-height // rows_per_strip)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1),
            (278, 4, 1, rows_per_strip)]
    data = 8 + 2 + 12 * (len(tags) + 2) + 4
    inline = strips == 1
    tags += [(273, 4, strips, 0 if inline else data), (279, 4, strips, 0 if inline else data + 4 * strips)]
    entries = b"".join(struct.pack("<HHII", *t) for t in sorted(tags))
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4 + (0 if inline else 8 * strips)))
    return path


@pytest.mark.parametrize("options", [
    {}, {"dtype": "uint16"}, {"dtype": "float32", "bands": 1, "nodata": -9999.0}, {"BIGTIFF": "YES"},
    {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES", "ENDIANNESS": "BIG"}, {"shape": (1, 1)}, {"rotation_deg": 30},
    {"south_up": True}, {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"},
])
def test_opens_a_geotiff_with_its_pixels_and_its_place(make_raster, options) -> None:
    path = make_raster(**options)
    with rasterio.open(path) as plain, open_geotiff(path) as guarded:
        np.testing.assert_array_equal(guarded.read(), plain.read())
        assert (guarded.crs, guarded.transform, guarded.nodata) == (plain.crs, plain.transform, plain.nodata)
        check_readable(guarded)


def test_mask_descriptions_and_warping_survive_the_gate(make_raster) -> None:
    mask = np.ones((64, 80), dtype=bool)
    mask[:, :30] = False
    path = make_raster(mask=mask, descriptions=("blue", "green", "red"))
    with open_geotiff(str(path)) as dataset:
        np.testing.assert_array_equal(dataset.dataset_mask() > 0, mask)
        assert dataset.descriptions == ("blue", "green", "red")
        with WarpedVRT(dataset, crs="EPSG:3857", add_alpha=True) as warped:
            assert warped.read(1).any()


@pytest.mark.parametrize(("text", "named"), [
    (VRT, "VRT"), ("\ufeff" + VRT, "VRT"), ('<?xml version="1.0"?>\n' + VRT, "VRT"), (WMS, "web map service"),
    (MRF, "MRF"), ("hello", "text"), ("{}", "JSON"),
])
def test_text_that_gdal_would_follow_is_refused_by_name(make_raster, tmp_path, text, named) -> None:
    victim = make_raster("victim.tif")
    path = tmp_path / "upload.tif"
    path.write_text(text.format(victim=victim) if "{victim}" in text else text, encoding="utf-8")
    assert named in refusal(path)


@pytest.mark.parametrize(("head", "named"), [
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff\xe0", "JPEG"), (b"PK\x03\x04", "zip"),
    (b"SQLite format 3\x00", "SQLite"), (b"\x00\x01\x02\x03", "00 01 02 03"),
])
def test_other_kinds_named_tif_are_refused_by_name(tmp_path, head, named) -> None:
    path = tmp_path / "upload.tif"
    path.write_bytes(head + bytes(64))
    assert named in refusal(path)


@pytest.mark.parametrize("domain", ["OVERVIEWS", "Overviews"])
def test_a_tag_that_names_another_file_is_refused(make_raster, domain) -> None:
    victim = make_raster("victim.tif", np.full((1, 32, 40), 99, "uint8"))
    path = make_raster("upload.tif", np.zeros((1, 64, 80), "uint8"))
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns=domain, OVERVIEW_FILE=str(victim))
    with rasterio.open(path, driver="GTiff") as attacked:  # what the gate stands against
        assert (attacked.read(1, out_shape=(32, 40)) == 99).all()
    assert "OVERVIEWS" in refusal(path)


def test_overviews_inside_the_file_are_not_read(make_raster) -> None:
    path = make_raster(array=np.zeros((1, 64, 80), "uint8"))
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2])
        dataset.write(np.full((1, 64, 80), 9, "uint8"))
    with rasterio.open(path) as plain, open_geotiff(path) as guarded:
        assert not plain.read(1, out_shape=(32, 40)).any()
        assert (guarded.read(1, out_shape=(32, 40)) == 9).all()


def test_files_beside_a_raster_do_not_count(make_raster) -> None:
    path = make_raster("upload.tif", np.zeros((1, 64, 80), "uint8"), nodata=7, tiled=True, blockxsize=16, blockysize=16)
    make_raster("upload.tif.ovr", np.full((1, 32, 40), 99, "uint8"))
    make_raster("upload.tif.msk", np.zeros((1, 64, 80), "uint8"))
    path.with_name("upload.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:4326</SRS>"
        "<PAMRasterBand band='1'><UnitType>forged</UnitType></PAMRasterBand></PAMDataset>")
    path.with_name("upload.tfw").write_text("9\n0\n0\n-9\n1\n1\n")
    with open_geotiff(path) as dataset:
        assert dataset.files == [str(path)]
        assert dataset.overviews(1) == []
        assert not dataset.read(1, out_shape=(32, 40)).any()
        assert dataset.dataset_mask().all()
        assert dataset.units == (None,)
        assert dataset.crs.to_epsg() == 32648
        assert dataset.transform.a == 0.5


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_header_that_declares_too_much_is_refused(make_raster, tmp_path, monkeypatch) -> None:
    path = header_only_tiff(tmp_path / "huge.tif", 1_000_000, 1_000_000, 200)
    assert 30_000 < path.stat().st_size < 50_000
    assert "1000000 x 1000000" in refusal(path)
    assert "MiB" in refusal(header_only_tiff(tmp_path / "strip.tif", 60_000, 30_000, 20_000))
    assert "unpack" in refusal(header_only_tiff(tmp_path / "bomb.tif", 30_000, 30_000, 10_000))
    monkeypatch.setattr(gate, "MAX_BANDS", 2)
    assert "3 bands" in refusal(make_raster())


def test_complex_values_are_refused(make_raster) -> None:
    assert "complex64" in refusal(make_raster(array=np.zeros((1, 8, 8), "complex64")))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_truncated_file_is_found(make_raster, share) -> None:
    path = make_raster(shape=(256, 256), tiled=True, blockxsize=64, blockysize=64, compress="deflate")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match="damaged") as caught, open_geotiff(path) as dataset:
        check_readable(dataset)
    assert str(path.parent) not in str(caught.value)


def test_what_is_not_a_file_is_refused_at_once(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "empty.tif").touch()
    (tmp_path / "folder.tif").mkdir()
    assert "pipe" in refusal(tmp_path / "pipe.tif")
    assert "empty" in refusal(tmp_path / "empty.tif")
    assert "folder" in refusal(tmp_path / "folder.tif")
    assert "no such file" in refusal(tmp_path / "missing.tif")
    with pytest.raises(InputError):
        open_geotiff("/vsicurl/http://127.0.0.1:9/a.tif")
    with pytest.raises(InputError, match="impossible"):
        open_geotiff(tmp_path / "a\0b.tif")


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["dev_image.tif", "dev_dem.tif", "dev_labels.tif"])
def test_real_scenes_pass(data_folder, name) -> None:
    with open_geotiff(data_folder / "jiuzhaigou" / name) as dataset:
        check_readable(dataset)
