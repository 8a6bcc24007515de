"""A project's database: made and brought up to date by many at once, refused when it is damaged or newer, movable."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from core.archive import remove
from core.errors import StorageError
from core.project import create
from core.store import checkpoint, database, exists, jobs, locked, open_store, server
from core.store.migrations import HEAD
from core.store.tables import STATES, metadata

ROOT = Path(__file__).resolve().parents[2]
ROW = {"id": "a", "kind": "k", "title": "t", "state": "queued", "created": 1, "queued": 1, "params": {"a": [1, "ü"]},
       "command": ["x"], "error": "", "version": 1}


@pytest.fixture(autouse=True)
def usual_place(monkeypatch):
    monkeypatch.delenv("SCARP_STORE", raising=False)


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def rows(folder):
    with open_store(folder).reading() as connection:
        return connection.execute(select(jobs)).all()


def test_what_is_written_is_there_and_the_folder_holds_one_file(tmp_path):
    assert not exists(tmp_path)
    with open_store(tmp_path).writing() as connection:
        connection.execute(insert(jobs).values(**ROW))
    assert exists(tmp_path) and rows(tmp_path)[0].params == {"a": [1, "ü"]}
    assert [path.name for path in tmp_path.iterdir()] == ["scarp.db"]


def test_an_exception_takes_a_transaction_back(tmp_path):
    with pytest.raises(KeyError), open_store(tmp_path).writing() as connection:
        connection.execute(insert(jobs).values(**ROW))
        raise KeyError
    assert rows(tmp_path) == []


def test_the_connection_is_as_safe_as_it_should_be(tmp_path):
    with open_store(tmp_path).reading() as connection:
        found = {name: connection.scalar(text(f"PRAGMA {name}"))
                 for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")}
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 15_000}


def test_migrations_make_what_the_tables_say(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with open_store(tmp_path).reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
        known = inspect(connection)
        named = [known.get_pk_constraint("jobs")["name"], *(c["name"] for c in known.get_check_constraints("jobs"))]
        assert named == ["pk_jobs", "ck_jobs_state"]


@pytest.mark.parametrize("state", STATES)
def test_every_state_can_be_stored(tmp_path, state):
    with open_store(tmp_path).writing() as connection:
        connection.execute(insert(jobs).values(**ROW | {"state": state}))
    assert rows(tmp_path)[0].state == state


def test_no_other_state_can_be_stored(tmp_path):
    with pytest.raises(StorageError) as told, open_store(tmp_path).writing() as connection:
        connection.execute(insert(jobs).values(**ROW | {"state": "asleep"}))
    assert isinstance(told.value.__cause__, IntegrityError) and "ck_jobs_state" in str(told.value)


def test_the_tables_can_be_made_in_postgresql():
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    assert "CONSTRAINT ck_jobs_state CHECK" in str(CreateTable(jobs).compile(dialect=postgresql.dialect()))


def test_many_processes_may_open_a_new_project_at_once(tmp_path):
    code = f"""if True:
        from pathlib import Path
        from sqlalchemy import insert
        from core.store import jobs, open_store
        import os
        for n in range(5):
            with open_store(Path({str(tmp_path)!r})).writing() as connection:
                connection.execute(insert(jobs).values(**{ROW!r} | {{"id": f"{{os.getpid()}}-{{n}}"}}))"""
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(6)]
    assert [process.communicate()[1].decode() for process in processes] == [""] * 6
    assert len(rows(tmp_path)) == 30


def test_a_look_while_another_makes_it_finds_no_damage(tmp_path, monkeypatch):
    looked = database.inspect

    def meanwhile(connection):
        monkeypatch.setattr(database, "inspect", looked)
        open_store(tmp_path)
        return looked(connection)

    monkeypatch.setattr(database, "inspect", meanwhile)
    assert rows(tmp_path) == []


def test_an_empty_file_becomes_a_database(tmp_path):
    (tmp_path / "scarp.db").touch()
    assert rows(tmp_path) == []


def test_a_newer_database_is_refused_and_stays_as_it_is(tmp_path):
    with open_store(tmp_path).writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = digest(tmp_path)
    with pytest.raises(StorageError, match=r"version 9999, which is newer .* Open the project with a newer Scarp"):
        open_store(tmp_path)
    assert digest(tmp_path) == before


@pytest.mark.parametrize("damage", [
    lambda content: b"not a database, " * 500, lambda content: content[:5000],
    lambda content: content[:100] + b"\xff" * (len(content) - 100)])
def test_a_damaged_database_is_told_with_what_to_do(tmp_path, damage):
    with open_store(tmp_path).writing() as connection:
        connection.execute(insert(jobs).values(**ROW))
    file = tmp_path / "scarp.db"
    file.write_bytes(damage(file.read_bytes()))
    before = digest(tmp_path)
    with pytest.raises(StorageError, match=r"damaged file.*Put scarp\.db back from a copy"):
        rows(tmp_path)
    assert digest(tmp_path) == before


def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(StorageError, match="permissions of the project's folder"):
        open_store(tmp_path / "none")
    with pytest.raises(StorageError, match="Put the folder back"), locked(tmp_path / "none"):
        pass


def test_a_writer_that_holds_on_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr("core.store.sqlite.BUSY_S", 0)
    store = open_store(tmp_path)
    with store.writing(), pytest.raises(StorageError, match="kept it for"), store.writing():
        pass


def test_after_a_checkpoint_the_one_file_is_all(tmp_path):
    project, copy = tmp_path / "project", tmp_path / "copy"
    project.mkdir()
    copy.mkdir()
    with open_store(project).writing() as connection:
        connection.execute(insert(jobs).values(**ROW))
    reader = sqlite3.connect(project / "scarp.db")
    assert reader.execute("SELECT count(*) FROM jobs").fetchone() == (1,)  # keeps the write-ahead log there
    with open_store(project).writing() as connection:
        connection.execute(insert(jobs).values(**ROW | {"id": "b"}))
    assert (project / "scarp.db-wal").stat().st_size > 0
    checkpoint(project)
    assert (project / "scarp.db-wal").stat().st_size == 0
    shutil.copy(project / "scarp.db", copy)
    reader.close()
    assert [row.id for row in rows(copy)] == ["a", "b"]
    checkpoint(tmp_path)
    assert not exists(tmp_path)


def test_a_checkpoint_under_way_of_a_reader_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("core.store.sqlite.BUSY_S", 0)
    with open_store(tmp_path).writing() as connection:
        connection.execute(insert(jobs).values(**ROW))
    with open_store(tmp_path).reading() as connection:
        connection.execute(select(jobs)).all()
        with open_store(tmp_path).writing() as writer:
            writer.execute(insert(jobs).values(**ROW | {"id": "b"}))
        with pytest.raises(StorageError, match="jobs are done"):
            checkpoint(tmp_path)


def test_a_project_may_move_between_two_uses(tmp_path):
    project = tmp_path / "a"
    project.mkdir()
    store = open_store(project)
    with store.writing() as connection:
        connection.execute(insert(jobs).values(**ROW))
    project.rename(tmp_path / "b")
    assert len(rows(tmp_path / "b")) == 1


def test_another_database_can_be_named_by_its_url(tmp_path, monkeypatch):
    project = tmp_path / "valley"
    project.mkdir()
    monkeypatch.setenv("SCARP_STORE", f"sqlite:///{tmp_path}/{{project}}.db")
    assert exists(project) and rows(project) == []
    assert (tmp_path / "valley.db").exists() and not list(project.iterdir())


@pytest.mark.parametrize(("url", "said"), [
    ("sqlite:////tmp/all.db", "an address without {project}"),
    ("not an address of {project}", "what is no address"),
    ("postgresql+nodriver://host/{project}", "what is no address"),
])
def test_an_address_that_will_not_do_is_told_without_what_it_says(tmp_path, monkeypatch, url, said):
    monkeypatch.setenv("SCARP_STORE", url)
    with pytest.raises(StorageError) as caught:
        open_store(tmp_path)
    assert said in str(caught.value) and url not in str(caught.value)


def test_a_project_that_goes_leaves_nothing_in_a_database_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("SCARP_STORE", f"sqlite:///{tmp_path}/{{project}}.db")
    project = create(tmp_path / "valley", "Valley")
    with open_store(project.folder).writing() as connection:
        connection.execute(insert(jobs).values(**ROW | {"state": "done"}))
    remove(project)
    create(tmp_path / "valley", "Valley")
    assert rows(tmp_path / "valley") == []


class Server:
    """Stands for a connection to PostgreSQL: keeps what it is told."""

    dialect = postgresql.dialect()

    def __init__(self):
        self.told = []

    def execute(self, statement):
        made = statement.compile(dialect=self.dialect)
        self.told.append(f"{made} {[*made.params.values()]}")

    def scalar(self, statement):
        return self.told.append(str(statement)) or '"a b"'


def test_postgresql_is_told_what_sqlite_does_by_itself():
    told = Server()
    server.begin(told, writes=False)
    server.begin(told, writes=True)
    server.make_schema(told)
    server.count_on(told, metadata.sorted_tables)
    assert "REPEATABLE READ" in told.told[0] and "advisory_xact_lock" in told.told[1]
    assert told.told[3].startswith('CREATE SCHEMA IF NOT EXISTS "a b"')
    counting = sorted(line.partition("['")[2].split("'")[0] for line in told.told[4:])
    assert counting == ["accuracy_labels", "versions"]


def test_a_folder_with_signs_in_its_name_is_no_trouble(tmp_path):
    project = tmp_path / "50 % of ü?&#'{project}"
    project.mkdir()
    assert rows(project) == [] and (project / "scarp.db").exists()
