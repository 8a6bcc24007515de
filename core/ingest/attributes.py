"""What an attribute from outside says, as text."""

from __future__ import annotations


def as_text(value: object) -> str:
    """Return text and numbers as people write them (3.0 is "3"), and "" for anything else.

    >>> as_text(3.0), as_text("scarp"), as_text(None)
    ('3', 'scarp', '')
    """
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value) if isinstance(value, str | int) else ""
