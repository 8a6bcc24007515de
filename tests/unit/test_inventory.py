"""The landslide record: its table, what it takes and refuses, and the files it becomes."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import fields
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import pandas as pd
import pyogrio
import pytest
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon, box

from core.errors import InputError, UnknownNameError
from core.export import FORMATS, write_outlines
from core.inventory import FIELDS, as_coolr, as_inspire, as_records, check, field, inventory_as, problems
from core.inventory.mappings import COOLR_CATEGORIES, COOLR_COLUMNS, COOLR_TRIGGERS
from core.inventory.schema import TYPES, Field, markdown, movement
from core.measure import Measured

MEASURED = Measured(100.0, 40.0, 10.0, 10.0, "shape", None, None, None, None, None, None, 0.0, 0.8, 0.9, 103.8, 33.2)
DOCS = Path(__file__).parents[2] / "docs" / "inventory.md"


@pytest.fixture
def detected(tmp_path):
    """Return three landslides as a detection writes them."""
    path = tmp_path / "landslides.gpkg"
    shapes = [box(388000 + 50 * i, 3676000, 388010 + 50 * i, 3676010) for i in range(3)]
    write_outlines(path, [(shape, MEASURED) for shape in shapes], CRS.from_epsg(32648), model="m",
                   image_date=date(2017, 8, 9))
    return geopandas.read_file(path, layer="landslides")


@pytest.fixture
def records(detected):
    return as_records(detected, mapper="Mei Lin", method="model", event_name="Jiuzhaigou <2017>", trigger="earthquake",
                      event_date="2017-08-08", date_before="2016-07-01", scale=5000)


def wrong(records, row=0, **changes):
    records = records.copy()
    for name, value in changes.items():
        records[name] = records[name].astype(object)
        records.at[records.index[row], name] = value
    return [f"{each.field}: {each.got}" for each in problems(records)]


def test_the_record_holds_all_that_a_detection_measures():
    assert {each.name for each in fields(Measured)} == {each.name for each in FIELDS if each.measured}


def test_short_names_are_short_and_apart():
    short = [each.in_shapefile for each in FIELDS]
    assert max(map(len, short)) <= 10 and len({name.lower() for name in short}) == len(FIELDS)
    with pytest.raises(InputError):
        Field("a_name_too_long", "text", "nothing")


def test_there_are_32_types_in_6_movements():
    names = [name for names in TYPES.values() for name in names]
    assert len(names) == len(set(names)) == 32 and list(field("type").values) == ["unknown", *names]
    assert movement("debris flow") == "flow" and movement("unknown") == ""
    with pytest.raises(UnknownNameError, match="certainty"):
        field("colour")


def test_the_documentation_is_the_schema():
    text = DOCS.read_text()
    assert markdown() in text
    for movement_, names in TYPES.items():
        assert f"| {movement_} | {', '.join(names)} |" in text
    for trigger, named in COOLR_TRIGGERS.items():
        assert f"| {trigger} | {named} |" in text


def test_a_detection_becomes_records(records):
    assert list(records.columns) == [*(each.name for each in FIELDS), "geometry"]
    first = records.iloc[0]
    assert (first["id"], first["type"], first["part"], first["trigger"]) == ("1", "unknown", "whole", "earthquake")
    assert first["event_date"] == date(2017, 8, 8) and first["image_date"] == date(2017, 8, 9)
    assert first["area_m2"] == 100 and pd.isna(first["drop_m"]) and first["note"] is None
    assert check(records) is records and as_records(records).equals(records)


def test_what_a_row_says_counts_before_what_all_are_said_to_be(detected):
    detected["mapper"] = ["A", None, ""]
    assert as_records(detected, mapper="B")["mapper"].tolist()[:2] == ["A", "B"]


def test_columns_of_others_stay(detected):
    detected["lithology"] = "slate"
    assert as_records(detected).columns.tolist()[-2:] == ["lithology", "geometry"]


@pytest.mark.parametrize(("changes", "said"), [
    ({"id": "2"}, "id: an id that others have too"),
    ({"id": None}, "id: no id"),
    ({"type": "landslip"}, "type: 'landslip'"),
    ({"slope_mean_deg": 91.0}, "slope_mean_deg: 91"),
    ({"area_m2": -1.0}, "area_m2: -1"),
    ({"area_m2": float("inf")}, "area_m2: inf"),
    ({"scale": 0.5}, "scale: 0.5"),
    ({"scale": "1:5000"}, "scale: '1:5000'"),
    ({"event_date": "yesterday"}, "event_date: 'yesterday'"),
    ({"event_date": date(2016, 1, 1)}, "event_date: 2016-01-01, before date before 2016-07-01"),
    ({"part": "source", "part_of": "9"}, "part_of: '9'"),
    ({"part": "source", "part_of": "1"}, "part_of: '1'"),
    ({"part_of": "2"}, "part_of: '2'"),
    ({"geometry": None}, "geometry: no outline"),
    ({"geometry": box(0, 0, 1, 1).exterior}, "geometry: LinearRing"),
    ({"geometry": Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "geometry: an outline that crosses itself"),
])
def test_what_is_wrong_is_said(records, changes, said):
    found = wrong(records, **changes)
    assert found and all(each == said for each in found)


def test_a_part_of_another_landslide_is_right(records):
    assert wrong(records, part="deposit", part_of="2") == []


def test_an_error_names_the_first_problems(records):
    broken = records.assign(type="?", trigger="?")
    with pytest.raises(InputError, match=r"landslide 1, type: '\?'.*and 1 more"):
        check(broken)
    with pytest.raises(InputError, match="no CRS"):
        check(records.set_crs(None, allow_override=True))


def test_a_geopackage_has_the_types_nulls_and_the_form(records, tmp_path):
    path = tmp_path / "inventory.gpkg"
    path.write_bytes(inventory_as(records, "gpkg"))
    info = pyogrio.read_info(path, layer="landslides")
    kinds = dict(zip(info["fields"], info["dtypes"], strict=True))
    assert list(kinds) == [each.name for each in FIELDS] and kinds["scale"].startswith("int64")
    assert kinds["event_date"] == "datetime64[D]"
    with closing(sqlite3.connect(path)) as database:
        row = database.execute("SELECT scale, note, drop_m, dem_date, event_date FROM landslides").fetchone()
        qml = database.execute("SELECT styleQML FROM layer_styles WHERE useAsDefault = 1").fetchone()[0]
    assert row == (5000, None, None, None, "2017-08-08")
    root = ElementTree.fromstring(qml)
    listed = root.findall(".//fieldConfiguration/field[@name='type']//Option[@type='List']/Option/Option")
    assert [each.get("value") for each in listed] == list(field("type").values)
    assert root.find(".//editable/field[@name='area_m2']").get("editable") == "0"
    back = as_records(geopandas.read_file(path, layer="landslides"))
    assert back.drop(columns="geometry").equals(records.drop(columns="geometry"))
    assert back.geometry.geom_equals(records.geometry).all()


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - {"gpkg"}))
def test_every_format_tells_the_same(records, kind, tmp_path):
    records["note"] = ["a <b>&amp; é", None, "x" * 300]
    path = tmp_path / f"inventory{FORMATS[kind].suffix}"
    path.write_bytes(inventory_as(records, kind))
    if kind == "csv":
        table = pd.read_csv(path, dtype={"id": str})
        assert table["lon"].between(103, 104).all()
    else:
        table = geopandas.read_file(path)
        assert len(table) == 3 and table.to_crs(32648).area.round().tolist() == [100, 100, 100]
    if kind == "kml":  # GDAL's own columns, which the standard names
        table = table.drop(columns=["id", "Name", "description"], errors="ignore").rename(columns={"number": "id"})
    table = table.rename(columns={each.short: each.name for each in FIELDS if each.short})
    assert table["id"].astype(str).tolist() == ["1", "2", "3"] and set(table["event_name"]) == {"Jiuzhaigou <2017>"}
    assert table["note"][0] == "a <b>&amp; é" and set(table["mapper"]) == {"Mei Lin"}
    assert {str(value)[:10] for value in table["event_date"]} == {"2017-08-08"}
    assert {float(value) for value in table["scale"]} == {5000}


def test_a_shapefile_lists_its_names(records):
    with zipfile.ZipFile(io.BytesIO(inventory_as(records, "shp"))) as archive:
        names = dict(line.split() for line in archive.read("names.txt").decode().splitlines())
    assert names == {each.in_shapefile: each.name for each in FIELDS}


def test_no_landslides_are_an_empty_inventory(records, tmp_path):
    path = tmp_path / "none.gpkg"
    path.write_bytes(inventory_as(records.iloc[:0], "gpkg"))
    assert pyogrio.read_info(path, layer="landslides")["features"] == 0
    assert len(as_coolr(records.iloc[:0])) == 0 and inventory_as(records.iloc[:0], "csv").startswith(b"id,type")
    with pytest.raises(UnknownNameError, match="dwg"):
        inventory_as(records, "dwg")


def test_coolr_has_its_columns_and_words(records):
    records.loc[records.index[1], ["type", "part", "part_of"]] = ["debris flow", "source", "1"]
    records.loc[records.index[2], "type"] = "debris flow"
    table = as_coolr(records)
    assert list(table.columns) == list(COOLR_COLUMNS) and len(COOLR_COLUMNS) == 31
    assert table["event_import_id"].tolist() == ["1", "3"]
    assert table["landslide_category"].tolist() == ["landslide", "debris_flow"]
    first = table.iloc[0]
    assert first["event_date"] == "08/08/2017 12:00:00 AM" and first["landslide_trigger"] == "earthquake"
    assert (round(first["longitude"], 1), round(first["latitude"], 1)) == (103.8, 33.2)
    assert "area: 100 m2" in first["event_description"] and "unknown" not in first["event_description"]
    assert set(COOLR_TRIGGERS) == set(field("trigger").values) and set(COOLR_CATEGORIES) < set(field("type").values)


def test_inspire_names_the_event(records):
    table = as_inspire(records, "https://example.org/landslides")
    assert table["inspireId_localId"].tolist() == ["1", "2", "3"] and table.crs == records.crs
    assert set(table["validFrom"]) == {date(2017, 8, 8)}
    assert table["typeOfHazard_hazardCategory"][0].endswith("NaturalHazardCategoryValue/landslide")
    assert isinstance(table.geometry[0], MultiPolygon)
