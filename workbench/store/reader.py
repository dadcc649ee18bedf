"""A reader: what analysts and notebooks see of a store. It needs no key, holds no lock and never shows a token.

Each call attaches the file read-only, copies its result out and lets go, so a notebook reading never stops the batch. A
query that would keep the file longer than the batch is ready to wait is stopped; a snapshot is the place for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import StoreError, UsageError
from workbench.store import migration, runs
from workbench.store.connection import Database


class StoreReader:
    """Reads a store or a snapshot of one. Times are UTC.

    ``wait_s`` is how long a call waits while a batch writes, ``limit_s`` how long a query may keep the file. Raises
    StoreError for a file that is no store or of another form, StoreLocked when the wait is over.
    """

    def __init__(self, path: str | Path, *, wait_s: float = 30.0, limit_s: float = 10.0) -> None:
        self.path = Path(path).absolute()
        self._database = Database(self.path, read_only=True, wait_s=wait_s)
        self._limit_s = limit_s
        with self._database.session("open the store") as session:
            number = migration.form_of(session, self.path)
        newest = migration.known_migrations()[-1].number
        if number < newest:
            raise StoreError(
                f"{self.path} is of an older form: expected migration {newest} but got {number}. Run a batch into it "
                "once, which brings it up to date."
            )

    def __repr__(self) -> str:
        return f"StoreReader({self.path.name!r})"

    def alerts(self, *, state: str | None = None, provider: str | None = None) -> pa.Table:
        """Alerts with their oldest place, a row each (view ``alerts``), oldest first."""
        return self._table(
            "FROM alerts WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR provider = $2) "
            "ORDER BY committed_at NULLS LAST, alert_id", [state, provider])

    def alert_locations(self, alert_id: str | None = None) -> pa.Table:
        """Every place of every alert, or of one (view ``alert_locations``), oldest first."""
        return self._table("FROM alert_locations WHERE ($1 IS NULL OR alert_id = $1) "
                           "ORDER BY alert_id, committed_at NULLS LAST, source, repository, path, revision", [alert_id])

    def matches(self, *, secret_type: str | None = None) -> pa.Table:
        """Matches, alertable or not (view ``matches``)."""
        return self._table("FROM matches WHERE ($1 IS NULL OR secret_type = $1) "
                           "ORDER BY blob_id, start_byte, secret_type", [secret_type])

    def pairs(self, *, pair_type: str | None = None) -> pa.Table:
        """Pairs (view ``pairs``)."""
        return self._table("FROM pairs WHERE ($1 IS NULL OR pair_type = $1) ORDER BY blob_id, pair_type, parts",
                           [pair_type])

    def near_misses(self, *, pair_type: str | None = None) -> pa.Table:
        """Parts that did not pair, with the limit that failed (view ``near_misses``)."""
        return self._table("FROM near_misses WHERE ($1 IS NULL OR pair_type = $1) "
                           "ORDER BY pair_type, blob_id, start_byte", [pair_type])

    def labels(self, *, labelled_type: str | None = None) -> pa.Table:
        """The verdicts of people that hold, one a finding or pair (view ``labels``; table ``label`` has all), oldest first."""
        return self._table("FROM labels WHERE ($1 IS NULL OR labelled_type = $1) ORDER BY labelled_at, label_no",
                           [labelled_type])

    def runs(self) -> pa.Table:
        """Batch runs, oldest first (view ``runs``); one whose process is gone is ``abandoned`` here."""
        with self._database.session("query", limit_s=self._limit_s) as session:
            table = session.table("FROM runs ORDER BY started_at, run_id")
            gone = pa.array(runs.gone(session), pa.string())
        status = pc.if_else(pc.is_in(table["run_id"], gone), "abandoned", table["status"])
        return table.set_column(table.schema.get_field_index("status"), "status", status)

    def failures(self, run_id: str | None = None) -> pa.Table:
        """What went wrong in every run, or in one: ``run_id``, ``shard_id`` (``run`` where it was no single shard),
        ``reason``."""
        return self._table("SELECT run_id, shard_id, reason FROM shard_failure WHERE ($1 IS NULL OR run_id = $1) "
                           "ORDER BY failed_at, run_id, shard_id", [run_id])

    def skipped(self) -> pa.Table:
        """Blobs that were not scanned, by reason: ``reason``, ``blobs``, ``size_bytes``."""
        return self._table("SELECT reason, count(*) AS blobs, sum(size_bytes)::BIGINT AS size_bytes FROM skipped_blob "
                           "GROUP BY reason ORDER BY blobs DESC, reason", [])

    def query(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The result of one SELECT of your own; ``values`` fill its ``?`` or ``$1``. Views are named like the methods.

        Raises UsageError for SQL that DuckDB refuses, StoreError when it runs for longer than ``limit_s``.
        """
        return self._table(sql, values)

    def _table(self, sql: str, values: Sequence[Any]) -> pa.Table:
        try:
            with self._database.session("query", limit_s=self._limit_s) as session:
                return session.table(sql, values)
        except StoreError as error:
            if isinstance(error.__cause__, (duckdb.ProgrammingError, duckdb.DataError)):
                raise UsageError(f"DuckDB refuses the query: {error.__cause__}") from error.__cause__
            raise
