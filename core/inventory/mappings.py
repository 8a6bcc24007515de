"""The record in the words of other catalogues: NASA's Global Landslide Catalog and COOLR, and INSPIRE."""

from __future__ import annotations

from datetime import date
from typing import Any

import geopandas
import pandas as pd
import shapely

from core.inventory.schema import movement

COOLR_COLUMNS = (
    "source_name", "source_link", "event_id", "event_date", "event_time", "event_title", "event_description",
    "location_description", "location_accuracy", "landslide_category", "landslide_trigger", "landslide_size",
    "landslide_setting", "fatality_count", "injury_count", "storm_name", "photo_link", "notes",
    "event_import_source", "event_import_id", "country_name", "country_code", "admin_division_name",
    "admin_division_population", "gazeteer_closest_point", "gazeteer_distance", "submitted_date", "created_date",
    "last_edited_date", "longitude", "latitude")
"""Columns of the Global Landslide Catalog's export (data.nasa.gov, Global_Landslide_Catalog_Export.csv), which COOLR
(Juang et al., 2019, doi:10.1371/journal.pone.0218657, table 2) goes on with; "gazeteer" is how they are spelt."""

COOLR_CATEGORIES = {
    "rock fall": "rock_fall", "rock block topple": "topple", "rock flexural topple": "topple", "soil topple": "topple",
    "rock rotational slide": "rotational_slide", "clay rotational slide": "rotational_slide",
    "rock planar slide": "translational_slide", "clay planar slide": "translational_slide",
    "rock wedge slide": "translational_slide", "dry debris flow": "debris_flow", "debris flowslide": "debris_flow",
    "debris flow": "debris_flow", "debris flood": "debris_flow", "debris avalanche": "debris_flow",
    "mud flow": "mudslide", "earthflow": "earth_flow", "soil creep": "creep", "solifluction": "creep",
    "mountain slope deformation": "creep", "rock slope deformation": "creep", "soil slope deformation": "creep",
}
"""``landslide_category``; every other type, and an unknown one, is its general "landslide"."""

COOLR_TRIGGERS = {
    "unknown": "unknown", "earthquake": "earthquake", "rainfall": "rain", "snowmelt": "snowfall_snowmelt",
    "freeze-thaw": "freeze_thaw", "volcanic": "volcano", "flood or erosion": "flooding", "human": "other",
    "no apparent trigger": "no_apparent_trigger", "other": "other",
}
"""``landslide_trigger``; its kinds of human trigger (construction, mining, leaking_pipe) are not told apart here."""

INSPIRE_LANDSLIDE = "http://inspire.ec.europa.eu/codelist/NaturalHazardCategoryValue/landslide"
INSPIRE_NAMES = {
    "id": "inspireId_localId", "event_name": "nameOfEvent", "type": "typeOfHazard_specificHazardType",
    "event_date": "validFrom", "mapped_on": "beginLifespanVersion",
    "area_m2": "magnitudeOrIntensity_quantitativeValue",
}
"""The attributes of an ObservedEvent (INSPIRE data specification on Natural Risk Zones, D2.8.III.12) by fields of the
record; the parts of a structured attribute follow it after an underscore."""


def as_coolr(frame: geopandas.GeoDataFrame) -> pd.DataFrame:
    """Return whole landslides as rows of the Global Landslide Catalog, one point each; parts are left out.

    What the record does not know (setting, casualties, place names, size in words) stays empty or "unknown".

    Args:
        frame: Records.
    """
    whole = frame[frame["part"] == "whole"]
    places = whole.geometry.to_crs("EPSG:4326").representative_point() if len(whole) else whole.geometry
    rows = [_coolr(row, place) for row, place in zip(whole.to_dict("records"), places, strict=True)]
    return pd.DataFrame(rows, columns=list(COOLR_COLUMNS), dtype=object)


def _coolr(row: dict[str, Any], place: shapely.Point) -> dict[str, Any]:
    day = row["event_date"]
    said = {"type": row["type"], "movement": movement(row["type"]), "certainty": row["certainty"],
            "activity": row["activity"], "origin": row["origin"], "area": f"{row['area_m2']:.0f} m2",
            "not before": row["date_before"], "not after": row["date_after"], "image": row["image"],
            "note": row["note"]}
    return {
        "source_name": row["mapper"], "event_title": row["event_name"] or f"Landslide {row['id']}",
        "event_date": f"{day:%m/%d/%Y} 12:00:00 AM" if isinstance(day, date) else None,
        "event_description": "; ".join(f"{name}: {value}" for name, value in said.items()
                                       if value and value not in ("unknown", "nan m2")),
        "location_accuracy": "exact", "landslide_category": COOLR_CATEGORIES.get(row["type"], "landslide"),
        "landslide_trigger": COOLR_TRIGGERS[row["trigger"]], "landslide_size": "unknown",
        "landslide_setting": "unknown", "event_import_source": "scarp", "event_import_id": row["id"],
        "longitude": round(place.x, 6), "latitude": round(place.y, 6),
    }


def as_inspire(frame: geopandas.GeoDataFrame, namespace: str) -> geopandas.GeoDataFrame:
    """Return the records under INSPIRE's names, as observed events of the category landslide.

    Args:
        frame: Records.
        namespace: Of whoever publishes them; with it the ids are unique in the world.
    """
    named = frame[list(INSPIRE_NAMES)].rename(columns=INSPIRE_NAMES)
    named.insert(1, "inspireId_namespace", namespace)
    named.insert(3, "typeOfHazard_hazardCategory", INSPIRE_LANDSLIDE)
    named["magnitudeOrIntensity_assessmentMethod"] = "planimetric area in square metres"
    return geopandas.GeoDataFrame(named, geometry=frame.geometry.values, crs=frame.crs)
