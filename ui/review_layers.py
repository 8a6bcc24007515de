"""The layers of the map on the review's page: the ledger's outlines in the colours of what was decided."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import shapely
import streamlit as st

from core.config import SCHEMES
from core.files import write_atomic
from core.project import Project, Run
from core.tiles import shapes_url
from core.tokens import signer
from ui.layers import map_layers
from ui.outlines import size
from ui.review_photos import photo_layer
from ui.review_state import Review, name_of
from ui.settings import projects_root

OPEN = SCHEMES["binary"].colours[SCHEMES["binary"].landslide]
YES, NO = "#1476b8", "#6b7280"
COLOURS = {"unreviewed": OPEN, "accepted": YES, "edited": YES, "drawn": YES, "rejected": NO}
_LEGEND = {"classes": [{"name": "not reviewed", "colour": OPEN}, {"name": "landslide", "colour": YES},
                       {"name": "no landslide", "colour": NO}]}
_KEPT_S = 3600
_FRESH_S = 20


def review_layers(look: Review) -> list[dict[str, Any]]:
    """Return all layers, top first."""
    layers = _ground(repr(look.project), look.run.id, look.project, look.run)
    outlines = {"kind": "outlines", "slot": "outlines", "id": "review", "group": "Review", "title": "Detections",
                "url": shapes_url(signer(projects_root()), _file(look)), "visible": True, "opacity": 1.0,
                "legend": _LEGEND, "detail": 0.0}
    return [*photo_layer(look), outlines, *layers]


@st.cache_data(ttl=_FRESH_S, max_entries=16, show_spinner=False)
def _ground(project: str, run: str, _project: Project, _run: Run) -> list[dict[str, Any]]:
    """Return the layers that no decision changes; they are looked at again every few seconds."""
    return [layer | ({"visible": False} if layer["slot"] == "classes" else {})
            for layer in map_layers(_project, _run) if layer["slot"] != "outlines"]


def colours_of(look: Review) -> dict[str, str]:
    """Return the colour of each detection that has been decided; none in a second look."""
    if look.blind:
        return {}
    decided = look.frame["status"][look.frame["status"] != "unreviewed"]
    return {name: COLOURS[status] for name, status in decided.items()}


def _file(look: Review) -> Path:
    """Return the outlines as GeoJSON, written when one has another shape than before."""
    content = shapely.to_wkb(look.frame.geometry.values)
    mark = hashlib.sha256(b"".join(content) + "".join(look.frame.index).encode()).hexdigest()[:16]
    return _written(look.project.folder / "derived", mark, look.frame)


@st.cache_resource(max_entries=8, show_spinner=False)
def _written(folder: Path, mark: str, _frame: pd.DataFrame) -> Path:
    target = folder / f"review-{mark}.geojson"
    places = shapely.set_precision(_frame.geometry.values, 1e-7, mode="pointwise")
    features = [{"type": "Feature", "geometry": shapely.geometry.mapping(place), "properties": {
        "id": row["id"], "label": name_of(row), "note": size(row["area_m2"]) if row.get("area_m2") else "",
        "colour": OPEN}} for place, row in zip(places, _frame.to_dict("records"), strict=True)]
    folder.mkdir(exist_ok=True)
    write_atomic(target, json.dumps({"type": "FeatureCollection", "features": features},
                                    separators=(",", ":")).encode())
    for old in folder.glob("review-*.geojson"):  # another browser may still be reading a younger one
        if time.time() - old.stat().st_mtime > _KEPT_S:
            old.unlink(missing_ok=True)
    return target
