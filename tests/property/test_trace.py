"""Outlines of any mask are valid and the same as GDAL's."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rasterio.features import rasterize, shapes
from shapely import union_all
from shapely.geometry import shape

from core.trace import polygonise


@settings(max_examples=150, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=16), elements=st.sampled_from([True, True, False])))
def test_any_mask_is_outlined_as_gdal_does_it(mask):
    assume(mask.any())
    polygon = polygonise(mask)
    parts = [shape(part) for part, _ in shapes(mask.view(np.uint8), mask=mask, connectivity=4)]
    assert polygon.is_valid and polygon.area == mask.sum()
    assert len(getattr(polygon, "geoms", [polygon])) == len(parts)
    assert polygon.equals(union_all(parts))
    assert (rasterize([polygon], mask.shape) == mask).all()
