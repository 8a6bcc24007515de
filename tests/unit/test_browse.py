"""Data folders: what is in them, and no way out."""

import os

import pytest

from core.browse import inside, listing, roots
from core.errors import InputError


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    (root / "Tal" / "deep").mkdir(parents=True)
    for name in ("b.tif", "A.TIFF", "labels.gpkg", "notes.txt", ".hidden.tif", "Tal/x.geojson"):
        (root / name).write_bytes(b"x" * 10)
    (tmp_path / "secret.tif").write_bytes(b"s")
    (root / "out.tif").symlink_to(tmp_path / "secret.tif")
    (root / "up").symlink_to(tmp_path)
    (root / "in.tif").symlink_to(root / "b.tif")
    (root / "loop.tif").symlink_to(root / "loop.tif")
    return root


def test_folders_come_first_then_files_of_known_kinds(root):
    assert [(each.name, each.folder) for each in listing(root)] == [
        ("Tal", True), ("A.TIFF", False), ("b.tif", False), ("in.tif", False), ("labels.gpkg", False)]
    assert [each.name for each in listing(root, "Tal")] == ["deep", "x.geojson"]
    assert listing(root)[2].size == 10


@pytest.mark.parametrize("parts", [
    ("..",), ("up",), ("up", "secret.tif"), ("out.tif",), ("Tal", "..", "..", "secret.tif"), ("/etc/passwd",),
    ("none",), ("loop.tif",), ("a\0b",)])
def test_there_is_no_way_out(root, parts):
    with pytest.raises(InputError, match="not in it") as caught:
        inside(root, *parts)
    assert str(root.parent) not in str(caught.value)


def test_what_is_inside_is_found(root):
    assert inside(root, "in.tif") == root / "b.tif" and inside(root) == root


def test_a_file_is_no_folder_to_list(root):
    with pytest.raises(InputError, match="data folder"):
        listing(root, "b.tif")


def test_the_setting_is_a_list_of_folders_that_are_there(root):
    setting = os.pathsep.join([str(root), "", str(root / "none"), str(root / "b.tif"), str(root / "Tal")])
    assert roots(setting) == [root, root / "Tal"] and roots("") == []
