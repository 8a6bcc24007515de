"""What a file from outside is, told by the file system and by its first bytes, never by its name alone."""

from __future__ import annotations

import stat
from pathlib import Path

from core.errors import InputError

_HEAD_BYTES = 512

# First bytes, and what to call a file that starts so.
_LOOKS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"II+\x00", "a BigTIFF image"),
    (b"MM\x00+", "a BigTIFF image"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"CDF", "a netCDF file"),
    (b"EHFA_HEADER_TAG", "an ERDAS Imagine file"),
    (b"%PDF", "a PDF document"),
)
# The same for text, after any byte order mark, XML declaration and white space.
_LOOKS_IN_TEXT = (
    (b"<VRTDataset", "a virtual raster (VRT), which reads other files"),
    (b"<OGRVRT", "a virtual vector source (VRT), which reads other files"),
    (b"<GDAL_WMS", "the description of a web map service"),
    (b"<MRF_META", "the description of an MRF raster, which names other files"),
    (b"<", "markup text (XML or HTML)"),
    (b"{", "JSON text"),
)


def inspect(path: str | Path) -> tuple[Path, int, bytes]:
    """Look at a file without trusting it.

    Args:
        path: A file of this machine.

    Returns:
        Its absolute path, its size in bytes and its first 512 bytes.

    Raises:
        InputError: It is not there, not a regular file (a folder, a pipe, a device), empty or not readable.
    """
    path = Path(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(path.name, got=_reason(error), expected="a file that can be read",
                         remedy="Check the file's name, its folder and your permission to read it.") from error
    if not stat.S_ISREG(status.st_mode):
        got = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise InputError(path.name, got=got, expected="a regular file", remedy="Choose the file itself.")
    if status.st_size == 0:
        raise InputError(path.name, got="an empty file (0 bytes)", expected="a file with content",
                         remedy="Copy or download the file again.")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(path.name, got=_reason(error), expected="a file that can be read",
                         remedy="Check your permission to read the file.") from error
    return path.resolve(), status.st_size, head


def looks_like(head: bytes) -> str:
    """Name the kind of file that starts with these bytes, for an error message."""
    for magic, name in _LOOKS:
        if head.startswith(magic):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<?xml"):
        text = text.partition(b"?>")[2].lstrip()
    for start, name in _LOOKS_IN_TEXT:
        if text.startswith(start):
            return name
    if b"\x00" not in head:
        return "text"
    return f"a file of unknown kind (it starts with {head[:4].hex(' ')})"


def _reason(error: OSError | ValueError) -> str:
    """Return why a file could not be reached, without its path."""
    return (error.strerror or type(error).__name__).lower() if isinstance(error, OSError) else "an impossible file name"
