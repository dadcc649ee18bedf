"""A recording: rows of shards put into the store, and their alerts opened and closed, inside one transaction.

Every function here takes the attached session of that transaction. Kill the process anywhere and either all of it is
in the store, with the shards' done marks, or nothing. Shards that were done at about the same time are recorded
together: a transaction costs as much for eight shards as for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
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
    """What recording shards changed in the store."""

    matches: int
    pairs: int
    near_misses: int
    skipped: int
    alerts_opened: int
    alerts_reopened: int
    alerts_closed: int


def record(session: Session, run_id: RunId, book: RuleBook, rows: ShardRows, stats: Mapping[ShardId, ShardStats],
           sealer: Sealer) -> ShardOutcome:
    """Replace what the rules of ``book`` found in the shards of ``stats`` before by ``rows``, and mark them done with
    these rules."""
    shards = list(stats)
    start_noting(session)
    replaced = _superseded(session, shards, book)
    _forget_marks_of_others(session, shards, book, rows.skipped)
    for rules, of_shards in replaced.items():
        forget(session, f"{_AMONG} AND list_contains(?, rule)", [of_shards, list(rules)])
    _insert(session, run_id, shards, rows, sealer)
    opened, reopened = _open_alerts(session, run_id, rows.alerts)
    closed = settle(session, "pattern_edited") if replaced else 0
    _mark_done(session, run_id, {r.rule: r.rule_hash for r in book.rules.values()}, stats, rows.skipped)
    return ShardOutcome(rows.matches.num_rows, rows.pairs.num_rows, rows.near_misses.num_rows, rows.skipped.num_rows,
                        opened, reopened, closed)


_AMONG = "shard_id IN (SELECT unnest(?::VARCHAR[]))"


def _superseded(session: Session, shards: Sequence[ShardId], book: RuleBook) -> dict[tuple[str, ...], list[str]]:
    """Rules whose rows are to go, with the shards in which they are to.

    Those being recorded, and those that found one of their types when rules were cut otherwise (a secret type that
    became part of a pair now belongs to the pair's rule).
    """
    rows = session.rows(
        f"""
        SELECT DISTINCT shard_id, rule, 'secret', secret_type FROM match WHERE {_AMONG}
        UNION ALL SELECT DISTINCT shard_id, rule, 'pair', pair_type FROM pair WHERE {_AMONG}
        UNION ALL SELECT shard_id, rule, 'mark', '' FROM shard WHERE {_AMONG}
        """,
        [shards, shards, shards],
    )
    held: dict[str, list[tuple[str, str, str]]] = {}
    for shard_id, *row in rows:
        held.setdefault(shard_id, []).append(tuple(row))
    out: dict[tuple[str, ...], list[str]] = {}
    for shard_id, of_it in held.items():
        if gone := tuple(sorted(owners(of_it, book))):
            out.setdefault(gone, []).append(shard_id)
    return out


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


def _forget_marks_of_others(session: Session, shards: Sequence[ShardId], book: RuleBook, skipped: pa.Table) -> None:
    """Unmark rules that this scan did without, when it scanned a blob that theirs had left out."""
    with session.incoming(new_skipped=skipped.select(["shard_id", "blob_id"])):
        left_out = session.rows(
            f"""
            SELECT DISTINCT shard_id FROM (SELECT shard_id, blob_id FROM skipped_blob WHERE {_AMONG}
                                           EXCEPT SELECT shard_id, blob_id FROM new_skipped)
            """, [shards])
    if left_out:
        session.execute(f"DELETE FROM shard WHERE {_AMONG} AND NOT list_contains(?, rule)",
                        [[shard_id for (shard_id,) in left_out], list(book.rules)])


def _insert(session: Session, run_id: RunId, shards: Sequence[ShardId], rows: ShardRows, sealer: Sealer) -> None:
    # What was skipped depends on the scan, not on a rule, so the last scan of a shard has the word.
    session.execute(f"DELETE FROM skipped_blob WHERE {_AMONG}", [shards])
    tables = {"match": rows.matches, "pair": rows.pairs, "near_miss": rows.near_misses, "skipped_blob": rows.skipped}
    for table, arrow in tables.items():
        if arrow.num_rows:
            with session.incoming(new_rows=arrow):
                session.execute(f"INSERT INTO {table} BY NAME FROM new_rows")
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


def _mark_done(session: Session, run_id: RunId, rules: Mapping[str, RuleHash], stats: Mapping[ShardId, ShardStats],
               skipped: pa.Table) -> None:
    left_out = Counter(skipped["shard_id"].to_pylist())
    marks = pa.table({"rule": pa.array(list(rules), pa.string()), "rule_hash": pa.array(list(rules.values()), pa.string())})
    shards = pa.table({
        "shard_id": pa.array(list(stats), pa.string()),
        "blobs": pa.array([s.blobs for s in stats.values()], pa.int64()),
        "content_bytes": pa.array([s.content_bytes for s in stats.values()], pa.int64()),
        "skipped": pa.array([left_out[shard_id] for shard_id in stats], pa.int64()),
        "elapsed_s": pa.array([s.elapsed_s for s in stats.values()], pa.float64()),
    })
    with session.incoming(new_marks=marks, new_shards=shards):
        session.execute(
            f"INSERT INTO shard BY NAME SELECT *, ? AS run_id, {NOW} AS done_at FROM new_shards CROSS JOIN new_marks", [run_id])
