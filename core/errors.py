"""One exception tree. Every message says what was got, what was expected, and the remedy."""

from __future__ import annotations


class ScarpError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        what: The thing that is wrong, in a few words.
        got: What was found.
        expected: What would have been right.
        remedy: What the user can do; a full sentence.
    """

    def __init__(self, what: str, *, got: object, expected: object, remedy: str) -> None:
        self.what, self.got, self.expected, self.remedy = what, got, expected, remedy
        super().__init__(f"{what}: got {got}; expected {expected}. {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by keyword, so that an error crosses a process border whole."""
        return _rebuild, (type(self), self.what, str(self.got), str(self.expected), self.remedy)


def _rebuild(cls: type[ScarpError], what: str, got: str, expected: str, remedy: str) -> ScarpError:
    return cls(what, got=got, expected=expected, remedy=remedy)


class InputError(ScarpError, ValueError):
    """A value or a file from the user cannot be used."""


class GridError(InputError):
    """A shape, transform or coordinate reference system does not make a grid."""


class UnknownNameError(InputError):
    """A name is not one of those that exist."""


class ModelError(ScarpError, RuntimeError):
    """Weights or a model card are missing, damaged or do not fit the network."""


class EngineError(ScarpError, RuntimeError):
    """An inference engine is not available here, or failed."""


class StorageError(ScarpError, OSError):
    """Something could not be written: no space, no permission, or it is there already."""


def unknown_name(kind: str, got: str, valid: list[str]) -> UnknownNameError:
    """Build the error for a name that does not exist; it lists those that do."""
    return UnknownNameError(
        f"unknown {kind}", got=repr(got), expected=f"one of {', '.join(valid) or 'none yet'}",
        remedy=f"Choose one of the listed {kind} names.",
    )


class CancelledError(ScarpError):
    """The user stopped the work; what was finished is kept for the next call."""
