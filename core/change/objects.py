"""Landslides of two dates as objects: new, enlarged, reduced, unchanged, gone.

Two maps of one landslide never coincide: the images are not quite on each other and its edge is drawn anew. So ground
counts as gained or lost only where it lies farther from the other date's landslides than a tolerance, and in pieces of
at least the smallest area that matters. Outlines of the two dates belong together where one covers a good part of the
other; what hangs together is judged as one: a landslide that broke into pieces, or several that grew into one, is one
change. One that gained ground in one place and lost some in another is enlarged. A piece that hangs on an older
landslide by a thread is one of its own. On ground that one of the dates did not observe nothing is gained or lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.affinity import affine_transform

from core.change.shift import Shift
from core.config import CLASS_NODATA
from core.errors import InputError
from core.grid import Grid
from core.trace import polygonise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapely.geometry.base import BaseGeometry

    from core.change.maps import Both

KINDS = ("new", "enlarged", "reduced", "unchanged", "gone", "unobserved")
"""What can become of a landslide; ``unobserved``: the other date did not look there."""

BELONG = 0.3
"""Share of the smaller of two outlines that the other one, widened by the tolerance, must cover."""

HANGS = 0.1
"""A piece that touches a landslide of the other date with less of its rim than this is a landslide of its own: in made
scenes new landslides that reached an older one do so with 1 to 40 % of their rim (half below 10 %), growth with 12 %
and more."""

WHOLE_PIXELS = 16_000_000
"""A change whose box holds more pixels is judged on every second, third ... of them."""

EIGHT = np.ones((3, 3), bool)
Mask = NDArray[np.bool_]
Polygons = NDArray[np.object_]


@dataclass(frozen=True)
class ObjectSettings:
    """What counts as a change.

    Attributes:
        tolerance_m: How far two maps of the same edge may lie apart.
        min_area_m2: Smaller pieces of gained or lost ground are left out, and smaller landslides.
    """

    tolerance_m: float
    min_area_m2: float = 50.0

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not (0 <= self.tolerance_m <= 1000 and 0 <= self.min_area_m2 < 1e12):  # NaN fails too
            raise InputError("settings of a comparison", got=(self.tolerance_m, self.min_area_m2),
                             expected="a tolerance of 0 to 1000 m, an area of 0 or more",
                             remedy="Choose both again.")


@dataclass(frozen=True, eq=False)
class Change:
    """What became of one landslide, or of some that belong together.

    Attributes:
        kind: One of ``KINDS``.
        polygon: Its outline on the second date, on the first where it is gone; in the first date's CRS.
        before: Indexes of its outlines on the first date.
        after: On the second.
        before_m2: Their area on the first date.
        after_m2: On the second.
        gained_m2: Ground that is landslide for certain since: farther than the tolerance from any earlier one.
        lost_m2: Ground that is none any more, likewise.
        unobserved_m2: Part of it that one of the dates did not observe.
    """

    kind: str
    polygon: BaseGeometry
    before: tuple[int, ...]
    after: tuple[int, ...]
    before_m2: float
    after_m2: float
    gained_m2: float
    lost_m2: float
    unobserved_m2: float


def changes(both: Both, before: Polygons, after: Polygons, settings: ObjectSettings,
            report: Callable[[float], None] = lambda _: None) -> Iterator[Change]:
    """Yield every change, each once.

    Args:
        both: The class maps of the two dates, opened.
        before: Outlines of the first date, in its CRS.
        after: Outlines of the second date, in the same CRS and where it shows them: a shift is taken off here.
        settings: What counts.
        report: Told the share that is done.
    """
    unit = both.grid.pixel_area_m2 / abs(both.grid.transform.determinant)
    reach = settings.tolerance_m / math.sqrt(unit)
    moved = _moved(after, both.grid, both.shift)
    for done, (ours, theirs) in enumerate(groups := _groups(before, moved, reach), start=1):
        yield from _judged(both, before, moved, ours, theirs, settings, unit)
        report(done / len(groups))


def _moved(polygons: Polygons, grid: Grid, shift: Shift) -> Polygons:
    """Take the shift off outlines of the second date."""
    t = grid.transform
    dx, dy = t.a * shift.columns + t.b * shift.rows, t.d * shift.columns + t.e * shift.rows
    return shapely.transform(polygons, lambda xy: xy - (dx, dy)) if (dx or dy) and len(polygons) else polygons


def _groups(before: Polygons, after: Polygons, reach: float) -> list[tuple[list[int], list[int]]]:
    """Return the outlines of both dates that belong together."""
    n, m = len(before), len(after)
    if not n + m:
        return []
    links = np.zeros((2, 0), np.intp)
    if n and m:
        wide, wide_after = shapely.buffer(before, reach), shapely.buffer(after, reach)
        pairs = shapely.STRtree(after).query(wide, predicate="intersects")
        shares = [shapely.area(shapely.intersection(shapely.make_valid(big[i]), small[j])) / shapely.area(small[j])
                  for big, small, i, j in ((wide, after, *pairs), (wide_after, before, *pairs[::-1]))]
        links = pairs[:, np.maximum(*shares) >= BELONG]
    graph = coo_array((np.ones(links.shape[1], bool), (links[0], links[1] + n)), (n + m, n + m))
    count, group = connected_components(graph, directed=False)
    found: list[tuple[list[int], list[int]]] = [([], []) for _ in range(count)]
    for number, place in enumerate(group.tolist()):
        found[place][number >= n].append(number if number < n else number - n)
    return found


def _judged(both: Both, before: Polygons, after: Polygons, ours: list[int], theirs: list[int],
            settings: ObjectSettings, unit: float) -> list[Change]:
    """Look at the pixels of one group; nothing comes of one that is too small to matter."""
    sides = before[ours], after[theirs]
    if max(float(shapely.area(side).sum()) * unit for side in sides) < settings.min_area_m2:
        return []
    grid = _around(both.grid, [*sides[0], *sides[1]], settings.tolerance_m)
    pixel_m2 = grid.pixel_area_m2
    reach, least = settings.tolerance_m / grid.gsd_m, settings.min_area_m2 / pixel_m2
    maps = both.read(grid)
    found: list[Change] = []
    rest, areas, certain, blind = [], [], [], []
    for side, polygons in enumerate(sides):
        here, there = maps[side] == both.scheme.landslide, maps[1 - side] == both.scheme.landslide
        seen = maps[1 - side] != CLASS_NODATA
        own, away = _drawn(polygons, grid), _distance(there)
        pieces = _pieces(own & here & seen & (away > reach), least)
        alone = [piece for piece in pieces if sides[1 - side].size and _contact(piece, away, reach) < HANGS]
        whole = shapely.union_all(polygons)
        for piece in alone:
            polygon = _outline(piece, grid)
            whole = shapely.difference(whole, polygon)
            found.append(_alone(side, polygon, (ours, theirs)[side], float(shapely.area(polygon)) * unit))
        rest.append(whole)
        areas.append(float(shapely.area(whole)) * unit)
        certain.append(float(sum(np.count_nonzero(piece.mask) for piece in pieces if piece not in alone)) * pixel_m2)
        blind.append(float(np.count_nonzero(own & ~seen)) * pixel_m2)
    lost, gained = certain
    kind = _kind(bool(ours), bool(theirs), gained, lost, max(blind), max(areas))
    found.append(Change(kind, rest[1] if theirs else rest[0], tuple(ours), tuple(theirs), areas[0], areas[1],
                        gained, lost, max(blind)))
    return found


def _alone(side: int, polygon: BaseGeometry, members: list[int], area_m2: float) -> Change:
    """Return a piece that is a landslide of its own: new, or gone."""
    if side:
        return Change("new", polygon, (), tuple(members), 0.0, area_m2, area_m2, 0.0, 0.0)
    return Change("gone", polygon, tuple(members), (), area_m2, 0.0, 0.0, area_m2, 0.0)


def _kind(was: bool, is_: bool, gained: float, lost: float, unobserved: float, size: float) -> str:
    if was and is_:
        return "enlarged" if gained else "reduced" if lost else "unchanged"
    if gained if is_ else lost:
        return "new" if is_ else "gone"
    return "unobserved" if unobserved > size / 2 else "unchanged"


def _around(grid: Grid, polygons: list[BaseGeometry], margin_m: float) -> Grid:
    """Return the part of a grid that holds polygons and a margin; coarser where it is very large."""
    columns, rows = ~grid.transform @ np.concatenate([shapely.get_coordinates(p) for p in polygons]).T
    margin = math.ceil(margin_m / grid.gsd_m) + 2
    left, top = math.floor(columns.min()) - margin, math.floor(rows.min()) - margin
    width, height = math.ceil(columns.max()) + margin - left, math.ceil(rows.max()) + margin - top
    place = grid.window(Window(left, top, width, height))
    step = math.ceil(math.sqrt(width * height / WHOLE_PIXELS))
    if step == 1:
        return place
    return Grid((-(-height // step), -(-width // step)), place.transform @ place.transform.scale(step), place.crs)


def _drawn(polygons: Polygons, grid: Grid) -> Mask:
    if not len(polygons):
        return np.zeros(grid.shape, bool)
    return rasterize(polygons, grid.shape, transform=grid.transform, all_touched=True, dtype="uint8").astype(bool)


def _distance(mask: Mask) -> NDArray[np.float64]:
    """Return the pixels to the nearest True one."""
    return ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)


@dataclass(frozen=True, eq=False)
class _Piece:
    """Ground in one piece: its box in the group's pixels, and what of it belongs to it."""

    box: tuple[slice, slice]
    mask: Mask


def _pieces(mask: Mask, least_px: float) -> list[_Piece]:
    """Return the pieces of a mask of at least so many pixels."""
    labels, count = ndimage.label(mask, EIGHT)
    pixels = np.bincount(labels.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(labels)
    return [_Piece(box, labels[box] == number) for number, box in enumerate(boxes, start=1)
            if pixels[number] >= max(least_px, 1)]


def _contact(piece: _Piece, away: NDArray[np.float64], reach_px: float) -> float:
    """Return the share of a piece's rim that lies along a landslide of the other date."""
    rim = piece.mask & ~ndimage.binary_erosion(piece.mask)
    return float((away[piece.box][rim] <= reach_px + 1.5).mean())


def _outline(piece: _Piece, grid: Grid) -> BaseGeometry:
    rows, columns = piece.box
    t = grid.transform @ grid.transform.translation(columns.start, rows.start)
    return affine_transform(polygonise(piece.mask), [t.a, t.b, t.d, t.e, t.c, t.f])
