"""Compiled networks on disk: each in one file that starts with the SHA-256 of the rest."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from core.files import write_atomic

MOST_BYTES = 2 * 2**30
"""Above this the entries that were not used for longest go."""

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of compiled networks: ``SCARP_CACHE``, else the user's own cache."""
    return Path(os.environ.get("SCARP_CACHE") or Path.home() / ".cache" / "scarp")


def entry(module: nn.Module, weights: str, *rest: object) -> Path:
    """Return the file of one compiled network.

    Its name holds everything that decides the result: the weights' key, every layer's class, settings and source
    file (so that code that was edited is compiled anew), the source of this package, and ``rest``.
    """
    layers = [(name, type(layer).__qualname__, sorted(_settings(layer))) for name, layer in module.named_modules()]
    digest = hashlib.sha256(repr((weights, layers, rest)).encode())
    for file in sorted({*_sources(list(module.modules())), *Path(__file__).parent.glob("*.py")}):
        digest.update(file.read_bytes())
    return cache_folder() / "compiled" / f"{digest.hexdigest()[:40]}.bin"


def read(file: Path) -> bytes | None:
    """Return what was written there; None where nothing is or it is damaged."""
    try:
        content = file.read_bytes()
        os.utime(file)
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() == content[:32]:
        return content[32:]
    logger.warning("the compiled network %s is damaged: compiling anew", file.name)
    return None


def write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all; a cache that cannot be written is no reason to stop."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, hashlib.sha256(content).digest() + content)
        _trim(file.parent)
    except OSError as error:
        logger.warning("the compiled network is not kept: %s", error)


def _settings(layer: nn.Module) -> list[tuple[str, str]]:
    plain = (bool, int, float, str, tuple)
    return [(key, repr(value)) for key, value in vars(layer).items() if isinstance(value, plain) and key != "training"]


def _sources(layers: Sequence[nn.Module]) -> set[Path]:
    files = {getattr(sys.modules.get(type(layer).__module__), "__file__", None) for layer in layers}
    return {Path(file) for file in files if file}


def _trim(folder: Path) -> None:
    total = 0
    for _, size, file in sorted(((s.st_mtime, s.st_size, f) for f in folder.glob("*.bin") for s in [f.stat()]),
                                reverse=True):
        total += size
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)
