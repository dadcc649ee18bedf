"""A run in the ledger: begun, finished, or found abandoned. While it is running its row is the lease that keeps a second
batch out; connections are too short for DuckDB's own lock to do that.

Functions here take the attached session of a transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from workbench.errors import StoreError, StoreLocked, UsageError
from workbench.model import RunId
from workbench.store.connection import Session
from workbench.store.process import ProcessMark, describe_process, is_alive
from workbench.store.rulebook import RuleBook

EndStatus = Literal["done", "failed", "interrupted"]
END_STATUSES = ("done", "failed", "interrupted")


def new_run_id() -> RunId:
    """``<UTC time>-<4 hex>``: sorts by time, and two of one second still differ."""
    return RunId(f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}")


def take_lease(session: Session, path: Path, me: ProcessMark) -> None:
    """Mark runs whose process is gone as abandoned. Raises StoreLocked while another process's run goes on."""
    running = session.rows(
        "SELECT run_id, host, process_id, process_started, started_at FROM run WHERE status = 'running'")
    for run_id, host, process_id, started, started_at in running:
        holder = ProcessMark(host, process_id, started)
        # A process runs one batch at a time, so an unfinished run of our own is one that was broken off.
        alive = False if holder == me else is_alive(holder)
        if alive is None:
            raise StoreLocked(
                f"Could not begin a run in {path}: run {run_id}, begun {started_at:%Y-%m-%d %H:%M} UTC by process "
                f"{process_id} on {host}, is not finished and cannot be seen from here. If it has ended, run: "
                f"workbench store abandon --store {path} {run_id}",
                holder=process_id,
            )
        if alive:
            raise StoreLocked(
                f"Could not begin a run in {path}: {describe_process(process_id)} is running {run_id}, begun "
                f"{started_at:%Y-%m-%d %H:%M} UTC. Wait for it, or end it.",
                holder=process_id,
            )
        end(session, run_id, "abandoned")


def begin(session: Session, run_id: RunId, me: ProcessMark, book: RuleBook, about: Mapping[str, Any]) -> None:
    """Write the run's row and what its rules say of themselves. ``about``: corpus, rule_set_hash, params, versions."""
    session.execute(
        """
        INSERT INTO run BY NAME
        SELECT ? AS run_id, 'running' AS status, now() AT TIME ZONE 'UTC' AS started_at, ? AS corpus,
               ? AS rule_set_hash, ? AS params, ? AS versions, '{}' AS counts, ? AS host, ? AS process_id,
               ? AS process_started
        """,
        [run_id, about["corpus"], about["rule_set_hash"], _json(about["params"], "params"),
         _json(about["versions"], "versions"), me.host, me.process_id, me.started])
    _write_rules(session, run_id, book)


def _write_rules(session: Session, run_id: RunId, book: RuleBook) -> None:
    rules = pa.table({"rule": pa.array(list(book.rules), pa.string()),
                      "rule_hash": pa.array([info.rule_hash for info in book.rules.values()], pa.string())})
    types = pa.Table.from_pylist(
        [{"kind": entry.kind, "slug": entry.slug, "rule": info.rule, "name": entry.name, "provider": entry.provider,
          "partner_alert": entry.partner, "user_alert": entry.user, "parts": list(entry.parts)}
         for info in book.rules.values() for entry in info.types],
        schema=pa.schema([("kind", pa.string()), ("slug", pa.string()), ("rule", pa.string()), ("name", pa.string()),
                          ("provider", pa.string()), ("partner_alert", pa.bool_()), ("user_alert", pa.bool_()),
                          ("parts", pa.list_(pa.string()))]))
    with session.incoming(new_rules=rules, new_types=types):
        session.execute("INSERT INTO rule BY NAME SELECT *, ? AS first_run FROM new_rules ON CONFLICT DO NOTHING", [run_id])
        # Where a type moved to another rule, the old rule no longer holds all it found: should it ever come back,
        # its shards are to be scanned again.
        session.execute(
            """
            DELETE FROM shard WHERE rule IN (
                SELECT old.rule FROM rule_type old JOIN new_types new USING (kind, slug) WHERE old.rule <> new.rule)
            """)
        session.execute("INSERT OR REPLACE INTO rule_type BY NAME FROM new_types")


def gone(session: Session) -> list[str]:
    """Runs that the ledger has as running and whose process is gone, as the next batch will find out and write down.

    A snapshot tells how things stood when it was taken, so nobody is looked for there.
    """
    running = session.rows("SELECT run_id, host, process_id, process_started FROM run "
                           "WHERE status = 'running' AND EXISTS (FROM sealing_key)")
    return [run_id for run_id, *holder in running if is_alive(ProcessMark(*holder)) is False]


def check_running(session: Session, run_id: RunId, me: ProcessMark) -> None:
    """Raises StoreError unless the run is still running and this process's own."""
    rows = session.rows("SELECT status, host, process_id, process_started FROM run WHERE run_id = ?", [run_id])
    if not rows:
        raise StoreError(f"Expected a run of this store but got {run_id}. Begin the run first.")
    status, *holder = rows[0]
    if status != "running" or ProcessMark(*holder) != me:
        raise StoreError(
            f"Run {run_id} may not write any more: expected it to be running here but it is {status} "
            f"(process {holder[1]} on {holder[0]}). Run the batch again; done shards are kept."
        )


def end(session: Session, run_id: str, status: str, counts: Mapping[str, Any] | None = None) -> None:
    session.execute(
        "UPDATE run SET status = ?, ended_at = now() AT TIME ZONE 'UTC', counts = coalesce(?, counts) WHERE run_id = ?",
        [status, None if counts is None else _json(counts, "counts"), run_id])


def write_failures(session: Session, run_id: RunId, failures: Mapping[str, str]) -> None:
    """Shards the run could not do, each with its reason."""
    if not failures:
        return
    rows = pa.table({"shard_id": list(failures), "reason": [str(reason) for reason in failures.values()]})
    with session.incoming(new_rows=rows):
        session.execute(
            "INSERT INTO shard_failure BY NAME "
            "SELECT ? AS run_id, shard_id, now() AT TIME ZONE 'UTC' AS failed_at, reason FROM new_rows", [run_id])


def _json(values: Mapping[str, Any], name: str) -> str:
    try:
        return json.dumps(dict(values), sort_keys=True, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"Expected {name} that JSON can hold but got a value it cannot: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (Path, datetime)):
        return str(value)
    raise TypeError(f"{type(value).__name__}")
