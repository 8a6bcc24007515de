"""Files that are on the server already: a small browser of the folders that SCARP_DATA allows."""

import os
from datetime import datetime
from pathlib import Path

import streamlit as st

from core import incoming
from core.browse import Entry, inside, listing, roots
from core.incoming import suffix_of
from core.project import Project
from ui import html
from ui.words import errors_in_words

KINDS = {".tif": "GeoTIFF", ".geojson": "GeoJSON", ".gpkg": "GeoPackage", ".zip": "Zip archive"}
_PLACE, _TURN = "data-place", "data-turn"
_ROWS = 12
"""So many are seen without scrolling."""


def folder(project: Project) -> None:
    """Show the allowed folders, or how to allow one."""
    allowed = roots(os.environ.get("SCARP_DATA", ""))
    if not allowed:
        html.empty("No data folder is set", "Start Scarp with SCARP_DATA set to a folder, or to several with a colon "
                   "between them. What is in it can then be imported without an upload, at any size.")
        return
    with errors_in_words():
        root = allowed[0] if len(allowed) == 1 else st.selectbox(
            "Data folder", allowed, format_func=lambda each: each.name, key="data-root",
            on_change=lambda: st.session_state.pop(_PLACE, None))
        _browse(project, root)


def _browse(project: Project, root: Path) -> None:
    parts: tuple[str, ...] = st.session_state.get(_PLACE, ())
    entries = listing(root, *parts)
    _crumbs(root, parts)
    if not entries:
        html.empty("Nothing to import here", "No folders, and no GeoTIFF, GeoPackage, GeoJSON or zipped Shapefile.")
        return
    key = f"data-entries-{st.session_state.get(_TURN, 0)}"

    def on_pick() -> None:
        for row in st.session_state[key]["selection"]["rows"]:
            if entries[row].folder:
                _go((*parts, entries[row].name))

    picked = st.dataframe(
        [_row(each) for each in entries], hide_index=True, height=min(37 + 33 * len(entries), 37 + 33 * _ROWS), key=key,
        on_select=on_pick, selection_mode="multi-row", width="stretch",
        column_config={"Name": st.column_config.TextColumn(width="large"),
                       "Changed": st.column_config.DatetimeColumn(format="D MMM YYYY", width=100)})
    chosen = [entries[row] for row in picked["selection"]["rows"] if not entries[row].folder]
    label = f"Import {len(chosen)} file{'s' * (len(chosen) != 1)}" if chosen else "Import"
    if st.button(label, disabled=not chosen, icon=":material/download:",
                 type="primary" if chosen else "secondary"):
        for each in chosen:
            incoming.add(project.folder, each.name, inside(root, *parts, each.name), ours=False)
        _go(parts)
        st.rerun()
    if not chosen:
        html.note("Tick files to import them. A folder opens when it is ticked.")


def _crumbs(root: Path, parts: tuple[str, ...]) -> None:
    """Show the way to this folder; each step leads back to it."""
    with st.container(horizontal=True, gap="small", key="data-crumbs"):
        for depth, name in enumerate((root.name, *parts)):
            st.button(name[:40], type="tertiary", key=f"crumb-{depth}", disabled=depth == len(parts),
                      icon=":material/folder_open:" if depth == 0 else ":material/chevron_right:",
                      on_click=_go, args=[parts[:depth]])


def _go(parts: tuple[str, ...]) -> None:
    st.session_state[_PLACE] = parts
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1


def _row(each: Entry) -> dict[str, object]:
    changed = datetime.fromtimestamp(each.changed).astimezone()
    if each.folder:
        return {"Name": each.name, "Kind": "Folder", "Size": "", "Changed": changed}
    return {"Name": each.name, "Kind": KINDS[suffix_of(each.name)], "Size": size(each.size), "Changed": changed}


def size(count: int) -> str:
    """Return a number of bytes in words."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"
