"""Splits: what shows the same ground lies on one side, places and blocks are kept apart, and the file says it all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from core.cli import main
from core.errors import InputError, UnknownNameError
from core.training.config import Source, TrainConfig
from core.training.duplicates import Print, fingerprint, groups, same_ground
from core.training.split import Part, Split, make_split


def ground(seed: int, size: int = 500) -> np.ndarray:
    """Return (size, size, 3) uint8 that looks like ground: rough at every scale."""
    random = np.random.default_rng(seed)
    layers = [gaussian_filter(random.normal(size=(size, size, 3)), (s, s, 0)) * s for s in (1, 3, 8, 20)]
    return (128 + 30 * np.clip(sum(layers), -4, 4)).astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write chips: six pairs that overlap, a copy in another folder, a rescaled one, and 30 by themselves."""
    (tmp_path / "chips").mkdir()
    (tmp_path / "others").mkdir()
    for i in range(6):
        large = Image.fromarray(ground(i))
        large.crop((0, 0, 260, 300)).save(tmp_path / f"chips/a{i}.jpg", quality=85)
        large.crop((133, 71, 400, 330)).save(tmp_path / f"chips/b{i}.jpg", quality=95)
    for i in range(30):
        Image.fromarray(ground(100 + i, 200)).save(tmp_path / f"chips/c{i:02}.jpg")
    Image.open(tmp_path / "chips/c00.jpg").save(tmp_path / "others/d0.jpg", quality=70)
    Image.open(tmp_path / "chips/c01.jpg").resize((150, 150)).save(tmp_path / "others/d1.jpg")
    Image.fromarray(ground(200, 200)).save(tmp_path / "others/d2.jpg")
    return tmp_path


CHIPS = Source("chips", "chips/*.jpg", "masks", holdout=0.4)
CONFIG = TrainConfig("m", "rae_d", sources=(CHIPS, Source("others", "others/*.jpg")))


def test_overlapping_and_copied_pictures_form_groups_and_no_others_do(data: Path) -> None:
    files = sorted(data.glob("*/*.jpg"))
    found = [{files[i].stem for i in group} for group in groups([fingerprint(file) for file in files])]
    assert [group for group in found if len(group) > 1] == [
        *({f"a{i}", f"b{i}"} for i in range(6)), {"c00", "d0"}, {"c01", "d1"}]
    assert sum(map(len, found)) == len(files)


def test_spots_count_when_several_are_shifted_alike() -> None:
    random = np.random.default_rng(0)

    def spots(keys: list[int], places: list[tuple[int, int]]) -> Print:
        return Print(random.random(256) < 0.5, np.array(keys, np.uint64), np.array(places))

    first = spots([5, 6, 7], [(30, 30), (30, 60), (60, 30)])
    assert same_ground([first, spots([6, 7, 9], [(35, 50), (65, 20), (9, 9)])]) == {(0, 1)}
    assert same_ground([first, spots([6, 7, 9], [(35, 50), (65, 21), (9, 9)])]) == set()
    assert same_ground([first, spots([6, 8], [(35, 50), (65, 20)])]) == set()
    texture = [spots([6, 7], [(30, 60), (60, 30)]) for _ in range(11)]
    assert same_ground(texture) == set()


def test_a_group_lies_on_one_side_also_across_sources(data: Path) -> None:
    for seed in range(8):
        config = replace(CONFIG, sources=(replace(CHIPS, holdout=0.1 + 0.1 * seed), CONFIG.sources[1]))
        split = make_split(config, data)
        chips, others = split.of("chips"), split.of("others")
        assert all(chips.holds(f"chips/a{i}.jpg") == chips.holds(f"chips/b{i}.jpg") for i in range(6))
        assert chips.holds("chips/c00.jpg") == others.holds("others/d0.jpg")
        assert chips.holds("chips/c01.jpg") == others.holds("others/d1.jpg")
        assert not others.holds("others/d2.jpg")
    assert others.files


def test_the_share_of_groups_is_about_what_was_asked_and_stays_when_chips_come_in(data: Path) -> None:
    before = make_split(CONFIG, data).of("chips")
    assert 0.2 < len(before.files) / 42 < 0.6
    assert before == make_split(CONFIG, data).of("chips")
    Image.fromarray(ground(300, 200)).save(data / "chips/e.jpg")
    after = make_split(CONFIG, data).of("chips")
    assert set(after.files) - {"chips/e.jpg"} == set(before.files)


def test_a_place_is_kept_out_with_what_overlaps_it(data: Path) -> None:
    config = replace(CONFIG, sources=(replace(CHIPS, holdout=0.0, exclude_prefix="a"), CONFIG.sources[1]))
    assert make_split(config, data).of("chips").files == tuple(f"chips/{k}{i}.jpg" for k in "ab" for i in range(6))


def test_a_block_is_surrounded_by_a_gap() -> None:
    part = Part("scene", blocks=((40, 20, 60, 50),), gap_px=8)
    training, held = part.used((100, 90), training=True), part.used((100, 90), training=False)
    assert held.sum() == 20 * 30
    assert held[20:50, 40:60].all()
    assert (~training).sum() == 36 * 46
    assert not training[12:58, 32:68].any()
    assert Part("all").used((5, 5), training=True).all()
    assert not Part("all").used((5, 5), training=False).any()


@pytest.mark.parametrize("shape", [(300, 900), (900, 300)])
def test_a_share_of_a_scene_is_a_strip_with_so_many_labels(make_raster, tmp_path: Path, shape: tuple[int, int]) -> None:
    label = np.random.default_rng(0).choice(np.array([0, 1, 255], np.uint8), shape, p=[0.2, 0.1, 0.7])
    label[:200, :250] = 255
    make_raster("scene.tif", shape=shape)
    make_raster("labels.tif", label[None], nodata=255)
    source = Source("scene", "scene.tif", "labels.tif", holdout=0.25, gap_px=64)
    ends = set()
    for name in ("north", "south", "east", "west", "up"):
        config = replace(CONFIG, sources=(replace(source, name=name),))
        part = make_split(config, tmp_path).of(name)
        held = part.used(shape, training=False)
        assert (label[held] < 255).sum() / (label < 255).sum() == pytest.approx(0.25, abs=0.01)
        assert part.gap_px == 64
        assert not (held & part.used(shape, training=True)).any()
        ends.add(part.blocks)
    assert len(ends) == 2


def test_a_given_block_is_taken_as_it_is(tmp_path: Path) -> None:
    source = Source("scene", "scene.tif", "labels.tif", holdout=(1, 2, 30, 40), gap_px=7)
    split = make_split(replace(CONFIG, sources=(source, replace(source, name="whole", holdout=0.0))), tmp_path)
    assert split.parts == (Part("scene", blocks=((1, 2, 30, 40),), gap_px=7), Part("whole", gap_px=7))


def test_the_file_holds_the_split_and_its_checksum_guards_it(data: Path, tmp_path: Path) -> None:
    split = make_split(CONFIG, data)
    split.write(tmp_path / "split.json")
    again = Split.read(tmp_path / "split.json")
    assert again == split
    assert again.sha256 == split.sha256
    content = json.loads((tmp_path / "split.json").read_text())
    content["parts"][0]["files"].pop()
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="scarp data split"):
        Split.read(tmp_path / "split.json")
    with pytest.raises(UnknownNameError, match="chips"):
        split.of("elsewhere")


def test_two_sources_need_two_names(data: Path) -> None:
    with pytest.raises(InputError, match="Rename"):
        make_split(replace(CONFIG, sources=(CHIPS, CHIPS)), data)


def test_a_damaged_picture_is_named(data: Path) -> None:
    (data / "chips/c03.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="c03.jpg"):
        make_split(CONFIG, data)


def test_from_the_command_line(data: Path, tmp_path: Path, capsys) -> None:
    config = {"model": "m", "architecture": "rae_d", "sources": [
        {"name": "chips", "images": "chips/*.jpg", "labels": "masks", "holdout": 0.4},
        {"name": "others", "images": "others/*.jpg"}]}
    (tmp_path / "m.json").write_text(json.dumps(config))
    about = [str(data), "--config", str(tmp_path / "m.json")]
    assert main(["data", "split", *about, "--out", str(tmp_path / "s.json")]) == 0
    assert Split.read(tmp_path / "s.json") == make_split(CONFIG, data)
    assert "chips" in capsys.readouterr().out


@pytest.mark.realdata
def test_overlaps_of_real_chips_are_found(data_folder: Path) -> None:
    files = [data_folder / f"bijie/images/ls_{number}.jpg" for number in ("0503", "0504", "0630", "0252", "0253")]
    assert groups([fingerprint(file) for file in files]) == [[0, 1], [2], [3, 4]]
