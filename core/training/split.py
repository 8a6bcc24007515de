"""What is held out of training, as a file: blocks of scenes with a gap, chips by place, event or group.

Windows of one place never lie on both sides. A scene is divided by blocks: inside them its labels are held out, around
them as far as the gap they are used for nothing. Chips that show the same ground (``core.training.duplicates``), in one
source or in several, form a group and go to one side together:

- A group is held out if the name of one of its files starts with the prefix that its source excludes: a place, an
  event.
- Else the SHA-256 of its first file's name decides, against the largest share that its sources hold out. So a chip
  stays on its side when others come in, unless they join its group.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from core.config import CLASS_NODATA
from core.errors import InputError, unknown_name
from core.files import read_json, write_json
from core.raster import grid_of, open_raster
from core.training.config import Source, TrainConfig
from core.training.duplicates import fingerprint, groups
from core.training.manifest import images_of, is_scene
from core.windows import blocks

logger = logging.getLogger(__name__)

Block = tuple[int, int, int, int]


@dataclass(frozen=True)
class Part:
    """What is held out of one source.

    Attributes:
        source: Its name.
        files: Of chips: paths in the data folder, in order.
        blocks: Of a scene: (first column, first row, end column, end row) in pixels.
        gap_px: Pixels beside the blocks that are used for nothing.
    """

    source: str
    files: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    gap_px: int = 0

    @cached_property
    def _held(self) -> frozenset[str]:
        return frozenset(self.files)

    def holds(self, file: str) -> bool:
        """Tell whether a chip, by its path in the data folder, is held out."""
        return file in self._held

    def used(self, shape: tuple[int, int], *, training: bool) -> NDArray[np.bool_]:
        """Return (h, w) bool: the pixels of a scene whose labels belong to one side."""
        side = np.full(shape, training)
        for left, top, right, bottom in self.blocks:
            gap = self.gap_px if training else 0
            side[max(top - gap, 0):bottom + gap, max(left - gap, 0):right + gap] = not training
        return side


@dataclass(frozen=True)
class Split:
    """What is held out of every source of a configuration."""

    parts: tuple[Part, ...]

    @cached_property
    def sha256(self) -> str:
        """The checksum of what is held out, whatever the file looks like."""
        return hashlib.sha256(json.dumps([asdict(part) for part in self.parts], sort_keys=True).encode()).hexdigest()

    def of(self, source: str) -> Part:
        """Return the part of a source.

        Raises:
            UnknownNameError: The split was made for other sources.
        """
        for part in self.parts:
            if part.source == source:
                return part
        raise unknown_name("source of the split", source, [part.source for part in self.parts])

    @classmethod
    def read(cls, path: Path) -> Split:
        """Read a split.

        Raises:
            InputError: The file is not one, or was changed since it was written.
        """
        content = read_json(path)
        try:
            found = cls(tuple(
                Part(str(p["source"]), tuple(map(str, p["files"])), tuple(_block(b) for b in p["blocks"]),
                     int(p["gap_px"])) for p in content["parts"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"split {path.name}", got="a JSON file of another kind", expected="a split",
                             remedy="Make it with scarp data split.") from error
        if content.get("sha256") != found.sha256:
            raise InputError(f"split {path.name}", got="a split that is not the one its checksum was taken of",
                             expected=found.sha256, remedy="Make it again with scarp data split.")
        return found

    def write(self, path: Path) -> None:
        """Write the split as JSON."""
        write_json(path, {"sha256": self.sha256, "parts": [asdict(part) for part in self.parts]})


def make_split(config: TrainConfig, data: Path) -> Split:
    """Decide what is held out; the same configuration and data give the same split.

    A scene's ``holdout`` is a block, or the share of its labelled pixels that a strip across its longer side is to
    hold; the source's name decides at which end. That of chips is a share of their groups.

    Raises:
        InputError: Two sources have one name, a source has no files, or a file cannot be read.
    """
    names = [source.name for source in config.sources]
    if len(set(names)) < len(names):
        raise InputError("sources", got=", ".join(names), expected="a name of its own for each",
                         remedy="Rename the sources that have the same name.")
    chips = {source.name: images_of(source, data) for source in config.sources if not is_scene(source)}
    held = _held_chips([(source, chips[source.name]) for source in config.sources if source.name in chips], data)
    return Split(tuple(
        Part(source.name, files=tuple(file for file in chips[source.name] if file in held)) if source.name in chips
        else Part(source.name, blocks=_held_blocks(source, data), gap_px=source.gap_px) for source in config.sources))


def _held_chips(sources: list[tuple[Source, list[str]]], data: Path) -> set[str]:
    files = sorted({file for _, each in sources for file in each})
    share, excluded = dict.fromkeys(files, 0.0), dict.fromkeys(files, False)
    for source, each in sources:
        for file in each:
            share[file] = max(share[file], source.holdout if isinstance(source.holdout, float) else 0.0)
            excluded[file] |= bool(source.exclude_prefix) and PurePosixPath(file).name.startswith(source.exclude_prefix)
    held: set[str] = set()
    together = [[files[i] for i in group] for group in groups([fingerprint(data / file) for file in files])]
    for group in together:
        if any(excluded[f] for f in group) or _draw(PurePosixPath(group[0]).name) < max(share[f] for f in group):
            held.update(group)
    logger.info("%d chips in %d groups of common ground; %d held out", len(files), len(together), len(held))
    return held


def _held_blocks(source: Source, data: Path) -> tuple[Block, ...]:
    if isinstance(source.holdout, tuple):
        return (source.holdout,) if any(source.holdout) else ()
    if not source.holdout:
        return ()
    with open_raster(data / str(source.labels)) as labels:
        height, width = grid_of(labels).shape
        along = np.zeros(max(height, width), np.int64)
        for window in blocks((height, width), 2048):
            known = (labels.read(1, window=window) != CLASS_NODATA) & (labels.dataset_mask(window=window) > 0)
            start = window.col_off if width >= height else window.row_off
            counts = known.sum(0 if width >= height else 1)
            along[start:start + len(counts)] += counts
    first = _draw(source.name) < 0.5
    reached = np.cumsum(along if first else along[::-1])
    cells = 1 + int(np.searchsorted(reached, source.holdout * reached[-1]))
    start, end = (0, cells) if first else (len(along) - cells, len(along))
    return ((start, 0, end, height),) if width >= height else ((0, start, width, end),)


def _draw(name: str) -> float:
    """Return a number from 0 to 1 that depends on a name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def _block(values: list[int]) -> Block:
    left, top, right, bottom = (int(v) for v in values)
    return left, top, right, bottom
