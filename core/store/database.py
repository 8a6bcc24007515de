"""Opening a project's database: up to date, by any number of processes at once, or with a clear error."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, delete, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from core.errors import StorageError
from core.store import server, sqlite
from core.store.lock import locked
from core.store.migrations import HEAD
from core.store.tables import metadata


@dataclass(frozen=True)
class Store:
    """A project's database. Nothing stays open between two uses, so the folder may be moved at any time."""

    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of everything.

        Raises:
            StorageError: The database is damaged, busy or out of reach.
        """
        with _errors_in_words(self.engine), self.engine.begin() as connection:
            server.begin(connection, writes=False)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction of the only writer; it is kept unless an exception leaves it.

        Raises:
            StorageError: The database is damaged, busy or cannot be written.
        """
        engine = self.engine.execution_options(**{sqlite.WRITES: True})
        with _errors_in_words(self.engine), engine.begin() as connection:
            server.begin(connection, writes=True)
            yield connection

    def count_on(self, connection: Connection) -> None:
        """Let numbers go on after the highest, when rows with numbers of their own were written."""
        server.count_on(connection, metadata.sorted_tables)


def exists(project: Path) -> bool:
    """Return whether a project may have a database; a look that makes none."""
    return server.url(project) is not None or (project / sqlite.FILE).is_file()


def open_store(project: Path) -> Store:
    """Open a project's database; make it, or bring it up to date, where that is due.

    Raises:
        StorageError: It is damaged, or was written by a newer Scarp; then nothing in it is changed.
    """
    store = Store(_engine(project))
    if _revision(store) != HEAD:
        with locked(project):
            _migrate(store, _revision(store))
    return store


def checkpoint(project: Path) -> None:
    """Bring all that was written into the one file scarp.db, so that the folder can be copied or packed.

    Raises:
        StorageError: Another process is using the database.
    """
    if exists(project) and (engine := _engine(project)).dialect.name == "sqlite":
        with _errors_in_words(engine):
            sqlite.fold_wal(engine)


def forget(project: Path) -> None:
    """Take a project out of a database that does not go with its folder, before the folder goes.

    Raises:
        StorageError: The database is out of reach.
    """
    if server.url(project):
        with open_store(project).writing() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))


def _engine(project: Path) -> Engine:
    return _engine_at(server.url(project) or sqlite.url(project))


@lru_cache(maxsize=64)
def _engine_at(url: str | URL) -> Engine:
    """Return an engine; it holds no connection, but the statements that it has worked out before."""
    engine = server.connect(url) if isinstance(url, str) else create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine)
    return engine


def _revision(store: Store) -> str | None:
    """Return the schema's version, None for a new database; both looks see one state, whoever makes it meanwhile."""
    with store.reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _migrate(store: Store, revision: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - most openings find everything up to date
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if revision is not None and revision not in known:
        raise StorageError("project database", got=f"version {revision}, which is newer than this Scarp",
                           expected=f"version {HEAD} or older", remedy="Open the project with a newer Scarp.")
    if store.engine.dialect.name == "sqlite":
        with _errors_in_words(store.engine):
            sqlite.use_wal(store.engine)
    with store.writing() as connection:
        server.make_schema(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _errors_in_words(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise (sqlite if engine.dialect.name == "sqlite" else server).in_words(error) from error
