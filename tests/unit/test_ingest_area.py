"""Areas of interest: polygons come in whole, everything else is refused in words and in time."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box, mapping

from core.errors import InputError
from core.ingest import geopackage as gate
from core.ingest import read_area

SQUARE = box(103.9, 33.1, 104.0, 33.2)
HOLED = Polygon(SQUARE.exterior, [box(103.94, 33.14, 103.96, 33.16).exterior])
PAIR = MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3)])


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def feature(geometry: object) -> dict:
    return {"type": "Feature", "properties": {"name": "<b>x</b>"}, "geometry": geometry}


def collection(*geometries: object) -> dict:
    return {"type": "FeatureCollection", "features": [feature(g) for g in geometries]}


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_area(path)
    assert caught.value.remedy.endswith(".")
    assert str(path.parent) not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value.got)


def comb(teeth: int, *, upright: bool) -> Polygon:
    """Return a polygon of many long, thin teeth."""
    side = np.repeat(np.arange(2 * teeth), 2)[1:-1].astype(float)
    out = np.tile([0.0, 0.0, 1.0, 1.0], teeth)[: len(side)] * 2 * teeth
    spine = np.array([[side[-1] + 1, -10.0], [0.0, -10.0]])
    edge = np.concatenate([np.column_stack([side, out]), spine])
    return Polygon(edge if upright else edge[:, ::-1])


@pytest.mark.parametrize("geometry", [SQUARE, HOLED, PAIR])
@pytest.mark.parametrize("wrap", [
    mapping,
    lambda g: feature(mapping(g)),
    lambda g: collection(None, mapping(g)),
])
def test_geojson_polygons_come_in_whole(tmp_path, geometry, wrap) -> None:
    area, crs = read_area(write(tmp_path / "area.geojson", wrap(geometry)))
    assert shapely.equals(area, geometry)
    assert crs.to_epsg() == 4326


@pytest.mark.parametrize("geometry", [SQUARE, HOLED, PAIR, shapely.force_3d(HOLED, 5.0)])
def test_geopackage_polygons_come_in_whole(tmp_path, geometry) -> None:
    path = tmp_path / "area.gpkg"
    gpd.GeoDataFrame(geometry=[geometry], crs="EPSG:4326").to_crs("EPSG:32648").to_file(path, layer='my "area"')
    area, crs = read_area(str(path))
    want = gpd.read_file(path).geometry[0]
    assert shapely.equals(area, shapely.force_2d(want))
    assert crs.to_epsg() == 32648


def test_overlapping_polygons_are_merged(tmp_path) -> None:
    area, _ = read_area(write(tmp_path / "area.json", collection(mapping(box(0, 0, 2, 2)), mapping(box(1, 0, 3, 2)))))
    assert area.equals(box(0, 0, 3, 2))


def test_a_ring_that_crosses_itself_is_repaired(tmp_path) -> None:
    bow = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    area, _ = read_area(write(tmp_path / "area.json", mapping(bow)))
    assert area.is_valid
    assert area.area == 2.0


@pytest.mark.parametrize(("code", "epsg"), [("urn:ogc:def:crs:EPSG::32648", 32648), ("EPSG:3857", 3857),
                                            ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326)])
def test_a_crs_member_of_older_software_is_heeded(tmp_path, code, epsg) -> None:
    content = {**mapping(box(1, 2, 3, 4)), "crs": {"type": "name", "properties": {"name": code}}}
    assert read_area(write(tmp_path / "area.geojson", content))[1].to_epsg() == epsg


@pytest.mark.parametrize(("content", "named"), [
    ("<OGRVRTDataSource><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTDataSource>", "VRT"),
    ("<WFSDataSource><URL>http://127.0.0.1:9</URL></WFSDataSource>", "markup"),
    ("[1, 2]", "text"),
    ('{"type": "Polygon", ', "not well-formed"),
    ('{"a":' * 100_000, "not well-formed"),
    ('{"type": "Polygon", "coordinates": [[[NaN, 0], [1, 0], [1, 1], [0, 0]]]}', "not well-formed"),
    ('{"type": "Polygon", "coordinates": [[[1e999, 0], [1, 0], [1, 1], [0, 0]]]}', "outside"),
    ('{"type": "Polygon", "coordinates": [[["1", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]]}', "not made of positions"),
    ('{"type": "Polygon", "coordinates": [[[1, 0], [1], [1, 1], [0, 0]]]}', "uneven"),
    ('{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}', "fewer than 4"),
    ('{"type": "Polygon", "coordinates": []}', "no polygon"),
    ('{"type": "Polygon", "coordinates": {"a": 1}}', "without coordinates"),
    ('{"type": "MultiPolygon", "coordinates": [3]}', "in place of a polygon"),
    ('{"type": "FeatureCollection", "features": {}}', "without features"),
    ('{"type": "FeatureCollection", "features": [7]}', "in place of a feature"),
    ('{"type": "Feature", "geometry": 7}', "in place of a geometry"),
    ('{"type": "Topology"}', "Topology"),
    (mapping(Point(1, 2)), "Point"),
    ({"type": "GeometryCollection", "geometries": [mapping(SQUARE)]}, "GeometryCollection"),
    (mapping(box(388000, 3670000, 389000, 3671000)), "outside"),
    (mapping(Polygon([(0, 0), (1, 1), (2, 2), (0, 0)])), "without any area"),
    ({**mapping(SQUARE), "crs": {"type": "link", "properties": {"href": "http://127.0.0.1:9"}}}, "names no CRS"),
    ({**mapping(SQUARE), "crs": {"type": "name", "properties": {"name": "EPSG:999999"}}}, "not known"),
])
def test_text_that_is_no_area_is_refused_by_what_it_is(tmp_path, content, named) -> None:
    assert named in refusal(write(tmp_path / "area.geojson", content))


def test_too_much_is_refused_soon(tmp_path) -> None:
    start = time.monotonic()
    angles = np.linspace(0, 2 * np.pi, 1_000_002)
    circle = np.column_stack([np.cos(angles), np.sin(angles)]).round(9)
    polygon = {"type": "Polygon", "coordinates": [circle.tolist()]}
    assert "vertices" in refusal(write(tmp_path / "circle.geojson", polygon))
    assert "too many" in refusal(write(tmp_path / "many.geojson", '{"a": [' + "[]," * 2_500_000 + "[]]}"))
    combs = [shapely.transform(comb(5_000, upright=up), lambda c: c / 1e3) for up in (True, False)]
    assert all(c.is_valid for c in combs)
    assert "cross" in refusal(write(tmp_path / "combs.geojson", collection(*map(mapping, combs))))
    assert time.monotonic() - start < 30


def test_other_kinds_are_refused_by_name(tmp_path) -> None:
    for name, head, named in [
        ("a.kml", b"<kml/>", "markup"), ("a.shp", b"\x00\x00\x27\x0a", "unknown kind"),
            ("a.zip", b"PK\x03\x04", "archive"),
        ("a.gpkg", b"<OGRVRTDataSource/>", "VRT"), ("a.geojson", b"SQLite format 3\x00", "SQLite"),
    ]:
        path = tmp_path / name
        path.write_bytes(head + bytes(20))
        assert named in refusal(path)


@pytest.fixture
def package(tmp_path) -> Path:
    path = tmp_path / "area.gpkg"
    gpd.GeoDataFrame(geometry=[SQUARE], crs="EPSG:4326").to_file(path, layer="area", SPATIAL_INDEX="NO")
    with closing(sqlite3.connect(path)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.commit()
    return path


def change(path: Path, *statements: str, values: tuple = ()) -> Path:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement, values)
        database.commit()
    return path


def test_geopackage_of_other_things_is_refused(tmp_path, package) -> None:
    gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=4326).to_file(tmp_path / "line.gpkg")
    assert "kind 2" in refusal(tmp_path / "line.gpkg")
    gpd.GeoDataFrame(geometry=[SQUARE], crs=4326).to_file(tmp_path / "two.gpkg", layer="a")
    gpd.GeoDataFrame(geometry=[SQUARE], crs=4326).to_file(tmp_path / "two.gpkg", layer="b")
    assert "several layers" in refusal(tmp_path / "two.gpkg")
    with closing(sqlite3.connect(tmp_path / "plain.gpkg")) as database:
        database.execute("CREATE TABLE t (a)")
    assert "damaged" in refusal(tmp_path / "plain.gpkg")
    assert "without a known CRS" in refusal(change(package, "UPDATE gpkg_geometry_columns SET srs_id = -1"))


def test_a_view_in_place_of_a_table_is_not_asked(package) -> None:
    change(package, "CREATE TABLE hidden AS SELECT * FROM area", "DROP TABLE area",
           "CREATE VIEW area AS SELECT fid, geom FROM hidden")
    assert "no layer" in refusal(package)


@pytest.mark.parametrize("blob", [
    b"GP", b"xx" + bytes(40), b"GP\x00\x0b" + bytes(60),
    b"GP\x00\x01" + bytes(4) + struct.pack("<BIII", 1, 3, 1, 2**31),
    b"GP\x00\x01" + bytes(4) + struct.pack("<BII", 1, 6, 2**31),
    b"GP\x00\x01" + bytes(4) + struct.pack("<BII", 1, 6, 1) * 100_000,
    b"GP\x00\x01" + bytes(4) + struct.pack("<BII", 1, 7, 1) * 100_000,
])
def test_forged_geometries_are_refused(package, blob) -> None:
    refusal(change(package, "UPDATE area SET geom = ?", values=(blob,)))


def test_a_truncated_geopackage_is_refused(package) -> None:
    data = package.read_bytes()
    package.write_bytes(data[: len(data) // 3])
    assert "damaged" in refusal(package)


def test_a_slow_geopackage_is_cut_off(package, monkeypatch) -> None:
    change(package, "INSERT INTO area (geom) WITH RECURSIVE n(i) AS "
                    "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT geom FROM area, n")
    monkeypatch.setattr(gate, "MAX_SECONDS", -1.0)
    assert "too long" in refusal(package)


@pytest.mark.realdata
def test_a_real_geopackage_passes(data_folder) -> None:
    path = data_folder / "jiuzhaigou" / "val_landslides.gpkg"
    area, crs = read_area(path)
    reference = gpd.read_file(path)
    assert area.area == pytest.approx(reference.make_valid().union_all().area)
    assert crs.to_epsg() == reference.crs.to_epsg()
