"""What must hold for any ground."""

import numpy as np
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.crs import CRS

from core.grid import Grid
from core.terrain import aspect_deg, aspect_sin_cos, gradients, hillshade, rotate, slope_deg
from core.terrain_on import dem_window

# Whole metres: their sums are exact, so results may be compared tightly.
DEMS = arrays(np.float32, st.tuples(st.integers(3, 9), st.integers(3, 9)), elements=st.integers(-50, 900))
GRADIENTS = st.tuples(*[st.floats(-50, 50, width=32)] * 2)
FRAME = np.array([[5.0, 0], [0, -5.0]])


def turn(a, b):
    return np.abs((a - b + 180) % 360 - 180)


@given(DEMS, st.integers(0, 3), st.booleans())
def test_turning_the_world_turns_the_aspect(dem, quarters, edges):
    edges = edges and quarters % 2 == 0  # gdaldem's corners prefer columns
    de, dn = gradients(dem, FRAME, edges=edges)
    turned = gradients(np.rot90(dem, -quarters), FRAME, edges=edges)  # clockwise
    back = [np.rot90(g, quarters) for g in turned]
    np.testing.assert_allclose(slope_deg(*back), slope_deg(de, dn), atol=1e-4)
    before, after = aspect_deg(de, dn), aspect_deg(*back)
    np.testing.assert_array_equal(np.isnan(before), np.isnan(after))
    assert np.nanmax(turn(after, before + 90 * quarters), initial=0) < 1e-3


@given(DEMS, st.integers(0, 3), st.booleans())
def test_the_frame_undoes_the_array_s_orientation(dem, quarters, flip):
    """The same ground stored another way round has the same gradients."""
    stored, frame = np.rot90(dem, quarters), FRAME
    for _ in range(quarters):  # one turn of the array: (row, col) -> (width - 1 - col, row)
        frame = np.column_stack([frame[:, 1], -frame[:, 0]])
    if flip:
        stored, frame = stored[::-1], frame * [1, -1]
    for ours, theirs in zip(gradients(stored, frame), gradients(dem, FRAME), strict=True):
        back = np.rot90(ours[::-1] if flip else ours, -quarters)
        np.testing.assert_allclose(back, theirs, rtol=1e-6, atol=1e-6)


@given(DEMS, st.integers(-20, 20), st.integers(-20, 20))
def test_gradients_are_linear_in_a_tilt(dem, east, north):
    rows, cols = np.mgrid[: dem.shape[0], : dem.shape[1]]
    de, dn = gradients(dem, FRAME)
    tilted = gradients(dem + east * 5 * cols - north * 5 * rows, FRAME)
    np.testing.assert_allclose(tilted[0], de + east, atol=1e-3)
    np.testing.assert_allclose(tilted[1], dn + north, atol=1e-3)


@given(GRADIENTS, st.floats(-720, 720))
def test_rotate_turns_the_aspect_and_keeps_the_slope(gradient, degrees):
    de, dn = gradient
    turned = rotate(de, dn, degrees)
    np.testing.assert_allclose(slope_deg(*turned), slope_deg(de, dn), rtol=1e-4, atol=1e-4)
    if slope_deg(de, dn) > 0.01:
        assert turn(aspect_deg(*turned), aspect_deg(de, dn) + degrees) < 1e-2


@given(GRADIENTS, st.floats(0, 90), st.floats(0, 360), st.booleans())
def test_ranges(gradient, altitude, azimuth, multi):
    assert 0 <= slope_deg(*gradient) <= 90
    aspect = aspect_deg(*gradient)
    assert np.isnan(aspect) or 0 <= aspect < 360
    sine, cosine = aspect_sin_cos(*gradient)
    assert np.hypot(sine, cosine) <= 1 + 1e-6
    assert 1 <= hillshade(*gradient, altitude_deg=altitude, azimuth_deg=azimuth, multidirectional=multi) <= 255


@given(st.floats(-900, 900), st.floats(-900, 900), st.integers(1, 300), st.integers(0, 6), st.floats(0, 360))
def test_dem_window_holds_every_image_pixel_it_can(dx, dy, size, margin, angle):
    crs = CRS.from_epsg(32648)
    dem = Grid((80, 90), Affine(7, 0, 500_000, 0, -7, 3_500_000), crs)
    image = Grid((size, size), Affine.translation(500_300 + dx, 3_499_700 + dy) @ Affine.rotation(angle), crs)
    window = dem_window(dem, image, margin)
    cols, rows = np.meshgrid([0, size / 2, size], [0, size / 2, size])
    points = [~dem.transform * (image.transform * p) for p in zip(cols.flat, rows.flat, strict=True)]
    for col, row in points:
        if 0 <= col < dem.width and 0 <= row < dem.height:
            assert window.col_off <= col <= window.col_off + window.width
            assert window.row_off <= row <= window.row_off + window.height
    if window is not None:
        assert min(window.col_off, window.row_off) >= 0
        assert window.col_off + window.width <= dem.width
        assert window.row_off + window.height <= dem.height
