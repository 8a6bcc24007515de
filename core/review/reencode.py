"""Run as a program of its own, on a picture from outside: its pixels come out anew, and where it was taken.

    python reencode.py < photo > out              out: one line of JSON (lon, lat, taken), then a JPEG
    python reencode.py WEBP < picture > out       the same of a WebP picture, which stays one

It imports nothing of this project, may use 1 GB of memory and 20 s, and opens no file. What it cannot use it names on
one line of standard error, with exit code 1.
"""

import io
import json
import math
import resource
import sys
from typing import Any

MAX_BYTES = 40_000_000
MAX_PIXELS = 120_000_000
SIDE_PX = 2048
_KINDS = {"JPEG": ("JPEG", "PNG"), "WEBP": ("WEBP",)}
_MAGIC = {"JPEG": (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"), "WEBP": (b"RIFF",)}
_GPS, _EXIF, _TAKEN = 0x8825, 0x8769, 0x9003


def main() -> int:
    """Read, check, re-encode, write."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    from PIL import Image, ImageOps  # noqa: PLC0415 - after the limits

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    kind = sys.argv[1] if len(sys.argv) > 1 else "JPEG"
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        if len(raw) > MAX_BYTES or not raw.startswith(_MAGIC[kind]):
            return _refuse("more than 40 MB" if len(raw) > MAX_BYTES else f"no {' or '.join(_KINDS[kind])}")
        with Image.open(io.BytesIO(raw), formats=_KINDS[kind]) as photo:
            if photo.width * photo.height > MAX_PIXELS:
                return _refuse(f"{photo.width} x {photo.height} pixels")
            about = _about(photo.getexif())
            photo.draft("RGB", (SIDE_PX, SIDE_PX))
            upright = ImageOps.exif_transpose(photo).convert("RGB")
        upright.thumbnail((SIDE_PX, SIDE_PX))
        made = io.BytesIO()
        Image.fromarray(_plain(upright)).save(made, kind, quality=88)
    except (OSError, ValueError, SyntaxError, MemoryError, EOFError, Image.DecompressionBombError) as error:
        return _refuse(f"a damaged picture ({type(error).__name__})")
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + made.getvalue())
    return 0


def _plain(photo: Any) -> Any:  # noqa: ANN401 - pixels alone, without anything that the file said besides
    import numpy as np  # noqa: PLC0415

    return np.asarray(photo)


def _about(exif: Any) -> dict[str, Any]:  # noqa: ANN401 - Pillow's
    gps = exif.get_ifd(_GPS)
    lat, lon = _degrees(gps.get(2), gps.get(1) == "S", 90), _degrees(gps.get(4), gps.get(3) == "W", 180)
    known = lat is not None and lon is not None
    taken = str(exif.get_ifd(_EXIF).get(_TAKEN, ""))[:19]
    return {"lon": lon if known else None, "lat": lat if known else None,
            "taken": taken if taken.replace(":", "").replace(" ", "").isdigit() else ""}


def _degrees(parts: Any, turned: bool, most: int) -> float | None:  # noqa: ANN401
    try:
        value = sum(float(part) / 60**at for at, part in enumerate(parts))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(-value if turned else value, 7) if math.isfinite(value) and 0 <= value <= most else None


def _refuse(what: str) -> int:
    sys.stderr.write(f"{what}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
