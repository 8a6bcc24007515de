"""The outlines file: schema, order, NULLs, style, and all or nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import pandas as pd
import pyogrio
import pytest
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon, box

from core.errors import InputError, StorageError, UnknownNameError
from core.export import FORMATS, SHAPEFILE_NAMES, outlines_as, write_outlines
from core.measure import Measured

UTM = CRS.from_epsg(32648)
MEASURED = Measured(100.0, 40.0, 10.0, 10.0, "shape", None, None, None, None, None, None, 0.0, 0.8, 0.9, 101.0, 33.0)
COLUMNS = ["id", *(f.name for f in fields(Measured)), "model", "image_date"]


def record(side, **changes):
    return box(388000, 3676000, 388000 + side, 3676000 + side), replace(MEASURED, area_m2=float(side * side), **changes)


def read(path):
    return geopandas.read_file(path, layer="landslides")


def test_the_largest_comes_first_and_unknown_is_null(tmp_path):
    path = tmp_path / "landslides.gpkg"
    write_outlines(path, [record(3), record(9, drop_m=0.0), record(5)], UTM, model="fstf_net_lite",
                   image_date=date(2017, 8, 9))
    table = read(path)
    assert table["id"].tolist() == [1, 2, 3] and table["area_m2"].tolist() == [81, 25, 9]
    assert table.geometry.area.tolist() == [81, 25, 9] and set(table.geom_type) == {"MultiPolygon"}
    assert table.crs == "EPSG:32648" and set(table["model"]) == {"fstf_net_lite"}
    assert table["image_date"].dt.date.tolist() == [date(2017, 8, 9)] * 3
    write_outlines(tmp_path / "undated.gpkg", [record(5)], UTM, model="m")
    with closing(sqlite3.connect(path)) as dated, closing(sqlite3.connect(tmp_path / "undated.gpkg")) as undated:
        rows = dated.execute("SELECT drop_m, reach_angle_deg, image_date FROM landslides ORDER BY id").fetchall()
        dates = undated.execute("SELECT image_date FROM landslides").fetchall()
    assert rows == [(0.0, None, "2017-08-09"), (None, None, "2017-08-09"), (None, None, "2017-08-09")]
    assert dates == [(None,)]


def test_order_does_not_depend_on_the_records_order(tmp_path):
    records = [record(5, lon=101.0 + i / 100) for i in range(4)]
    write_outlines(tmp_path / "a.gpkg", records, UTM, model="m")
    write_outlines(tmp_path / "b.gpkg", records[::-1], UTM, model="m")
    assert read(tmp_path / "a.gpkg").equals(read(tmp_path / "b.gpkg"))


def test_no_outlines_give_an_empty_layer_with_the_same_columns(tmp_path):
    write_outlines(tmp_path / "none.gpkg", [], UTM, model="m", image_date=date(2020, 1, 1))
    write_outlines(tmp_path / "some.gpkg", [record(5)], UTM, model="m")
    empty, full = (pyogrio.read_info(tmp_path / f"{name}.gpkg", layer="landslides") for name in ("none", "some"))
    assert empty["features"] == 0 and full["features"] == 1
    assert list(empty["fields"]) == list(full["fields"]) == COLUMNS
    assert list(empty["dtypes"]) == list(full["dtypes"])
    assert empty["geometry_type"] == "MultiPolygon" and empty["crs"] == "EPSG:32648"


def test_an_old_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "landslides.gpkg"
    for side in (5, 7):
        write_outlines(path, [(MultiPolygon([record(side)[0]]), record(side)[1])], UTM, model="m")
    assert read(path)["area_m2"].tolist() == [49]
    assert [p.name for p in tmp_path.iterdir()] == ["landslides.gpkg"]


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path):
    path = tmp_path / "landslides.gpkg"
    write_outlines(path, [record(5)], UTM, model="m")
    before = path.read_bytes()
    with path.open("rb") as reader:
        write_outlines(path, [record(7)], UTM, model="m")
        assert reader.read() == before != path.read_bytes()


def test_a_missing_folder_is_a_storage_error_without_the_servers_path(tmp_path):
    with pytest.raises(StorageError) as caught:
        write_outlines(tmp_path / "gone" / "landslides.gpkg", [record(5)], UTM, model="m")
    assert str(tmp_path) not in str(caught.value)


def test_a_full_disk_leaves_the_old_file_and_nothing_partial(tmp_path):
    """The limit on a file's size stands in for the disk."""
    path = tmp_path / "landslides.gpkg"
    write_outlines(path, [record(5)], UTM, model="m")
    before = path.read_bytes()
    code = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_export import record, UTM
from core.errors import InputError, StorageError, UnknownNameError
from core.export import FORMATS, SHAPEFILE_NAMES, outlines_as, write_outlines
resource.setrlimit(resource.RLIMIT_FSIZE, (110_000, 110_000))
try:
    write_outlines(Path(sys.argv[1]), [record(5)] * 2000, UTM, model="m")
except StorageError:
    sys.exit(7)
"""
    here = Path(__file__).parent
    paths = [str(here), str(here.parents[1])]
    assert subprocess.run([sys.executable, "-c", code, str(path), *paths], check=False).returncode == 7
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["landslides.gpkg"]


def test_the_style_is_where_qgis_looks(tmp_path):
    path = tmp_path / "landslides.gpkg"
    write_outlines(path, [record(5)], UTM, model="m")
    with closing(sqlite3.connect(path)) as connection:
        [(table, column, qml, default)] = connection.execute(
            "SELECT f_table_name, f_geometry_column, styleQML, useAsDefault FROM layer_styles").fetchall()
        [(geometry,)] = connection.execute("SELECT column_name FROM gpkg_geometry_columns").fetchall()
    assert (table, column, default) == ("landslides", geometry, 1)
    [symbol] = ElementTree.fromstring(qml).iter("symbol")
    assert symbol.get("type") == "fill" and 'value="228,87,46,255"' in qml


MARKUP = "<b>m & co</b>"


@pytest.fixture
def kept(tmp_path):
    """Outlines with a hole, two parts, unknown values and markup in the model's name."""
    path = tmp_path / "landslides.gpkg"
    ring = box(388000, 3676000, 388020, 3676020).difference(box(388005, 3676005, 388010, 3676010))
    parts = MultiPolygon([box(388100, 3676000, 388105, 3676005), box(388105, 3676005, 388110, 3676010)])
    write_outlines(path, [(ring, replace(MEASURED, area_m2=375.0, drop_m=12.5)),
                          (parts, replace(MEASURED, area_m2=50.0))], UTM, model=MARKUP, image_date=date(2017, 8, 9))
    return path


def save(kept, kind):
    path = kept.with_name(f"out{FORMATS[kind].suffix}")
    path.write_bytes(outlines_as(kept, kind))
    return path


@pytest.mark.parametrize("kind", ["gpkg", "geojson", "shp", "kml"])
def test_every_format_opens_in_geopandas_with_the_same_ground_and_values(kept, kind):
    table = geopandas.read_file(save(kept, kind), **({"layer": "landslides"} if kind == "gpkg" else {}))
    assert table.crs == (UTM if kind in ("gpkg", "shp") else "EPSG:4326")
    back = table.to_crs(UTM)
    assert back.area.tolist() == pytest.approx([375, 50], rel=3e-3)  # 7 decimals are 1 cm
    assert back.geometry.iloc[0].symmetric_difference(read(kept).geometry.iloc[0]).area < 1
    names = SHAPEFILE_NAMES if kind == "shp" else {"id": "number"} if kind == "kml" else {}
    for column in COLUMNS:
        assert names.get(column, column) in table, column
    assert table[names.get("id", "id")].tolist() == [1, 2]
    assert table["area_m2"].tolist() == [375, 50] and table["drop_m"].isna().tolist() == [False, True]
    assert set(table["model"]) == {MARKUP}
    days = table[names.get("image_date", "image_date")]
    assert set(pd.to_datetime(days).dt.date) == {date(2017, 8, 9)}


def test_the_table_has_every_attribute_and_a_place(kept):
    table = pd.read_csv(save(kept, "csv"))
    assert list(table) == COLUMNS and table["image_date"].tolist() == ["2017-08-09"] * 2
    assert table[["lon", "lat"]].iloc[0].tolist() == [101, 33] and table["drop_m"].isna().tolist() == [False, True]


def test_a_shapefile_has_short_names_and_says_what_they_stand_for(kept):
    with zipfile.ZipFile(save(kept, "shp")) as archive:
        names = dict(reversed(line.split()) for line in archive.read("names.txt").decode().splitlines())
        assert {Path(name).suffix for name in archive.namelist()} == {".shp", ".shx", ".dbf", ".prj", ".cpg", ".txt"}
    assert list(names) == COLUMNS and max(map(len, names.values())) <= 10 and len(set(names.values())) == len(COLUMNS)


def test_geojson_is_in_degrees_with_right_handed_rings(kept):
    text = json.loads(save(kept, "geojson").read_text())
    outer = text["features"][0]["geometry"]["coordinates"][0][0]
    assert "crs" not in text and 101 < outer[0][0] < 105 and Polygon(outer).exterior.is_ccw
    assert text["features"][1]["properties"]["drop_m"] is None


def test_markup_stays_text_in_kml(kept):
    root = ElementTree.fromstring(save(kept, "kml").read_text())
    [first, _] = root.iter("{http://www.opengis.net/kml/2.2}description")
    assert ElementTree.fromstring(first.text).findtext("tr[last()-1]/td[2]") == MARKUP


@pytest.mark.parametrize("kind", FORMATS)
def test_without_landslides_every_format_is_still_a_file(tmp_path, kind):
    path = tmp_path / "landslides.gpkg"
    write_outlines(path, [], UTM, model="m")
    out = save(path, kind)
    assert len(pd.read_csv(out) if kind == "csv" else pyogrio.read_dataframe(out, layer=0)) == 0


def test_an_unknown_format_and_a_damaged_file_are_told(kept):
    with pytest.raises(UnknownNameError, match="gpkg"):
        outlines_as(kept, "dwg")
    kept.write_bytes(b"no")
    with pytest.raises(InputError) as caught:
        outlines_as(kept, "kml")
    assert str(kept.parent) not in str(caught.value)
