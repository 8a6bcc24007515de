"""The place to drop files: they go straight to the disk of the server, and never through Streamlit's memory."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import streamlit as st

from core.incoming import SUFFIXES
from core.project import Project
from core.tokens import signer
from core.uploads import TOKEN_STEP_S, max_bytes, upload_url
from ui.settings import ROOT, projects_root
from ui.words import errors_in_words


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("scarp_upload", html='<div class="scarp-up"></div>',
                                      js=(ROOT / "ui" / "data_upload.js").read_text(), isolate_styles=False)


@st.fragment(run_every=TOKEN_STEP_S)
def upload(project: Project) -> None:
    """Show it. When files have come, the page is drawn again and finds them waiting."""
    with errors_in_words():
        most = max_bytes()
        data = {"url": upload_url(signer(projects_root()), project.folder), "most": most, "suffixes": list(SUFFIXES),
                "words": f"GeoTIFF, GeoPackage, GeoJSON or zipped Shapefile, up to {most / 1e9:g} GB each"}
        if _component()(key=f"upload-{project.id}", data=data, on_came_change=lambda: None).came:
            st.rerun()
