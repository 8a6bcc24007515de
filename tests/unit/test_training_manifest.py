"""The manifest: exactly the files that a run reads, and a clear word when they are not what they were."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.cli import main
from core.errors import InputError
from core.training import manifest as module
from core.training.config import Source, TrainConfig
from core.training.manifest import Manifest, check, files_of, make_manifest

CONFIG = TrainConfig("m", "rae_d", sources=(
    Source("scene", "place/image.tif", "place/labels.tif", "place/dem.tif"),
    Source("chips", "chips/*.jpg", "masks"), Source("none", "none/*/*.jpg")))
FILES = ("chips/a.jpg", "chips/b.jpg", "masks/a.png", "masks/b.png", "none/x/1.jpg",
         "place/dem.tif", "place/image.tif", "place/labels.tif")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for file in (*FILES, "chips/notes.txt", "masks/z.png"):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {file}")
    return tmp_path / "data"


def test_it_lists_what_the_configuration_uses_and_nothing_else(data: Path) -> None:
    found = make_manifest(CONFIG, data)
    assert tuple(entry.path for entry in found.files) == FILES
    assert found.files[0].bytes == len("content of chips/a.jpg")
    assert found.files[0].sha256 == hashlib.sha256(b"content of chips/a.jpg").hexdigest()
    weights = replace(CONFIG, encoder_weights="mine.safetensors")
    assert set(files_of(weights, data)) == {*FILES, "mine.safetensors"}


def test_its_own_checksum_follows_the_content_alone(data: Path, tmp_path: Path) -> None:
    first = make_manifest(CONFIG, data)
    data.rename(tmp_path / "elsewhere")
    moved = make_manifest(replace(CONFIG, seed=9), tmp_path / "elsewhere")
    assert moved.sha256 == first.sha256
    (tmp_path / "elsewhere/place/dem.tif").write_text("Content of place/dem.tif")
    assert make_manifest(CONFIG, tmp_path / "elsewhere").sha256 != first.sha256


def test_it_is_read_as_it_was_written_and_guards_itself(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    make_manifest(CONFIG, data).write(path)
    assert Manifest.read(path) == make_manifest(CONFIG, data)
    content = json.loads(path.read_text())
    content["files"][2]["sha256"] = "0" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="scarp data manifest"):
        Manifest.read(path)
    path.write_text("{}")
    with pytest.raises(InputError, match="another kind"):
        Manifest.read(path)


def test_the_same_files_pass_and_a_second_look_reads_none(data: Path, tmp_path: Path, monkeypatch) -> None:
    listed = make_manifest(CONFIG, data)
    record = tmp_path / "run/checked.json"
    check(listed, CONFIG, data, record=record)
    taken = []
    real = module._sha256
    monkeypatch.setattr(module, "_sha256", lambda path: taken.append(path.name) or real(path))
    check(listed, CONFIG, data, record=record)
    assert taken == []
    os.utime(data / "chips/b.jpg", ns=(1, 1))
    check(listed, CONFIG, data, record=record)
    assert taken == ["b.jpg"]
    check(listed, CONFIG, data, record=record, full=True)
    assert len(taken) == 1 + len(FILES)
    record.write_text("broken")
    check(listed, CONFIG, data, record=record)
    assert len(taken) == 1 + 2 * len(FILES)


@pytest.mark.parametrize(("change", "words"), [
    (lambda d: (d / "masks/b.png").unlink(), r"1 file\(s\) missing: masks/b.png"),
    (lambda d: (d / "masks/b.png").write_text("longer than it was, by far"), r"another size: masks/b.png"),
    (lambda d: (d / "masks/b.png").write_text("Content of masks/b.png"), r"other content: masks/b.png"),
    (lambda d: (d / "chips/new.jpg").write_text("x"), r"2 file\(s\) not in the manifest: chips/new.jpg, masks/new.png"),
    (lambda d: [(d / f"none/x/{i}.jpg").write_text("x") for i in range(2, 10)], "and 3 more"),
])
def test_what_differs_is_named(data: Path, tmp_path: Path, change, words: str) -> None:
    listed, record = make_manifest(CONFIG, data), tmp_path / "checked.json"
    check(listed, CONFIG, data, record=record)
    change(data)
    with pytest.raises(InputError, match=words):
        check(listed, CONFIG, data, record=record)


def test_a_change_that_keeps_size_and_time_is_found_on_request(data: Path, tmp_path: Path) -> None:
    listed, record, file = make_manifest(CONFIG, data), tmp_path / "checked.json", data / "chips/a.jpg"
    check(listed, CONFIG, data, record=record)
    before = file.stat().st_mtime_ns
    file.write_text("Content of chips/a.jpg")
    os.utime(file, ns=(before, before))
    check(listed, CONFIG, data, record=record)
    with pytest.raises(InputError, match=r"other content: chips/a\.jpg"):
        check(listed, CONFIG, data, record=record, full=True)


def test_missing_files_cannot_be_listed(data: Path) -> None:
    (data / "masks/a.png").unlink()
    with pytest.raises(InputError, match=r"masks/a\.png"):
        make_manifest(CONFIG, data)
    with pytest.raises(InputError, match="Point --data"):
        make_manifest(CONFIG, data / "place")


def test_from_the_command_line(data: Path, tmp_path: Path, capsys) -> None:
    config = {"model": "m", "architecture": "rae_d", "sources": [
        {"name": "chips", "images": "chips/*.jpg", "labels": "masks"}, {"name": "none", "images": "none/*/*.jpg"}]}
    (tmp_path / "m.json").write_text(json.dumps(config))
    about = [str(data), "--config", str(tmp_path / "m.json")]
    assert main(["data", "manifest", *about, "--out", str(tmp_path / "list.json")]) == 0
    assert "5 files" in capsys.readouterr().out
    assert main(["data", "check", *about, "--manifest", str(tmp_path / "list.json")]) == 0
    (data / "chips/a.jpg").write_text("Content of chips/a.jpg")
    assert main(["data", "check", *about, "--manifest", str(tmp_path / "list.json")]) == 2
    assert "chips/a.jpg" in capsys.readouterr().err
