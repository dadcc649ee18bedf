"""Scan results made by hand, in the shape in which the engine gives them, with tokens made at run time."""

from __future__ import annotations

import hashlib
import weakref
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from workbench.model import RuleHash, ShardId
from workbench.schemas import LOCATIONS, SCAN_RESULTS
from workbench.store.reader import StoreReader
from workbench.store.recording import ShardStats
from workbench.store.rulebook import RuleInfo, TypeInfo
from workbench.store.store import Store

KEY = hashlib.sha256(b"a key for tests").digest()
OTHER_KEY = hashlib.sha256(b"another").digest()
SHARDS = 3
STATS = ShardStats(blobs=40, content_bytes=4000, elapsed_s=0.1)


def rule_hash(rule: str, version: int = 1) -> RuleHash:
    return RuleHash(hashlib.sha256(f"{rule}/{version}".encode()).hexdigest()[:16])


def single(slug: str, *, provider: str = "Acme", partner: bool = True, version: int = 1) -> RuleInfo:
    return RuleInfo(slug, rule_hash(slug, version), (TypeInfo(slug, slug.title(), provider, partner, True),))


def paired(slug: str, parts: tuple[str, ...], *, provider: str = "Duo Ltd", partner: bool = True,
           version: int = 1) -> RuleInfo:
    types = tuple(TypeInfo(part, part.title(), provider, partner, True) for part in parts)
    return RuleInfo(slug, rule_hash(slug, version), (*types, TypeInfo(slug, slug.title(), provider, partner, True, parts)))


DUO_PARTS = ("duo_id", "duo_secret")
RULES = (single("acme_token"), single("acme_legacy_token", partner=False), paired("duo_key", DUO_PARTS))


def hashes(rules: tuple[RuleInfo, ...] = RULES) -> dict[str, RuleHash]:
    return {info.rule: info.rule_hash for info in rules}


def token(*what: object) -> bytes:
    """A token that looks like one and stands in no file: made of a hash, the same for the same arguments."""
    return b"tk" + b"_" + hashlib.sha256(repr(what).encode()).hexdigest()[:34].encode()


def blob_id(*what: object) -> str:
    return hashlib.sha1(repr(what).encode()).hexdigest()


def shard_id(number: int) -> ShardId:
    return ShardId(f"{hashlib.sha256(b'a blobs file').hexdigest()[:16]}:{number}-{number}")


def match(secret_type: str, value: bytes, *, at: int = 0, line: int = 1, alertable: bool = True) -> dict[str, object]:
    return {"secret_type": secret_type, "format": 0, "start": at, "end": at + len(value), "start_line": line,
            "start_column": 1, "end_line": line, "token": value, "is_base64_encoded": False, "alertable": alertable}


def pair(pair_type: str, *parts: int) -> dict[str, object]:
    return {"pair_type": pair_type, "parts": list(parts), "gap_bytes": 3, "gap_lines": 1}


def near_miss(pair_type: str, part: int, missing: str, *, limit: str = "absent", closest: int | None = None,
              by: int | None = None) -> dict[str, object]:
    return {"pair_type": pair_type, "part": part, "missing_type": missing, "limit": limit, "closest": closest,
            "gap_bytes": None if closest is None else 90, "gap_lines": None if closest is None else 4, "exceeded_by": by}


def row(blob: str, *matches: dict[str, object], pairs: tuple[dict[str, object], ...] = (),
        near_misses: tuple[dict[str, object], ...] = (), skipped: str | None = None) -> dict[str, object]:
    return {"blob_id": blob, "size": 100, "skipped": skipped, "matches": list(matches), "pairs": list(pairs),
            "near_misses": list(near_misses)}


def batch(*rows: dict[str, object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=SCAN_RESULTS)


def a_shard(number: int) -> list[pa.RecordBatch]:
    """A shard with something of everything: repeated tokens, tokens other shards have too, pairs, near misses."""
    rows = []
    for index in range(8):
        shared, own = token("acme", index % 3), token("acme", number, index)
        rows.append(row(blob_id(number, index), match("acme_token", shared), match("acme_token", own, at=100, line=3)))
    left, right = token("id", number), token("secret", number)
    rows.append(row(blob_id(number, "pair"), match("duo_id", left), match("duo_secret", right, at=60, line=2),
                    match("acme_legacy_token", token("legacy", number), at=200, line=9), pairs=(pair("duo_key", 0, 1),)))
    rows.append(row(blob_id(number, "near"), match("duo_id", left, alertable=False),
                    match("duo_secret", token("far", number), at=500, line=40, alertable=False),
                    near_misses=(near_miss("duo_key", 0, "duo_secret", limit="lines", closest=1, by=8),)))
    rows.append(row(blob_id(number, "skipped"), skipped="binary"))
    return [batch(*rows[:5]), batch(*rows[5:])]


def locate(blob_ids: pa.Array) -> pa.Table:
    """Two places of every blob: the file's first commit and, at another path, a later one."""
    day = datetime(2024, 1, 1, tzinfo=UTC)
    rows = []
    for number, blob in enumerate(sorted(blob_ids.to_pylist())):
        for later, path in enumerate(("config.py", "old/config.py")):
            revision = blob_id("commit", blob, later)
            rows.append({"blob_id": blob, "source": "content", "repository": f"owner/repo-{blob[:1]}",
                         "revision": revision, "path": f"{blob[:6]}/{path}",
                         "committed_at": day + timedelta(days=number + 100 * later),
                         "url": f"https://example.test/{revision}/{blob[:6]}/{path}"})
    return pa.Table.from_pylist(rows, schema=LOCATIONS)


_readers: weakref.WeakKeyDictionary[Store, StoreReader] = weakref.WeakKeyDictionary()


def reading(store: Store) -> StoreReader:
    """The store's reader; made once, for a fresh DuckDB instance takes longer than most of what tests read."""
    if store not in _readers:
        _readers[store] = StoreReader(store.path)
    return _readers[store]


def begin(store: Store, rules: tuple[RuleInfo, ...] = RULES) -> str:
    return store.begin_run(rules, corpus="made", rule_set_hash="0123456789abcdef", params={"threads": 1})


def run_all(store: Store, rules: tuple[RuleInfo, ...] = RULES, shards: int = SHARDS) -> None:
    """What a batch does: the missing shards, then the locations."""
    run_id = begin(store, rules)
    done = store.done()
    wanted = hashes(rules)
    for number in range(shards):
        if any((shard_id(number), rule, value) not in done for rule, value in wanted.items()):
            store.record_shard(run_id, shard_id(number), wanted, a_shard(number), stats=STATS)
    store.record_locations(run_id, {"f" * 64: locate})
    store.finish_run(run_id, "done", counts={"shards": shards})
