"""The layers of the map on the page of detections: outlines at the chosen threshold, and the first finds."""

from pathlib import Path
from typing import Any

from core.project import Project, Run
from core.tiles import vector_url
from core.tokens import signer
from ui.charts import LANDSLIDE
from ui.layers import map_layers
from ui.outlines import Shown
from ui.settings import projects_root


def detect_layers(project: Project, run: Run | None, shown: Shown | None, preview: Path | None) -> list[dict[str, Any]]:
    """Return all layers, top first; redrawn outlines take the place of the own ones; the class map says where it is."""
    layers = map_layers(project, run, preview=preview)
    if shown is None or not shown.redrawn or shown.own is None:
        return layers
    for layer in layers:
        if layer["slot"] == "classes":
            layer["title"] += f" at {shown.own.threshold:.2f}"
        elif layer["slot"] == "outlines":
            layer |= {"id": f"{layer['id']}-{shown.path.stem}", "title": f"Outlines at {shown.cut.threshold:.2f}",
                      "url": vector_url(signer(projects_root()), shown.path, LANDSLIDE)}
    return layers
