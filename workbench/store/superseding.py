"""A supersession: rows of shards that a corpus no longer has, dropped once its present shards hold the same blobs.

A compacted corpus, or another shard size, gives the same blobs in shards of other ids. What the old shards hold would
count twice, and stay for ever: a rule that changes is scanned over present shards only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from workbench.model import RunId, ShardId
from workbench.store import recording
from workbench.store.connection import Session
from workbench.store.rulebook import RuleBook

BlobFilter = Callable[[pa.Array], pa.Array]
"""Takes blob ids (string array), gives those of them that the corpus has."""


@dataclass(frozen=True, slots=True)
class SupersedeOutcome:
    """What a supersession changed: shards that lost rows, alerts that nothing supports any more."""

    shards: int = 0
    alerts_closed: int = 0


_OLD_ROWS = "shard_id IN (SELECT shard_id FROM old_shard) AND rule IN (SELECT rule FROM old_rule)"
_OLD_SKIPPED = "shard_id IN (SELECT shard_id FROM old_shard)"


def candidates(session: Session, run_id: RunId, book: RuleBook, present: Sequence[ShardId]) -> pa.Array:
    """Blob ids (string array) of rows that old shards hold for the rules of ``book``: those to look for in the corpus."""
    with _old(session, run_id, book, present):
        found = session.table(
            f"""
            SELECT blob_id FROM match WHERE {_OLD_ROWS}
            UNION SELECT blob_id FROM pair WHERE {_OLD_ROWS}
            UNION SELECT blob_id FROM near_miss WHERE {_OLD_ROWS}
            UNION SELECT blob_id FROM skipped_blob WHERE {_OLD_SKIPPED}
            """)
    return found["blob_id"].combine_chunks().cast(pa.string())


def supersede(session: Session, run_id: RunId, book: RuleBook, present: Sequence[ShardId],
              held: pa.Array) -> SupersedeOutcome:
    """Drop what old shards hold of the blobs ``held`` for the rules of ``book``, and the done marks that claimed it.

    Without its mark a shard is scanned again should its layout come back. Rows of other blobs stay, and so do alerts
    that a present shard supports.
    """
    recording.start_noting(session)
    with _old(session, run_id, book, present), session.incoming(held_blob=pa.table({"blob_id": held})):
        in_corpus = "blob_id IN (SELECT blob_id FROM held_blob)"
        losing = session.table(
            f"""
            SELECT shard_id, rule FROM match WHERE {_OLD_ROWS} AND {in_corpus}
            UNION SELECT shard_id, rule FROM pair WHERE {_OLD_ROWS} AND {in_corpus}
            UNION SELECT shard_id, rule FROM near_miss WHERE {_OLD_ROWS} AND {in_corpus}
            UNION SELECT s.shard_id, m.rule FROM skipped_blob s JOIN shard m USING (shard_id)
                  WHERE s.{_OLD_SKIPPED} AND s.{in_corpus}
            """)
        recording.forget(session, f"{_OLD_ROWS} AND {in_corpus}", [], tables=recording.FOUND_IN_BLOBS)
        session.execute(f"DELETE FROM skipped_blob WHERE {_OLD_SKIPPED} AND {in_corpus}")
    with session.incoming(losing=losing):
        session.execute("DELETE FROM shard WHERE (shard_id, rule) IN (SELECT (shard_id, rule) FROM losing)")
    closed = recording.settle(session, "pattern_edited")
    return SupersedeOutcome(len(losing["shard_id"].unique()), closed)


@contextmanager
def _old(session: Session, run_id: RunId, book: RuleBook, present: Sequence[ShardId]) -> Iterator[None]:
    """Let statements read ``old_shard`` (shard_id) and ``old_rule`` (rule): what this run's corpus and rules replaced."""
    now = pa.table({"shard_id": pa.array(present, pa.string())})
    with session.incoming(present_shard=now):
        # A shard without any mark is scanned again wherever it turns up, so nobody misses its rows.
        shards = session.table(
            """
            (SELECT mark.shard_id FROM shard mark JOIN run r USING (run_id)
             WHERE r.corpus = (SELECT corpus FROM run WHERE run_id = ?)
             UNION (SELECT shard_id FROM match UNION SELECT shard_id FROM skipped_blob EXCEPT SELECT shard_id FROM shard))
            EXCEPT SELECT shard_id FROM present_shard
            """, [run_id])
    with session.incoming(old_shard=shards):
        held = session.rows(
            f"""
            SELECT DISTINCT rule, 'secret', secret_type FROM match WHERE {_OLD_SKIPPED}
            UNION ALL SELECT DISTINCT rule, 'pair', pair_type FROM pair WHERE {_OLD_SKIPPED}
            """)
        rules = sorted({*book.rules, *recording.owners(held, book)})
        with session.incoming(old_rule=pa.table({"rule": pa.array(rules, pa.string())})):
            yield
