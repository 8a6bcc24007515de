"""Areas and days as a report writes them."""

from __future__ import annotations

from datetime import date


def area(m2: float) -> str:
    """Return an area in the unit that reads best.

    >>> area(950), area(25_000), area(3_400_000)
    ('950 m²', '2.50 ha', '3.40 km²')
    """
    for limit, unit, form in ((1e6, "km²", ",.2f"), (1e4, "ha", ",.2f")):
        if m2 >= limit:
            return f"{m2 / limit:{form}} {unit}"
    return f"{m2:,.0f} m²"


def day(text: str) -> str:
    """Return an ISO day for people; nothing for nothing."""
    return f"{date.fromisoformat(text):%-d %B %Y}" if text else ""
