"""Made scenes: the same each time, plausible, and right about what they hold."""

import numpy as np
import pytest

from core.config import scheme
from core.errors import InputError
from core.landscape import FIRST_TRAINING_SEED, landscape, traits
from core.landscape.fields import terrace
from core.landscape.flow import catchment_m2, erode
from core.landscape.light import cast_shadow, sunlight
from core.landscape.materials import CLASS_OF, M
from core.landscape.noise import fbm, resample, smoothstep, stream
from core.landscape.routes import Network, bench, smooth
from core.landscape.routes import Route as RoadRoute

PAPER = scheme("paper").names
SEED, SIZE, GSD = 538, 512, 2.0


def slope_deg(scene):
    dy, dx = np.gradient(scene.dem, scene.gsd_m)
    return np.degrees(np.arctan(np.hypot(dy, dx)))


@pytest.fixture(scope="module")
def scene():
    return landscape(SEED, SIZE, GSD, landslides=True)


def ids(epoch):
    return set(np.unique(epoch.landslide_ids).tolist()) - {0}


def test_shapes_and_types(scene):
    assert scene.dem.shape == (SIZE, SIZE)
    assert scene.dem.dtype == np.float32
    assert np.isfinite(scene.dem).all()
    for epoch in (scene.before, scene.after):
        assert epoch.image.shape == (4, SIZE, SIZE)
        assert epoch.image.dtype == np.uint8
        assert epoch.classes.shape == epoch.landslide_ids.shape == (SIZE, SIZE)
        assert epoch.classes.dtype == np.uint8
        assert epoch.landslide_ids.dtype == np.int32
        assert epoch.classes.max() < len(PAPER)


def test_the_same_seed_gives_the_same_bytes(scene):
    again = landscape(SEED, SIZE, GSD, landslides=True)
    assert np.array_equal(again.dem, scene.dem)
    for one, two in ((again.before, scene.before), (again.after, scene.after)):
        assert np.array_equal(one.image, two.image)
        assert np.array_equal(one.classes, two.classes)
        assert np.array_equal(one.landslide_ids, two.landslide_ids)


def test_another_seed_gives_another_place(scene):
    other = landscape(SEED + 1, 256, GSD)
    assert not np.array_equal(other.after.image, scene.after.image[:, :256, :256])


def test_all_classes_are_there(scene):
    for epoch in (scene.before, scene.after):
        assert set(np.unique(epoch.classes)) == set(range(len(PAPER)))


def test_relief_is_that_of_mountains(scene):
    assert np.ptp(scene.dem) > 250
    assert 15 < np.median(slope_deg(scene)) < 45


def test_landslides_lie_on_slopes(scene):
    slope = slope_deg(scene)
    for epoch in (scene.before, scene.after):
        assert np.median(slope[epoch.landslide_ids > 0]) > 20


def test_landslides_run_downhill(scene):
    rows, cols = np.indices(scene.dem.shape)
    long, along = 0, 0
    for number in ids(scene.after):
        inside = scene.after.landslide_ids == number
        if inside.sum() < 200:
            continue
        y, x, z = rows[inside], cols[inside], scene.dem[inside]
        centred = np.stack([y - y.mean(), x - x.mean()])
        values, vectors = np.linalg.eigh(np.cov(centred))
        if values[1] > 3 * values[0]:
            long += 1
            along += abs(np.corrcoef(vectors[:, 1] @ centred, z)[0, 1]) > 0.6
    assert long >= 3
    assert along >= 0.7 * long


def test_gentle_ground_has_bare_land_that_is_no_landslide(scene):
    gentle = slope_deg(scene) < 10
    bare = scene.after.classes == PAPER.index("bare land")
    assert (gentle & bare).mean() > 0.005
    assert not scene.after.landslide_ids[bare].any()


def test_ids_are_landslide_pixels(scene):
    for epoch in (scene.before, scene.after):
        assert np.array_equal(epoch.landslide_ids > 0, epoch.classes == scheme("paper").landslide)


def test_history(scene):
    before, after = scene.before.landslide_ids, scene.after.landslide_ids
    old, later = ids(scene.before), ids(scene.after)
    new, healed, kept = later - old, old - later, old & later
    assert new
    assert healed
    grown = [k for k in kept if (after == k).sum() > 1.3 * (before == k).sum()]
    assert grown
    for number in kept:
        assert ((before == number) & (after == number)).sum() > 0.3 * (before == number).sum()
    for number in healed:
        was = before == number
        assert (scene.after.classes[was] == PAPER.index("vegetation")).mean() > 0.5


def test_some_new_landslides_were_bare_land(scene):
    new = np.isin(scene.after.landslide_ids, list(ids(scene.after) - ids(scene.before)))
    assert (scene.before.classes[new] == PAPER.index("bare land")).any()


def test_near_infrared_tells_water_from_leaves(scene):
    water, leaves = (scene.before.classes == PAPER.index(name) for name in ("water", "vegetation"))
    nir = scene.before.image[3].astype(float)
    assert np.median(nir[water]) < 0.5 * np.median(nir[leaves])
    red = scene.before.image[0].astype(float)
    assert np.median((nir - red)[leaves]) > 10
    slid = scene.after.landslide_ids > 0
    assert scene.after.image[:3, slid].mean() > 1.3 * scene.after.image[:3, scene.after.classes == 2].mean()


def test_forced_without_landslides():
    quiet = landscape(SEED, 256, GSD, landslides=False)
    for epoch in (quiet.before, quiet.after):
        assert not epoch.landslide_ids.any()
        assert not (epoch.classes == scheme("paper").landslide).any()


def test_forcing_landslides_changes_nothing_else():
    forced, free = (traits.draw(SEED, 500, choice) for choice in (True, False))
    assert free.slides == 0
    assert forced.slides > 0
    assert (forced.steep_deg, forced.before, forced.after) == (free.steep_deg, free.before, free.after)


@pytest.mark.parametrize(("size", "gsd_m"), [(350, 0.5), (257, 0.7), (128, 2.0), (300, 0.3)])
def test_odd_sizes(size, gsd_m):
    small = landscape(FIRST_TRAINING_SEED, size, gsd_m)
    assert small.after.image.shape == (4, size, size)
    assert small.after.image.std() > 5
    assert small.gsd_m == gsd_m


@pytest.mark.parametrize(("seed", "size", "gsd_m"), [(-1, 512, 0.5), (1, 64, 0.5), (1, 512, 0.01), (1, 512, 30)])
def test_impossible_scenes_are_refused(seed, size, gsd_m):
    with pytest.raises(InputError, match="size 128 to"):
        landscape(seed, size, gsd_m)


def test_places_differ():
    places = [traits.draw(seed, 500, None) for seed in range(200)]
    assert {p.lithology for p in places} == set(traits.LITHOLOGIES)
    assert {p.village for p in places} == {p.quarry for p in places} == {True, False}
    assert 5 < sum(p.slides == 0 for p in places) < 60
    assert 10 < sum(p.river_m == 0 for p in places) < 100


def test_every_material_has_the_class_it_should():
    assert PAPER[CLASS_OF[M.SCAR]] == PAPER[CLASS_OF[M.SLIDE_GREEN]] == "landslide"
    for material in (M.QUARRY, M.GRAVEL, M.PLOUGHED, M.ROCK):
        assert PAPER[CLASS_OF[material]] == "bare land"
    assert PAPER[CLASS_OF[M.TRACK]] == "road"
    assert PAPER[CLASS_OF[M.CROP]] == "vegetation"


def test_noise_is_standard_and_seeded():
    noise = fbm((300, 300), 20, stream(1, "a"))
    assert abs(noise.mean()) < 0.15
    assert 0.7 < noise.std() < 1.3
    assert np.array_equal(noise, fbm((300, 300), 20, stream(1, "a")))
    assert not np.array_equal(noise, fbm((300, 300), 20, stream(1, "b")))


def test_resampling_keeps_a_plane():
    rows, cols = np.indices((20, 20), np.float32)
    plane = 3 * rows - 2 * cols
    fine = resample(plane, (4, 5), 0.25, (40, 32))
    y, x = (np.indices((40, 32)) + 0.5) * 0.25
    assert np.allclose(fine, 3 * (4 + y - 0.5) - 2 * (5 + x - 0.5), atol=1e-3)


def test_smoothstep_falls_when_turned():
    x = np.array([0, 5, 10], np.float32)
    assert smoothstep(0, 10, x).tolist() == [0, 0.5, 1]
    assert smoothstep(10, 0, x).tolist() == [1, 0.5, 0]


def test_all_water_reaches_the_outlet():
    rng = stream(3, "t")
    z = rng.random((30, 40), np.float32) * 50
    outlet = np.zeros(z.shape, bool)
    outlet[15, 0] = True
    area = catchment_m2(z, outlet, 2.0, rng)
    assert area[15, 0] == pytest.approx(30 * 40 * 4)
    assert area.min() == 4


def test_erosion_holds_outlets_and_the_slope_limit():
    rng = stream(4, "t")
    z = rng.random((40, 40), np.float32) * 500
    outlet = np.zeros(z.shape, bool)
    outlet[:, 0] = True
    steepest = np.full(z.shape, 0.5, np.float32)
    worn = erode(z, outlet, 10.0, rng, steps=30, k=0.05, steepest=steepest, diffusion=0.0)
    assert np.array_equal(worn[:, 0], z[:, 0])
    assert worn.mean() < 0.7 * z.mean()
    tower = np.zeros_like(z)
    tower[20, 20] = 500
    cut = erode(tower, outlet, 10.0, rng, steps=1, k=0.0, steepest=steepest, diffusion=0.0)
    assert cut[20, 20] <= 0.5 * 10 * np.sqrt(2) + 0.1


def test_terraces_step():
    z = np.linspace(0, 10, 1001, dtype=np.float32)[None]
    stepped = terrace(z, np.ones_like(z), 2.0)
    assert (np.gradient(stepped[0]) < 0.3 * np.gradient(z[0])).mean() > 0.6
    assert np.abs(stepped - z).max() < 2
    assert np.array_equal(terrace(z, np.zeros_like(z), 2.0), z)


def test_a_way_goes_round_a_hill():
    rows, cols = np.indices((60, 90))
    z = (60 * np.exp(-((rows - 30) ** 2 + (cols - 45) ** 2) / 200)).astype(np.float32)
    line = Network(z, np.zeros_like(z), 2.0).way((30, 2), (30, 87))
    heights = z[line[:, 0].astype(int), line[:, 1].astype(int)]
    assert heights.max() < 25
    assert np.hypot(*np.diff(line, axis=0).T).max() < 2


def test_a_road_is_level_across():
    z = np.repeat(np.arange(60, dtype=np.float32)[:, None], 60, 1)
    line = smooth(np.array([[30.0, 0.0], [30.0, 59.0]]), 1.0, 3.0)
    cut = bench(z, [RoadRoute(line, 8.0, paved=True)], 2.0)
    assert abs(cut[31, 30] - cut[28, 30]) < 0.5
    assert np.array_equal(cut[:15], z[:15])


def test_a_wall_casts_its_shadow_away_from_the_sun():
    season = traits.draw(1, 500, None).before
    season = type(season)(**{**season.__dict__, "sun_azimuth_deg": 90.0, "sun_elevation_deg": 45.0})
    ground = np.zeros((40, 60), np.float32)
    ground[:, 30] = 10
    lit = cast_shadow(ground, 1.0, season, 30, 0.5)
    assert (lit[20, 21:30] == 0).all()
    assert (lit[20, :18] == 1).all()
    assert (lit[20, 30:] == 1).all()
    flat, towards, away = (np.full((3, 3), rise, np.float32) for rise in (0, -0.5, 0.5))
    bright = [sunlight(flat, rise, season).mean() for rise in (towards, flat, away)]
    assert bright == sorted(bright, reverse=True)
