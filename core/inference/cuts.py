"""Where a scene is cut for a network in three parts."""

from __future__ import annotations

from dataclasses import dataclass

from rasterio.windows import Window

from core.nets.reach import Reach

CELL_PX = 16
"""Pixels of a feature cell: the networks' output stride."""

CORE_PX, FAR_CORES = 1088, 3
"""Side of the cores that near and decode work on, and how many of them far takes at once each way at most. Sides of
2048 or 4096 pixels and near's halo around them are a whole number of cores."""

COST = {"near": 1.0, "far": 1.0, "decode": 1.0}
"""What a pixel costs in each part, halos included, roughly: for progress and the time left."""


@dataclass(frozen=True)
class Cuts:
    """Where a scene is cut for each part; all sides are multiples of ``CELL_PX`` pixels.

    Attributes:
        top: First row of the first core, on the lattice from the scene's corner.
        left: First column likewise.
        rows: Rows of cores over the mapped part.
        columns: Columns of cores.
        core: Side of a core of near and decode.
        cores: Cores of a far window, each way.
        near: Halo of near.
        far: Halo of far.
        decode: Halo of decode.
    """

    top: int
    left: int
    rows: int
    columns: int
    core: int
    cores: int
    near: int
    far: int
    decode: int

    @classmethod
    def of(cls, reach: Reach, part: Window, core: int | None = None, cores: int | None = None) -> Cuts:
        """Return the cuts that a network's reach and the mapped part ask for."""
        core, cores = core or CORE_PX, cores or FAR_CORES
        if reach.far_cells is None:
            raise ValueError("a network that pools over its whole input has no finite reach")
        near, decode = (-(-pixels // CELL_PX) * CELL_PX for pixels in (reach.near_px, reach.decode_px))
        # features reach over the image's edge by near's halo: from there on, fewest windows hold all of them
        top, left = (start // CELL_PX * CELL_PX - near for start in (part.row_off, part.col_off))
        rows = -(-(part.row_off + part.height - top) // core)
        columns = -(-(part.col_off + part.width - left) // core)
        most = max(rows, columns)
        return cls(top, left, rows, columns, core, -(-most // -(-most // cores)), near, reach.far_cells * CELL_PX,
                   decode)

    @property
    def ring(self) -> int:
        """Pixels that a far window reads beyond its cores: what it sees, and what decode needs of it."""
        return self.far + self.decode

    @property
    def far_side(self) -> int:
        """Side of what a far window covers and keeps, in pixels."""
        return self.core * self.cores + 2 * self.decode

    def window(self, row: int, column: int, halo: int = 0, cores: int = 1) -> Window:
        """Return a core (or ``cores`` x ``cores`` of them) and its halo in pixels of the image."""
        side = self.core * cores + 2 * halo
        return Window(self.left + column * self.core - halo, self.top + row * self.core - halo, side, side)

    def costs(self) -> dict[str, float]:
        """Return what one step of each part costs."""
        return {"near": COST["near"] * (self.core + 2 * self.near) ** 2,
                "far": COST["far"] * (self.core * self.cores + 2 * self.ring) ** 2,
                "decode": COST["decode"] * (self.core + 2 * self.decode) ** 2}

    @property
    def work(self) -> float:
        """What the whole mapped part costs, in pixels that go through all three parts."""
        parts, cores = self.costs(), self.cores**2
        windows = -(-self.rows // self.cores) * -(-self.columns // self.cores)
        return windows * (cores * (parts["near"] + parts["decode"]) + parts["far"]) / sum(COST.values())

    @property
    def redundancy(self) -> float:
        """What is computed for each pixel kept, the parts weighted by their cost."""
        parts = self.costs()
        return (parts["near"] + parts["far"] / self.cores**2 + parts["decode"]) / (self.core**2 * sum(COST.values()))
