"""A recording: one shard's rows put into the store, and its alerts opened and closed, inside one transaction.

Every function here takes the attached session of that transaction. Kill the process anywhere and either all of it is
in the store, with the shard's done marks, or nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from workbench.model import RuleHash, RunId, ShardId
from workbench.store.connection import Session
from workbench.store.rows import ShardRows
from workbench.store.rulebook import RuleBook
from workbench.store.sealing import Sealer

NOW = "(now() AT TIME ZONE 'UTC')"

FOUND_IN_BLOBS = ("match", "pair", "near_miss")
"""Tables of what rules found, blob by blob."""


@dataclass(frozen=True, slots=True)
class ShardStats:
    """What the scan of a shard read: blobs, bytes of their contents, seconds over all rules."""

    blobs: int
    content_bytes: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What recording a shard changed in the store."""

    matches: int
    pairs: int
    near_misses: int
    skipped: int
    alerts_opened: int
    alerts_reopened: int
    alerts_closed: int


def record(session: Session, run_id: RunId, shard_id: ShardId, book: RuleBook, rows: ShardRows, stats: ShardStats,
           sealer: Sealer) -> ShardOutcome:
    """Replace what the rules of ``book`` found in the shard before by ``rows``, and mark the shard done with them."""
    start_noting(session)
    replaced = _superseded(session, shard_id, book)
    _forget_marks_of_others(session, shard_id, book, rows.skipped)
    if replaced:
        forget(session, "shard_id = ? AND list_contains(?, rule)", [shard_id, replaced])
    _insert(session, run_id, shard_id, rows, sealer)
    opened, reopened = _open_alerts(session, run_id, rows.alerts)
    closed = settle(session, "pattern_edited") if replaced else 0
    skipped = rows.skipped.num_rows
    _mark_done(session, run_id, shard_id, {r.rule: r.rule_hash for r in book.rules.values()}, stats, skipped)
    return ShardOutcome(rows.matches.num_rows, rows.pairs.num_rows, rows.near_misses.num_rows, skipped, opened,
                        reopened, closed)


def _superseded(session: Session, shard_id: ShardId, book: RuleBook) -> list[str]:
    """Rules whose rows in this shard are to go.

    Those being recorded, and those that found one of their types when rules were cut otherwise (a secret type that
    became part of a pair now belongs to the pair's rule).
    """
    held = session.rows(
        """
        SELECT DISTINCT rule, 'secret', secret_type FROM match WHERE shard_id = $1
        UNION ALL SELECT DISTINCT rule, 'pair', pair_type FROM pair WHERE shard_id = $1
        UNION ALL SELECT rule, 'mark', '' FROM shard WHERE shard_id = $1
        """,
        [shard_id],
    )
    return sorted(owners(held, book))


def owners(held: Iterable[tuple[str, str, str]], book: RuleBook) -> set[str]:
    """Of rows (rule, kind, type) those rules that ``book`` has, or has a type of."""
    found: dict[str, Container[str]] = {"secret": book.secrets, "pair": book.pairs, "mark": ()}
    return {rule for rule, kind, slug in held if rule in book.rules or slug in found[kind]}


def start_noting(session: Session) -> None:
    """Have an empty note of touched alerts and findings."""
    session.execute("CREATE OR REPLACE TEMP TABLE touched (kind VARCHAR, id VARCHAR)")


def forget(session: Session, condition: str, values: list[object], *,
           tables: Iterable[str] = (*FOUND_IN_BLOBS, "shard")) -> None:
    """Delete the rows of ``tables`` that ``condition`` names, noting which alerts and findings that touches.

    By default the done marks go with them.
    """
    session.execute(
        f"""
        INSERT INTO touched
        SELECT DISTINCT 'finding', fingerprint FROM match WHERE {condition}
        UNION ALL SELECT DISTINCT 'alert', alert_id FROM match WHERE alert_id IS NOT NULL AND {condition}
        UNION ALL SELECT DISTINCT 'alert', alert_id FROM pair WHERE alert_id IS NOT NULL AND {condition}
        """,
        [*values, *values, *values],
    )
    for table in tables:
        session.execute(f"DELETE FROM {table} WHERE {condition}", values)


def _forget_marks_of_others(session: Session, shard_id: ShardId, book: RuleBook, skipped: pa.Table) -> None:
    """Unmark rules that this scan did without, when it scanned a blob that theirs had left out."""
    with session.incoming(new_skipped=skipped.select(["blob_id"])):
        left_out = session.rows("SELECT blob_id FROM skipped_blob WHERE shard_id = ? "
                                "EXCEPT SELECT blob_id FROM new_skipped LIMIT 1", [shard_id])
    if left_out:
        session.execute("DELETE FROM shard WHERE shard_id = ? AND NOT list_contains(?, rule)",
                        [shard_id, list(book.rules)])


def _insert(session: Session, run_id: RunId, shard_id: ShardId, rows: ShardRows, sealer: Sealer) -> None:
    # What was skipped depends on the scan, not on a rule, so the last scan of the shard has the word.
    session.execute("DELETE FROM skipped_blob WHERE shard_id = ?", [shard_id])
    tables = {"match": rows.matches, "pair": rows.pairs, "near_miss": rows.near_misses, "skipped_blob": rows.skipped}
    for table, arrow in tables.items():
        if arrow.num_rows:
            with session.incoming(new_rows=arrow):
                session.execute(f"INSERT INTO {table} BY NAME SELECT ? AS shard_id, * FROM new_rows", [shard_id])
    if not rows.findings.num_rows:
        return
    with session.incoming(new_rows=rows.findings):
        session.execute(
            "INSERT INTO finding BY NAME SELECT *, ? AS first_run FROM new_rows ANTI JOIN finding USING (fingerprint)",
            [run_id])
    with session.incoming(new_rows=rows.matches.select(["blob_id"])):
        session.execute(
            """
            INSERT INTO matched_blob
            SELECT DISTINCT blob_id, (SELECT coalesce(max(sequence), 0) + 1 FROM matched_blob)
            FROM new_rows ANTI JOIN matched_blob USING (blob_id)
            """)
    _seal(session, rows, sealer)


def _seal(session: Session, rows: ShardRows, sealer: Sealer) -> None:
    """Seal the tokens of alerts that are not in the store yet."""
    names = pa.table({"fingerprint": pa.array(list(rows.secrets), pa.string())})
    with session.incoming(new_rows=names):
        unsealed = session.rows("SELECT fingerprint FROM new_rows ANTI JOIN sealed_token USING (fingerprint)")
    if not unsealed:
        return
    sealed = [(name, sealer.seal(rows.secrets[name])) for (name,) in unsealed]
    columns = {"fingerprint": [name for name, _ in sealed], "sealed": [seal for _, seal in sealed]}
    with session.incoming(new_rows=pa.table(columns)):
        session.execute("INSERT INTO sealed_token BY NAME FROM new_rows")


def _open_alerts(session: Session, run_id: RunId, alerts: pa.Table) -> tuple[int, int]:
    """Open the new alerts and reopen those the store itself closed; a person's verdict stands."""
    if not alerts.num_rows:
        return 0, 0
    with session.incoming(new_rows=alerts):
        reopened = session.rows(
            f"""
            UPDATE alert SET state = 'open', resolution = NULL, closed_at = NULL, opened_at = {NOW}
            WHERE resolution IN ('pattern_edited', 'pattern_deleted')
              AND alert_id IN (SELECT alert_id FROM new_rows)
            """)
        opened = session.rows(
            f"""
            INSERT INTO alert BY NAME
            SELECT *, 'open' AS state, NULL AS resolution, ? AS first_run, {NOW} AS opened_at, NULL AS closed_at
            FROM new_rows ANTI JOIN alert USING (alert_id)
            """,
            [run_id])
    return int(opened[0][0]), int(reopened[0][0])


def settle(session: Session, resolution: str) -> int:
    """Close the touched alerts that nothing supports any more, and drop findings that nothing names. Returns closed."""
    closed = session.rows(
        f"""
        UPDATE alert SET state = 'closed', resolution = ?, closed_at = {NOW}
        WHERE state = 'open' AND alert_id IN (
            SELECT id FROM touched WHERE kind = 'alert'
            EXCEPT SELECT alert_id FROM match
            EXCEPT SELECT alert_id FROM pair)
        """,
        [resolution])
    # A finding without match or alert is no longer anyone's business; those of a closed alert are its history.
    session.execute(
        """
        DELETE FROM finding WHERE fingerprint IN (
            SELECT id FROM touched WHERE kind = 'finding'
            EXCEPT SELECT fingerprint FROM match
            EXCEPT SELECT unnest(findings) FROM alert)
        """)
    return int(closed[0][0])


def _mark_done(session: Session, run_id: RunId, shard_id: ShardId, rules: Mapping[str, RuleHash], stats: ShardStats,
               skipped: int) -> None:
    marks = pa.table({"rule": pa.array(list(rules), pa.string()), "rule_hash": pa.array(list(rules.values()), pa.string())})
    with session.incoming(new_rows=marks):
        session.execute(
            f"""
            INSERT INTO shard BY NAME
            SELECT ? AS shard_id, rule, rule_hash, ? AS run_id, {NOW} AS done_at, ? AS blobs, ? AS content_bytes,
                   ? AS skipped, ? AS elapsed_s
            FROM new_rows
            """,
            [shard_id, run_id, stats.blobs, stats.content_bytes, skipped, stats.elapsed_s])
