"""Projects: a folder that is read with care, written whole, and never left."""

import json
import os
import time
from datetime import date

import pytest

from core.errors import InputError, ScarpError, StorageError, UnknownNameError
from core.layers import Layer
from core.project import (
    add_layer,
    change_layer,
    change_project,
    create,
    list_projects,
    new_project,
    open_project,
    remove_layer,
)


@pytest.fixture
def project(tmp_path):
    return create(tmp_path / "valley", "Valley of trials")


def put(project, name="image.tif"):
    path = project.folder / "layers" / name
    path.write_bytes(b"x")
    return path


def test_a_project_is_the_same_when_it_is_opened_again(project):
    project = add_layer(project, "image", put(project), "After", "2017-08-09")
    project = add_layer(project, "dem", put(project, "dem.tif"), "Elevation")
    again = open_project(project.folder)
    assert again == project
    assert [layer.id for layer in again.of("image")] == ["image"] and again.of("image")[0].date == "2017-08-09"
    assert again.path(again.of("dem")[0]) == project.folder / "layers" / "dem.tif"


def test_layers_of_one_name_get_ids_of_their_own(project):
    for folder in ("a", "b"):
        (project.folder / "layers" / folder).mkdir()
        project = add_layer(project, "image", put(project, f"{folder}/Übersicht 1.TIF"), folder)
    assert [layer.id for layer in project.layers] == ["bersicht-1", "bersicht-1-2"]


def test_a_second_project_in_a_folder_is_refused(project):
    with pytest.raises(StorageError, match="holds a project"):
        create(project.folder, "Another")
    assert open_project(project.folder).name == "Valley of trials"


def test_a_project_needs_a_name_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="project name"):
        create(tmp_path / "x", "  ")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="project folder"):
        create(tmp_path / "file" / "x", "X")


def test_a_file_outside_is_not_added_nor_one_that_is_missing(project, tmp_path):
    outside = tmp_path / "outside.tif"
    outside.write_bytes(b"x")
    (project.folder / "layers" / "link.tif").symlink_to(outside)
    for path in (outside, project.folder / "layers" / "link.tif", project.folder / "layers" / "none.tif"):
        with pytest.raises(InputError, match="outside"):
            add_layer(project, "image", path, "X")


def test_a_layer_that_became_a_link_out_is_not_given_out(project, tmp_path):
    path = put(project)
    project = add_layer(project, "image", path, "After")
    path.unlink()
    path.symlink_to(tmp_path)
    with pytest.raises(InputError, match="After"):
        project.path(project.layers[0])


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.tif", "layers/../../x.tif", "", "layers\\..\\x.tif"])
def test_a_layer_path_never_leaves(path):
    with pytest.raises(InputError, match="path of layer"):
        Layer("a", "image", path, "A")


@pytest.mark.parametrize("change", [
    {"role": "photo"}, {"id": "A b"}, {"id": 7}, {"date": "9 August"}, {"title": None}, {"path": "../../x"}])
def test_a_damaged_layer_is_refused_with_words(project, change):
    add_layer(project, "image", put(project), "After")
    file = project.folder / "project.json"
    value = json.loads(file.read_text())
    value["layers"][0] |= change
    file.write_text(json.dumps(value))
    with pytest.raises(InputError):
        open_project(project.folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"name": "x"}', '{"name": 1, "created": "", "layers": []}',
                                  '{"name": "x", "created": "", "layers": [{"id": "a"}]}',
                                  '{"name": "x", "created": "", "layers": [7]}'])
def test_a_damaged_project_file_is_refused_and_left_out_of_the_list(project, text):
    (project.folder / "project.json").write_text(text)
    with pytest.raises(InputError) as caught:
        open_project(project.folder)
    assert str(project.folder.parent) not in str(caught.value)
    assert list_projects(project.folder.parent) == []


def test_no_project_is_told_by_its_folder_name_only(tmp_path):
    with pytest.raises(InputError, match="'nothing', which holds no project.json") as caught:
        open_project(tmp_path / "nothing")
    assert str(tmp_path) not in str(caught.value)


def test_unknown_roles_list_the_known_ones(project):
    with pytest.raises(UnknownNameError, match="image, dem, ndvi, truth"):
        project.of("photo")
    with pytest.raises(UnknownNameError):
        add_layer(project, "photo", put(project), "X")


def test_a_failed_write_leaves_the_old_file(project, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    before = (project.folder / "project.json").read_bytes()
    path = put(project)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        add_layer(project, "image", path, "After")
    assert (project.folder / "project.json").read_bytes() == before
    assert [file.name for file in project.folder.glob(".project*")] == []


def test_runs_are_listed_newest_first_without_unfinished_and_damaged_ones(project):
    good = '{"model": {"name": "lite", "classes": ["other", "landslide"]}}'
    for name, text in (("a", good), ("b", "{}"), ("c", "no"), ("d", None)):
        folder = project.folder / "runs" / name
        folder.mkdir()
        if text is not None:
            (folder / "run.json").write_text(text)
        time.sleep(0.01)
    runs = project.runs()
    assert [run.id for run in runs] == ["b", "a"]
    assert runs[1].model == "lite" and runs[1].classes == ("other", "landslide")
    assert runs[0].model == "" and runs[0].classes == ()


def test_new_runs_do_not_share_a_folder(project):
    assert len({project.new_run() for _ in range(20)}) == 20


def test_an_area_is_kept_as_geojson(project):
    ring = [[104.1, 33.2], [104.2, 33.2], [104.2, 33.3], [104.1, 33.2]]
    path = project.save_area({"type": "Polygon", "coordinates": [ring]})
    assert path.parent == project.folder / "areas"
    assert json.loads(path.read_text())["features"][0]["geometry"]["coordinates"] == [ring]
    with pytest.raises(InputError, match="polygon"):
        project.save_area({"type": "Point", "coordinates": [0, 0]})


def test_projects_are_listed_by_name(tmp_path):
    for folder, name in (("b", "Alps"), ("a", "Tian Shan"), ("c", "alps")):
        create(tmp_path / folder, name)
    assert [each.id for each in list_projects(tmp_path)] == ["b", "c", "a"]
    assert list_projects(tmp_path / "none") == []


def test_errors_of_a_project_are_of_the_one_tree(tmp_path):
    with pytest.raises(ScarpError):
        open_project(tmp_path)
    assert date.fromisoformat(create(tmp_path / "p", "P").created[:10])


def test_what_is_known_of_a_layer_is_kept(project):
    added = add_layer(project, "image", put(project), "After", bands=(("red", 3), ("green", 2), ("blue", 1)),
                      source="A b.TIF", guesses=(("bands", "by position"), ("date", "from the name")))
    add_layer(project, "dem", put(project, "dem.tif"), "Elevation", unit="ft")
    again = open_project(project.folder)
    assert again.layers[0] == added.layers[0] and dict(again.layers[0].bands) == {"red": 3, "green": 2, "blue": 1}
    assert again.layers[1].unit == "ft" and again.layers[1].guesses == ()


def test_a_project_of_the_first_format_is_opened_and_written_in_todays(project):
    file = project.folder / "project.json"
    put(project)
    layer = {"id": "image", "role": "image", "path": "layers/image.tif", "title": "After", "date": "2017-08-09"}
    file.write_text(json.dumps({"name": "Old", "created": "2020-01-01T00:00:00+00:00", "layers": [layer]}))
    old = open_project(project.folder)
    assert old.layers[0].bands == () and old.note == ""
    change_layer(old, "image", title="Later")
    assert json.loads(file.read_text())["format"] == 2 and open_project(project.folder).layers[0].title == "Later"


def test_a_project_of_a_later_version_is_refused_politely(project):
    file = project.folder / "project.json"
    value = json.loads(file.read_text())
    file.write_text(json.dumps(value | {"format": 99}))
    with pytest.raises(InputError, match="Update Scarp"):
        open_project(project.folder)
    file.write_text(json.dumps(value | {"layers": [
        {"id": "a", "role": "dem", "path": "a.tif", "title": "A", "date": "", "colour": 1}]}))
    with pytest.raises(InputError, match="later version"):
        open_project(project.folder)


def test_what_is_confirmed_is_no_guess_any_more(project):
    project = add_layer(project, "dem", put(project), "E", unit="m", guesses=(("unit", "usual"), ("role", "one band")))
    changed = change_layer(project, "image", unit="m")
    assert changed.layers[0].guesses == (("role", "one band"),)
    with pytest.raises(InputError, match="one of m, ft"):
        change_layer(project, "image", unit="yd")
    with pytest.raises(InputError, match="one of image"):
        change_layer(project, "none", unit="m")
    assert open_project(project.folder) == changed


def test_changes_of_others_are_kept(project):
    first = add_layer(project, "image", put(project), "After")
    second = add_layer(project, "dem", put(project, "dem.tif"), "Elevation")  # from the same old value
    assert [layer.id for layer in second.layers] == ["image", "dem"]
    assert [layer.title for layer in change_layer(first, "image", title="B").layers] == ["B", "Elevation"]


def test_a_removed_layer_takes_its_file_along_only_from_its_folder(project):
    own = put(project)
    outside = project.folder / "kept.tif"
    outside.write_bytes(b"x")
    project = add_layer(add_layer(project, "image", own, "A"), "dem", outside, "B")
    project = remove_layer(remove_layer(project, "image"), "kept")
    assert project.layers == () == open_project(project.folder).layers
    assert not own.exists() and outside.exists()


def test_outlines_are_told_from_rasters(project):
    project = add_layer(project, "truth", put(project, "labels.geojson"), "Labels")
    project = add_layer(project, "truth", put(project, "labels.tif"), "Labels")
    assert [layer.id for layer in project.of("truth")] == ["labels-2"]
    assert [layer.id for layer in project.of("truth", "vector")] == ["labels"]


def test_new_projects_get_a_folder_of_their_own(tmp_path):
    made = [new_project(tmp_path, "Täler, 2017/8", note="After the quake", event="2017-08-08") for _ in range(2)]
    assert [each.id for each in made] == ["t-ler-2017-8", "t-ler-2017-8-2"]
    assert open_project(made[0].folder) == made[0] and made[0].event == "2017-08-08"
    assert new_project(tmp_path, "九寨沟").id == "project"
    with pytest.raises(InputError, match="2017-08-08"):
        new_project(tmp_path, "X", event="yesterday")
    assert not (tmp_path / "x").exists()


def test_a_project_is_renamed(project):
    assert change_project(project, name=" Other ", note="n").name == "Other"
    with pytest.raises(InputError, match="project name"):
        change_project(project, name=" ")
    assert open_project(project.folder).note == "n"
