"""Rows: what shards' scan results become in the store, with every token replaced by its fingerprint.

Pure: results in, Arrow tables out. The raw tokens of alerts stay beside the tables as secrets, to be sealed; no Arrow
table that DuckDB sees ever holds one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import UsageError
from workbench.model import Secret, ShardId
from workbench.schemas import SCAN_RESULTS
from workbench.store.rulebook import RuleBook
from workbench.store.sealing import Sealer

FINDINGS = pa.schema([("fingerprint", pa.string()), ("secret_type", pa.string()), ("length_bytes", pa.int64())])
ALERTS = pa.schema([("alert_id", pa.string()), ("kind", pa.string()), ("alert_type", pa.string()),
                    ("findings", pa.list_(pa.string()))])


@dataclass(frozen=True, slots=True)
class ShardRows:
    """Rows of one shard or several, each table named and shaped as the store's."""

    matches: pa.Table
    pairs: pa.Table
    near_misses: pa.Table
    skipped: pa.Table
    findings: pa.Table
    alerts: pa.Table
    secrets: Mapping[str, Secret] = field(repr=False)  # fingerprint -> token, for the findings of alerts


def shard_rows(shard_id: ShardId, results: Iterable[pa.RecordBatch], book: RuleBook, sealer: Sealer) -> ShardRows:
    """Rows of the results (``schemas.SCAN_RESULTS``) of one shard scanned with the rules of ``book``.

    A blob id that comes twice is one content, so its first row stands for both. Raises UsageError for results of
    another shape, or of types that are not in ``book``.
    """
    table = _once(_as_table(results), "blob_id")
    matches = _Matches(table, book, sealer)
    pairs, pair_alerts = _pairs(table, matches, book, sealer)
    alerts = {**matches.alerts(), **pair_alerts}
    skipped = table.filter(pc.is_valid(table["skipped"]))
    left_out = pa.table({"blob_id": skipped["blob_id"], "size_bytes": skipped["size"], "reason": skipped["skipped"]})
    return ShardRows(
        matches=_of_shard(shard_id, matches.table()),
        pairs=_of_shard(shard_id, pairs),
        near_misses=_of_shard(shard_id, _near_misses(table, matches, book)),
        skipped=_of_shard(shard_id, left_out),
        findings=matches.findings(),
        alerts=pa.Table.from_pylist(
            [{"alert_id": alert_id, "kind": kind, "alert_type": alert_type, "findings": list(findings)}
             for alert_id, (kind, alert_type, findings) in alerts.items()], schema=ALERTS),
        secrets=matches.secrets({name for _, _, findings in alerts.values() for name in findings}),
    )


def together(rows: Sequence[ShardRows]) -> ShardRows:
    """Rows of several shards as those of one: a finding or an alert of two of them stands once."""
    if len(rows) == 1:
        return rows[0]
    return ShardRows(
        matches=pa.concat_tables([r.matches for r in rows]),
        pairs=pa.concat_tables([r.pairs for r in rows]),
        near_misses=pa.concat_tables([r.near_misses for r in rows]),
        skipped=pa.concat_tables([r.skipped for r in rows]),
        findings=_once(pa.concat_tables([r.findings for r in rows]), "fingerprint"),
        alerts=_once(pa.concat_tables([r.alerts for r in rows]), "alert_id"),
        secrets={name: secret for r in rows for name, secret in r.secrets.items()},
    )


def _of_shard(shard_id: ShardId, table: pa.Table) -> pa.Table:
    return table.append_column("shard_id", pa.repeat(pa.scalar(shard_id, pa.string()), table.num_rows))


Alert = tuple[str, str, tuple[str, ...]]  # kind, type, fingerprints in rule order


class _Matches:
    """The matches of all blobs in one flat run, numbered in the order of the blobs."""

    def __init__(self, table: pa.Table, book: RuleBook, sealer: Sealer) -> None:
        column = table["matches"]
        self.flat, self.parents = _flatten(column)
        counts = pc.list_value_length(column).to_numpy()
        self.first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)  # of each blob, and one past the last
        self.blob_ids = pc.take(table["blob_id"], pa.array(self.parents))
        self.types: list[str] = self.flat.field("secret_type").to_pylist()
        self.alertable: list[bool] = self.flat.field("alertable").to_pylist()
        self._tokens: list[bytes] = self.flat.field("token").to_pylist()
        self._rules = {name: book.rule_of_secret(name) for name in dict.fromkeys(self.types)}
        self._sealer = sealer
        known: dict[tuple[str, bytes], str] = {}
        self.fingerprints: list[str] = []
        for key in zip(self.types, self._tokens, strict=True):
            name = known.get(key)
            if name is None:
                name = known[key] = sealer.fingerprint(*key)
            self.fingerprints.append(name)
        self.alert_ids = self._single_alerts({name for name in self._rules if name not in book.part_types})

    def _single_alerts(self, singles: set[str]) -> list[str | None]:
        """For each match the alert it supports by itself."""
        known: dict[str, str] = {}
        found: list[str | None] = []
        for fingerprint, kind, may in zip(self.fingerprints, self.types, self.alertable, strict=True):
            if not may or kind not in singles:
                found.append(None)
                continue
            if fingerprint not in known:
                known[fingerprint] = self._sealer.alert_id("single", kind, (fingerprint,))
            found.append(known[fingerprint])
        return found

    def alerts(self) -> dict[str, Alert]:
        """The alerts of matches whose type alerts by itself."""
        columns = zip(self.alert_ids, self.types, self.fingerprints, strict=True)
        return {name: ("single", kind, (finding,)) for name, kind, finding in columns if name is not None}

    def table(self) -> pa.Table:
        column = self.flat.field
        return pa.table({
            "rule": pa.array([self._rules[name] for name in self.types], pa.string()),
            "blob_id": self.blob_ids,
            "match_no": pa.array(np.arange(len(self.types)) - self.first[self.parents], pa.int32()),
            "secret_type": column("secret_type"),
            "format": column("format"),
            "start_byte": column("start"),
            "end_byte": column("end"),
            "start_line": column("start_line"),
            "start_column": column("start_column"),
            "end_line": column("end_line"),
            "fingerprint": pa.array(self.fingerprints, pa.string()),
            "is_base64_encoded": column("is_base64_encoded"),
            "alertable": column("alertable"),
            "alert_id": pa.array(self.alert_ids, pa.string()),
        })

    def findings(self) -> pa.Table:
        seen = dict(zip(self.fingerprints, zip(self.types, map(len, self._tokens), strict=True), strict=True))
        columns = [list(seen), [kind for kind, _ in seen.values()], [length for _, length in seen.values()]]
        return pa.table([pa.array(values, kind.type) for values, kind in zip(columns, FINDINGS, strict=True)],
                        schema=FINDINGS)

    def secrets(self, wanted: set[str]) -> dict[str, Secret]:
        named = zip(self.fingerprints, self._tokens, self.types, strict=True)
        return {name: Secret(token, kind) for name, token, kind in named if name in wanted}


def _pairs(table: pa.Table, matches: _Matches, book: RuleBook, sealer: Sealer) -> tuple[pa.Table, dict[str, Alert]]:
    """The pairs' rows, and the alerts of those whose every part is alertable."""
    flat, parents = _flatten(table["pairs"])
    types: list[str] = flat.field("pair_type").to_pylist()
    alert_ids: list[str | None] = []
    alerts: dict[str, Alert] = {}
    for pair_type, parts, row in zip(types, flat.field("parts").to_pylist(), parents.tolist(), strict=True):
        own = _parts_of(book, pair_type, parts, matches, row)
        findings = tuple(matches.fingerprints[index] for index in own)
        if not all(matches.alertable[index] for index in own):
            alert_ids.append(None)
            continue
        alert_id = sealer.alert_id("pair", pair_type, findings)
        alert_ids.append(alert_id)
        alerts[alert_id] = ("pair", pair_type, findings)
    rows = pa.table({
        "rule": pa.array([book.rule_of_pair(name) for name in types], pa.string()),
        "blob_id": pc.take(table["blob_id"], pa.array(parents)),
        "pair_type": flat.field("pair_type"),
        "parts": flat.field("parts"),
        "gap_bytes": flat.field("gap_bytes"),
        "gap_lines": flat.field("gap_lines"),
        "alert_id": pa.array(alert_ids, pa.string()),
    })
    return rows, alerts


def _parts_of(book: RuleBook, pair_type: str, parts: list[int], matches: _Matches, row: int) -> list[int]:
    """The pair's matches in the flat run. Raises UsageError when they are not its parts in rule order."""
    first, end = matches.first[row], matches.first[row + 1]
    own = [int(first + part) for part in parts]
    rule = book.rule_of_pair(pair_type)
    if not all(first <= index < end for index in own):
        raise UsageError(f"Expected a pair of rule {rule} to point into its blob's {end - first} matches but got {parts}")
    got = tuple(matches.types[index] for index in own)
    if got != book.pairs[pair_type].parts:
        raise UsageError(f"Expected the parts of {pair_type} as {book.pairs[pair_type].parts} but got {got}")
    return own


def _near_misses(table: pa.Table, matches: _Matches, book: RuleBook) -> pa.Table:
    flat, parents = _flatten(table["near_misses"])
    column = flat.field
    return pa.table({
        "rule": pa.array([book.rule_of_pair(name) for name in column("pair_type").to_pylist()], pa.string()),
        "blob_id": pc.take(table["blob_id"], pa.array(parents)),
        "pair_type": column("pair_type"),
        "part": column("part"),
        "missing_type": column("missing_type"),
        "failed_limit": column("limit"),
        "closest": column("closest"),
        "gap_bytes": column("gap_bytes"),
        "gap_lines": column("gap_lines"),
        "exceeded_by": column("exceeded_by"),
    })


def _as_table(results: Iterable[pa.RecordBatch]) -> pa.Table:
    batches = list(results)
    for batch in batches:
        # The message names columns and types, never values: those are tokens.
        if not batch.schema.equals(SCAN_RESULTS):
            raise UsageError(f"Expected scan results of {SCAN_RESULTS.names} as schemas.SCAN_RESULTS defines them "
                             f"but got {batch.schema.names} of other types")
    return pa.Table.from_batches(batches, SCAN_RESULTS).combine_chunks()


def _once(table: pa.Table, name: str) -> pa.Table:
    """The first row of every value of column ``name``."""
    _, first = np.unique(table[name].to_numpy(), return_index=True)
    return table if len(first) == table.num_rows else table.take(pa.array(np.sort(first)))


def _flatten(column: pa.ChunkedArray) -> tuple[pa.StructArray, np.ndarray]:
    """The items of all lists in a row, and the row each came from."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # a column of no chunks stays one
        lists = pa.array([], column.type) if lists.num_chunks == 0 else pa.concat_arrays(lists.chunks)
    return pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy()
