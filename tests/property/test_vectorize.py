"""What holds for every mask: areas add up, objects are those of a labelling, strips leave no trace."""

from __future__ import annotations

import numpy as np
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rasterio.crs import CRS
from rasterio.features import rasterize
from scipy import ndimage

from core.grid import Grid
from core.vectorize import OutlineSettings, outlines

CLASSES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24),
                 elements=st.sampled_from([0, 1, 1, 0, 255]))
PLAIN = OutlineSettings(min_area_m2=0, sieve_pixels=1, fill_holes_px=0, simplify_px=0)


def find(classes, setting, strip_rows):
    grid = Grid(classes.shape, Affine(1, 0, 0, 0, -1, classes.shape[0]), CRS.from_epsg(32648))
    return list(outlines(lambda a, b: classes[a:b], grid, 1, setting, strip_rows=strip_rows))


@settings(max_examples=60, deadline=None)
@given(CLASSES, st.integers(1, 25))
def test_outlines_are_the_masks_objects_exactly(classes, strip_rows):
    mask = classes == 1
    found = find(classes, PLAIN, strip_rows)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(found) == count
    assert sum(o.polygon.area for o in found) == mask.sum()
    burnt, painted = np.zeros(mask.shape, int), np.zeros(mask.shape, int)
    for outline in found:
        assert outline.polygon.is_valid
        rows, columns = outline.window.toslices()
        painted[rows, columns] += outline.mask
        assert outline.mask.any(axis=0)[[0, -1]].all() and outline.mask.any(axis=1)[[0, -1]].all()
        burnt += rasterize([outline.polygon], mask.shape, transform=Affine(1, 0, 0, 0, -1, mask.shape[0]))
        assert len(np.unique(labels[rows, columns][outline.mask])) == 1
    assert (painted == mask).all() and (burnt == mask).all()


@settings(max_examples=60, deadline=None)
@given(CLASSES, st.integers(1, 25), st.integers(0, 9), st.integers(1, 6), st.sampled_from([0, 1.0]))
def test_strips_leave_no_trace(classes, strip_rows, holes, sieve, simplify):
    setting = OutlineSettings(min_area_m2=0, sieve_pixels=sieve, fill_holes_px=holes, simplify_px=simplify)
    whole, strips = (sorted(o.polygon.normalize().wkt for o in find(classes, setting, rows))
                     for rows in (classes.shape[0], strip_rows))
    assert whole == strips


@settings(max_examples=60, deadline=None)
@given(CLASSES, st.integers(0, 9), st.integers(1, 25))
def test_filling_holes_adds_only_small_closed_observed_ground(classes, holes, strip_rows):
    setting = OutlineSettings(min_area_m2=0, sieve_pixels=1, fill_holes_px=holes, simplify_px=0)
    painted = np.zeros(classes.shape, bool)
    for outline in find(classes, setting, strip_rows):
        painted[outline.window.toslices()] |= outline.mask
    expected = classes == 1
    labels, count = ndimage.label(classes != 1)
    for k in range(1, count + 1):
        hole = labels == k
        closed = not (hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any())
        if closed and hole.sum() <= holes and not (classes[hole] == 255).any():
            expected = expected | hole
    assert (painted == expected).all()
