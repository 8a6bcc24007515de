"""A study of a map's accuracy in the project's database: its points, and what each person said of them and when.

Whoever labels is given points without their stratum, in an order that says nothing of it. Labels are only added; of
each person the newest counts. A point is what most people say it is; where as many say one as the other, it is open.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import pandas as pd
from sqlalchemy import Row, func, insert, select

from core.accuracy.design import LEAST, allocate
from core.accuracy.estimate import Estimate, estimate
from core.accuracy.strata import MapOf, Stratum, draw, survey
from core.errors import InputError, unknown_name
from core.store import Store, accuracy_labels, accuracy_points, accuracy_studies, open_store

LABELS = ("landslide", "other", "unclear")
TAKEN_BACK = ""
CLASSES = ("landslide", "other")
MAPPED_AS = {"landslide": "landslide", "near": "other", "far": "other"}


@dataclass(frozen=True)
class Study:
    """A set of random points on one map.

    Attributes:
        id: Its own.
        created: Seconds since 1970.
        who: Who asked for it.
        run: The detection whose map it is.
        seed: Of the draw.
        near_m: How far near ground reaches.
        reviewed: Whether the map is what review left of the detection.
        strata: As they were measured.
        points: How many there are.
    """

    id: str
    created: float
    who: str
    run: str
    seed: int
    near_m: float
    reviewed: bool
    strata: tuple[Stratum, ...]
    points: int


@dataclass(frozen=True)
class Studies:
    """The studies of one project; nothing stays open between two calls.

    Every method raises StorageError where the database cannot be used.
    """

    folder: Path

    @cached_property
    def _store(self) -> Store:
        return open_store(self.folder)

    def new(self, of: MapOf, run: str, who: str, count: int, *, seed: int = 1, least: int = LEAST) -> Study:
        """Draw points on a map and keep them; near ground is no stratum of its own where it or the rest is tiny.

        Args:
            of: The map.
            run: The detection that made it.
            who: Who asks.
            count: Points in all.
            seed: Of the draw.
            least: Points in each stratum at least.

        Raises:
            InputError: Nobody asks, the map cannot be read, or nothing of it was observed.
        """
        name = _named(who)
        known = survey(of)
        if any(0 < each.pixels < least for each in known.strata[1:]):
            known = survey(replace(of, apart=False))
        strata = known.strata
        total = sum(each.area_m2 for each in strata)
        if not total:
            raise InputError("map", got="nothing that was observed", expected="some ground",
                             remedy="Choose another area.")
        given = allocate(count, {each.name: each.area_m2 / total for each in strata}, least)
        points = draw(known, given, seed)
        study = str(uuid4())
        with self._store.writing() as connection:
            connection.execute(insert(accuracy_studies), {
                "id": study, "created": time.time(), "who": name, "run": run, "seed": seed, "near_m": of.near_m,
                "reviewed": of.outlines is not None, "strata": [asdict(each) for each in strata]})
            connection.execute(insert(accuracy_points), [
                {"study": study, "number": each.number, "stratum": each.stratum, "lon": each.lon, "lat": each.lat}
                for each in points])
        return self.read(study)

    def read(self, study: str) -> Study:
        """Return a study by its id; an unknown one lists those that exist."""
        found = {each.id: each for each in self.all()}
        if study not in found:
            raise unknown_name("study", study, list(found))
        return found[study]

    def all(self, run: str | None = None) -> list[Study]:
        """Return the studies, those of one detection where it is named, newest first."""
        counted = select(accuracy_points.c.study, func.count().label("points")).group_by(
            accuracy_points.c.study).subquery()
        query = select(accuracy_studies, counted.c.points).join(counted, counted.c.study == accuracy_studies.c.id)
        if run is not None:
            query = query.where(accuracy_studies.c.run == run)
        with self._store.reading() as connection:
            return [_study(row) for row in connection.execute(query.order_by(accuracy_studies.c.created.desc()))]

    def blind(self, study: str, who: str) -> pd.DataFrame:
        """Return the points as one person may see them: number, lon, lat and their own label, "" where none yet."""
        with self._store.reading() as connection:
            rows = connection.execute(
                select(accuracy_points.c.number, accuracy_points.c.lon, accuracy_points.c.lat)
                .where(accuracy_points.c.study == study).order_by(accuracy_points.c.number)).all()
        points = pd.DataFrame(rows, columns=["number", "lon", "lat"])
        labels = self.labels(study)
        own = labels[labels["who"] == " ".join(who.split())].set_index("number")["label"]
        return points.assign(label=points["number"].map(own).fillna(""))

    def label(self, study: str, number: int, who: str, label: str, note: str = "") -> None:
        """Keep what a person says of a point, or take it back; it is on disk when this returns.

        Raises:
            InputError: Nobody says it, there is no such point, or the label is unknown.
        """
        if label not in (*LABELS, TAKEN_BACK):
            raise unknown_name("label", label, list(LABELS))
        with self._store.writing() as connection:
            known = connection.execute(select(accuracy_points.c.number).where(
                accuracy_points.c.study == study, accuracy_points.c.number == number)).scalar()
            if known is None:
                raise InputError("point", got=number, expected="a point of the study", remedy="Open the study again.")
            connection.execute(insert(accuracy_labels), {
                "study": study, "number": number, "who": _named(who), "at": time.time(), "label": label,
                "note": note.strip()})

    def labels(self, study: str) -> pd.DataFrame:
        """Return each person's newest label of each point: ``number``, ``who``, ``at``, ``label``, ``note``."""
        columns = [accuracy_labels.c[name] for name in ("number", "who", "at", "label", "note")]
        with self._store.reading() as connection:
            rows = connection.execute(select(*columns).where(accuracy_labels.c.study == study)
                                      .order_by(accuracy_labels.c.id)).all()
        frame = pd.DataFrame(rows, columns=[column.name for column in columns])
        newest = frame.drop_duplicates(["number", "who"], keep="last")
        return newest[newest["label"] != TAKEN_BACK].sort_values(["number", "who"], ignore_index=True)

    def verdicts(self, study: str) -> dict[int, str]:
        """Return what each labelled point is: a class, "unclear" where nobody can tell, "open" where people differ."""
        said: dict[int, Counter[str]] = {}
        for number, label in self.labels(study)[["number", "label"]].itertuples(index=False):
            said.setdefault(int(number), Counter())[label] += 1
        return {number: _verdict(votes) for number, votes in said.items()}

    def estimate(self, study: str) -> Estimate:
        """Return what the labels say so far.

        Labels count in the order of the points, so that those that are there are a random part of all.

        Raises:
            InputError: A stratum has fewer than two labelled points.
        """
        about = self.read(study)
        with self._store.reading() as connection:
            strata = dict(connection.execute(select(accuracy_points.c.number, accuracy_points.c.stratum)
                                             .where(accuracy_points.c.study == study)).tuples().all())
        counts: dict[str, Counter[str]] = {each.name: Counter() for each in about.strata}
        for number, verdict in self.verdicts(study).items():
            if verdict in CLASSES:
                counts[strata[number]][verdict] += 1
        areas = {each.name: each.area_m2 for each in about.strata}
        return estimate(areas, MAPPED_AS, counts, CLASSES)


def _verdict(votes: Mapping[str, int]) -> str:
    landslide, other = votes.get("landslide", 0), votes.get("other", 0)
    if not landslide and not other:
        return "unclear"
    return "open" if landslide == other else "landslide" if landslide > other else "other"


def _study(row: Row[tuple[object, ...]]) -> Study:
    known = dict(row._mapping)
    return Study(**known | {"strata": tuple(Stratum(**each) for each in known["strata"])})


def _named(who: str) -> str:
    name = " ".join(who.split())
    if not name:
        raise InputError("name", got="nothing", expected="the name of who labels", remedy="Say who you are.")
    return name
