"""The pages there are, and ways to them that keep project, detection, area and job."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import streamlit as st

from ui import state
from ui.settings import ROOT


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: Its address; the overview's is the root.
        title: In the navigation.
        icon: Material symbol.
    """

    name: str
    title: str
    icon: str

    @property
    def path(self) -> Path:
        """Where its script is."""
        return ROOT / "pages" / f"{self.name}.py"


_PAGES = (
    Page("overview", "Overview", ":material/landscape:"),
    Page("data", "Data", ":material/layers:"),
    Page("detect", "Detect", ":material/radar:"),
    Page("review", "Review", ":material/fact_check:"),
    Page("compare", "Compare", ":material/compare:"),
    Page("metrics", "Metrics", ":material/monitoring:"),
    Page("change", "Change", ":material/difference:"),
    Page("train", "Train", ":material/model_training:"),
    Page("report", "Report", ":material/description:"),
    Page("jobs", "Jobs", ":material/pending_actions:"),
)
PAGES = {page.name: page for page in _PAGES if page.path.is_file()}
PRESENT = Page("present", "Presentation", ":material/slideshow:")
"""Fills the whole window; the report's page leads there."""

ALL = PAGES | {PRESENT.name: PRESENT}


def link(page: str, label: str = "", icon: str | None = None, *, width: str = "content", **changes: str) -> None:
    """Show a link to a page; ``project``, ``run``, ``area``, ``job`` and ``panel`` change what it opens."""
    there = ALL[page]
    st.page_link(there.path, label=label or there.title, icon=icon or there.icon, width=width,
                 query_params=state.address(**changes))


def go(page: str, **changes: str) -> NoReturn:
    """Turn to a page at once."""
    st.switch_page(ALL[page].path, query_params=state.address(**changes))
