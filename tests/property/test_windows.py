"""Windows cover a scene once, on one lattice, and their weights add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from core.errors import InputError
from core.windows import LATTICE_PX, Tiling, blocks

tilings = st.builds(
    lambda core, halo, blend, row, column: Tiling(core * 16 + 2 * halo * 16, halo * 16, min(blend, halo * 16, core * 8),
                                                  (row * 16, column * 16)),
    st.integers(2, 12), st.integers(0, 6), st.integers(0, 48), st.integers(-3, 40), st.integers(-3, 40))


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 128))
def test_blocks_cover_every_pixel_once(height: int, width: int, size: int) -> None:
    seen = np.zeros((height, width), int)
    for w in blocks((height, width), size):
        seen[w.row_off:w.row_off + w.height, w.col_off:w.col_off + w.width] += 1
    assert (seen == 1).all()


@given(tilings, st.integers(1, 700), st.integers(1, 700))
def test_blend_weights_sum_to_one_on_every_pixel(tiling: Tiling, height: int, width: int) -> None:
    total = np.zeros((height, width))
    for top in tiling.steps(height + tiling.core, 0):
        for left in tiling.steps(width + tiling.core, 1):
            kept: Window = tiling.kept(top, left)
            y0, x0 = max(kept.row_off, 0), max(kept.col_off, 0)
            y1, x1 = min(kept.row_off + kept.height, height), min(kept.col_off + kept.width, width)
            if y0 < y1 and x0 < x1:
                total[y0:y1, x0:x1] += tiling.weights[y0 - kept.row_off:y1 - kept.row_off,
                                                      x0 - kept.col_off:x1 - kept.col_off]
    inner = total[tiling.blend:, tiling.blend:]  # the first cores have no neighbour before them
    np.testing.assert_allclose(inner, 1, atol=1e-5)


@given(tilings, st.integers(1, 2000))
def test_windows_lie_on_the_lattice_and_cores_cover(tiling: Tiling, length: int) -> None:
    starts = tiling.steps(length, 0)
    assert starts[0] <= 0
    assert starts[-1] + tiling.core >= length
    assert {b - a for a, b in zip(starts, starts[1:], strict=False)} <= {tiling.core}
    window = tiling.window(starts[0], starts[0])
    assert window.row_off % LATTICE_PX == 0
    assert window.height == tiling.size


@pytest.mark.parametrize("bad", [{"size": 1000}, {"halo": 704}, {"halo": 20}, {"blend": 400}, {"origin": (3, 0)}])
def test_a_tiling_off_the_lattice_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError, match="multiples of 16"):
        Tiling(**bad)
