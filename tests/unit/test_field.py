"""The field package and its way back: nothing is lost, and nothing is taken for a change that is none."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from dataclasses import fields, replace
from datetime import date
from xml.etree import ElementTree

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon, box

from core.errors import InputError
from core.export import write_outlines
from core.field import (
    apply,
    conflicts,
    difference,
    give_out,
    outings,
    read_edited,
    take,
    tile,
    write_package,
    write_tile,
)
from core.files import write_json
from core.inventory import FIELDS, as_records, check, write_inventory
from core.measure import Measured
from core.project import add_layer, create
from core.review import Ledger, reject

UTM = "EPSG:32648"
X, Y = 388000.0, 3676000.0


@pytest.fixture
def base():
    """Return six records of odd shapes: with a hole, of two parts, with many vertices."""
    circle = shapely.Point(X + 400, Y).buffer(37.3, quad_segs=64)
    shapes = [box(X, Y, X + 30.3, Y + 20.7), box(X + 100, Y, X + 150, Y + 50).difference(box(X + 110, Y + 10, X + 120,
              Y + 20)), MultiPolygon([box(X + 200, Y, X + 210, Y + 10), box(X + 220, Y, X + 230, Y + 10)]), circle,
              Polygon([(X + 500, Y), (X + 560, Y + 13.37), (X + 540, Y + 80), (X + 505, Y + 60)]),
              box(X + 600, Y, X + 700, Y + 10)]
    numbers = {each.name: np.linspace(0.1234567890123, 0.9, 6) for each in fields(Measured)
               if each.name != "length_from"}
    frame = geopandas.GeoDataFrame(
        {"id": [f"L-{i}" for i in range(6)], "type": ["unknown", "debris flow", "rock fall"] * 2,
         "note": [None, "ä, ö; \"quoted\"", "two\nlines", "", "x" * 400, "'"], "length_from": "fall",
         "event_date": [date(2017, 8, 8)] * 3 + [None] * 3, "scale": [5000, None] * 3} | numbers,
        geometry=shapes, crs=UTM)
    return check(as_records(frame, mapper="Mei Lin"))


def back(path, base):
    frame, remarks = read_edited(path, base.crs)
    return difference(base, frame, remarks)


@pytest.fixture
def given(base, tmp_path):
    path = tmp_path / "landslides.gpkg"
    write_inventory(path, base)
    return path


def ogr(*arguments):
    if not shutil.which("ogr2ogr"):
        pytest.skip("GDAL's ogr2ogr is not installed")
    subprocess.run(["ogr2ogr", *map(str, arguments)], check=True, capture_output=True)


def pandas_copy(source, target, edit=lambda frame: frame):
    edit(geopandas.read_file(source, layer="landslides")).to_file(target, layer="landslides", driver="GPKG")
    return target


def test_what_comes_back_as_it_went_is_unchanged(base, given):
    diff = back(given, base)
    assert diff.changes == () and diff.unchanged == 6 and diff.remarks == ()


@pytest.mark.parametrize("options", [
    (), ("-t_srs", "EPSG:4326"), ("-t_srs", "EPSG:3857"), ("-nln", "sites"), ("-lco", "FID=number"),
    ("-select", ",".join(sorted(each.name for each in FIELDS))), ("-sql", "SELECT * FROM landslides ORDER BY id DESC"),
    ("-dim", "XYZ"), ("-unsetFid",),
])
def test_copies_by_ogr2ogr_are_unchanged(base, given, tmp_path, options):
    ogr(*options, tmp_path / "copy.gpkg", given, *(["landslides"] if "-sql" not in options else []))
    diff = back(tmp_path / "copy.gpkg", base)
    assert diff.changes == () and diff.unchanged == 6


@pytest.mark.parametrize("driver", ["GeoJSON", "ESRI Shapefile"])
def test_noise_of_other_formats_is_no_move(base, given, tmp_path, driver):
    """GeoJSON has seven decimals of a degree: 6 mm here. Short names of a Shapefile are not known again."""
    there = tmp_path / ("copy.geojson" if driver == "GeoJSON" else "copy.shp")
    ogr("-f", driver, there, given, "landslides")
    ogr("-t_srs", UTM, "-nln", "landslides", tmp_path / "again.gpkg", there)
    diff = back(tmp_path / "again.gpkg", base)
    assert not diff.of("moved") and not diff.of("added") and not diff.of("deleted")
    if driver == "GeoJSON":
        assert diff.changes == ()


def test_columns_in_another_order_and_rows_too(base, given, tmp_path):
    copy = pandas_copy(given, tmp_path / "copy.gpkg", lambda frame: frame[frame.columns[::-1]].iloc[::-1])
    assert back(copy, base).changes == ()


def test_every_edit_is_found_and_nothing_else(base, given, tmp_path):
    new = box(X + 800, Y, X + 820, Y + 20)

    def edit(frame):
        corners = np.array(frame.geometry[4].geoms[0].exterior.coords)
        corners[1] += (0.5, 0)
        frame.loc[4, "geometry"] = Polygon(corners)
        frame.loc[1, ["type", "certainty"]] = ["earthflow", "certain"]
        frame.loc[1, "event_date"] = pd.NaT
        frame = frame.drop(index=3)
        row = geopandas.GeoDataFrame({"id": [None], "note": ["seen from the road"]}, geometry=[new], crs=frame.crs)
        return pd.concat([frame, row], ignore_index=True)

    diff = back(pandas_copy(given, tmp_path / "copy.gpkg", edit), base)
    assert [(each.id, each.kind) for each in diff.changes[:-1]] == [
        ("L-1", "changed"), ("L-3", "deleted"), ("L-4", "changed")] and diff.unchanged == 3
    assert diff.changes[0].attributes == {"type": ("debris flow", "earthflow"), "certainty": ("unknown", "certain"),
                                          "event_date": (date(2017, 8, 8), None)}
    assert not diff.changes[0].moved_m and diff.changes[2].moved_m == pytest.approx(0.5)
    added = diff.changes[-1]
    assert added.kind == "added" and added.attributes["note"] == (None, "seen from the road") and len(added.id) == 36
    assert added.after.equals(new)
    after = check(apply(base, diff))
    assert after["id"].tolist() == ["L-0", "L-1", "L-2", "L-4", "L-5", added.id]
    assert shapely.get_parts(after.geometry[3])[0].exterior.coords[1][0] == pytest.approx(X + 560.5)
    assert difference(base, after).changes[:-1] == diff.changes[:-1]
    some = apply(base, diff, {"L-3"})
    assert len(some) == 5 and some["type"].tolist() == base.drop(index=3)["type"].tolist()


def test_edits_by_sql_are_found(base, given, tmp_path):
    ogr("-dialect", "sqlite", "-nln", "landslides", "-nlt", "PROMOTE_TO_MULTI", "-sql",
        "SELECT ST_Translate(geom, 0.03, 0, 0) AS geom, id, 'new' AS mapper FROM landslides WHERE id <> 'L-5'",
        tmp_path / "copy.gpkg", given)
    diff = back(tmp_path / "copy.gpkg", base)
    assert [each.id for each in diff.of("deleted")] == ["L-5"] and len(diff.of("moved")) == 5
    assert all(each.attributes == {"mapper": ("Mei Lin", "new")} for each in diff.of("moved"))
    assert "no column type" in diff.remarks[0]


@pytest.mark.parametrize(("shift_m", "moved"), [(0.019, 0), (0.021, 1)])
def test_the_tolerance_is_two_centimetres(base, given, tmp_path, shift_m, moved):
    def edit(frame):
        frame.loc[0, "geometry"] = shapely.affinity.translate(frame.geometry[0], shift_m, 0)
        return frame.to_crs(4326)

    assert len(back(pandas_copy(given, tmp_path / "copy.gpkg", edit), base).of("moved")) == moved


def test_turned_rings_and_more_vertices_are_the_same_outline(base, given, tmp_path):
    def edit(frame):
        frame["geometry"] = shapely.reverse(shapely.segmentize(frame.geometry.values, 1.0))
        return frame

    assert back(pandas_copy(given, tmp_path / "copy.gpkg", edit), base).changes == ()


def test_a_hole_that_was_filled_is_a_change(base, given, tmp_path):
    def edit(frame):
        frame.loc[1, "geometry"] = Polygon(frame.geometry[1].geoms[0].exterior)
        return frame

    assert [each.id for each in back(pandas_copy(given, tmp_path / "copy.gpkg", edit), base).changes] == ["L-1"]


def test_a_split_keeps_the_id_with_the_larger_part(base, given, tmp_path):
    def edit(frame):
        small, large = frame.iloc[[5]].copy(), frame.iloc[[5]].copy()
        small["geometry"], large["geometry"] = box(X + 600, Y, X + 630, Y + 10), box(X + 630, Y, X + 700, Y + 10)
        return pd.concat([frame.drop(index=5), small, large], ignore_index=True)

    diff = back(pandas_copy(given, tmp_path / "copy.gpkg", edit), base)
    kept, cut = diff.changes
    assert (kept.id, kept.kind, round(kept.after.area)) == ("L-5", "changed", 700)
    assert (cut.kind, cut.split_from, round(cut.after.area)) == ("added", "L-5", 300)
    assert check(apply(base, diff)).area.sum() == pytest.approx(base.area.sum())


def test_columns_of_others_and_crossing_outlines(base, given, tmp_path):
    def edit(frame):
        frame["lithology"] = "slate"
        frame.loc[0, "geometry"] = Polygon([(X, Y), (X + 10, Y + 10), (X + 10, Y), (X, Y + 10)])
        return frame

    diff = back(pandas_copy(given, tmp_path / "copy.gpkg", edit), base)
    assert all(each.attributes["lithology"] == (None, "slate") for each in diff.changes) and len(diff.changes) == 6
    assert "repaired" in diff.remarks[0] and diff.changes[0].after.is_valid
    assert apply(base, diff)["lithology"].tolist() == ["slate"] * 6


def test_ids_may_be_numbers(base, tmp_path):
    base = base.assign(id=[str(i) for i in range(1, 7)])
    base.assign(id=range(1, 7)).to_file(tmp_path / "copy.gpkg", layer="landslides", driver="GPKG")
    assert back(tmp_path / "copy.gpkg", base).unchanged == 6


def test_what_was_changed_here_too_is_a_conflict(base, given, tmp_path):
    copy = pandas_copy(given, tmp_path / "copy.gpkg", lambda frame: frame.assign(type="earthflow"))
    now = base.copy()
    now.loc[now.index[2], "type"] = "mud flow"
    assert conflicts(base, now, back(copy, base)) == ["L-2"] and conflicts(base, base, back(copy, base)) == []


def test_other_files_are_refused_in_words(base, given, tmp_path):
    (tmp_path / "a.gpkg").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="zip archive"):
        read_edited(tmp_path / "a.gpkg", UTM)
    geopandas.GeoDataFrame(geometry=base.geometry.values, crs=UTM).to_file(tmp_path / "b.gpkg", driver="GPKG")
    with pytest.raises(InputError, match="without a column id"):
        read_edited(tmp_path / "b.gpkg", UTM)
    base[["id", "geometry"]].set_geometry(base.centroid).to_file(tmp_path / "c.gpkg", driver="GPKG")
    with pytest.raises(InputError, match="kind 1"):
        read_edited(tmp_path / "c.gpkg", UTM)
    given.write_bytes(given.read_bytes()[:-20_000])
    with pytest.raises(InputError, match="damaged"):
        read_edited(given, UTM)


def test_a_copy_taken_while_open_is_said(base, given):
    with closing(sqlite3.connect(given)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    diff = back(given, base)
    assert "-wal" in diff.remarks[0] and diff.unchanged == 6


def test_a_package_holds_all_that_is_needed(base, make_raster, tmp_path):
    image = make_raster(shape=(400, 1600), bands=4, dtype="uint16", gsd=0.5, origin=(X - 20, Y + 100))
    target = tmp_path / "field.zip"
    write_package(target, base, "Jiuzhaigou & more", image=image, area=box(X - 10, Y - 5, X + 300, Y + 60))
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["README.txt", "image.tif", "landslides.gpkg", "landslides.qgs", "landslides.qml"]
        archive.extractall(folder)
    assert "3 landslides, with image.tif at full resolution" in (folder / "README.txt").read_text()
    assert back(folder / "landslides.gpkg", base.iloc[:3]).unchanged == 3
    root = ElementTree.parse(folder / "landslides.qgs").getroot()
    assert [each.text for each in root.iter("datasource")] == ["./landslides.gpkg|layername=landslides", "./image.tif"]
    with rasterio.open(folder / "image.tif") as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and cog.count == 3 and set(cog.dtypes) == {"uint8"}
        assert cog.crs == UTM and cog.shape == (130, 620) and cog.bounds.left == X - 10
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    with pytest.raises(InputError, match="beside the image"):
        write_package(target, base, "x", image=image, area=box(X + 5000, Y, X + 6000, Y + 10))


def test_records_in_degrees_go_in_the_images_crs_and_come_back(base, make_raster, tmp_path):
    image = make_raster(shape=(200, 1600), gsd=0.5, origin=(X - 20, Y + 80))
    degrees = base.to_crs(4326)
    write_package(tmp_path / "field.zip", degrees, "x", image=image)
    with zipfile.ZipFile(tmp_path / "field.zip") as archive:
        archive.extract("landslides.gpkg", tmp_path)
    assert geopandas.read_file(tmp_path / "landslides.gpkg", layer="landslides").crs == UTM
    assert back(tmp_path / "landslides.gpkg", degrees).unchanged == 6
    copy = pandas_copy(tmp_path / "landslides.gpkg", tmp_path / "copy.gpkg",
                       lambda frame: frame.set_geometry(frame.translate(0, 0.5)))
    assert [each.moved_m for each in back(copy, degrees).changes] == pytest.approx([0.5] * 6, rel=0.01)


def test_a_tile_is_what_the_map_shows(make_raster, tmp_path, monkeypatch):
    """Colours as they are, nodata masked, overviews; a large area at a coarser pixel, cut block by block."""
    values = np.full((3, 700, 900), 40, np.uint8)
    values[:, :, 450:] = 200
    values[:, :100] = 0
    image = make_raster(array=values, nodata=0, gsd=1.0, origin=(X, Y))
    everywhere = box(X, Y - 700, X + 900, Y)
    monkeypatch.setattr(tile, "BLOCK", 256)
    assert write_tile(image, tmp_path / "full.tif", everywhere) == 1
    with rasterio.open(tmp_path / "full.tif") as full:
        assert full.overviews(1) and abs(full.read(1)[300, 100].astype(int) - 40) < 3
        assert not full.dataset_mask()[50, 100] and full.dataset_mask()[300, 100]
    monkeypatch.setattr(tile, "MAX_PIXELS", 40_000)
    assert write_tile(image, tmp_path / "small.tif", everywhere) == 4
    with rasterio.open(tmp_path / "small.tif") as small:
        assert small.shape == (175, 225) and small.bounds == (X, Y - 700, X + 900, Y)
        assert abs(small.read(1)[100, 200].astype(int) - 200) < 3


@pytest.fixture
def outing(make_raster, tmp_path):
    """Return a project with four detections, and a package of them; one was rejected before."""
    project = create(tmp_path / "valley", "Valley")
    path = project.folder / "layers" / "image.tif"
    shutil.copy(make_raster("image.tif", shape=(200, 900), gsd=0.5, origin=(X - 20, Y + 80)), path)
    project = add_layer(project, "image", path, "Image", "2017-08-09")
    run = project.folder / "runs" / "first"
    run.mkdir()
    shapes = [box(X + 80 * i, Y, X + 80 * i + 30 - i, Y + 20) for i in range(4)]
    measured = Measured(100.0, 40.0, 10.0, 10.0, "shape", None, None, None, None, None, None, 0.0, .8, .9, 103.8, 33.2)
    write_outlines(run / "landslides.gpkg", [(each, replace(measured, area_m2=each.area)) for each in shapes],
                   CRS.from_epsg(32648), model="m")
    write_json(run / "run.json", {"finished": "2026-01-01T00:00:00+00:00", "model": {"name": "m"}})
    ledger = Ledger(project)
    ledger.take(project.runs()[0])
    names = ledger.detections(run="first")["id"].tolist()
    ledger.apply(reject(names[3], 1, "road"), "Ana")
    return ledger, give_out(project, "first", "North side", project.of("image")[0])


def unpacked(outing, edit=lambda frame: frame):
    with zipfile.ZipFile(outing.package) as archive:
        archive.extract("landslides.gpkg", outing.folder)
    return pandas_copy(outing.folder / "landslides.gpkg", outing.folder / "edited.gpkg", edit)


def test_an_outing_comes_back_unchanged(outing):
    ledger, out = outing
    assert [each.id for each in outings(ledger.project)] == [out.id] and out.title == "North side"
    diff = out.difference(unpacked(out))
    assert diff.changes == () and diff.unchanged == 3
    assert take(ledger, out, diff, "Ana", lambda _: {}) == (0, 0)


def test_what_was_changed_in_the_field_is_taken_with_its_history(outing):
    ledger, out = outing

    def edit(frame):
        frame.loc[0, "geometry"] = shapely.affinity.translate(frame.geometry[0], 5, 0)
        frame.loc[1, ["type", "scale", "trigger", "note"]] = ["debris flow", 5000, "rainfall", "fresh"]
        frame.loc[1, "event_date"] = pd.Timestamp("2017-08-08")
        row = geopandas.GeoDataFrame({"id": [None], "certainty": ["certain"]},
                                     geometry=[box(X + 350, Y, X + 360, Y + 10)], crs=frame.crs)
        return pd.concat([frame.drop(index=2), row], ignore_index=True)

    names = out.given()["id"].tolist()
    diff = out.difference(unpacked(out, edit))
    assert take(ledger, out, diff, "Ben", lambda place: {"area_m2": 1.0}) == (4, 0)
    now = ledger.detections(run="first").set_index("id")
    assert now.loc[names[:3], "status"].tolist() == ["edited", "unreviewed", "rejected"]
    second = now.loc[names[1]]
    assert (second["type"], second["scale"], second["trigger"], second["note"], second["event_date"]) == (
        "debris flow", 5000, "rainfall", "fresh", "2017-08-08")
    moved = geopandas.GeoSeries([now.geometry[names[0]]], crs=4326).to_crs(UTM)
    assert moved.total_bounds[0] == pytest.approx(X + 5, abs=0.02) and now.loc[names[0], "area_m2"] == 1
    drawn = now[now["status"] == "drawn"]
    assert len(drawn) == 1 and drawn["certainty"].tolist() == ["certain"] and len(now) == 5
    history = ledger.history(names[0])
    assert history["action"].tolist() == ["take", "import"] and history["who"].tolist()[1] == "Ben"


def test_what_was_changed_here_meanwhile_is_a_conflict_of_the_ledger(outing):
    ledger, out = outing
    names = out.given()["id"].tolist()
    ledger.apply(reject(names[0], 1, "quarry"), "Ana")
    diff = out.difference(unpacked(out, lambda frame: frame.assign(type="mud flow")))
    assert take(ledger, out, diff, "Ben", lambda _: {}, chosen=names[:2]) == (1, 1)
    now = ledger.detections().set_index("id")
    assert now.loc[names[:3], "type"].tolist() == ["unknown", "mud flow", "unknown"] and len(ledger.conflicts()) == 1


def test_what_no_record_may_say_takes_nothing(outing):
    ledger, out = outing
    diff = out.difference(unpacked(out, lambda frame: frame.assign(type=["debris flow", "landslip", "mud flow"])))
    with pytest.raises(InputError, match="landslip"):
        take(ledger, out, diff, "Ben", lambda _: {})
    assert set(ledger.detections()["type"]) == {"unknown"}
