"""Likeness: an image of the training's kind is told from one of another kind, and in what it differs."""

import numpy as np
import pytest

from core import domain
from core.errors import ModelError


def squares(seed, *, count=120, shift=(0.0, 0.0, 0.0), gain=1.0, blur=False):
    """Figures of made-up squares of ground: some tone, some relief in it, some noise."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        tone = random.normal((110, 105, 80), 12)[:, None, None]
        light = random.normal(0, 12, (1, 8, 8)).repeat(4, 1).repeat(4, 2)
        noise = 0 if blur else random.normal(0, 5, (3, 32, 32))
        rgb = np.clip((tone + light + noise) * gain + np.array(shift)[:, None, None], 0, 255).astype("float32")
        found.append(domain.describe(rgb, np.ones((32, 32), bool)))
    return np.array(found)


@pytest.fixture(scope="module")
def known():
    return domain.read(domain.fit(squares(1)).as_dict())


def test_imagery_of_the_same_kind_is_alike(known):
    assert domain.compare(known, squares(2)).outside < 0.12


@pytest.mark.parametrize(("change", "how"), [
    ({"shift": (0, 0, 90)}, "bluer"), ({"blur": True}, "smoother or blurred"), ({"gain": 0.3}, "smoother or blurred")])
def test_imagery_of_another_kind_is_not_and_it_says_how(known, change, how):
    alike = domain.compare(known, squares(3, **change))
    assert alike.outside > 0.8 and alike.how == how


def test_figures_are_of_what_was_observed_alone():
    rgb = np.full((3, 16, 16), 100, "float32")
    rgb[:, 8:] = 0
    valid = np.zeros((16, 16), bool)
    valid[:8] = True
    figures = dict(zip(domain.FIGURES, domain.describe(rgb, valid), strict=True))
    assert figures["red"] == 100 and figures["contrast"] == 0 and figures["texture"] == 0


def test_a_card_without_a_domain_has_none_and_a_damaged_one_is_refused(known):
    assert domain.read({}) is None
    good = known.as_dict()
    for bad in ({"mean": [1, 2]}, {"figures": ["a"]}, {"limit": -1}, {"precision": None}, {"mean": [float("nan")] * 7}):
        with pytest.raises(ModelError, match="card"):
            domain.read(good | bad)
