"""The database's form: everything is explained and checked in it, and a file of another form is refused."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import duckdb
import pytest

from tests.store.scanned import KEY, blob_id, run_all
from tests.store.test_resume import content
from workbench.errors import StoreError, UsageError
from workbench.model import SOURCES
from workbench.store import migration
from workbench.store.connection import Database
from workbench.store.migration import Migration, known_migrations
from workbench.store.reader import StoreReader
from workbench.store.store import Store

STAMP = "TIMESTAMP '2026-01-01'"
HEX32, HEX16 = "'" + "a" * 32 + "'", "'" + "a" * 16 + "'"
BLOB = f"'{blob_id()}'"


@pytest.fixture
def database(store: Store) -> Database:
    return Database(store.path)


def test_every_table_view_and_column_says_what_it_is(database: Database) -> None:
    with database.session("look") as session:
        silent = session.rows(
            """
            SELECT table_name FROM duckdb_tables() WHERE database_name = 'store' AND comment IS NULL
            UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = 'store' AND comment IS NULL
            UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns()
                      WHERE database_name = 'store' AND comment IS NULL
            """)
        (columns,) = session.rows("SELECT count(*) FROM duckdb_columns() WHERE database_name = 'store'")[0]
    assert silent == []
    assert columns > 150


def test_no_view_of_analysts_holds_the_sealed_column(database: Database) -> None:
    with database.session("look") as session:
        views = session.rows("SELECT view_name, sql FROM duckdb_views() WHERE database_name = 'store'")
    assert {name for name, _ in views} >= {"alerts", "alert_locations", "matches", "pairs", "near_misses", "runs"}
    assert not [name for name, sql in views if "sealed" in sql]


def test_locations_take_exactly_the_sources_of_the_programme() -> None:
    text = next(m.statements for m in known_migrations() if "CREATE TABLE location (" in m.statements)
    found = re.search(r"source IN \((.*?)\)\)", text, re.DOTALL)
    assert found and tuple(re.findall(r"'(\w+)'", found.group(1))) == SOURCES


MATCH = f"'s', 'r', {BLOB}, 0, 't', 0"


@pytest.mark.parametrize("statement", [
    # An empty span, one that runs backwards, one before the blob's start
    f"INSERT INTO match VALUES ({MATCH}, 5, 5, 1, 1, 1, {HEX32}, false, true, NULL)",
    f"INSERT INTO match VALUES ({MATCH}, 5, 4, 1, 1, 1, {HEX32}, false, true, NULL)",
    f"INSERT INTO match VALUES ({MATCH}, -1, 4, 1, 1, 1, {HEX32}, false, true, NULL)",
    # Lines and columns count from 1, and a match does not end above its start
    f"INSERT INTO match VALUES ({MATCH}, 0, 4, 0, 1, 1, {HEX32}, false, true, NULL)",
    f"INSERT INTO match VALUES ({MATCH}, 0, 4, 1, 0, 1, {HEX32}, false, true, NULL)",
    f"INSERT INTO match VALUES ({MATCH}, 0, 4, 2, 1, 1, {HEX32}, false, true, NULL)",
    # A fingerprint or a blob id that is none
    f"INSERT INTO match VALUES ({MATCH}, 0, 4, 1, 1, 1, 'abc', false, true, NULL)",
    "INSERT INTO skipped_blob VALUES ('s', 'abc', 1, 'binary')",
    # A pair of one, a single alert of two findings
    f"INSERT INTO pair VALUES ('s', 'r', {BLOB}, 'p', [1], 0, 0, NULL)",
    f"INSERT INTO alert VALUES ({HEX32}, 'single', 't', ['a', 'b'], 'open', NULL, 'r', {STAMP}, NULL)",
    # Closed without a reason, open with one, closed for a reason nobody knows
    f"INSERT INTO alert VALUES ({HEX32}, 'single', 't', ['a'], 'closed', NULL, 'r', {STAMP}, {STAMP})",
    f"INSERT INTO alert VALUES ({HEX32}, 'single', 't', ['a'], 'open', 'revoked', 'r', {STAMP}, NULL)",
    f"INSERT INTO alert VALUES ({HEX32}, 'single', 't', ['a'], 'closed', 'bored', 'r', {STAMP}, {STAMP})",
    # A source GitHub does not have
    f"INSERT INTO location VALUES ({BLOB}, 'e-mail', 'r', 'v', 'p', NULL, NULL)",
    # More blobs skipped than there were, negative bytes, one shard done twice with one rule
    f"INSERT INTO shard VALUES ('s', 'r', {HEX16}, 'run', {STAMP}, 1, 1, 2, 0)",
    f"INSERT INTO shard VALUES ('s', 'r', {HEX16}, 'run', {STAMP}, 1, -1, 0, 0)",
    f"INSERT INTO shard SELECT 's', 'r', {HEX16}, 'run', {STAMP}, 1, 1, 0, 0 FROM range(2)",
    # A run that is over and running at once
    f"INSERT INTO run VALUES ('x', 'running', {STAMP}, {STAMP}, 'c', 'h', '{{}}', '{{}}', '{{}}', 'host', 1, '1')",
])
def test_the_database_itself_refuses_what_cannot_be(statement: str, database: Database) -> None:
    with pytest.raises(StoreError, match="Constraint"), database.session("insert") as session:
        session.execute(statement)


def test_a_store_is_opened_again_as_it_was(store: Store, database: Database) -> None:
    Store(store.path, key=KEY)
    with database.session("look") as session:
        rows = session.rows("SELECT number, name, sha256 FROM migration ORDER BY number")
    assert rows == [(m.number, m.name, m.sha256) for m in known_migrations()]


def test_a_store_of_a_newer_workbench_is_refused_by_writer_and_reader(store: Store, database: Database) -> None:
    with database.session("age") as session:
        session.execute("INSERT INTO migration VALUES (999, '0999_later.sql', ?, now()::TIMESTAMP)", ["a" * 64])
    for open_it in (lambda: Store(store.path, key=KEY), lambda: StoreReader(store.path)):
        with pytest.raises(StoreError, match="newer workbench.*999"):
            open_it()


def _with_one_more(monkeypatch: pytest.MonkeyPatch, statements: str) -> None:
    known = known_migrations()
    later = Migration(len(known) + 1, "9999_later.sql", statements)
    monkeypatch.setattr(migration, "known_migrations", lambda: (*known, later))


def test_pending_migrations_are_applied_when_a_store_is_opened(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_one_more(monkeypatch, "CREATE TABLE later (a INTEGER)")
    with pytest.raises(StoreError, match="older form"):
        StoreReader(store.path)
    Store(store.path, key=KEY)
    assert StoreReader(store.path).query("FROM later").num_rows == 0


@pytest.mark.parametrize("form", range(5, len(known_migrations())))
def test_a_store_of_an_earlier_form_keeps_every_row(form: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migration, "known_migrations", lambda: known_migrations()[:form])
        run_all(Store(path, key=KEY))
        before = content(path)
    run_all(Store(path, key=KEY))
    assert content(path) == before


def test_a_migration_that_fails_leaves_the_form_it_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        _with_one_more(patched, "CREATE TABLE later (a INTEGER); INSERT INTO nowhere VALUES (1)")
        with pytest.raises(StoreError, match=r"apply migration 9999_later\.sql"):
            Store(store.path, key=KEY)
    Store(store.path, key=KEY)
    with pytest.raises(UsageError, match="later"):
        StoreReader(store.path).query("FROM later")


def _text(path: Path) -> None:
    path.write_text("not a database\n" * 1000)


def _empty(path: Path) -> None:
    path.touch()


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (a)")


def _someone_elses(path: Path) -> None:
    duckdb.connect(str(path)).execute("CREATE TABLE precious (a INTEGER)").close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(("make", "sentence"), [
    (_text, "not a DuckDB database"),
    (_empty, "not a DuckDB database"),
    (_sqlite, "not a DuckDB database"),
    (_someone_elses, "not an alert store"),
    (_folder, "is a folder"),
])
def test_a_file_that_is_no_store_is_refused_and_left_alone(make: object, sentence: str, path: Path) -> None:
    make(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else None
    for open_it in (lambda: Store(path, key=KEY), lambda: StoreReader(path)):
        with pytest.raises(StoreError, match=sentence):
            open_it()
    assert before is None or path.read_bytes() == before


def test_a_store_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder does not exist"):
        Store(tmp_path / "no" / "such" / "alerts.duckdb", key=KEY)


def test_reading_a_missing_store_makes_none(path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        StoreReader(path)
    assert not path.exists()


def test_making_a_store_leaves_nothing_else_behind(store: Store) -> None:
    assert [entry.name for entry in store.path.parent.iterdir()] == [store.path.name]
