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
    """Return all layers, top first; redrawn outlines take the place of the detection's own."""
    layers = map_layers(project, run, preview=preview)
    for layer in layers:
        if layer["slot"] == "outlines" and shown and shown.redrawn:
            layer |= {"id": f"{layer['id']}-{shown.path.stem}", "title": f"Outlines at {shown.cut.threshold:.2f}",
                      "url": vector_url(signer(projects_root()), shown.path, LANDSLIDE)}
    return layers
