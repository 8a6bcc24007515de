"""What the networks are fed."""

import numpy as np
import pytest

from core.errors import InputError
from core.nets.topography import TOPOGRAPHY_CHANNELS
from core.normalize import ImageScaling, image_tensor, topography_tensor


def test_scaling_clips_and_never_wraps() -> None:
    scaling = ImageScaling((100.0,), (1100.0,), "given")
    values = np.array([[[0, 100, 600, 1100, 65535]]], np.float32)
    np.testing.assert_allclose(scaling.apply(values)[0, 0], [0, 0, 127.5, 255, 255])


@pytest.mark.parametrize(("low", "high"), [((5.0,), (5.0,)), ((0.0,), (float("nan"),)), ((), ())])
def test_limits_that_mean_nothing_are_refused(low, high) -> None:
    with pytest.raises(InputError, match="image scaling"):
        ImageScaling(low, high, "given")


def test_invalid_pixels_become_mid_grey() -> None:
    rgb = np.full((3, 1, 2), 255, np.float32)
    found = image_tensor(rgb, np.array([[True, False]]))
    np.testing.assert_allclose(found[:, 0], [[1.0, 0.0]] * 3)


def test_topography_channels_and_their_absence() -> None:
    nan = np.nan
    de = np.array([[1.0, 0.0, nan]], np.float32)  # rises eastward: faces west
    dn = np.array([[0.0, 0.0, nan]], np.float32)
    found = topography_tensor(de, dn, np.array([[0.5, nan, -1.0]], np.float32))
    named = dict(zip(TOPOGRAPHY_CHANNELS, found[:, 0], strict=True))
    np.testing.assert_allclose(named["slope"], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(named["aspect_sin"], [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(named["aspect_cos"], [0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(named["ndvi"], [0.5, 0, -1])
    np.testing.assert_allclose(named["dem_present"], [1, 1, 0])
    np.testing.assert_allclose(named["ndvi_present"], [1, 0, 1])


def test_what_was_not_observed_is_absent_and_slopes_are_degrees() -> None:
    de = np.tan(np.radians(np.linspace(0, 89, 90, dtype=np.float32)))[None]
    observed = np.arange(90)[None] % 10 > 0
    found = topography_tensor(de, de * 0, np.full_like(de, 0.3), observed)
    assert not found[:, ~observed].any()
    np.testing.assert_allclose(found[0][observed] * 45, np.arange(90)[observed[0]], atol=1e-4)
    np.testing.assert_allclose(found[1][observed], -1, atol=1e-6)
    assert found[:, observed][3:].min(axis=1).tolist() == [np.float32(0.3), 1, 1]
