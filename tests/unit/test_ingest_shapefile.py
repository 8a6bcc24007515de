"""Zipped Shapefiles: read as written by another program, and refused when they are traps."""

import io
import struct
import zipfile

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import MultiPolygon, Polygon, box

from core.errors import InputError
from core.ingest import read_area, read_attributed, read_polygons, read_said, shapefile


@pytest.fixture
def shapes(tmp_path):
    """Write polygons as a Shapefile with another program; return a function that zips it, with changes."""
    ring = Polygon([(0, 0), (0, 100), (100, 100), (100, 0)], [[(20, 20), (40, 20), (40, 40), (20, 40)]])
    polygons = [ring, MultiPolygon([box(200, 0, 250, 50), box(300, 0, 350, 50)])]
    moved = gpd.GeoSeries(polygons, crs="EPSG:32648").translate(388_000, 3_675_000)
    said = {"name": ["a", "Höhe"], "grade": [3, 40], "share": [0.25, None]}
    gpd.GeoDataFrame(said, geometry=moved).to_file(tmp_path / "slides.shp")
    parts = {path.suffix: path.read_bytes() for path in tmp_path.glob("slides.*")}

    def pack(name="slides.zip", *, without=(), more=(), **changed):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for suffix, data in parts.items():
                if suffix not in without:
                    archive.writestr(f"Folder/slides{suffix}", changed.get(suffix[1:], data))
            for other, data in more:
                archive.writestr(other, data)
        return path

    pack.parts = parts
    return pack


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_polygons(path)
    return str(caught.value)


def test_polygons_holes_and_parts_are_those_of_the_other_program(shapes):
    polygons, crs = read_polygons(shapes())
    assert crs.to_epsg() == 32648
    assert [polygon.area for polygon in polygons] == [100 * 100 - 20 * 20, 2500, 2500]
    assert polygons[0].bounds == (388_000, 3_675_000, 388_100, 3_675_100)
    assert read_area(shapes())[0].area == 100 * 100 - 400 + 5000


def test_attributes_are_those_of_the_other_program_and_follow_each_part(shapes):
    assert read_said(shapes()) == {"name": ["a", "Höhe", "Höhe"], "grade": ["3", "40", "40"], "share": ["0.25", "", ""]}
    assert [value for _, value in read_attributed(shapes(), "grade")[0]] == ["3", "40", "40"]
    assert [value for _, value in read_attributed(shapes(without=[".dbf"]), "grade")[0]] == ["", "", ""]
    old = shapes(without=[".cpg"], dbf=shapes.parts[".dbf"].replace("Höhe ".encode(), "Höhe  ".encode("latin-1")))
    assert read_said(old)["name"][1] == "Höhe", "written by older software, in Latin-1"


def test_a_damaged_table_is_refused(shapes):
    table = shapes.parts[".dbf"]
    assert "damaged" in refusal(shapes(dbf=table[:-60]))
    assert "fewer rows" in refusal(shapes(dbf=table[:4] + struct.pack("<I", 1) + table[8:]))
    assert "damaged" in refusal(shapes(dbf=b"x"))


def test_what_is_missing_or_too_much_is_said(shapes):
    assert "without its .prj" in refusal(shapes(without=[".prj"]))
    assert "no .shp" in refusal(shapes(without=[".shp"]))
    assert "2 .shp" in refusal(shapes(more=[("other.shp", b"x")]))
    assert "files in one archive" in refusal(shapes(more=[(f"{i}.txt", b"") for i in range(80)]))
    assert "names no known CRS" in refusal(shapes(prj=b"LOCAL"))
    assert read_polygons(shapes(more=[("__MACOSX/Folder/._slides.shp", b"x"), ("../../evil.sh", b"x")]))


def test_a_member_that_unpacks_too_far_is_refused_whatever_it_claims(shapes, monkeypatch):
    monkeypatch.setattr(shapefile, "MAX_MEMBER_BYTES", 2**20)
    path = shapes(shp=shapes.parts[".shp"] + bytes(5 * 2**20))
    assert path.stat().st_size < 2**17 and "unpacks to over" in refusal(path)
    data = path.read_bytes()
    size = struct.pack("<I", len(shapes.parts[".shp"]) + 5 * 2**20)
    path.write_bytes(data.replace(size, struct.pack("<I", 500)))
    assert refusal(path)


def test_a_nested_or_encrypted_archive_and_other_geometry_are_refused(shapes, tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.shp", b"x")
    assert "no .shp" in refusal(shapes(without=[".shp"], more=[("inner.zip", inner.getvalue())]))
    data = bytearray(shapes().read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := data.find(magic, start)) >= 0:
            data[start + at] |= 1
            start += 4
    (tmp_path / "locked.zip").write_bytes(data)
    assert "encrypted" in refusal(tmp_path / "locked.zip")
    points = bytearray(shapes.parts[".shp"])
    points[108:112] = struct.pack("<i", 1)
    assert "kind 1" in refusal(shapes(shp=bytes(points)))


def test_no_change_of_a_byte_ends_in_anything_but_polygons_or_a_refusal(shapes):
    random = np.random.default_rng(4)
    for turn in range(400):
        kind = "dbf" if turn % 4 == 0 else "shp"
        changed = bytearray(shapes.parts[f".{kind}"])
        for at in random.integers(0, len(changed), 3):
            changed[at] = random.integers(0, 256)
        try:
            polygons, _ = read_polygons(shapes(**{kind: bytes(changed[:random.integers(90, len(changed) + 1)])}))
            assert all(polygon.is_valid for polygon in polygons)
        except InputError:
            continue
