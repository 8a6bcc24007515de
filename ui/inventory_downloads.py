"""The inventory as a file: what was reviewed, as records, in five formats and in the words of other catalogues."""

from functools import partial

import geopandas
import streamlit as st

from core.export import FORMATS
from core.field import records_of
from core.inventory import as_coolr, as_inspire, inventory_as
from core.review import POSITIVE
from ui import html
from ui.review_state import Review


def inventory_downloads(look: Review) -> None:
    """Show a list of files; each is made when it is asked for."""
    confirmed = st.toggle("Confirmed landslides alone", value=True, key="inventory-confirmed",
                          help="Accepted, edited and drawn. Off: also what nobody has reviewed; never the rejected.")
    kept = POSITIVE if confirmed else (*POSITIVE, "unreviewed")
    frame = look.frame[look.frame["status"].isin(kept)] if len(look.frame) else look.frame
    html.note(f"{len(frame):,} of {len(look.frame):,} landslides, with type, certainty, dates, mapper and all that was "
              "measured.")
    if not len(frame):
        return
    name = f"{look.project.id}-inventory"
    for kind, each in FORMATS.items():
        st.download_button(each.title, partial(_file, frame, kind), f"{name}{each.suffix}", each.mime, width="stretch",
                           key=f"inventory-{kind}", on_click="ignore", icon=":material/polyline:")
    st.download_button("NASA COOLR, CSV", partial(_coolr, frame), f"{name}-coolr.csv", "text/csv", width="stretch",
                       key="inventory-coolr", on_click="ignore", icon=":material/public:")
    st.download_button("INSPIRE names, GeoJSON", partial(_inspire, frame, look.project.id), f"{name}-inspire.geojson",
                       "application/geo+json", width="stretch", key="inventory-inspire", on_click="ignore",
                       icon=":material/euro:")


def _file(frame: geopandas.GeoDataFrame, kind: str) -> bytes:
    return inventory_as(records_of(frame, "status", "class", "run"), kind)


def _coolr(frame: geopandas.GeoDataFrame) -> bytes:
    return as_coolr(records_of(frame)).to_csv(index=False).encode()


def _inspire(frame: geopandas.GeoDataFrame, namespace: str) -> bytes:
    return as_inspire(records_of(frame), namespace).to_json(drop_id=True, default=str).encode()
