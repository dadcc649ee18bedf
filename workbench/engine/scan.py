"""The scan: the one function that notebook, command line, batch job and tests all call.

What an author sees in a notebook is by construction what the batch emits. It knows no file, no store, no partner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import hyperscan
import numpy as np
import pyarrow as pa

from workbench.engine.compiled import CompiledRules
from workbench.engine.matcher import BlobMatcher, Match, TooMuchWork
from workbench.engine.pairs import FoundPair, NearMiss, find_pairs
from workbench.engine.trace import Trace
from workbench.engine.utf16 import Utf16Text, is_utf16
from workbench.schemas import SCAN_RESULTS

MOST_BLOB_BYTES = 64 << 20
"""Blobs beyond this size are skipped and counted, in bytes. GitHub documents no limit of its own."""

_MOST_SCAN_BYTES = 1 << 30  # Hyperscan takes at most 4 GiB in one call

_NOTHING = pa.RecordBatch.from_pylist([], schema=SCAN_RESULTS)


def scan_batches(batches: Iterable[pa.RecordBatch], ruleset: CompiledRules, *, most_blob_bytes: int = MOST_BLOB_BYTES,
                 trace: Trace | None = None) -> Iterator[pa.RecordBatch]:
    """Scan batches of blobs; yields one batch of :data:`workbench.schemas.SCAN_RESULTS` for each, in order.

    ``batches`` need the columns ``blob_id`` and ``content`` (``large_binary``). A row stands in the results only when
    its blob has a match or was skipped: ``null_content``, ``too_large`` beyond ``most_blob_bytes``, or
    ``too_many_candidates`` when it is made to keep the confirm stage busy for ever. ``trace`` collects what became of every candidate. One call serves one thread; threads share ``ruleset``.
    """
    scratch = ruleset.scratch()
    for batch in batches:
        yield _scan_batch(batch, ruleset, scratch, most_blob_bytes, trace)


def _scan_batch(batch: pa.RecordBatch, ruleset: CompiledRules, scratch: list[hyperscan.Scratch], most_blob_bytes: int,
                trace: Trace | None) -> pa.RecordBatch:
    content = batch.column(batch.schema.get_field_index("content"))
    if content.type != pa.large_binary():
        raise TypeError(f"Expected content of type large_binary but got {content.type}")
    if not len(content):
        return _NOTHING
    buffers = content.buffers()
    offsets = np.frombuffer(buffers[1], dtype=np.int64, count=len(content) + 1, offset=content.offset * 8)
    values = memoryview(buffers[2]).cast("B") if buffers[2] is not None else memoryview(b"")
    skipped = _skipped(content, offsets, most_blob_bytes)
    rows, triggers, ends = _hits(values, offsets, skipped, ruleset, scratch,
                                 trace is not None)
    wide = _wide_rows(values, offsets, skipped)
    out: list[dict] = []
    ids = batch.column(batch.schema.get_field_index("blob_id"))
    for row, first, last in _runs(rows):
        start, stop = int(offsets[row]), int(offsets[row + 1])
        hits = zip(triggers[first:last].tolist(), (ends[first:last] - start).tolist(), strict=True)
        result = _scan_blob(values[start:stop], hits, ruleset, trace)
        if result is not None:
            wide.discard(row)  # it only begins like UTF-16
            out.append({"row": row, "blob_id": ids[row].as_py(), "size": stop - start, **result})
    for row in sorted(wide):
        start, stop = int(offsets[row]), int(offsets[row + 1])
        result = _scan_wide(values[start:stop], ruleset, scratch, trace)
        if result is not None:
            out.append({"row": row, "blob_id": ids[row].as_py(), "size": stop - start, **result})
    for row, reason in skipped.items():
        size = int(offsets[row + 1] - offsets[row])
        out.append({"row": row, "blob_id": ids[row].as_py(), "size": size, "skipped": reason, "matches": [],
                    "pairs": [], "near_misses": []})
    if not out:
        return _NOTHING
    out.sort(key=lambda r: r["row"])
    return pa.RecordBatch.from_pylist(out, schema=SCAN_RESULTS)


def _skipped(content: pa.Array, offsets: np.ndarray, most_blob_bytes: int) -> dict[int, str]:
    """Rows that are not scanned, with the reason."""
    large = np.flatnonzero(offsets[1:] - offsets[:-1] > most_blob_bytes)
    out = {int(r): "too_large" for r in large}
    if content.null_count:
        nulls = np.flatnonzero(content.is_null().to_numpy(zero_copy_only=False))
        out |= {int(r): "null_content" for r in nulls}
    return out


def _hits(values: memoryview, offsets: np.ndarray, skipped: dict[int, str], ruleset: CompiledRules,
          scratch: list[hyperscan.Scratch], keep_all: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every trigger that lies inside one row: (row, trigger, end offset in the buffer), sorted by end offset.

    Without ``keep_all``, only those with something beside them that a match could have; keywords, which are no candidates
    themselves, in any case only where the sieve sees one near."""
    found = []
    for first, last in _stretches(offsets, skipped):
        low, high = int(offsets[first]), int(offsets[last])
        if low < high:
            triggers, ends = ruleset.hits(values[low:high], scratch)
            found.append((triggers, ends + low))
    if not found:
        none = np.empty(0, np.int64)
        return none, none, none
    triggers = np.concatenate([f[0] for f in found])
    ends = np.concatenate([f[1] for f in found])
    order = np.lexsort((triggers, ends))
    triggers, ends = triggers[order], ends[order]
    rows = np.searchsorted(offsets, ends - 1, "right") - 1
    # The buffer runs on from blob to blob: a trigger that began in the one before is no trigger.
    good = ends - ruleset.trigger_lengths[triggers] >= offsets[rows]
    left = np.flatnonzero(good)
    data = np.frombuffer(values, np.uint8)
    for is_worth in (ruleset.plausible, ruleset.sieve.passes)[keep_all:]:
        left = left[is_worth(data, triggers[left], ends[left], offsets[rows[left]], offsets[rows[left] + 1])]
    return rows[left], triggers[left], ends[left]


def _stretches(offsets: np.ndarray, skipped: dict[int, str]) -> Iterator[tuple[int, int]]:
    """Runs of rows ``[first, last)`` to give Hyperscan in one call: without skipped rows, at most 1 GiB each."""
    first, count = 0, len(offsets) - 1
    for stop in [*sorted(skipped), count]:
        while first < stop:
            last = int(np.searchsorted(offsets, offsets[first] + _MOST_SCAN_BYTES, "right")) - 1
            last = min(max(last, first + 1), stop)
            yield first, last
            first = last
        first = stop + 1


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Runs of equal rows: (row, first, last)."""
    if not len(rows):
        return
    edges = np.flatnonzero(np.diff(rows)) + 1
    starts = [0, *edges.tolist()]
    for first, last in zip(starts, [*edges.tolist(), len(rows)], strict=True):
        yield int(rows[first]), first, last


def _wide_rows(values: memoryview, offsets: np.ndarray, skipped: dict[int, str]) -> set[int]:
    """Rows whose blobs begin with the byte order mark of UTF-16."""
    starts = offsets[:-1]
    long_enough = np.flatnonzero(offsets[1:] - starts >= 4)
    if not len(long_enough):
        return set()
    data = np.frombuffer(values, np.uint8)
    first, second = data[starts[long_enough]], data[starts[long_enough] + 1]
    marked = long_enough[((first == 0xFF) & (second == 0xFE)) | ((first == 0xFE) & (second == 0xFF))]
    return {int(r) for r in marked if r not in skipped and is_utf16(bytes(values[starts[r] : starts[r] + 4]))}


def _scan_wide(blob: memoryview, ruleset: CompiledRules, scratch: list[hyperscan.Scratch],
               trace: Trace | None) -> dict | None:
    """Scan a UTF-16 blob as UTF-8 and put its spans back where they stand."""
    text = Utf16Text(blob)
    content = memoryview(text.content)
    offsets = np.array([0, len(content)], dtype=np.int64)
    if not len(content):
        return None
    _, triggers, ends = _hits(content, offsets, {}, ruleset, scratch, trace is not None)
    result = _scan_blob(content, zip(triggers.tolist(), ends.tolist(), strict=True), ruleset, trace)
    for match in result["matches"] if result else ():
        line_start = match["start"] - match["start_column"] + 1
        start = text.original(match["start"])
        match |= {"start": start, "end": text.original(match["end"]),
                  "start_column": start - text.original(line_start) + 1}
    return result


def _scan_blob(blob: memoryview, hits: Iterable[tuple[int, int]], ruleset: CompiledRules,
               trace: Trace | None) -> dict | None:
    try:
        matches = BlobMatcher(blob, ruleset, trace).matches(hits)
    except TooMuchWork:
        return {"skipped": "too_many_candidates", "matches": [], "pairs": [], "near_misses": []}
    if not matches:
        return None
    for match in matches:
        match.alertable = match.secret_type not in ruleset.part_types
    pairs, misses = find_pairs(matches, ruleset.pairs) if ruleset.pairs else ([], [])
    return {"skipped": None, "matches": [_match_row(m) for m in matches], "pairs": [_pair_row(p) for p in pairs],
            "near_misses": [_miss_row(n) for n in misses]}


def _match_row(m: Match) -> dict:
    return {"secret_type": m.secret_type, "format": m.format, "start": m.start, "end": m.end,
            "start_line": m.start_line, "start_column": m.start_column, "end_line": m.end_line, "token": m.token,
            "is_base64_encoded": m.is_base64_encoded, "alertable": m.alertable}


def _pair_row(p: FoundPair) -> dict:
    return {"pair_type": p.pair_type, "parts": list(p.parts), "gap_bytes": p.gap_bytes, "gap_lines": p.gap_lines}


def _miss_row(n: NearMiss) -> dict:
    return {"pair_type": n.pair_type, "part": n.part, "missing_type": n.missing_type, "limit": n.limit,
            "closest": n.closest, "gap_bytes": n.gap_bytes, "gap_lines": n.gap_lines, "exceeded_by": n.exceeded_by}


def blob_batch(blobs: Iterable[tuple[str, bytes]]) -> pa.RecordBatch:
    """A batch of :data:`workbench.schemas.BLOBS` shape of (blob id, content) pairs: for texts, canaries and tests."""
    rows = list(blobs)
    return pa.record_batch({"blob_id": pa.array([r[0] for r in rows], pa.string()),
                            "size": pa.array([len(r[1]) for r in rows], pa.int64()),
                            "content": pa.array([r[1] for r in rows], pa.large_binary())})
