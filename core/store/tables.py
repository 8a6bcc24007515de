"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, Float, Integer, MetaData, String, Table, Text

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
