"""Snapshots: the store as it stood, for as long as an analyst likes, in any DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.store.scanned import KEY, begin, run_all
from workbench.errors import StoreError, UsageError
from workbench.store.reader import StoreReader
from workbench.store.snapshot import snapshot
from workbench.store.store import Store

VIEWS = ("alerts", "alert_locations", "matches", "pairs", "near_misses", "runs", "skipped")


def test_a_snapshot_answers_as_the_store_did_and_does_not_change_with_it(store: Store, tmp_path: Path) -> None:
    run_all(store, shards=2)
    copy = snapshot(store.path, tmp_path / "copy.duckdb")
    before = {name: getattr(StoreReader(store.path), name)() for name in VIEWS}
    run_all(store)
    for name, table in before.items():
        assert getattr(StoreReader(copy), name)().equals(table), name
    assert StoreReader(store.path).matches().num_rows > before["matches"].num_rows


def test_a_snapshot_is_of_the_form_that_every_duckdb_opens(store: Store, tmp_path: Path) -> None:
    copy = snapshot(store.path, tmp_path / "copy.duckdb")
    with duckdb.connect(str(copy), read_only=True) as connection:
        tags = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'copy'").fetchall()
        silent = connection.execute("SELECT table_name, column_name FROM duckdb_columns() "
                                    "WHERE database_name = 'copy' AND comment IS NULL").fetchall()
        keys = connection.execute("SELECT table_name FROM duckdb_constraints() WHERE database_name = 'copy' "
                                  "AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')").fetchall()
    assert tags[0][0]["storage_version"].startswith("v1.0.0")
    assert silent == []
    assert keys == []  # a file with the index of one does not open in old versions, whatever its version says


def test_a_snapshot_may_be_held_open_without_stopping_a_batch(store: Store, tmp_path: Path) -> None:
    copy = snapshot(store.path, tmp_path / "copy.duckdb")
    with duckdb.connect(str(copy), read_only=True) as held:
        held.execute("SELECT count(*) FROM alerts").fetchall()
        assert begin(store)


def test_a_snapshot_is_not_written_into(store: Store, tmp_path: Path) -> None:
    copy = snapshot(store.path, tmp_path / "copy.duckdb")
    assert copy.stat().st_mode & 0o222 == 0
    with pytest.raises(StoreError, match="is a snapshot"):
        Store(copy, key=KEY)


def test_nothing_that_exists_is_overwritten(store: Store, tmp_path: Path) -> None:
    precious = tmp_path / "precious.duckdb"
    precious.write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        snapshot(store.path, precious)
    with pytest.raises(UsageError, match="exists"):
        snapshot(store.path, store.path)
    assert precious.read_text() == "precious"
    with pytest.raises(UsageError, match="none. Make it"):
        snapshot(store.path, tmp_path / "no" / "copy.duckdb")
