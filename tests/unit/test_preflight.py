"""A look before a detection: each finding has the level it deserves, says what it means and how to mend it."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from core import domain
from core.detect import DetectSettings
from core.files import read_json, write_json
from core.preflight import Days, Finding, check, findings, worst
from core.scene import SceneSettings


@pytest.fixture
def look(place_files, models, tmp_path):
    """Return a function that gives the findings by what they are about; changes are of the scene or the rest."""
    def found(days=None, model="random", root=models, **scene):
        settings = SceneSettings(**{"image": place_files["image"], "dem": place_files["dem"]} | scene)
        asked = DetectSettings(settings, model, tmp_path / "out", models=root)
        return {each.what: each for each in findings(asked, days)}

    return found


@pytest.fixture
def changed_model(models, tmp_path):
    """Return a function that gives a folder of models whose one card was changed."""
    def changed(**values):
        folder = tmp_path / "changed" / "random"
        folder.mkdir(parents=True)
        for file in (models / "random").iterdir():
            (folder / file.name).symlink_to(file) if file.suffix != ".json" else None
        write_json(folder / "card.json", read_json(models / "random" / "card.json") | values)
        return folder.parent

    return changed


def dem(make_raster, low, high, **more):
    rows = np.linspace(low, high, 128, dtype="float32")
    return make_raster("dem.tif", np.tile(rows[:, None], (1, 128)), **{"gsd": 4.0} | more)


def test_files_that_will_do_are_good(look):
    found = look()
    assert {each.what for each in found.values() if each.level == "good"} == {
        "CRS", "Pixel size", "Bands", "Values", "Observed", "Unit of elevation", "Elevation", "Overlap"}
    assert found["Likeness"].level == "note" and "not known for this model" in found["Likeness"].found
    assert worst(list(found.values())) == "note" and worst([]) == "good"
    assert all(bool(each.meaning) == (each.level != "good") for each in found.values())


@pytest.mark.parametrize(("scene", "what", "level", "words"), [
    ({"dem": None}, "Elevation", "note", "terrain is absent"),
    ({"gsd": 5.0}, "Pixel size", "warning", "finer imagery"),
    ({"gsd": 0.05}, "Pixel size", "note", "pixels of 0.20 m, each the mean of 4 × 4"),
    ({"gsd": 0.15}, "Pixel size", "note", "A little finer"),
    ({"bands": 1}, "Image bands", "stop", "colour image"),
    ({"crs": None}, "Coordinate reference system", "stop", "Assign"),
])
def test_what_is_wrong_with_an_image_is_told(look, make_raster, scene, what, level, words):
    scene = dict(scene)
    if "dem" not in scene:
        scene = {"image": make_raster(shape=(512, 512), **scene), "dem": None}
    found = look(**scene)
    assert found[what].level == level and words in found[what].meaning


def test_elevation_in_another_unit_is_noticed(look, make_raster):
    high = look(dem=dem(make_raster, 5_000, 12_000))["Unit of elevation"]
    assert high.level == "warning" and "feet" in high.meaning
    assert look(dem=dem(make_raster, 100, 260))["Unit of elevation"].level == "good"
    steep = look(dem=dem(make_raster, 100, 1_300))["Unit of elevation"]
    assert steep.level == "warning" and "not that steep" in steep.meaning
    fixed = look(dem=dem(make_raster, 100, 1_300), dem_unit="ft")["Unit of elevation"]
    assert fixed.level == "good" and "read as feet" in fixed.found


def test_gaps_coarse_grids_and_other_places_are_told(look, make_raster):
    gaps = np.full((128, 128), 100, "float32")
    gaps[:, 40:] = -9999
    half = look(dem=make_raster("dem.tif", gaps, gsd=4.0, nodata=-9999))["Overlap"]
    assert half.level == "warning" and half.found.startswith(("30%", "31%", "32%")) and "without gaps" in half.meaning
    coarse = look(dem=dem(make_raster, 100, 200, gsd=90.0, origin=(385_000, 3_679_000)))["Elevation"]
    assert coarse.level == "warning" and "30 m or finer" in coarse.meaning
    away = look(dem=dem(make_raster, 100, 200, origin=(600_000, 3_676_000)))
    assert away["DEM extent"].level == "stop" and "CRS is right" in away["DEM extent"].meaning


def test_a_share_without_data_is_told(look, make_raster):
    array = np.full((3, 512, 512), 90, "uint8")
    array[:, :, 100:] = 0
    some = look(image=make_raster(array=array, gsd=1, nodata=0), dem=None)["Observed"]
    assert some.level == "note" and "no area is counted" in some.meaning
    none = look(image=make_raster(array=array * 0, gsd=1, nodata=0), dem=None)["Observed"]
    assert none.level == "stop"


def test_near_infrared_is_missed_only_by_a_model_that_learnt_it(look, make_raster, changed_model):
    image = make_raster(shape=(512, 512), gsd=1)
    assert look(image=image, dem=None)["Bands"].level == "good"
    root = changed_model(trained_topography=["dem", "ndvi"])
    without = look(image=image, dem=None, root=root)["Bands"]
    assert without.level == "note" and "near infrared" in without.meaning
    assert look(root=root)["Bands"].level == "good"


def test_imagery_unlike_the_training_is_told(look, place_files, changed_model):
    with rasterio.open(place_files["image"]) as dataset:
        rgb = dataset.read((1, 2, 3)).astype("float32")
    squares = [rgb[:, y:y + 64, x:x + 64] for y in range(0, 512, 64) for x in range(0, 512, 64)]
    figures = np.array([domain.describe(square, np.ones((64, 64), bool)) for square in squares])
    root = changed_model(domain=domain.fit(figures).as_dict())
    assert look(root=root)["Likeness"].level == "good"
    other = root / "random" / "card.json"
    write_json(other, read_json(other) | {"domain": domain.fit(figures + np.array([90, 0, 0, 0, 0, 0, 0])).as_dict()})
    unlike = look(root=root)["Likeness"]
    assert unlike.level == "warning" and "100% of the samples" in unlike.found and "less red" in unlike.found


@pytest.mark.parametrize(("days", "level", "words"), [
    (Days(), "note", "not known"), (Days("2017-08-09"), "good", "2017-08-09"),
    (Days("2017-08-09", ("2015-01-01", "", "2020-01-01")), "good", "1 of the other images earlier, 1 later"),
    (Days("2017-08-07", (), "2017-08-08"), "warning", "the event was on 2017-08-08"),
    (Days("2017-08-08", (), "2017-08-08"), "good", "2017-08-08")])
def test_days_and_their_order(look, days, level, words):
    found = look(days)["Day"]
    assert found.level == level and words in found.found


def test_a_model_without_weights_stops_and_the_files_are_looked_at_all_the_same(look):
    found = look(model="untrained")
    assert found["Model"].level == "stop" and "scarp train untrained" in found["Model"].meaning
    assert found["Pixel size"].level == "good"


def test_check_has_no_estimate_for_what_cannot_run(place_files, models, tmp_path, make_raster):
    settings = DetectSettings(SceneSettings(place_files["image"]), "untrained", tmp_path / "out", models=models)
    assert check(settings)[1] is None
    broken = replace(settings, model="random", scene=SceneSettings(make_raster(bands=1)))
    found, cost = check(broken)
    assert cost is None and found == [Finding("stop", "Image bands", found[0].found, found[0].meaning)]
