"""To the field and back: a package to download, an edited copy to upload, what it changes, and taking it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import shapely
import streamlit as st

from core.errors import InputError, ScarpError
from core.field import Change, Diff, Outing, give_out, outings, take
from core.request import source
from core.review import Ledger
from core.review.shape import measured
from ui import html, state
from ui.inventory_downloads import inventory_downloads
from ui.layers import shapes
from ui.review_acts import scene
from ui.review_state import WHO, Review, name_of
from ui.words import errors_in_words, plain, say

_KINDS = {"added": "New", "deleted": "Deleted", "changed": "Changed"}
_COLOURS = {"added": "#2f8a66", "deleted": "#5c6470", "changed": "#d9822b"}
OUTING, CHANGES = "field-outing", "field-changes"
_SEEN = "field-seen"
SHOWN = 200


def field_panel(look: Review) -> None:
    """Show the packages of this detection, a way to a new one, and a way back."""
    html.note("For QGIS, QField and Mergin Maps: landslides with a form, and the image, in one zip. No network is "
              "needed in the field.")
    st.session_state.pop(CHANGES, None)
    with st.expander("Inventory as a file", icon=":material/download:", key="field-inventory"):
        inventory_downloads(look)
    found = {each.id: each for each in outings(look.project) if each.run == look.run.id}
    with st.expander("New package", icon=":material/backpack:", expanded=not found, key=f"field-new-{len(found)}"):
        _pack(look)
    if not found:
        html.empty("Nothing was given out yet", "Make a package; what comes back is compared with it.")
        return
    if st.session_state.get(OUTING) not in found:
        st.session_state.pop(OUTING, None)
    outing = found[st.selectbox("Package", list(found), key=OUTING, format_func=lambda name: _title(found[name]))]
    st.download_button("Download the package", outing.package.read_bytes, f"{look.project.id}-field.zip",
                       "application/zip", icon=":material/download:", width="stretch", on_click="ignore",
                       key=f"field-get-{outing.id}")
    _back(look, outing)


def _pack(look: Review) -> None:
    title = st.text_input("Title", f"{look.project.name}, field", key="field-title", max_chars=80)
    area = state.current_area(look.project)
    html.note("The landslides in the area drawn, and its image." if area else
              "All landslides that were not rejected, and the image around them.")
    if st.button("Make the package", type="primary", width="stretch", key="field-make"):
        with errors_in_words(), st.spinner("Cutting the image ..."):
            image = source(look.project, look.run, "image") or look.project.of("image")[0]
            give_out(look.project, look.run.id, title.strip() or look.project.name, image, area)
            st.rerun()


def _back(look: Review, outing: Outing) -> None:
    """Take an edited copy, show what it changes, and take the changes that are wanted."""
    turn = st.session_state.get("field-turn", 0)
    given = st.file_uploader("The edited landslides.gpkg", ["gpkg"], max_upload_size=256,
                             key=f"field-file-{outing.id}-{turn}")
    if given is None:
        return
    try:
        diff = _compared(outing, given.file_id, given.getvalue())
    except ScarpError as error:
        say(error)
        return
    for remark in diff.remarks:
        st.warning(remark, icon=":material/warning:")
    html.figures({"New": str(len(diff.of("added"))), "Deleted": str(len(diff.of("deleted"))),
                  "Changed": str(len(diff.of("changed"))), "Unchanged": str(diff.unchanged)})
    if not diff.changes:
        html.note("The copy says the same as what was given out.")
        return
    st.session_state[CHANGES] = diff
    if st.session_state.get(_SEEN) != given.file_id:
        st.session_state[_SEEN] = given.file_id
        state.select(None, tuple(shapely.total_bounds([each.after or each.before for each in diff.changes]).tolist()))
    names = {row["id"]: name_of(row) for row in look.frame.to_dict("records")}
    with st.container(height=300 if len(diff.changes) > 5 else "content", border=True):
        chosen = {each.id for each in diff.changes[:SHOWN]
                  if st.checkbox(plain(in_words(each, names)), value=True, key=f"field-{given.file_id}-{each.id}")}
    if more := [each.id for each in diff.changes[SHOWN:]]:
        html.note(f"{len(more):,} more are taken along.")
        chosen.update(more)
    who = st.text_input("Changes made by", st.session_state.get(WHO, ""), key="field-who", max_chars=80)
    if st.button(f"Take {len(chosen)} changes", type="primary", width="stretch", disabled=not chosen, key="field-take"):
        with errors_in_words():
            taken, conflicts = take(Ledger(look.project), outing, diff, who, partial(_measured, look), chosen)
            st.session_state["field-turn"] = turn + 1
            state.note(f"{taken} changes were taken." + (
                f" {conflicts} were changed here as well: settle them under Progress." if conflicts else ""))
            st.rerun()


def field_layers() -> list[dict[str, Any]]:
    """Return what came back as a layer of the map, while it is looked at."""
    diff: Diff | None = st.session_state.get(CHANGES)
    if diff is None:
        return []
    return [shapes(f"field-{kind}", "Field", f"{title} in the field",
                   [(each.after or each.before, in_words(each)) for each in diff.of(kind)], _COLOURS[kind])
            for kind, title in _KINDS.items() if diff.of(kind)]


def in_words(change: Change, names: Mapping[str, str] | None = None) -> str:
    """Return what happened to a landslide in a line; it is called by its name, or by the beginning of its id."""
    known = names or {}
    said = [*([f"outline moved by up to {change.moved_m:.1f} m"] if change.moved_m else []),
            *([f"cut off {known.get(change.split_from, change.split_from[:8])}"] if change.split_from else []),
            *(f"{name.replace('_', ' ')}: {_said(old)} → {_said(new)}" for name, (old, new) in
              change.attributes.items() if change.kind == "changed")]
    return f"{_KINDS[change.kind]} {known.get(change.id, change.id[:8])}{': ' if said else ''}{'; '.join(said)}"


def _said(value: object) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@st.cache_data(max_entries=4, show_spinner="Comparing ...")
def _compared(_outing: Outing, file: str, data: bytes) -> Diff:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "landslides.gpkg"
        path.write_bytes(data)
        return _outing.difference(path)


def _measured(look: Review, place: object) -> dict[str, object]:
    settings = scene(look.project, look.run)
    if settings is None:
        raise InputError("image", got="none in the project", expected="the image of this detection",
                         remedy="Add the image again.")
    return measured(place, settings, look.run.folder / "probability.tif")


def _title(outing: Outing) -> str:
    return f"{outing.title}, {outing.made[:16].replace('T', ' ')}"
