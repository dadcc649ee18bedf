"""Frames: what a scan found, as the tables an author reads. Tokens are masked here, before anyone sees a row.

``finding`` numbers the distinct secrets of a frame: equal numbers are equal secrets. Contexts are those the scan kept;
a match without one has an empty context.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.lab.masking import shape
from workbench.lab.places import Places
from workbench.lab.specimens import MatchKey
from workbench.lab.tables import Results, results
from workbench.model import mask_token
from workbench.rules.rule import FILE, RuleSet, Window
from workbench.schemas import MATCHES, NEAR_MISSES, PAIRS

_LIMITS = {
    "absent": "the blob has no {missing}",
    "bytes": "the closest {missing} stands {over} bytes beyond the window",
    "lines": "the closest {missing} stands {over} lines beyond the window",
    "order": "the closest {missing} stands on the wrong side",
    "overlap": "it shares bytes with the closest {missing}",
    "taken": "the {missing} in reach belongs to another pair",
    "incomplete": "all parts are in reach of it, but not of each other",
}


_MOST_CODES = 1 << 62


@dataclass(frozen=True, slots=True)
class Flat:
    """Scan results as flat tables. Raw: ``matches`` has tokens.

    ``matches`` has the columns of ``schemas.MATCHES``. ``pairs`` and ``near_misses`` have those of their schemas, but
    ``parts``, ``part`` and ``closest`` are row numbers in ``matches``.
    """

    matches: pa.Table
    pairs: pa.Table
    near_misses: pa.Table

    def __repr__(self) -> str:
        return f"Flat({len(self.matches)} matches, {len(self.pairs)} pairs, {len(self.near_misses)} near misses)"

    def match_keys(self, rows: Sequence[int] | np.ndarray | None = None) -> list[MatchKey]:
        """Keys of these rows of ``matches``, or of all."""
        chosen = self.matches.select(["blob_id", "secret_type", "start", "end"])
        if rows is not None:
            chosen = chosen.take(pa.array(rows, pa.int64()))
        return list(zip(*(column.to_pylist() for column in chosen.columns), strict=True))

    def only(self, names: Container[str]) -> Flat:
        """What belongs to rules whose secret types and pairs are ``names``; all of a rule or nothing."""
        keep = np.array([t in names for t in self.matches.column("secret_type").to_pylist()], bool)
        number = pa.array(np.cumsum(keep) - 1, pa.int64())

        def of(table: pa.Table, column: str) -> pa.Table:
            chosen = table.filter(pa.array([t in names for t in table.column("pair_type").to_pylist()], pa.bool_()))
            values = chosen.column(column).combine_chunks()
            if pa.types.is_list(values.type):
                values = pa.ListArray.from_arrays(_offsets(values), number.take(values.flatten()))
            else:
                values = number.take(values)
            return chosen.set_column(chosen.schema.get_field_index(column), chosen.field(column), values)

        return Flat(
            self.matches.filter(pa.array(keep)), of(self.pairs, "parts"), of(of(self.near_misses, "part"), "closest")
        )

    def __add__(self, other: Flat) -> Flat:
        """Both, one after the other."""
        base = len(self.matches)

        def moved(table: pa.Table, column: str) -> pa.Table:
            values = table.column(column).combine_chunks()
            if pa.types.is_list(values.type):
                values = pa.ListArray.from_arrays(_offsets(values), pc.add(values.flatten(), base))
            else:
                values = pc.add(values, base)
            return table.set_column(table.schema.get_field_index(column), table.field(column), values)

        return Flat(pa.concat_tables([self.matches, other.matches]),
                    pa.concat_tables([self.pairs, moved(other.pairs, "parts")]),
                    pa.concat_tables([self.near_misses, moved(moved(other.near_misses, "part"), "closest")]))

    def findings(self) -> np.ndarray:
        """A number a match, from 0 in order of appearance; equal for equal secrets of one type."""
        return numbered([self._codes("secret_type"), self._codes("token")])

    def tokens(self) -> np.ndarray:
        """A number a match, equal for equal tokens, of whatever type."""
        return self._codes("token")

    def _codes(self, name: str) -> np.ndarray:
        column = self.matches.column(name).combine_chunks()
        return pc.dictionary_encode(column).indices.to_numpy().astype(np.int64)


def _offsets(lists: pa.ListArray) -> pa.Array | list[int]:
    """The offsets of lists, from 0."""
    return pc.subtract(lists.offsets, lists.offsets[0]) if len(lists) else [0]


def numbered(columns: Sequence[np.ndarray]) -> np.ndarray:
    """A number a row, from 0 in order of appearance, equal where all columns (int64, not negative) are."""
    code, codes = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        width = int(column.max(initial=0)) + 1
        if codes * width > _MOST_CODES:
            code, codes = pd.factorize(code)[0].astype(np.int64), len(code) + 1
        code, codes = code * width + column, codes * width
    return pd.factorize(code)[0].astype(np.int64)


def ascending(values: np.ndarray) -> np.ndarray:
    """The stable order of numbers (int64, not negative): digit by digit, as numpy sorts 16 bits in a single pass."""
    order = np.arange(len(values))
    for shift in range(0, int(values.max(initial=0)).bit_length(), 16):
        digit = (values[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digit, kind="stable")]
    return order


def flatten(batches: Iterable[pa.RecordBatch]) -> Flat:
    """Batches of ``schemas.SCAN_RESULTS`` as flat tables."""
    tables: dict[str, list[pa.Table]] = {"matches": [], "pairs": [], "near_misses": []}
    base = 0
    for batch in batches:
        if not len(batch):
            continue
        offsets = batch.column("matches").offsets.to_numpy() - batch.column("matches").offsets[0].as_py() + base
        for name, schema in (("matches", MATCHES), ("pairs", PAIRS), ("near_misses", NEAR_MISSES)):
            tables[name].append(_rows(batch, name, schema, offsets))
        base = int(offsets[-1])
    return Flat(pa.concat_tables([MATCHES.empty_table(), *tables["matches"]]),
                pa.concat_tables([_wide(PAIRS).empty_table(), *tables["pairs"]]),
                pa.concat_tables([_wide(NEAR_MISSES).empty_table(), *tables["near_misses"]]))


def _wide(schema: pa.Schema) -> pa.Schema:
    """The schema with row numbers of 64 bits for indices into a blob's matches."""
    wide = {"parts": pa.list_(pa.int64()), "part": pa.int64(), "closest": pa.int64()}
    return pa.schema([pa.field(f.name, wide.get(f.name, f.type)) for f in schema])


def _rows(batch: pa.RecordBatch, name: str, schema: pa.Schema, offsets: np.ndarray) -> pa.Table:
    column = batch.column(name)
    parents = pc.list_parent_indices(column)
    struct = pc.list_flatten(column)
    first = pa.array(offsets[:-1], pa.int64()).take(parents)
    out: dict[str, pa.Array] = {"blob_id": batch.column("blob_id").take(parents)}
    if name == "matches":
        ordinal = np.arange(len(struct), dtype=np.int64) + int(offsets[0])
        out["match"] = pc.subtract(pa.array(ordinal), first).cast(pa.int32())
    for field in struct.type:
        values = struct.field(field.name)
        if field.name in ("part", "closest"):
            values = pc.add(values.cast(pa.int64()), first)
        elif field.name == "parts":
            flat = pc.add(values.flatten().cast(pa.int64()), first.take(pc.list_parent_indices(values)))
            values = pa.ListArray.from_arrays(pc.subtract(values.offsets, values.offsets[0]), flat)
        out[field.name] = values
    target = schema if name == "matches" else _wide(schema)
    return pa.table({n: out[n] for n in target.names}, schema=target)


def matches_frame(flat: Flat, rules: RuleSet, contexts: Mapping[MatchKey, str], places: Places) -> Results:
    """A row a match: type, format, masked secret, its shape, finding, line, column, context, first place, span."""
    table = flat.matches
    types, indices = table.column("secret_type").to_pylist(), table.column("format").to_pylist()
    tokens = table.column("token").to_pylist()
    labels = {(s.type, k): f.label for s in rules.secret_types.values() for k, f in enumerate(s.formats)}
    columns = {
        "type": table.column("secret_type"),
        "format": [labels.get((t, k), "") for t, k in zip(types, indices, strict=True)],
        "secret": [mask_token(t) for t in tokens],
        "shape": [shape(t) for t in tokens],
        "finding": flat.findings(),
        "line": table.column("start_line"),
        "column": table.column("start_column"),
        "context": [contexts.get(key, "") for key in flat.match_keys()],
        **place_columns(table.column("blob_id"), places),
        "alertable": table.column("alertable"),
        "blob_id": table.column("blob_id"), "start": table.column("start"), "end": table.column("end"),
        "end_line": table.column("end_line"),
    }
    return results(columns)


def pairs_frame(flat: Flat, contexts: Mapping[MatchKey, str], places: Places) -> Results:
    """A row a pair: type, masked secrets, gaps, line, contexts of its parts, first place, spans of its parts."""
    table, keys = flat.pairs, flat.match_keys()
    members = table.column("parts").to_pylist()
    masked = [mask_token(t) for t in flat.matches.column("token").to_pylist()]
    lines = flat.matches.column("start_line").to_pylist()
    columns = {
        "type": table.column("pair_type"),
        "secrets": [" + ".join(masked[k] for k in m) for m in members],
        "gap_bytes": table.column("gap_bytes"), "gap_lines": table.column("gap_lines"),
        "line": pa.array([min(lines[k] for k in m) for m in members], pa.int32()),
        "context": [_joined([contexts.get(keys[k], "") for k in m]) for m in members],
        **place_columns(table.column("blob_id"), places),
        "blob_id": table.column("blob_id"),
        "starts": pa.array([[keys[k][2] for k in m] for m in members], pa.list_(pa.int64())),
        "ends": pa.array([[keys[k][3] for k in m] for m in members], pa.list_(pa.int64())),
    }
    return results(columns)


def near_misses_frame(flat: Flat, rules: RuleSet, contexts: Mapping[MatchKey, str], places: Places) -> Results:
    """A row a lone part and the part it lacked: the limit that failed, by how much, and why in words."""
    table, keys = flat.near_misses, flat.match_keys()
    part, closest = table.column("part").to_pylist(), table.column("closest").to_pylist()
    tokens, lines = flat.matches.column("token").to_pylist(), flat.matches.column("start_line").to_pylist()
    said = (table.column(n).to_pylist() for n in ("pair_type", "limit", "missing_type", "exceeded_by"))
    words = [_words(rules.pairs[name].window, *rest) for name, *rest in zip(*said, strict=True)]
    columns = {
        "type": table.column("pair_type"),
        "part": [keys[k][1] for k in part],
        "secret": [mask_token(tokens[k]) for k in part],
        "line": pa.array([lines[k] for k in part], pa.int32()),
        "missing": table.column("missing_type"), "limit": table.column("limit"), "reason": words,
        "exceeded_by": table.column("exceeded_by"),
        "gap_bytes": table.column("gap_bytes"), "gap_lines": table.column("gap_lines"),
        "closest_line": pa.array([None if k is None else lines[k] for k in closest], pa.int32()),
        "context": [contexts.get(keys[k], "") for k in part],
        **place_columns(table.column("blob_id"), places),
        "blob_id": table.column("blob_id"),
        "start": pa.array([keys[k][2] for k in part], pa.int64()),
        "end": pa.array([keys[k][3] for k in part], pa.int64()),
    }
    return results(columns)


def _words(window: Window, limit: str, missing: str, over: int | None) -> str:
    """Why a part did not pair. Outside a narrow window no one may have looked for what has no literal of its own."""
    if limit == "absent" and window != FILE:
        return f"no {missing} within {window}; a part without a literal of its own is searched nowhere else"
    return _LIMITS[limit].format(missing=missing, over=over)


def _joined(contexts: Sequence[str]) -> str:
    return " ⋯ ".join(c for c in contexts if c)


def place_columns(blob_ids: pa.ChunkedArray | pa.Array, places: Places) -> dict[str, pa.Array]:
    """First place of each blob: repository, path, path class, number of places, address; nulls where it has none."""
    ids = blob_ids.to_pylist()
    first = places.first(set(ids)).reindex(ids)
    return {name: pa.array(first[name], from_pandas=True) if len(first) else
            pa.array([], pa.int64() if name == "places" else pa.string()) for name in first.columns}
