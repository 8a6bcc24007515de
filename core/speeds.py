"""How fast each network ran here the last time, so that a detection's time can be told before it starts."""

from __future__ import annotations

import logging

from core.engines.cache import cache_folder
from core.errors import InputError
from core.files import read_json, write_json

logger = logging.getLogger(__name__)


def _file_name(weights: str, engine: str) -> str:
    return f"{weights[:16]}, {engine}"


def remember(weights: str, engine: str, seconds: float, pixels: float) -> None:
    """Keep how long an engine needed for so many pixels of work, halos included; a cache that fails is no error."""
    file = cache_folder() / "speeds.json"
    try:
        known = read_json(file) if file.exists() else {}
        write_json(file, known | {_file_name(weights, engine): seconds / pixels})
    except (InputError, OSError) as error:
        logger.warning("the speed is not kept: %s", error)


def recall(weights: str, engine: str) -> float | None:
    """Return seconds a pixel of work, or None where that network has not run on that engine here."""
    try:
        found = read_json(cache_folder() / "speeds.json").get(_file_name(weights, engine))
    except (InputError, OSError):
        return None
    return found if isinstance(found, float) and found > 0 else None
