"""The landslide record as one table of fields; everything else here, and docs/inventory.md, follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import InputError, unknown_name

Kind = Literal["text", "choice", "whole", "number", "date"]

HUNGR = "Hungr et al. (2014), doi:10.1007/s10346-013-0436-y"
CRUDEN = "Cruden and Varnes (1996), TRB Special Report 247, chapter 3"
GUZZETTI = "Guzzetti et al. (2012), doi:10.1016/j.earscirev.2012.02.001"
DETECTION = "measured by the detection (core.measure)"

TYPES = {
    "fall": ("rock fall", "debris fall"),
    "topple": ("rock block topple", "rock flexural topple", "soil topple"),
    "slide": ("rock rotational slide", "rock planar slide", "rock wedge slide", "rock compound slide",
              "rock irregular slide", "clay rotational slide", "clay planar slide", "debris slide",
              "clay compound slide"),
    "spread": ("rock slope spread", "liquefaction spread", "sensitive clay spread"),
    "flow": ("rock avalanche", "dry debris flow", "debris flowslide", "sensitive clay flowslide", "debris flow",
             "mud flow", "debris flood", "debris avalanche", "earthflow", "peat flow"),
    "slope deformation": ("mountain slope deformation", "rock slope deformation", "soil slope deformation",
                          "soil creep", "solifluction"),
}
"""The 32 types of Hungr et al. (2014), by movement, with one name where the table gives several materials: rock fall is
also of ice, debris fall of boulders and silt, soil topple of gravel, sand and silt, clay slides of silt, debris slide
of gravel and sand, liquefaction spread of sand and silt, rock avalanche of ice, debris flowslide of sand and silt."""


@dataclass(frozen=True)
class Field:
    """One attribute of a landslide.

    Attributes:
        name: Of the column.
        kind: ``text``, ``choice`` (of ``values``), ``whole`` (number), ``number`` or ``date`` (a day, ISO 8601).
        meaning: For people, without a full stop.
        source: Where the definition comes from; empty: it is this project's.
        unit: Of a number.
        values: Of a choice; the first is the default.
        low: Least number allowed.
        high: Greatest number allowed.
        short: Name in a Shapefile, ten characters at most; empty: the name itself.
        measured: Written by the detection, not by people.
    """

    name: str
    kind: Kind
    meaning: str
    source: str = ""
    unit: str = ""
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    short: str = ""
    measured: bool = False

    def __post_init__(self) -> None:
        """Refuse a field that no file could hold."""
        if len(self.in_shapefile) > 10 or (self.kind == "choice") != bool(self.values):
            raise InputError(f"field {self.name}", got=(self.in_shapefile, self.kind, self.values),
                             expected="a short name of ten characters at most, and values for a choice alone",
                             remedy="Correct the schema.")

    @property
    def in_shapefile(self) -> str:
        """Its name in a Shapefile."""
        return self.short or self.name

    @property
    def default(self) -> str | None:
        """What is written where nothing is known: the first choice, else nothing (NULL)."""
        return self.values[0] if self.values else None

    @property
    def allowed(self) -> str:
        """The values allowed, in words."""
        if self.values:
            return ", ".join(self.values)
        if self.low is not None:
            return f"{self.low:,g} to {self.high:,g}" if self.high is not None else f"{self.low:,g} or more"
        return {"date": "YYYY-MM-DD"}.get(self.kind, "")


def _measured(name: str, meaning: str, unit: str = "", short: str = "", low: float | None = None,
              high: float | None = None) -> Field:
    return Field(name, "number", meaning, DETECTION, unit, (), low, high, short, measured=True)


FIELDS = (
    Field("id", "text", "The landslide's own name, which never changes and is given once"),
    Field("type", "choice", "Movement and material", HUNGR,
          values=("unknown", *(name for names in TYPES.values() for name in names))),
    Field("certainty", "choice", "How sure it is that this is a landslide", GUZZETTI,
          values=("unknown", "certain", "probable", "possible")),
    Field("activity", "choice", "State of activity", CRUDEN,
          values=("unknown", "active", "reactivated", "suspended", "dormant", "abandoned", "stabilised", "relict")),
    Field("origin", "choice", "Whether the event made it, or it was there before", GUZZETTI,
          values=("unknown", "event", "pre-existing")),
    Field("trigger", "choice", "What set it off", CRUDEN,
          values=("unknown", "earthquake", "rainfall", "snowmelt", "freeze-thaw", "volcanic", "flood or erosion",
                  "human", "no apparent trigger", "other")),
    Field("event_name", "text", "Name of the earthquake, storm or season"),
    Field("event_date", "date", "Day it happened, where that is known"),
    Field("date_before", "date", "Last day on which it was seen not to be there", short="date_befor"),
    Field("date_after", "date", "First day on which it was seen"),
    Field("part", "choice", "The part that is outlined", CRUDEN, values=("whole", "source", "transport", "deposit")),
    Field("part_of", "text", "Of a part: id of the whole landslide, where that is outlined too"),
    Field("method", "choice", "How the outline came about",
          values=("unknown", "model", "edited", "drawn", "imported")),
    Field("mapper", "text", "Who mapped or last changed it"),
    Field("mapped_on", "date", "Day it was mapped or last changed"),
    Field("scale", "whole", "Scale it was mapped at: 10000 for 1 to 10,000", low=1, high=100_000_000),
    Field("image", "text", "Image it was mapped on"),
    Field("image_date", "date", "Day that image was taken"),
    Field("dem", "text", "Elevation model it was measured on"),
    Field("dem_date", "date", "Day that elevation was surveyed"),
    Field("model", "text", "Model that found it"),
    Field("note", "text", "Anything else"),
    _measured("area_m2", "Planimetric area, holes left out", "m²", low=0),
    _measured("perimeter_m", "Length of the outline, holes included", "m", "perim_m", 0),
    _measured("length_m", "Horizontal extent along the axis", "m", low=0),
    _measured("width_m", "Horizontal extent across the axis", "m", low=0),
    Field("length_from", "text", "What the axis is: fall, from crown to toe, or shape, the long side of the smallest "
          "rectangle", DETECTION, short="len_from", measured=True),
    _measured("elevation_min_m", "Lowest pixel", "m", "elev_min_m"),
    _measured("elevation_max_m", "Highest pixel", "m", "elev_max_m"),
    _measured("drop_m", "Between highest and lowest", "m", low=0),
    _measured("reach_angle_deg", "atan(drop / length)", "degrees", "reach_deg", 0, 90),
    _measured("slope_mean_deg", "Mean slope", "degrees", "slope_deg", 0, 90),
    _measured("aspect_mean_deg", "Mean downslope direction, clockwise from grid north", "degrees", "aspect_deg", 0,
              360),
    _measured("dem_share", "Share of it that has an elevation", low=0, high=1),
    _measured("probability_mean", "Mean probability of landslide", "", "prob_mean", 0, 1),
    _measured("probability_max", "Highest probability of landslide", "", "prob_max", 0, 1),
    _measured("lon", "Longitude of a point on it, WGS 84", "degrees", low=-180, high=180),
    _measured("lat", "Latitude of that point, WGS 84", "degrees", low=-90, high=90),
)
"""In the order of the columns; the geometry, polygons or multipolygons in any CRS, comes beside them."""

_BY_NAME = {each.name: each for each in FIELDS}


def field(name: str) -> Field:
    """Return a field by name; an unknown one lists those that exist."""
    if name not in _BY_NAME:
        raise unknown_name("field", name, list(_BY_NAME))
    return _BY_NAME[name]


def movement(landslide_type: str) -> str:
    """Return how a type moves: a key of ``TYPES``, or "" for an unknown type."""
    return next((movement for movement, names in TYPES.items() if landslide_type in names), "")


def markdown() -> str:
    """Return the table of docs/inventory.md."""
    rows = ["| name | type | allowed | what | unit | in a Shapefile | source |", "|---|---|---|---|---|---|---|"]
    for each in FIELDS:
        allowed = "32 types, below; unknown" if each.name == "type" else each.allowed
        rows.append(f"| `{each.name}` | {each.kind} | {allowed} | {each.meaning} | {each.unit} | "
                    f"`{each.in_shapefile}` | {each.source} |")
    return "\n".join(rows) + "\n"
