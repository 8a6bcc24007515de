"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(naming_convention={
    "pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"})

STATES = ("queued", "running", "stopping", "done", "failed", "cancelled", "lost")

jobs = Table(
    "jobs", metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("queued", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("params", JSON, nullable=False),
    Column("command", JSON, nullable=False),
    Column("pid", Integer),
    Column("pid_started", Float),
    Column("exit_code", Integer),
    Column("error", Text, nullable=False),
    Column("version", Integer, nullable=False),
    CheckConstraint("state IN ('" + "', '".join(STATES) + "')", name="state"),
)
"""Jobs. Times are seconds since 1970; ``queued`` orders those that wait, over all projects; ``pid_started`` tells a
worker from another process that got its number; every change counts ``version`` up, so one of two at once fails."""

detections = Table(
    "detections", metadata,
    Column("id", String(36), primary_key=True),
    Column("created", Float, nullable=False),
    Column("run", String(128)),
    Column("outline", Integer),
    Column("model", Text, nullable=False),
    Column("image_date", String(10), nullable=False),
    Column("parent", String(36)),
    Column("version", Integer, nullable=False),
    UniqueConstraint("run", "outline", name="uq_detections_run"),
)
"""What every version of a detection shares. ``run`` and ``outline`` say where it comes from; ``outline`` is null where
it was drawn, and ``parent`` is the one that it was split from. ``version`` is the number of its newest version."""

versions = Table(
    "versions", metadata,
    Column("id", Integer, primary_key=True),
    Column("detection", String(36), ForeignKey("detections.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("batch", String(36), nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("action", String(16), nullable=False),
    Column("restores", Integer),
    Column("undoes", String(36)),
    Column("reviewer", Text, nullable=False),
    Column("reviewed", Float),
    Column("status", String(16), nullable=False),
    Column("class", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("certainty", String(16), nullable=False),
    Column("method", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("photos", JSON, nullable=False),
    Column("merged_into", String(36)),
    Column("record", JSON, nullable=False),
    Column("measured", JSON, nullable=False),
    Column("geometry", LargeBinary, nullable=False),
    UniqueConstraint("detection", "number", name="uq_versions_detection"),
)
"""Every version of every detection, never changed and never removed. ``id`` counts up over all of them; what was done
in one go has one ``batch``; an undo names the batch it takes back and the number of the version that it restores.
``reviewer`` gave the status; ``geometry`` is WKB in longitude and latitude (WGS 84). See ``core.review``."""

conflicts = Table(
    "conflicts", metadata,
    Column("id", String(36), primary_key=True),
    Column("detection", String(36), ForeignKey("detections.id"), nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("edits", JSON, nullable=False),
    Column("settled", Float),
    Column("settled_by", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
)
"""What was done to a version that was not the newest any more: kept as it was asked for until somebody settles it."""

accuracy_studies = Table(
    "accuracy_studies", metadata,
    Column("id", String(36), primary_key=True),
    Column("created", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("run", String(128), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("near_m", Float, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    Column("strata", JSON, nullable=False),
)
"""Studies of map accuracy. ``reviewed``: the map is what review left of a run, not the run itself. ``strata``: pixels
and area of each."""

accuracy_points = Table(
    "accuracy_points", metadata,
    Column("study", String(36), ForeignKey("accuracy_studies.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("stratum", String(16), nullable=False),
    Column("lon", Float, nullable=False),
    Column("lat", Float, nullable=False),
)
"""Random points; ``number`` says nothing of the stratum."""

accuracy_labels = Table(
    "accuracy_labels", metadata,
    Column("id", Integer, primary_key=True),
    Column("study", String(36), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("label", String(16), nullable=False),
    Column("note", Text, nullable=False),
    ForeignKeyConstraint(["study", "number"], ["accuracy_points.study", "accuracy_points.number"],
                         name="fk_accuracy_labels_study_accuracy_points"),
)
"""What people said of a point; nothing is changed or removed, and of each person the newest counts."""
