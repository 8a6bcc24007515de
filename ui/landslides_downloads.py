"""What can be downloaded of a detection: its outlines in five formats, its maps, and all of it as one page."""

from functools import partial

import streamlit as st

from core.export import FORMATS, outlines_as
from core.project import Project, Run
from ui.saved_map import save_button

_MAPS = {"classes.tif": "Class map", "probability.tif": "Probability"}


def downloads(project: Project, run: Run) -> None:
    """Show a list of files; each is made when it is asked for."""
    name, outlines = f"{project.id}-{run.id}", run.folder / "landslides.gpkg"
    with st.popover("Download", icon=":material/download:"):
        if outlines.is_file():
            st.caption("Outlines")
            for kind, each in FORMATS.items():
                st.download_button(each.title, partial(outlines_as, outlines, kind), f"{name}{each.suffix}", each.mime,
                                   key=f"get-{kind}-{run.id}", help=f"In {each.crs}.", on_click="ignore",
                                   icon=":material/polyline:", width=250)
        st.caption("Maps, as cloud-optimised GeoTIFF")
        for file, title in _MAPS.items():
            if (path := run.folder / file).is_file():
                st.download_button(title, path.read_bytes, f"{name}-{file}", "image/tiff", key=f"get-{file}-{run.id}",
                                   on_click="ignore", icon=":material/grid_on:", width=250)
        st.caption("To show to others")
        save_button(project, run)
