"""All that is said to a database other than SQLite: SCARP_STORE names it, and PostgreSQL wants some things told."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, func, select, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from core.errors import StorageError

VARIABLE, PROJECT = "SCARP_STORE", "{project}"
_EXAMPLE = "postgresql+psycopg://user@host/scarp?options=-csearch_path%3D{project}"
_WRITER = 0x5CA_12B
"""Number of the lock that the only writer of a project holds."""


def url(project: Path) -> str | None:
    """Return the address of the database that is named for a project; None when none is.

    Raises:
        StorageError: All projects would share one database.
    """
    named = os.environ.get(VARIABLE)
    if named and PROJECT not in named:
        raise StorageError(VARIABLE, got=f"an address without {PROJECT}", expected=f"one such as {_EXAMPLE}",
                           remedy="Each project needs a database, or a schema, of its own.")
    return named.replace(PROJECT, project.name) if named else None


def connect(address: str) -> Engine:
    """Return an engine for an address; it holds no connection.

    Raises:
        StorageError: The address is none, or its driver is not installed.
    """
    try:
        return create_engine(address, poolclass=NullPool)
    except ModuleNotFoundError as error:
        raise StorageError(VARIABLE, got=f"a database whose driver {error.name} is not installed",
                           expected="one that can be reached",
                           remedy=f"Install it: pip install {error.name}") from error
    except ArgumentError as error:  # its words may hold the password
        raise StorageError(VARIABLE, got="what is no address of a database", expected=f"one such as {_EXAMPLE}",
                           remedy="Correct it, or unset it: then each project has a file of its own.") from error


def begin(connection: Connection, *, writes: bool) -> None:
    """Have a transaction see one state of everything, or be the only writer; before anything else is done in it."""
    if connection.dialect.name == "postgresql":
        if writes:
            schema = func.hashtext(func.coalesce(func.current_schema(), ""))
            connection.execute(select(func.pg_advisory_xact_lock(_WRITER, schema)))
        else:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def make_schema(connection: Connection) -> None:
    """Make the schema that the address names, where it is not there yet."""
    if connection.dialect.name != "postgresql":
        return
    path = str(connection.scalar(text("SHOW search_path"))).split(",")
    if len(path) == 1 and (name := path[0].strip().strip('"')):
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted}"))


def count_on(connection: Connection, tables: Iterable[Table]) -> None:
    """Let numbers that are given out go on after the highest; rows that came with theirs do not raise them."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, select(func.coalesce(func.max(column), 0) + 1)
                                                  .scalar_subquery(), False)))  # noqa: FBT003 - SQL's own


def in_words(error: Exception) -> StorageError:
    """Say what is wrong with such a database, and what to do."""
    said = str(getattr(error, "orig", None) or error).strip().split("\n", maxsplit=1)[0]
    return StorageError("project database", got=said, expected="one that can be read and written",
                        remedy=f"Look whether the server runs, and whether {VARIABLE} is right.")
