"""Colours: text is read by WCAG AA in both themes, and classes are told apart with any common colour vision.

Colour blindness as in Machado, Oliveira & Fernandes (2009), full severity; differences as CIE 1976 in L*a*b*.
"""

import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import streamlit

from core.config import SCHEMES
from ui.settings import ROOT

THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
VISION = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
APART = 12.0
"""A difference that is seen at a glance, between patches side by side; 2.3 is just seen."""


def linear(code):
    """Return linear RGB of #rrggbb."""
    values = np.array([int(code[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175],
                    [0.0193339, 0.119192, 0.9503041]]) @ np.clip(rgb, 0, 1) / (0.95047, 1, 1.08883)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(first, second):
    """Return WCAG's contrast ratio."""
    low, high = sorted(linear(each) @ (0.2126, 0.7152, 0.0722) for each in (first, second))
    return (high + 0.05) / (low + 0.05)


def mixed(ink, ground, share):
    """Return an ink seen through so much opacity."""
    pair = [[int(code[i:i + 2], 16) for i in (1, 3, 5)] for code in (ink, ground)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in zip(*pair, strict=True))


def test_the_measures_are_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_read_on_every_ground(theme):
    colours = THEME[theme]
    grounds = [colours[name] for name in ("backgroundColor", "secondaryBackgroundColor")] + [
        colours["sidebar"][name] for name in ("backgroundColor", "secondaryBackgroundColor")]
    for ground in grounds:
        assert contrast(colours["textColor"], ground) >= 7
        assert contrast(mixed(colours["textColor"], ground, 0.68), ground) >= 4.5, "quiet text"
        assert contrast(colours["linkColor"], ground) >= 4.5
        assert contrast(colours["primaryColor"], ground) >= 3, "edges and marks of inputs"
    assert contrast("#ffffff", colours["primaryColor"]) >= 4.5, "white on a button"


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_classes_are_told_apart(scheme, vision):
    known = SCHEMES[scheme]
    seen = {name: lab(np.array(VISION[vision]) @ linear(colour))
            for name, colour in zip(known.names, known.colours, strict=True)}
    for (one, first), (other, second) in itertools.combinations(seen.items(), 2):
        assert np.linalg.norm(first - second) >= APART, f"{one} and {other}: {np.linalg.norm(first - second):.1f}"


def test_the_style_names_only_what_streamlit_has_and_its_own_accent():
    style = (ROOT / "ui" / "style.css").read_text()
    frontend = Path(streamlit.__file__).parent / "static" / "static" / "js"
    known = "".join(script.read_text() for script in frontend.glob("*.js"))
    named = set(re.findall(r'data-(?:testid|variant)="([^"]+)"', style))
    assert len(named) > 15 and {name for name in named if name not in known} == set()
    accent = ", ".join(str(int(THEME["dark"]["primaryColor"][i:i + 2], 16)) for i in (1, 3, 5))
    assert f'stMarkdownBadge[style*="{accent}"]' in style
