"""Signed names: only what was given out opens, and never outside the folder."""

import stat
import time

import pytest

from core.errors import InputError, StorageError
from core.tokens import KEY_FILE, Signer, signer


@pytest.fixture
def root(tmp_path):
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "a.tif").write_bytes(b"x")
    (tmp_path / "outside.tif").write_bytes(b"x")
    return tmp_path / "projects"


def test_a_token_opens_what_it_was_made_for(root):
    sign = signer(root)
    assert sign.open(sign.token(root / "a.tif", {"name": "image"})) == (root / "a.tif", {"name": "image"})


def test_another_key_opens_nothing(root):
    token = Signer(root, b"0" * 16).token(root / "a.tif", {})
    assert Signer(root, b"1" * 16).open(token) is None


def test_every_changed_character_is_refused(root):
    sign = signer(root)
    token = sign.token(root / "a.tif", {})
    for place, old in enumerate(token):
        forged = token[:place] + ("A" if old != "A" else "B") + token[place + 1:]
        # The last character of a signature has bits that base64 does not use, but its text must still agree.
        assert sign.open(forged) is None, place


@pytest.mark.parametrize("token", ["", ".", "abc", "a.b", "ä.ö" * 20])
def test_nonsense_is_refused(root, token):
    assert signer(root).open(token) is None


def test_a_file_outside_gets_no_token(root):
    with pytest.raises(InputError, match="outside"):
        signer(root).token(root.parent / "outside.tif", {})


def test_a_link_out_of_the_folder_is_not_followed(root):
    sign = signer(root)
    token = sign.token(root / "a.tif", {})
    (root / "a.tif").unlink()
    (root / "a.tif").symlink_to(root.parent / "outside.tif")
    assert sign.open(token) is None
    with pytest.raises(InputError):
        sign.token(root / "a.tif", {})


def test_a_changed_file_gets_another_token_and_a_lost_one_none(root):
    sign = signer(root)
    first = sign.token(root / "a.tif", {})
    time.sleep(0.01)
    (root / "a.tif").write_bytes(b"y")
    assert sign.token(root / "a.tif", {}) != first
    (root / "a.tif").unlink()
    assert sign.open(first) is None


def test_the_key_is_kept_and_private(root):
    token = signer(root).token(root / "a.tif", {})
    signer.cache_clear()
    assert signer(root).open(token)
    assert stat.S_IMODE((root / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in root.glob(f"{KEY_FILE}*")] == [KEY_FILE]


def test_a_short_key_is_refused(root):
    with pytest.raises(InputError, match="signing key"):
        Signer(root, b"short")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="projects folder"):
        signer(tmp_path / "file" / "projects")
