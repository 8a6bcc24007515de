"""The command line as a user meets it: one clear line for each mistake, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.cli import main


@pytest.fixture
def run(models: Path, tmp_path: Path, capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def detect(run, models: Path, tmp_path: Path):
    def call(image: Path, *more: object, model: str = "random") -> tuple[int, str, str]:
        return run("detect", "--image", image, "--models", models, "--model", model, "--out", tmp_path / "out",
                   "--engine", "torch", "--window", 256, "--halo", 48, *more)

    return call


def assert_refused(result: tuple[int, str, str], out: Path, *words: str) -> None:
    code, _, error = result
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert len(lines) == 1
    assert "; expected " in lines[0]
    for word in words:
        assert word in lines[0]
    assert not out.exists()


def test_no_crs(detect, make_raster, tmp_path: Path) -> None:
    assert_refused(detect(make_raster(crs=None)), tmp_path / "out", "CRS", "EPSG:")


def test_dem_elsewhere(detect, make_raster, tmp_path: Path) -> None:
    dem = make_raster("dem.tif", np.ones((9, 9), np.float32), origin=(700000, 3676000))
    assert_refused(detect(make_raster(), "--dem", dem), tmp_path / "out", "DEM", "does not touch", "longitude")


def test_one_band(detect, make_raster, tmp_path: Path) -> None:
    assert_refused(detect(make_raster(bands=1)), tmp_path / "out", "1 band", "red, green")


def test_truncated(detect, make_raster, tmp_path: Path) -> None:
    path = make_raster(shape=(400, 400), tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[:150_000])
    assert_refused(detect(path), tmp_path / "out", "truncated or damaged")


@pytest.mark.parametrize(("content", "word"), [
    ("not a raster", "text"),
    ("<VRTDataset rasterXSize='4' rasterYSize='4'><VRTRasterBand/></VRTDataset>", "VRT"),
])
def test_text_named_tif(detect, tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "image.tif"
    path.write_text(content)
    assert_refused(detect(path), tmp_path / "out", word, "GeoTIFF")


def test_a_file_that_is_not_there(detect, tmp_path: Path) -> None:
    assert_refused(detect(tmp_path / "nowhere.tif"), tmp_path / "out", "nowhere.tif")


def test_unknown_model(detect, make_raster, tmp_path: Path) -> None:
    assert_refused(detect(make_raster(), model="resnet"), tmp_path / "out", "resnet", "random")


def test_a_model_without_weights(detect, make_raster, tmp_path: Path) -> None:
    assert_refused(detect(make_raster(), model="untrained"), tmp_path / "out", "no weights", "scarp train untrained")


def test_unknown_engine(detect, make_raster, tmp_path: Path) -> None:
    assert_refused(detect(make_raster(), "--engine", "quantum"), tmp_path / "out", "quantum", "openvino")


def test_a_window_off_the_lattice(detect, make_raster, tmp_path: Path) -> None:
    assert_refused(detect(make_raster(), "--window", 250), tmp_path / "out", "multiples of 16")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk(run, place_files, models: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        result = run("detect", "--image", place_files["image"], "--models", models, "--model", "random", "--engine",
                     "torch", "--window", 256, "--halo", 48, "--out", disk / "out")
        assert_refused(result, disk / "out", "No space left", "Free some space")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_check_reports_before_anything_runs(run, place_files, models: Path, tmp_path: Path) -> None:
    code, out, _ = run("check", "--image", place_files["image"], "--dem", place_files["dem"], "--models", models,
                       "--model", "random", "--engine", "torch", "--window", 256, "--halo", 48,
                       "--out", tmp_path / "new" / "out")
    assert code == 0
    for words in ("CRS", "EPSG:32648", "Pixel size", "1.00 m", "NDVI", "4.0 m grid", "about", "MB of disk"):
        assert words in out
    assert not (tmp_path / "new").exists()


def test_models_are_listed_with_what_they_lack(run, models: Path) -> None:
    code, out, _ = run("models", "--models", models)
    assert code == 0
    assert out.index("random") < out.index("untrained")
    assert "no weights: scarp train untrained" in out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_detection_leaves_only_hidden_work_and_goes_on(
        run, place_files, models: Path, tmp_path: Path, how: int) -> None:
    out, progress = tmp_path / "out", tmp_path / "progress.json"
    command = ["detect", "--image", place_files["image"], "--dem", place_files["dem"], "--models", models, "--model",
               "random", "--engine", "torch", "--window", "128", "--halo", "32", "--out", out, "--progress-file",
               progress]
    scarp = [sys.executable, "-m", "core.cli"]
    with subprocess.Popen([*scarp, *map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        work = out / ".scarp-unfinished"
        while process.poll() is None and len(list(work.glob("*.npy"))) < 4:
            time.sleep(0.02)
        process.send_signal(how)
        process.wait(60)
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    assert [p.name for p in out.iterdir()] == [".scarp-unfinished"]
    code, said, _ = run(*command)
    assert code == 0 and "landslides" in said
    assert json.loads(progress.read_text())["stage"] == "outline"
    assert (out / "run.json").exists()
    assert not work.exists()
