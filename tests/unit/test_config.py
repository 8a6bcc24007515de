"""Class schemes and scales: what files, maps and models agree on."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from core.config import (
    CLASS_NODATA,
    PROBABILITY_NODATA,
    PROBABILITY_SCALE,
    SCHEMES,
    ClassScheme,
    scheme,
)
from core.errors import InputError, UnknownNameError


@pytest.mark.parametrize(("name", "names"), [
    ("binary", ("other", "landslide")),
    ("paper", ("landslide", "building", "vegetation", "water", "road", "bare land")),
])
def test_the_order_of_classes_is_that_of_stored_values(name, names) -> None:
    assert scheme(name).names == names
    assert names[scheme(name).landslide] == "landslide"


def test_schemes_are_filed_under_their_own_names_with_colours_apart() -> None:
    for name, found in SCHEMES.items():
        assert found.name == name
        assert len(found.names) < CLASS_NODATA
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in found.colours)
        assert len(set(found.colours)) == len(found.names)
    assert scheme("paper").rgb(0) == scheme("binary").rgb(1) == (0xE4, 0x57, 0x2E)


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="binary, paper"):
        scheme("six")


@pytest.mark.parametrize(("names", "colours"), [
    (("a", "b"), ("#000000", "#ffffff")),
    (("landslide", "b"), ("#000000",)),
])
def test_a_scheme_that_cannot_be_drawn_is_refused(names, colours) -> None:
    with pytest.raises(InputError, match="class scheme"):
        ClassScheme("x", names, colours)


def test_a_scheme_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        scheme("binary").names = ()


def test_every_probability_has_a_value_and_nodata_has_none() -> None:
    stored = np.round(np.linspace(0, 1, 251) / PROBABILITY_SCALE)
    np.testing.assert_array_equal(stored, np.arange(251))
    assert stored.max() < PROBABILITY_NODATA
