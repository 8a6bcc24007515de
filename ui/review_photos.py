"""Photos of the detection that is looked at: uploaded, shown, and placed on the map where they tell their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import shapely
import streamlit as st

from core.project import Project
from core.review import change
from core.review.photo import take_photo
from ui import review_acts as acts
from ui.layers import shapes
from ui.review_state import Review
from ui.words import errors_in_words

PHOTO_COLOUR = "#8d5a97"
_ROUND_DEG = 4e-5
_ADDED = "review-photo-added"


def photos(look: Review, row: pd.Series) -> None:
    """Show the photos, and take another."""
    there = row["photos"]
    title = f"Photos ({len(there)})" if there else "Photos"
    opened = st.session_state.get(_ADDED) == row["id"]  # with another title it is another expander
    with st.expander(title, icon=":material/photo_camera:", expanded=opened):
        for each in there:
            if (file := photo_file(look.project, each)) is not None:
                placed = f"{each['lat']:.5f}, {each['lon']:.5f}" if each.get("lat") is not None else "without a place"
                st.image(str(file), caption=" · ".join(filter(None, (placed, each.get("taken", "")))))
        key = f"review-photo-{row['id']}-{row['version']}"
        given = st.file_uploader("JPEG or PNG", ["jpg", "jpeg", "png"], key=key, max_upload_size=40,
                                 help="Its pixels are stored anew; of all else only place and time are kept.")
        if given is not None and st.button("Add this photo", width="stretch", key=f"add-{key}"):
            with errors_in_words():
                taken = take_photo(look.project.folder, given.getvalue())
                others = [each for each in there if each["file"] != taken["file"]]  # the same one twice is one
                acts.save(look, lambda: change(row["id"], int(row["version"]), photos=[*others, taken]))
                st.session_state[_ADDED] = row["id"]
                st.rerun()


def photo_file(project: Project, photo: dict[str, Any]) -> Path | None:
    """Return where a photo is, if it is there and inside the project."""
    file = (project.folder / photo["file"]).resolve()
    return file if file.is_relative_to(project.folder) and file.is_file() else None


def photo_layer(look: Review) -> list[dict[str, Any]]:
    """Return where photos were taken, as a layer of the map."""
    placed = [(shapely.Point(each["lon"], each["lat"]).buffer(_ROUND_DEG), f"Photo {each.get('taken', '')}".strip())
              for several in look.frame["photos"] for each in several if each.get("lat") is not None]
    return [shapes("photos", "Review", "Photos", placed, PHOTO_COLOUR)] if placed else []
