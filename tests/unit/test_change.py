"""Two dates compared: shifts that are known, maps whose changes are known, and files that are whole or not there."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from scipy import ndimage

from core.change import KINDS, MAP, OBJECTS, RECORD, ChangeSettings, ObjectSettings, compare_dates, dated, read_shift
from core.change.codes import code, colours, words
from core.change.maps import Both, Dated
from core.change.objects import changes
from core.change.pixels import transitions
from core.change.shift import NO_SHIFT, Shift, measure_shift, phase_shift
from core.cli import main
from core.config import scheme
from core.errors import InputError, StorageError
from core.export import FORMATS, outlines_as
from core.files import write_json
from core.landscape import landscape
from core.vectorize import OutlineSettings, outlines
from core.vectors import read_outlines

PAPER, BINARY = scheme("paper"), scheme("binary")
MIN_M2 = 50.0
GROWN = 1.2
"""A landslide that grew by less is not asked for."""


@pytest.fixture(scope="module")
def scenes():
    """Two scenes with landslides that are new, that grew, that stayed and that healed."""
    return [landscape(seed, 512, gsd_m=1.0, landslides=True) for seed in (23, 26)]


def moved(array, by, fill):
    return ndimage.shift(array, by, order=0, cval=fill)


# ---- shifts

@pytest.mark.parametrize("by", [(0.0, 0.0), (1.3, -0.7), (-2.0, 2.0), (6.4, -11.2)])
def test_a_shift_is_found_through_another_sun_and_season(place, make_raster, by):
    after = np.stack([ndimage.shift(band.astype(float), by, order=3, mode="nearest") for band in place.after.image[:3]])
    first = make_raster("first.tif", place.before.image[:3], gsd=1.0)
    second = make_raster("second.tif", after.clip(0, 255).astype("uint8"), gsd=1.0)
    found = measure_shift(first, second)
    assert found.rows == pytest.approx(by[0], abs=0.35) and found.columns == pytest.approx(by[1], abs=0.35)
    assert found.certain and found.left_px < 0.3
    assert bool(found.warning) == (found.length_px >= 0.5)


def test_the_shift_of_images_of_another_pixel_size_is_in_pixels_of_the_first(place, make_raster):
    grey = place.after.image[:3]
    first = make_raster("first.tif", grey, gsd=1.0)
    fine = np.repeat(np.repeat(grey, 2, 1), 2, 2)
    second = make_raster("second.tif", fine, gsd=0.5, origin=(388000.0 + 3, 3676000.0))
    found = measure_shift(first, second)
    assert found.columns == pytest.approx(3, abs=0.2) and found.length_m == pytest.approx(3, abs=0.3)


def test_a_window_of_cloud_does_not_spoil_the_shift(place, make_raster):
    clear = place.after.image[:3]
    cloudy = np.roll(clear, (2, 3), (1, 2)).copy()
    cloudy[:, :256, :256] = np.random.default_rng(1).integers(200, 256, (3, 256, 256))
    found = measure_shift(make_raster("a.tif", clear, gsd=1.0), make_raster("b.tif", cloudy, gsd=1.0))
    assert (found.rows, found.columns) == pytest.approx((2, 3), abs=0.2)
    assert found.windows == 4 and found.agreement == 0.75


def test_noise_is_no_shift_and_says_so(make_raster):
    found = measure_shift(make_raster("a.tif", shape=(640, 640)), make_raster("b.tif", shape=(640, 640)))
    assert not found.certain and "could not be told" in found.warning and np.isnan(found.left_px)


def test_images_without_common_ground_are_refused(make_raster):
    with pytest.raises(InputError, match="no ground that both"):
        measure_shift(make_raster("a.tif", shape=(128, 128)),
                      make_raster("b.tif", shape=(128, 128), origin=(400000.0, 3676000.0)))
    with pytest.raises(InputError, match="at least 64"):
        measure_shift(make_raster("c.tif", shape=(32, 128)), make_raster("d.tif", shape=(128, 128)))


@settings(max_examples=20)
@given(st.integers(-20, 20), st.integers(-20, 20))
def test_whole_pixels_are_found_whole(rows, columns):
    grey = np.random.default_rng(2).random((96, 128)).astype(np.float32)
    found = phase_shift(grey, np.roll(grey, (rows, columns), (0, 1)))
    assert found == pytest.approx((rows, columns), abs=0.1)


def test_a_shift_says_where_the_second_image_shows_the_same(place, make_raster):
    with Both(*(Dated(make_raster(f"{name}.tif", array, gsd=1.0, nodata=255), PAPER, name) for name, array in (
            ("a", place.before.classes), ("b", np.roll(place.before.classes, (3, -2), (0, 1))))),
            replace(NO_SHIFT, rows=3.0, columns=-2.0, gsd_m=1.0)) as both:
        first, second = both.read(both.grid)
    assert (first == second)[5:-5, 5:-5].all()


# ---- pixels

def test_every_pair_of_classes_has_its_value_its_words_and_its_colour():
    before, after = (side.astype("uint8") for side in np.mgrid[:6, :6])
    values = code(before, after, 6)
    assert len(np.unique(values)) == 36
    assert words(PAPER, int(values[5, 0])) == "bare land → landslide" and words(PAPER, 40) == ""
    table = colours(PAPER)
    assert table[values[2, 2], 3] == 0 and table[values[5, 0], 3] == 255 and table[255, 3] == 0
    assert code(np.array([[255, 0]], "uint8"), np.array([[0, 255]], "uint8"), 6).tolist() == [[255, 255]]


def test_areas_are_the_pixels_whatever_the_strips_and_unobserved_ground_is_apart(make_raster, tmp_path, monkeypatch):
    random = np.random.default_rng(3)
    arrays = [random.choice([0, 1, 255], (70, 90)).astype("uint8") for _ in range(2)]
    sides = [Dated(make_raster(f"{i}.tif", array, gsd=2.0, nodata=255), BINARY, "") for i, array in enumerate(arrays)]
    found = []
    for rows in (16, 512):
        monkeypatch.setattr("core.change.pixels.ROWS", rows)
        with Both(*sides) as both:
            found.append(transitions(both, tmp_path / f"{rows}.tif"))
    assert np.allclose(found[0], found[1])
    for i, a in enumerate((0, 1, 255)):
        for j, b in enumerate((0, 1, 255)):
            assert found[0][i, j] == pytest.approx(4 * ((arrays[0] == a) & (arrays[1] == b)).sum(), rel=1e-6)
    with rasterio.open(tmp_path / "16.tif") as dataset:
        assert np.array_equal(dataset.read(1), code(*arrays, 2)) and dataset.nodata == 255
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_maps_of_different_schemes_are_compared_by_landslides_alone(make_raster):
    six = Dated(make_raster("six.tif", np.array([[0, 1, 5, 255]], "uint8"), nodata=255), PAPER, "")
    two = Dated(make_raster("two.tif", np.array([[1, 1, 0, 0]], "uint8"), nodata=255), BINARY, "")
    with Both(six, two) as both:
        assert both.scheme == BINARY
        assert [side.tolist() for side in both.read(both.grid)] == [[[1, 0, 0, 255]], [[1, 1, 0, 0]]]


# ---- objects

def compared(make_raster, before, after, tolerance_px=3, gsd=1.0, shift=NO_SHIFT, names=("before", "after")):
    """Return the changes between two arrays of the paper's classes, and the grid."""
    sides = [Dated(make_raster(f"{name}.tif", array, gsd=gsd, nodata=255), PAPER, name)
             for name, array in zip(names, (before, after), strict=True)]
    with Both(*sides, shift) as both:
        polygons = [np.array([o.polygon for o in outlines(
            lambda a, b, array=array: array[a:b], both.grid, 0, OutlineSettings(min_area_m2=MIN_M2))], object)
            for array in (before, after)]
        return list(changes(both, *polygons, ObjectSettings(tolerance_px * gsd, MIN_M2))), both.grid


SHIFTS = [(0, 0), (2, 0), (0, -2), (2, 2), (-2, 1)]


@pytest.mark.parametrize("by", SHIFTS)
def test_of_the_truth_every_new_and_enlarged_landslide_is_found_and_none_is_invented(scenes, make_raster, by):
    asked = 0
    for scene in scenes:
        now, ids = moved(scene.after.classes, by, 255), moved(scene.after.landslide_ids, by, 0)
        found, grid = compared(make_raster, scene.before.classes, now)
        more = max(ids.max(), scene.before.landslide_ids.max()) + 1
        was, is_ = (np.bincount(each.ravel(), minlength=more) for each in (scene.before.landslide_ids, ids))
        grown = is_ > GROWN * was
        marked = np.zeros(grid.shape, bool)
        for each in found:
            if each.kind in ("new", "enlarged"):
                here = rasterize([each.polygon], grid.shape, transform=grid.transform).astype(bool)
                marked |= here
                assert grown[np.setdiff1d(ids[here], [0])].any(), f"invented: {each.kind}, {each.after_m2:.0f} m2"
        far = ndimage.distance_transform_edt(scene.before.classes != 0) > 5
        for number in np.flatnonzero(grown[1:]) + 1:
            labels, _ = ndimage.label((ids == number) & far, np.ones((3, 3)))
            sizes = np.bincount(labels.ravel())[1:]
            if sizes.size and sizes.max() >= MIN_M2:
                asked += 1
                assert marked[labels == sizes.argmax() + 1].mean() > 0.9, f"missed: landslide {number}"
    assert asked >= 10


@pytest.mark.parametrize("by", SHIFTS)
def test_the_same_map_shifted_has_not_changed(scenes, make_raster, by):
    here = scenes[0].after.classes
    found, _ = compared(make_raster, here, moved(here, by, 255))
    assert found and {each.kind for each in found} == {"unchanged"}


def field(*boxes):
    """Return ground of vegetation with landslides in boxes of rows and columns."""
    array = np.full((120, 160), 2, "uint8")
    for top, bottom, left, right in boxes:
        array[top:bottom, left:right] = 0
    return array


@pytest.mark.parametrize(("before", "after", "kinds"), [
    ([], [(10, 40, 10, 40)], {"new"}),
    ([(10, 40, 10, 40)], [], {"gone"}),
    ([(10, 40, 10, 40)], [(10, 60, 10, 40)], {"enlarged"}),
    ([(10, 60, 10, 40)], [(10, 40, 10, 40)], {"reduced"}),
    ([(10, 60, 10, 40)], [(11, 59, 11, 41)], {"unchanged"}),
    ([(10, 60, 10, 40)], [(10, 30, 10, 40), (40, 60, 10, 40)], {"reduced"}),  # broke into two
    ([(10, 30, 10, 40), (40, 60, 10, 40)], [(10, 60, 10, 40)], {"enlarged"}),  # grew into one
    ([(10, 60, 10, 40)], [(10, 60, 10, 40), (60, 110, 39, 80)], {"unchanged", "new"}),  # touches it by a corner
    ([(10, 50, 10, 40)], [(30, 90, 10, 40)], {"enlarged"}),  # lost above, gained below
    ([], [(10, 16, 10, 16)], set()),  # too small
])
def test_what_becomes_of_a_landslide(make_raster, before, after, kinds):
    found, _ = compared(make_raster, field(*before), field(*after))
    assert {each.kind for each in found} == kinds


def test_the_tolerance_decides_what_a_rim_is(make_raster):
    sides = field((20, 80, 20, 80)), field((16, 84, 16, 84))
    assert [c.kind for c in compared(make_raster, *sides, tolerance_px=6)[0]] == ["unchanged"]
    [grown], _ = compared(make_raster, *sides, tolerance_px=1)
    assert grown.kind == "enlarged" and (grown.before_m2, grown.after_m2) == pytest.approx((3600, 4624), rel=0.02)
    assert grown.gained_m2 == pytest.approx(66**2 - 62**2 + 68**2 - 66**2, rel=0.1)


def test_ground_that_was_not_seen_before_makes_nothing_new(make_raster):
    before = field()
    before[:, :60] = 255
    [hidden], _ = compared(make_raster, before, field((10, 40, 10, 40)))
    assert hidden.kind == "unobserved" and hidden.gained_m2 == 0 and hidden.unobserved_m2 == pytest.approx(900, rel=0.1)
    [half], _ = compared(make_raster, before, field((10, 40, 50, 90)))
    assert half.kind == "new" and half.gained_m2 == pytest.approx(900, rel=0.1)


def test_a_shift_that_is_corrected_leaves_only_what_changed(make_raster):
    before, after = field((20, 60, 20, 60)), field((28, 68, 12, 52), (90, 110, 90, 120))
    assert {c.kind for c in compared(make_raster, before, after)[0]} == {"enlarged", "new"}
    found, _ = compared(make_raster, before, after, shift=Shift(-8.0, 8.0, 1.0, 0.0, 1.0, 9))
    assert sorted(c.kind for c in found) == ["new", "unchanged"]
    [new] = [c for c in found if c.kind == "new"]
    assert shapely.bounds(new.polygon)[0] == pytest.approx(388000 + 98, abs=1)  # where the first date would show it


def test_a_very_large_change_is_judged_on_fewer_pixels(make_raster, monkeypatch):
    sides = field((10, 60, 10, 40)), field((10, 110, 10, 150))
    whole, _ = compared(make_raster, *sides)
    monkeypatch.setattr("core.change.objects.WHOLE_PIXELS", 4000)
    coarse, _ = compared(make_raster, *sides)
    assert [c.kind for c in coarse] == [c.kind for c in whole] == ["enlarged"]
    assert coarse[0].gained_m2 == pytest.approx(whole[0].gained_m2, rel=0.05)


@pytest.mark.parametrize("wrong", [{"tolerance_m": -1}, {"tolerance_m": float("nan")},
                                   {"tolerance_m": 1, "min_area_m2": -1}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError):
        ObjectSettings(**wrong)


# ---- files

@pytest.fixture
def two(make_raster):
    """Two dates as files, with a class tag."""
    def made(before, after):
        paths = []
        for name, array in (("before", before), ("after", after)):
            path = make_raster(f"{name}.tif", array, gsd=1.0, nodata=255)
            with rasterio.open(path, "r+") as dataset:
                dataset.update_tags(classes=json.dumps(PAPER.names))
            paths.append(path)
        return paths
    return made


def test_files_to_files(two, tmp_path, capsys):
    before, after = two(field((10, 40, 10, 40)), field((10, 60, 10, 40), (80, 100, 80, 120)))
    out = tmp_path / "out"
    assert main(["change", "--before", str(before), "--after", str(after), "--out", str(out), "--before-title", "Old",
                 "--after-date", "2023-10-21"]) == 0
    assert "1 new" in capsys.readouterr().out
    record = json.loads((out / RECORD).read_text())
    assert sorted(path.name for path in out.iterdir()) == sorted([RECORD, MAP, OBJECTS])
    assert record["before"]["title"] == "Old" and record["after"]["date"] == "2023-10-21"
    assert record["tolerance_m"] == 3 and record["shift"] is None and not record["corrected"]
    assert {kind: record["changes"][kind]["count"] for kind in KINDS} == {
        "new": 1, "enlarged": 1, "reduced": 0, "unchanged": 0, "gone": 0, "unobserved": 0}
    areas = np.array(record["areas_m2"])
    assert areas[2, 0] == pytest.approx(600 + 800) and areas.sum() == pytest.approx(120 * 160)
    frame = read_outlines(out / OBJECTS)
    assert frame["change"].tolist() == ["new", "enlarged"] and frame["id"].tolist() == [1, 2]
    assert frame["before_ids"].tolist() == ["", "1"] and frame["lon"].between(103, 104).all()
    for kind in FORMATS:
        assert outlines_as(out / OBJECTS, kind)
    assert main(["change", "--before", str(before), "--after", str(after), "--out", str(out)]) == 2


def test_runs_are_compared_by_their_own_outlines(make_raster, tmp_path, two):
    from core.export import write_layer

    folder = tmp_path / "run"
    make_raster("run/classes.tif", 1 * (field((10, 40, 10, 40)) == 0).astype("uint8"), gsd=1.0, nodata=255)
    write_json(folder / "run.json", {"model": {"classes": ["other", "landslide"]}})
    write_layer(folder / "landslides.gpkg", {"geometry": np.array([shapely.box(388010, 3675960, 388040, 3675990)]),
                                             "id": np.array([1])}, rasterio.CRS.from_epsg(32648), "")
    record = compare_dates(ChangeSettings(dated(folder), dated(two(field(), field((10, 40, 10, 40)))[1])),
                           tmp_path / "out")
    assert record["scheme"] == "binary" and record["changes"]["unchanged"]["count"] == 1


def test_nothing_found_is_a_result_too(two, tmp_path):
    record = compare_dates(ChangeSettings(*map(dated, two(field(), field()))), tmp_path / "out")
    assert not any(figures["count"] for figures in record["changes"].values())
    assert read_outlines(tmp_path / "out" / OBJECTS).empty


def test_what_cannot_be_compared_is_refused_and_leaves_nothing(two, tmp_path, make_raster):
    before, _ = two(field(), field())
    far = make_raster("far.tif", field(), origin=(500000.0, 3676000.0), nodata=255)
    with pytest.raises(InputError, match="no ground that both"):
        compare_dates(ChangeSettings(dated(before), replace(dated(before), classes=far)), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "out" / RECORD).touch()
    with pytest.raises(StorageError, match="holds a comparison"):
        compare_dates(ChangeSettings(dated(before), dated(before)), tmp_path / "out")
    with rasterio.open(before, "r+") as dataset:
        dataset.update_tags(classes='["ice"]')
    with pytest.raises(InputError, match="ice"):
        dated(before)


def test_a_shift_is_corrected_only_where_it_is_certain(place, make_raster, tmp_path):
    classes = place.after.classes
    before = Dated(make_raster("a.tif", classes, gsd=1.0, nodata=255), PAPER, "")
    after = Dated(make_raster("b.tif", moved(classes, (6, -4), 255), gsd=1.0, nodata=255), PAPER, "")
    image = make_raster("image_a.tif", place.before.image[:3], gsd=1.0)
    shifted = np.stack([moved(band, (6, -4), 0) for band in place.after.image[:3]])
    settings = ChangeSettings(before, after, (image, make_raster("image_b.tif", shifted, gsd=1.0)), correct=True)
    record = compare_dates(settings, tmp_path / "one")
    assert record["corrected"] and record["changes"]["new"]["count"] == record["changes"]["enlarged"]["count"] == 0
    assert read_shift(record).rows == pytest.approx(6, abs=0.3)
    noise = make_raster("noise.tif", shape=(512, 512), gsd=1.0)
    record = compare_dates(replace(settings, images=(image, noise)), tmp_path / "two")
    assert not record["corrected"] and record["shift"]["warning"]
