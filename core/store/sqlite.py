"""All that is said to SQLite alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event

from core.errors import StorageError

FILE = "scarp.db"
BUSY_S = 15
"""How long a writer waits for another."""

WRITES = "scarp_writes"
"""Execution option of a connection whose transaction takes the write lock at its beginning."""


def url(project: Path) -> URL:
    """Return the address of a project's own database."""
    return URL.create("sqlite", database=str(project / FILE))


def prepare(engine: Engine) -> None:
    """Have every connection check foreign keys, wait for others, and be on disk when it says so.

    Transactions are begun here: the driver would begin none before a change of the schema, and would find out too late
    that another process writes.
    """

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own record
        connection.isolation_level = None
        for pragma in ("foreign_keys = ON", f"busy_timeout = {BUSY_S * 1000}", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")


def use_wal(engine: Engine) -> None:
    """Let readers and one writer work at once; the file remembers it."""
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode = WAL")


def fold_wal(engine: Engine) -> None:
    """Bring everything into the one file.

    Raises:
        StorageError: Another process reads or writes.
    """
    with closing(engine.raw_connection()) as connection:
        busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise in_use()


def in_use() -> StorageError:
    """Build the error for a database that others keep busy."""
    return StorageError("project database", got=f"another process that kept it for {BUSY_S} s", expected="a turn",
                        remedy="Wait until the project's jobs are done, and try again.")


def in_words(error: Exception) -> StorageError:
    """Say what is wrong with a database, and what to do."""
    text = str(getattr(error, "orig", None) or error)
    if "locked" in text:
        return in_use()
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return StorageError(
            f"project database {FILE}", got="a damaged file", expected="a SQLite database",
            remedy=f"Put {FILE} back from a copy of the project. Or remove it: the list of jobs starts anew, while "
                   "layers, areas and detections stay.")
    return StorageError(f"project database {FILE}", got=text, expected="one that can be read and written",
                        remedy="Look after the disk's free space and the permissions of the project's folder.")
