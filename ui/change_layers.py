"""The map of a comparison: what became of the landslides, from what to what, and the two images to swipe between."""

from typing import Any

from core.change.codes import GONE, KIND_COLOURS, STABLE
from core.config import SCHEMES
from core.dates import Comparison, sides
from core.project import Project
from core.styles import Style
from core.tiles import vector_url
from core.tokens import signer
from ui.charts import LANDSLIDE
from ui.layers import Look, map_layers, raster_layer
from ui.settings import projects_root


def change_layers(project: Project, comparison: Comparison, kinds: list[str]) -> list[dict[str, Any]]:
    """Return the layers, top first."""
    legend = [{"name": kind, "colour": KIND_COLOURS[kind]} for kind in kinds]
    outlines = {
        "kind": "outlines", "slot": "changes", "id": f"changes-{comparison.id}", "group": "Change",
        "title": "Landslides", "url": vector_url(signer(projects_root()), comparison.objects, LANDSLIDE),
        "visible": True, "opacity": 1.0, "legend": {"classes": legend}}
    scheme = str(comparison.about["scheme"])
    look = Look("transitions", "Change", "From what to what", Style(f"change:{scheme}"), visible=False, opacity=0.75,
                legend={"classes": _legend(scheme)})
    return [outlines, raster_layer(comparison.map, look, f"transitions-{comparison.id}"), *map_layers(project)]


def images(project: Project, comparison: Comparison) -> tuple[str, str] | None:
    """Return the slots of the two dates' images, if both are in the project."""
    known = {side.id: side.image for side in sides(project)}
    found = [known.get(comparison.source(side)) for side in ("before", "after")]
    slots = [f"image-{image.id}" for image in found if image]
    return (slots[0], slots[1]) if len(set(slots)) == 2 else None


def _legend(scheme: str) -> list[dict[str, str]]:
    inks = {"landslide since": LANDSLIDE, "landslide on both dates": _hex(STABLE), "landslide no more": _hex(GONE)}
    said = [{"name": name, "colour": ink} for name, ink in inks.items()]
    return said if scheme == "binary" else [*said, *(
        {"name": f"now {name}", "colour": colour}
        for name, colour in zip(SCHEMES[scheme].names, SCHEMES[scheme].colours, strict=True) if name != "landslide")]


def _hex(ink: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*ink)
