"""The ledger: nothing is lost, nothing is overwritten, every step can be taken back."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from core.errors import InputError, UnknownNameError
from core.export import write_outlines
from core.files import write_json
from core.measure import Measured
from core.project import Run, create
from core.review import Edit, Ledger, accept, change, draw, merge, reject, reshape, split
from core.review.agreement import agreement, cohen_kappa, progress
from core.review.queue import is_new, queue, uncertainty
from core.store import open_store, versions

ROOT = Path(__file__).resolve().parents[2]
UTM48 = "EPSG:32648"


def measured(area_m2, probability):
    return Measured(area_m2, 40, 10, 10, "shape", None, None, None, None, 20.0, None, 1.0, probability, probability,
                    103.8, 33.2)


def make_run(project, name="first", count=5):
    from rasterio.crs import CRS

    folder = project.folder / "runs" / name
    folder.mkdir(parents=True)
    records = [(shapely.box(388_000 + 100 * n, 3_676_000, 388_020 + 100 * n, 3_676_020 + n),
                measured(400 + n, 0.5 + 0.5 * n / count)) for n in range(count)]
    write_outlines(folder / "landslides.gpkg", records, CRS.from_string(UTM48), model="lite")
    write_json(folder / "run.json", {"model": {"name": "lite"}, "finished": "2026-11-22T20:00:00+00:00"})
    return Run(name, folder, json.loads((folder / "run.json").read_text()))


@pytest.fixture(autouse=True)
def usual_place(monkeypatch):
    monkeypatch.delenv("SCARP_STORE", raising=False)


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(create(tmp_path / "valley", "Valley"))
    made.take(make_run(made.project))
    return made


def first(ledger):
    row = ledger.detections().iloc[0]
    return row["id"], int(row["version"])


def square(x=103.9, y=33.3, side=1e-4):
    return shapely.box(x, y, x + side, y + side)


def test_a_run_is_taken_once_with_all_that_was_measured(ledger):
    frame = ledger.detections()
    assert len(frame) == 5 and frame.crs == "EPSG:4326" and set(frame["status"]) == {"unreviewed"}
    assert ledger.take(ledger.project.runs()[0]) == 0 and len(ledger.detections()) == 5
    assert frame["area_m2"].tolist() == [404, 403, 402, 401, 400], "the largest is number 1"
    assert frame["outline"].tolist() == [1, 2, 3, 4, 5] and set(frame["model"]) == {"lite"}
    assert frame["drop_m"].isna().all() if "drop_m" in frame else True
    assert frame["reviewer"].tolist() == [""] * 5 and frame["reviewed"].isna().all()
    own = geopandas.read_file(ledger.project.runs()[0].folder / "landslides.gpkg", layer="landslides")
    back = frame.to_crs(UTM48).geometry
    assert shapely.hausdorff_distance(back.values, own.geometry.values).max() < 1e-6


def test_the_same_run_has_the_same_ids_in_another_copy(ledger, tmp_path):
    other = Ledger(create(tmp_path / "copy", "Copy"))
    other.take(make_run(other.project))
    assert other.detections()["id"].tolist() == ledger.detections()["id"].tolist()


def test_outlines_that_say_nothing_of_a_day_are_taken(tmp_path):
    ledger = Ledger(create(tmp_path / "valley", "Valley"))
    run = make_run(ledger.project)
    outlines = geopandas.read_file(run.folder / "landslides.gpkg", layer="landslides").drop(columns="image_date")
    (run.folder / "landslides.gpkg").unlink()
    outlines.to_file(run.folder / "landslides.gpkg", layer="landslides")
    assert ledger.take(run) == 5 and set(ledger.detections()["image_date"]) == {""}


def test_thousands_are_taken_in_quickly(tmp_path):
    ledger = Ledger(create(tmp_path / "many", "Many"))
    run, start = make_run(ledger.project, count=9_000), time.perf_counter()
    assert ledger.take(run) == 9_000 and len(set(ledger.detections()["id"])) == 9_000
    assert time.perf_counter() - start < 20


def test_what_people_do_is_appended_with_who_when_and_why(ledger):
    name, version = first(ledger)
    before = time.time()
    assert ledger.apply(reject(name, version, "road"), " Ana   Berg ").versions == {name: 2}
    ledger.apply(change(name, 2, type="debris flow", note="below the bend", event_date="2017-08-08"), "Bo")
    found = ledger.history(name)
    assert found["who"].tolist() == ["", "Ana Berg", "Bo"] and found["action"].tolist() == ["take", "reject", "change"]
    assert found["reason"].tolist() == ["", "road", "road"] and found["at"].iloc[1].timestamp() >= before - 1e-3
    row = ledger.detections().set_index("id").loc[name]
    assert (row["status"], row["reviewer"], row["type"], row["event_date"]) == (
        "rejected", "Ana Berg", "debris flow", "2017-08-08"), "a note does not make its writer the reviewer"


def test_what_is_rejected_has_the_class_of_the_ground_and_what_is_confirmed_is_a_landslide(ledger):
    name, version = first(ledger)
    classes = []
    for action, said in (("reject", reject(name, 1, "bare soil")[0].changes), ("reject", reject(name, 1)[0].changes),
                         ("change", {"class": "water"}), ("accept", {"status": "accepted"}),
                         ("change", {"class": "road"}), ("import", {"status": "rejected"})):
        ledger.apply([Edit(name, version, action, said)], "Ana")
        version, kind = ledger.detections().set_index("id").loc[name, ["version", "class"]]
        classes.append(kind)
    assert classes == ["bare land", "other", "water", "landslide", "landslide", "other"]


def test_a_late_write_is_a_conflict_and_changes_nothing(ledger):
    name, version = first(ledger)
    ledger.apply(accept(name, version), "Ana")
    result = ledger.apply(reject(name, version, "shadow"), "Bo")
    assert result.conflict and not result.versions and len(ledger.history(name)) == 2
    [kept] = ledger.conflicts()
    assert kept == result.conflict and kept.who == "Bo" and kept.edits[0].changes["reason"] == "shadow"
    with pytest.raises(InputError, match="changed again"):
        ledger.settle(kept, "Cy", 1, take=True)
    assert ledger.settle(kept, "Cy", 2, take=True).versions == {name: 3} and not ledger.conflicts()
    assert ledger.detections(status=["rejected"])["id"].tolist() == [name]
    with pytest.raises(InputError, match="settled"):
        ledger.settle(kept, "Cy", 3, take=True)


def test_two_who_agree_do_not_collide_and_a_second_look_is_no_conflict(ledger):
    name, version = first(ledger)
    ledger.apply(accept(name, version), "Ana")
    assert not ledger.apply(accept(name, version), "Bo").conflict
    assert not ledger.apply(reject(name, 3), "Cy").conflict, "of the newest version"


def test_what_is_said_twice_is_taken_once(ledger):
    name = first(ledger)[0]
    for _ in range(2):
        result = ledger.apply(change(name, 1, certainty="probable"), "Ana")
        assert (result.versions, result.conflict) == ({name: 2}, None)
    assert ledger.apply(accept(name, 2), "Ana").conflict is None
    assert ledger.apply(change(name, 1, certainty="probable"), "Ana").versions == {name: 3}
    assert ledger.history(name)["action"].tolist() == ["take", "change", "accept"]


def test_a_conflict_may_be_left_and_keeps_shapes(ledger):
    name, version = first(ledger)
    ledger.apply(accept(name, version), "Ana")
    result = ledger.apply(reshape(name, version, square(), {"area_m2": 1.0}), "Bo")
    [kept] = ledger.conflicts()
    assert kept.edits[0].changes["geometry"].equals_exact(square(), 0)
    assert ledger.settle(kept, "Ana", 2, take=False).versions == {} and not ledger.conflicts()
    assert len(ledger.history(name)) == 2 and result.conflict.id == kept.id


def test_split_and_merge_replace_and_undo_brings_back(ledger):
    ids = ledger.detections()["id"].tolist()
    parts = [(square(), {"area_m2": 1.0}), (square(103.91), {"area_m2": 2.0})]
    made = ledger.apply(split(ids[0], 1, parts, "first"), "Ana").versions
    frame = ledger.detections(run="first").set_index("id")
    assert len(frame) == 6 and ids[0] not in frame.index and set(frame.loc[list(made)[1:], "parent"]) == {ids[0]}
    ledger.apply(merge(ids[1], 1, [(ids[2], 1)], square(), {"area_m2": 3.0}), "Ana")
    assert len(ledger.detections()) == 5 and ledger.detections(status=["merged"])["merged_into"].tolist() == [ids[1]]
    ledger.undo("Ana")
    ledger.undo("Ana")
    frame = ledger.detections()
    assert sorted(frame["id"]) == sorted(ids) and set(frame["status"]) == {"unreviewed"}
    assert set(ledger.detections(status=["withdrawn"])["id"]) == set(list(made)[1:])
    assert ledger.undo("Ana") is None


def test_undo_takes_back_ones_own_and_never_what_others_went_on_from(ledger):
    name, version = first(ledger)
    ledger.apply(accept(name, version), "Ana")
    ledger.apply(reject(name, 2), "Bo")
    with pytest.raises(InputError, match="changed since then"):
        ledger.undo("Ana")
    ledger.undo("Bo")
    row = ledger.detections().set_index("id").loc[name]
    assert (row["status"], row["reviewer"], row["version"]) == ("accepted", "Ana", 4)
    ledger.undo("Ana")
    assert ledger.detections().set_index("id").loc[name, "status"] == "unreviewed"


def test_undo_goes_on_past_what_was_undone_before(ledger):
    name = first(ledger)[0]
    for version, edits in ((1, change(name, 1, note="seen")), (2, accept(name, 2)), (4, reject(name, 4))):
        assert ledger.apply(edits, "Ana").versions == {name: version + 1}
        if version > 1:
            ledger.undo("Ana")
    assert ledger.undo("Ana").versions == {name: 7} and ledger.undo("Ana") is None
    assert ledger.history(name)["note"].tolist() == ["", "seen", "seen", "seen", "seen", "seen", ""]


def test_what_was_missed_is_drawn_and_belongs_to_the_run_looked_at(ledger):
    ledger.apply(draw(square(), {"area_m2": 100.0}, "first"), "Ana")
    row = ledger.detections(run="first", status=["drawn"]).iloc[0]
    assert row["outline"] == -1 and row["method"] == "drawn" and row["area_m2"] == 100.0
    area = shapely.geometry.mapping(square(side=1).buffer(0.1))
    assert ledger.detections(area=area)["id"].tolist() == [row["id"]]
    assert ledger.detections(run="other").empty


@pytest.mark.parametrize("edits", [
    lambda name: [Edit(name, 1, "dance")], lambda name: [Edit(name, 1, "change", {"colour": "red"})],
    lambda name: reject(name, 1, "ugly"), lambda name: change(name, 1, type="avalanche of words"),
    lambda name: change(name, 1, scale=0), lambda name: change(name, 1, note="x" * 5_000),
    lambda name: reshape(name, 1, shapely.Polygon([(0, 0), (1, 1), (0, 1), (1, 0)]), {}),
    lambda name: draw(shapely.box(200, 0, 201, 1), {}), lambda name: split(name, 1, [(square(), {})]),
    lambda _: accept("nobody", 1), lambda _: []])
def test_what_means_nothing_is_refused(ledger, edits):
    with pytest.raises((InputError, UnknownNameError)):
        ledger.apply(edits(first(ledger)[0]), "Ana")
    assert set(ledger.detections()["status"]) == {"unreviewed"}


@pytest.mark.parametrize("who", ["", "   ", "x" * 81])
def test_nobody_reviews_without_a_name(ledger, who):
    with pytest.raises(InputError, match="reviewer"):
        ledger.apply(accept(*first(ledger)), who)


def test_every_write_is_seen_in_the_revision(ledger):
    name, seen = first(ledger)[0], {ledger.revision}
    for write in (lambda: ledger.apply(accept(name, 1), "Ana"), lambda: ledger.apply(reject(name, 1), "Bo"),
                  lambda: ledger.settle(ledger.conflicts()[0], "Ana", 2, take=False), lambda: ledger.undo("Ana")):
        write()
        assert ledger.revision not in seen
        seen.add(ledger.revision)


def test_a_killed_reviewer_loses_nothing_that_was_acknowledged(ledger):
    code = f"""if True:
        import sys
        from pathlib import Path
        from core.project import open_project
        from core.review import Ledger, accept, reject
        ledger = Ledger(open_project(Path({str(ledger.project.folder)!r})))
        ids, version = ledger.detections()["id"].tolist(), 1
        while True:
            for name in ids:
                result = ledger.apply((accept if version % 2 else reject)(name, version), "Ana")
                print(name, result.versions[name], flush=True)
            version += 1"""
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    told = [child.stdout.readline().split() for _ in range(40)]
    os.kill(child.pid, signal.SIGKILL)
    told += [line.split() for line in child.stdout.read().splitlines() if len(line.split()) == 2]
    child.wait()
    with open_store(ledger.project.folder).reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        there = {(row.detection, row.number) for row in connection.execute(select(versions))}
    assert len(told) >= 40 and {(name, int(number)) for name, number in told} <= there
    assert ledger.apply(accept(told[-1][0], int(ledger.history(told[-1][0])["number"].max())), "Bo").versions


def test_many_reviewers_at_once_lose_nothing(ledger):
    code = f"""if True:
        import sys
        from pathlib import Path
        from core.project import open_project
        from core.review import Ledger, change
        ledger, who = Ledger(open_project(Path({str(ledger.project.folder)!r}))), sys.argv[1]
        for turn in range(4):
            row = ledger.detections().iloc[0]
            ledger.apply(change(row["id"], int(row["version"]), note=f"{{who}} {{turn}}"), who)"""
    children = [subprocess.Popen([sys.executable, "-c", code, name], cwd=ROOT, stderr=subprocess.PIPE)
                for name in ("Ana", "Bo", "Cy")]
    assert [child.communicate()[1].decode() for child in children] == [""] * 3
    name = first(ledger)[0]
    notes = set(ledger.history(name)["note"]) | {kept.edits[0].changes["note"] for kept in ledger.conflicts()}
    assert notes >= {f"{who} {turn}" for who in ("Ana", "Bo", "Cy") for turn in range(4)}


class Reviewing(RuleBasedStateMachine):
    """Two people and a model of what the ledger must say: a stack of contents for each detection."""

    @initialize()
    def begin(self):
        import tempfile

        self.ledger = Ledger(create(Path(tempfile.mkdtemp()) / "p", "P"))
        self.ledger.take(make_run(self.ledger.project, count=2))
        self.ids = self.ledger.detections()["id"].tolist()
        self.now = {name: ("unreviewed", "", 1) for name in self.ids}  # status, note, version
        self.writer = {}
        self.done = []  # who, detection, content before, content after
        self.kept = 0

    @rule(who=some.sampled_from("AB"), at=some.integers(0, 1), late=some.integers(0, 1),
          what=some.sampled_from(["accepted", "rejected", "note"]))
    def act(self, who, at, late, what):
        name = self.ids[at]
        status, note, version = self.now[name]
        seen = max(1, version - late)
        after = (status, f"note {len(self.done)}") if what == "note" else (what, note)
        edits = change(name, seen, note=after[1]) if what == "note" else (
            accept(name, seen) if what == "accepted" else reject(name, seen))
        result = self.ledger.apply(edits, who)
        if seen != version and after != (status, note):
            assert result.conflict and not result.versions
            self.kept += 1
            return
        if seen != version and self.writer[name] == who:
            assert result.versions == {name: version} and not result.conflict, "said twice"
            return
        assert result.versions == {name: version + 1} and not result.conflict
        self.writer[name] = who
        self.done.append((who, name, (status, note), after))
        self.now[name] = (*after, version + 1)

    @precondition(lambda self: self.done)
    @rule(who=some.sampled_from("AB"))
    def undo(self, who):
        mine = [step for step in self.done if step[0] == who]
        if not mine:
            assert self.ledger.undo(who) is None
            return
        last = mine[-1]
        latest = [step for step in self.done if step[1] == last[1]][-1]
        if latest is not last:
            with pytest.raises(InputError):
                self.ledger.undo(who)
            return
        version = self.now[last[1]][2]
        assert self.ledger.undo(who).versions == {last[1]: version + 1}
        self.now[last[1]], self.writer[last[1]] = (*last[2], version + 1), who
        self.done = [step for step in self.done if step is not last]

    @invariant()
    def the_ledger_says_what_the_model_says(self):
        if not hasattr(self, "ledger"):
            return
        frame = self.ledger.detections().set_index("id")
        assert {name: (row["status"], row["note"], row["version"]) for name, row in frame.iterrows()} == self.now
        assert len(self.ledger.conflicts()) == self.kept
        for name in self.ids:
            assert self.ledger.history(name)["number"].tolist() == list(range(1, self.now[name][2] + 1))


TestReviewing = Reviewing.TestCase
TestReviewing.settings = settings(max_examples=5, stateful_step_count=12, deadline=None,
                                  suppress_health_check=list(HealthCheck))


def frame_of(areas, probabilities):
    boxes = [square(103 + n * 0.01) for n in range(len(areas))]
    return geopandas.GeoDataFrame({"id": [str(n) for n in range(len(areas))], "area_m2": areas,
                                   "probability_mean": probabilities}, geometry=boxes, crs="EPSG:4326")


def test_the_queue_orders_by_what_matters():
    frame = frame_of([100.0, 400.0, 300.0, 50.0], [0.5, 1.0, 0.9, np.nan])
    assert queue(frame, "largest") == ["1", "2", "0", "3"]
    assert uncertainty(np.array([0.9]))[0] == pytest.approx(0.4689956)
    assert queue(frame, "priority") == ["2", "0", "3", "1"], "140.7, 100, 50 and 0 square metres times bits"
    area = shapely.geometry.mapping(shapely.union_all(frame.geometry.values[:2]))
    assert queue(frame, "area", area=area) == ["1", "0"]
    earlier = frame.geometry.iloc[[1]]
    assert is_new(frame, earlier).tolist() == [True, False, True, True]
    assert queue(frame, "new", earlier=earlier) == ["2", "0", "3"]
    assert queue(frame.iloc[:0], "priority") == []
    with pytest.raises(UnknownNameError, match="priority, largest, new, area"):
        queue(frame, "prettiest")


def test_progress_and_kappa_count_last_verdicts_that_stand(ledger):
    ids = ledger.detections()["id"].tolist()
    for name, ana, bo in zip(ids, (accept, accept, reject, reject, accept), (accept, reject, reject, accept, accept),
                             strict=True):
        ledger.apply(ana(name, 1), "Ana")
        ledger.apply(bo(name, 2), "Bo")
    [pair] = agreement(ledger.log())
    assert (pair.both, pair.observed) == (5, 0.6) and pair.kappa == pytest.approx((0.6 - 0.52) / 0.48)
    ledger.apply(reject(ids[0], 3), "Bo")
    ledger.apply(change(ids[0], 4, note="sure?"), "Bo")
    assert agreement(ledger.log())[0].observed == 0.4, "the last verdict counts, and a note is none"
    ledger.undo("Bo")
    ledger.undo("Bo")
    assert agreement(ledger.log())[0].observed == 0.6
    ledger.apply(draw(square(), {}, "first"), "Bo")
    assert {each.who: (each.accepted, each.rejected, each.drawn) for each in progress(ledger.log())} == {
        "Ana": (3, 2, 0), "Bo": (3, 2, 1)}


def test_kappa_is_cohens():
    assert cohen_kappa([(True, True)] * 45 + [(True, False)] * 15 + [(False, True)] * 25 + [(False, False)] * 15)[
        1] == pytest.approx(0.1304, abs=1e-4)
    assert cohen_kappa([(True, True)] * 3) == (1.0, None)


def test_a_project_without_a_review_has_an_empty_ledger(tmp_path):
    ledger = Ledger(create(tmp_path / "empty", "Empty"))
    frame = ledger.detections()
    assert frame.empty and {"id", "status", "version", "geometry"} <= set(frame.columns) and ledger.log() == []
    with open_store(ledger.project.folder).reading() as connection:
        assert connection.execute(select(func.count()).select_from(versions)).scalar() == 0
    with pytest.raises(InputError, match="not there"):
        ledger.history("x")
