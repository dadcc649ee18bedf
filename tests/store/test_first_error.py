"""What went wrong first is what is said: no later refusal of the database hides it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.store.scanned import RULES, STATS, batch, begin, blob_id, hashes, match, reading, row, shard_id, token
from workbench.errors import StoreError
from workbench.store.connection import Database
from workbench.store.store import Store


def test_a_refused_row_is_told_by_its_constraint(store: Store) -> None:
    rows = pa.table({"blob_id": ["short"], "size_bytes": [1], "reason": ["binary"]})
    database = Database(store.path)
    with (
        pytest.raises(StoreError, match="Constraint") as told,
        database.session("insert into") as session,
        session.incoming(new_rows=rows),
    ):
        session.execute("INSERT INTO skipped_blob BY NAME SELECT 's' AS shard_id, * FROM new_rows")
    assert "aborted" not in str(told.value)
    with database.session("look at") as session, session.incoming(new_rows=rows.slice(1)):
        assert session.rows("SELECT count(*) FROM new_rows") == [(0,)]


def test_pairs_say_how_their_gaps_are_measured(store: Store) -> None:
    told = reading(store).query("SELECT comment FROM duckdb_columns() WHERE column_name IN ('gap_bytes', 'gap_lines') "
                                "AND table_name IN ('pair', 'pairs')")["comment"].to_pylist()
    assert len(told) == 4 and all("first part" in comment and "of the last" in comment for comment in told)


def test_a_rule_that_never_saw_a_skipped_blob_is_not_done_when_another_scan_takes_it(store: Store) -> None:
    run_id, blob = begin(store), blob_id("large")
    store.record_shard(run_id, shard_id(0), hashes(), [batch(row(blob, skipped="too_large"))], stats=STATS)
    assert (store.too_large(99), store.too_large(100)) == (set(), {shard_id(0)})
    one = hashes(RULES[:1])
    found = [batch(row(blob, match("acme_token", token("large"))))]
    store.record_shard(run_id, shard_id(0), one, found, stats=STATS)
    assert store.done() == {(shard_id(0), rule, value) for rule, value in one.items()}
