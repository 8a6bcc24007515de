"""The demo's files: there, readable, and not written twice."""

import shutil

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from core import demo
from core.config import scheme
from core.errors import StorageError
from core.grid import Grid
from core.landscape import FIRST_TRAINING_SEED

SIZE = 300


@pytest.fixture(scope="module")
def scene():
    return demo.landscape(demo.DEMO_SEED, SIZE, demo.GSD_M, landslides=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return demo.build(tmp_path_factory.mktemp("demo") / "new", size=SIZE)


def test_all_files_are_there(files):
    assert set(files) == {"image_before", "image_after", "dem", "truth_before", "truth_after"}
    folder = files["dem"].parent
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{name}.tif" for name in files)


def test_images(files):
    for name, year in (("image_before", "2021"), ("image_after", "2023")):
        with rasterio.open(files[name]) as image:
            assert image.shape == (SIZE, SIZE)
            assert image.descriptions == ("red", "green", "blue", "nir")
            assert image.colorinterp[:3] == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
            assert ColorInterp.alpha not in image.colorinterp
            assert image.tags()["TIFFTAG_DATETIME"].startswith(year)
            assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert image.profile["tiled"]
            assert image.crs.to_epsg() == 32648
            west, south, _, _ = Grid(image.shape, image.transform, image.crs).bounds_lonlat
            assert (west, south) == pytest.approx((103.8, 33.2), abs=0.01)
            assert image.read().std() > 5


def test_large_images_have_overviews(tmp_path):
    path = tmp_path / "x.tif"
    demo._cog(path, np.zeros((1, 1100, 1100), np.uint8), 0.5, {}, ["class"], table={0: (1, 2, 3, 255)})
    with rasterio.open(path) as image:
        assert image.overviews(1) == [2, 4]


def test_elevation_is_the_average_of_its_cells(files, scene):
    with rasterio.open(files["dem"]) as dem:
        assert dem.res == (5.0, 5.0)
        assert dem.nodata == -9999
        values = dem.read(1)
    assert np.allclose(values, scene.dem.reshape(30, 10, 30, 10).mean((1, 3)), atol=0.01)


def test_elevation_covers_the_last_pixels():
    plane = np.repeat(np.arange(24, dtype=np.float32)[:, None], 24, 1)
    coarse = demo._coarse(plane)[0]
    assert coarse.shape == (3, 3)
    assert coarse[:, 0].tolist() == pytest.approx([4.5, 14.5, 21.5])


def test_truth_has_the_colours_of_the_classes(files, scene):
    paper = scheme("paper")
    for date in ("before", "after"):
        with rasterio.open(files[f"truth_{date}"]) as truth:
            assert truth.nodata == 255
            table = truth.colormap(1)
            assert [table[k][:3] for k in range(6)] == [paper.rgb(k) for k in range(6)]
            assert np.array_equal(truth.read(1), getattr(scene, date).classes)


def test_files_that_are_there_are_kept(files, monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("made again")

    monkeypatch.setattr(demo, "landscape", never)
    said = []
    assert demo.build(files["dem"].parent, size=SIZE, progress=lambda *args: said.append(args)) == files
    assert said[-1][1] == 1.0
    with pytest.raises(AssertionError, match="made again"):
        demo.build(files["dem"].parent, size=SIZE + 1)


def test_a_damaged_file_is_made_again(tmp_path):
    shares = []
    files = demo.build(tmp_path, size=128, progress=lambda _stage, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    content = files["truth_after"].read_bytes()
    files["truth_after"].write_bytes(b"no raster")
    demo.build(tmp_path, size=128)
    assert files["truth_after"].read_bytes() == content


def test_no_room_is_said_plainly(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="Free some space"):
        demo.build(tmp_path / "taken", size=128)


def test_the_demo_is_not_in_training():
    assert demo.DEMO_SEED < FIRST_TRAINING_SEED


def test_its_project_has_the_later_image_first_and_is_made_once(files, tmp_path):
    folder = shutil.copytree(files["dem"].parent, tmp_path / "demo")
    files = {name: folder / path.name for name, path in files.items()}
    project = demo.register(folder, files)
    assert [layer.role for layer in project.layers] == ["image", "image", "dem", "truth", "truth"]
    assert project.path(project.of("image")[0]) == files["image_after"]
    assert [layer.date for layer in project.layers] == ["2023-10-21", "2021-07-18", "", "2023-10-21", "2021-07-18"]
    assert demo.register(folder, files) == project
