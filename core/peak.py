"""The most memory that this process has held; Linux keeps count."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

_SELF = Path("/proc/self")


def peak_memory_mb() -> float | None:
    """Return the most memory held since the start, or since ``forget_peak``; None where the system does not say."""
    with contextlib.suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", (_SELF / "status").read_text()):
            return round(int(found[1]) * 1024 / 1e6, 1)
    return None


def forget_peak() -> None:
    """Count from now on; where the system does not allow it, nothing happens."""
    with contextlib.suppress(OSError):
        (_SELF / "clear_refs").write_text("5")
