"""What the rows of a Shapefile say: its .dbf, a dBASE III table, read from bytes.

Source of the format: dBASE III, as the ESRI Shapefile Technical Description (1998) refers to it.
"""

from __future__ import annotations

import struct

from core.ingest.attributes import as_text

MAX_CELLS = 20_000_000
_END = 0x0D
_FIELD = 32


def read_dbf(data: bytes, encoding: str = "utf-8") -> dict[str, list[str]]:
    """Return what each row says, by attribute, as text; "" where it says nothing.

    Numbers are written as short as can be, so that 3 and 3.000 are the same. Text that is not in the encoding is read
    as Latin-1.

    Args:
        data: The whole .dbf.
        encoding: Of its text, such as its .cpg names; one that is not known counts as UTF-8.

    Raises:
        struct.error: It is damaged or too large.
    """
    rows, head, wide = struct.unpack_from("<IHH", data, 4)
    names = _fields(data, head)
    if wide != 1 + sum(width for _, _, width in names) or head + rows * wide > len(data):
        raise struct.error("a .dbf that is cut off, or whose fields do not fill its rows")
    if rows * len(names) > MAX_CELLS:
        raise struct.error("a .dbf of too many cells")
    columns: dict[str, list[str]] = {}
    at = head + 1  # the first byte of a row says whether it is deleted
    for name, kind, width in names:
        cells = [data[start:start + width] for start in range(at, at + rows * wide, wide)]
        columns[name] = [_said(cell, kind, encoding) for cell in cells]
        at += width
    return columns


def _fields(data: bytes, head: int) -> list[tuple[str, str, int]]:
    """Return name, kind and width of each field."""
    found = []
    for at in range(32, min(head, len(data)) - _FIELD + 1, _FIELD):
        if data[at] == _END:
            break
        name = _text(data[at:at + 11].split(b"\0")[0], "utf-8")
        found.append((name, chr(data[at + 11]), data[at + 16]))
    return found


def _said(cell: bytes, kind: str, encoding: str) -> str:
    text = _text(cell, encoding).strip(" \0")
    if kind in "NF":
        try:
            return as_text(float(text))
        except ValueError:  # stars and blanks stand for no number
            return ""
    return text


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return raw.decode("latin-1")
