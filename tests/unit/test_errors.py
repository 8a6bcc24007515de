"""Every error says got, expected and remedy, fits Python's own tree, and crosses a process border whole."""

from __future__ import annotations

import copy
import pickle

import pytest

from core import errors
from core.errors import ScarpError, unknown_name

TREE = {
    "InputError": ValueError, "GridError": errors.InputError, "UnknownNameError": errors.InputError,
    "ModelError": RuntimeError, "EngineError": RuntimeError, "StorageError": OSError, "CancelledError": ScarpError,
}


def test_the_tree_holds_every_error() -> None:
    found = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ScarpError)}
    assert found == {"ScarpError", *TREE}


@pytest.mark.parametrize(("name", "parent"), TREE.items())
def test_an_error_is_caught_by_its_parents_and_speaks(name, parent) -> None:
    kind = getattr(errors, name)
    with pytest.raises(parent) as caught:
        raise kind("band", got=4, expected="1 to 3", remedy="Choose another band.")
    assert isinstance(caught.value, ScarpError)
    assert str(caught.value) == "band: got 4; expected 1 to 3. Choose another band."


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_is_rebuilt_whole(name, through) -> None:
    error = getattr(errors, name)("shape", got=(0, 5), expected=("a", "b"), remedy="Do.")
    again = through(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert (again.what, again.got, again.expected, again.remedy) == ("shape", "(0, 5)", "('a', 'b')", "Do.")


def test_an_unknown_name_lists_the_valid_ones() -> None:
    error = unknown_name("model", "<x>", ["lite", "net"])
    assert isinstance(error, errors.UnknownNameError)
    assert str(error) == "unknown model: got '<x>'; expected one of lite, net. Choose one of the listed model names."
    assert "none yet" in str(unknown_name("model", "x", []))
