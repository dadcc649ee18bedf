"""The scan: the one function that notebook, command line, batch job and tests all call.

What an author sees in a notebook is by construction what the batch emits. It knows no file, no store, no partner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import hyperscan
import numpy as np
import pyarrow as pa

from workbench.content import Piece, pieces
from workbench.engine.compiled import CompiledRules
from workbench.engine.matcher import BlobMatcher, Match, TooMuchWork
from workbench.engine.pairs import FoundPair, NearMiss, find_pairs
from workbench.engine.repeats import Hits
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

    ``batches`` need the columns ``blob_id`` and ``content`` (``large_binary`` or ``binary_view``). A row stands in the
    results only when its blob has a match or was skipped: ``null_content``, ``too_large`` beyond ``most_blob_bytes``, or
    ``too_many_candidates`` when it is made to keep the confirm stage busy for ever. ``trace`` collects what became of
    every candidate. One call serves one thread; threads share ``ruleset``. Raises TypeError for content of another
    type.
    """
    scratch = ruleset.scratch()
    for batch in batches:
        yield _scan_batch(batch, ruleset, scratch, most_blob_bytes, trace)


def _scan_batch(batch: pa.RecordBatch, ruleset: CompiledRules, scratch: list[hyperscan.Scratch], most_blob_bytes: int,
                trace: Trace | None) -> pa.RecordBatch:
    content = batch.column(batch.schema.get_field_index("content"))
    ids = batch.column(batch.schema.get_field_index("blob_id"))
    out = [{"row": row, "size": 0, **_skip("null_content")} for row in _nulls(content)]
    nulls = {r["row"] for r in out}
    for piece in pieces(content):
        out += _scan_piece(piece, nulls, ruleset, scratch, most_blob_bytes, trace)
    if not out:
        return _NOTHING
    out.sort(key=lambda r: r["row"])
    return pa.RecordBatch.from_pylist([r | {"blob_id": ids[r["row"]].as_py()} for r in out], schema=SCAN_RESULTS)


def _scan_piece(piece: Piece, nulls: set[int], ruleset: CompiledRules, scratch: list[hyperscan.Scratch],
                most_blob_bytes: int, trace: Trace | None) -> Iterator[dict]:
    """Result rows of the blobs of one buffer, in no particular order."""
    values, starts, stops = piece.values, piece.starts, piece.stops
    left_out = set(np.flatnonzero(np.isin(piece.rows, list(nulls))).tolist()) if nulls else set()
    for k in set(np.flatnonzero(stops - starts > most_blob_bytes).tolist()) - left_out:
        left_out.add(k)
        yield {"row": int(piece.rows[k]), "size": int(stops[k] - starts[k]), **_skip("too_large")}
    blobs, triggers, ends = _hits(values, starts, stops, left_out, ruleset, scratch, trace is not None)
    wide = _wide_blobs(values, starts, stops, left_out)
    for k, first, last in _runs(blobs):
        start, stop = int(starts[k]), int(stops[k])
        hits = zip(triggers[first:last].tolist(), (ends[first:last] - start).tolist(), strict=True)
        result = _scan_blob(values[start:stop], hits, ruleset, trace)
        if result is not None:
            wide.discard(k)  # it only begins like UTF-16
            yield {"row": int(piece.rows[k]), "size": stop - start, **result}
    for k in wide:
        start, stop = int(starts[k]), int(stops[k])
        result = _scan_wide(values[start:stop], ruleset, scratch, trace)
        if result is not None:
            yield {"row": int(piece.rows[k]), "size": stop - start, **result}


def _skip(reason: str) -> dict:
    return {"skipped": reason, "matches": [], "pairs": [], "near_misses": []}


def _nulls(content: pa.Array) -> list[int]:
    return np.flatnonzero(content.is_null().to_numpy(zero_copy_only=False)).tolist() if content.null_count else []


def _hits(values: memoryview, starts: np.ndarray, stops: np.ndarray, left_out: set[int], ruleset: CompiledRules,
          scratch: list[hyperscan.Scratch], keep_all: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every trigger that lies inside one blob: (number of the blob, trigger, end offset in the buffer), sorted by end.

    Without ``keep_all``, only those with something beside them that a match could have; keywords, which are no
    candidates themselves, in any case only where the sieve sees one near."""
    found: list[Hits] = []
    for first, last in _stretches(starts, stops, left_out):
        low, high = int(starts[first]), int(stops[last - 1])
        if low < high:
            hits = ruleset.hits(values[low:high], scratch, starts[first:last] - low, stops[first:last] - low)
            known = sum(len(f.ends) for f in found)
            found.append(Hits(hits.triggers, hits.ends + low, hits.firsts + known))
    if not found:
        none = np.empty(0, np.int64)
        return none, none, none
    triggers, ends, firsts = (np.concatenate(column) for column in zip(*found, strict=True))
    blobs = np.searchsorted(starts, ends - 1, "right") - 1
    # The buffer runs on from blob to blob: a trigger that began in the one before is no trigger.
    stands = (ends - ruleset.trigger_lengths[triggers] >= starts[blobs]) & (ends <= stops[blobs])
    data = np.frombuffer(values, np.uint8)
    if keep_all:
        left = np.flatnonzero(stands)
    else:  # what is asked of a hit has one answer for all that have the same bytes round them
        left = np.flatnonzero(stands & (firsts == np.arange(len(firsts))))
        left = left[ruleset.plausible(data, triggers[left], ends[left], starts[blobs[left]], stops[blobs[left]])]
    left = left[ruleset.sieve.passes(data, triggers[left], ends[left], starts[blobs[left]], stops[blobs[left]],
                                     keywords_only=keep_all)]
    if not keep_all:
        passed = np.zeros(len(firsts), bool)
        passed[left] = True
        left = np.flatnonzero(stands & passed[firsts])
    return blobs[left], triggers[left], ends[left]


def _stretches(starts: np.ndarray, stops: np.ndarray, left_out: set[int]) -> Iterator[tuple[int, int]]:
    """Runs of blobs ``[first, last)`` to give Hyperscan in one call: without those left out, at most 1 GiB each."""
    first, count = 0, len(starts)
    for stop in [*sorted(left_out), count]:
        while first < stop:
            last = int(np.searchsorted(stops, starts[first] + _MOST_SCAN_BYTES, "right"))
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


def _wide_blobs(values: memoryview, starts: np.ndarray, stops: np.ndarray, left_out: set[int]) -> set[int]:
    """Blobs that begin as UTF-16 with a byte order mark does."""
    long_enough = np.flatnonzero(stops - starts >= 4)
    if not len(long_enough):
        return set()
    data = np.frombuffer(values, np.uint8)
    first, second = data[starts[long_enough]], data[starts[long_enough] + 1]
    marked = long_enough[((first == 0xFF) & (second == 0xFE)) | ((first == 0xFE) & (second == 0xFF))]
    return {int(k) for k in marked if k not in left_out and is_utf16(bytes(values[starts[k] : starts[k] + 4]))}


def _scan_wide(blob: memoryview, ruleset: CompiledRules, scratch: list[hyperscan.Scratch],
               trace: Trace | None) -> dict | None:
    """Scan a UTF-16 blob as UTF-8 and put its spans back where they stand."""
    text = Utf16Text(blob)
    content = memoryview(text.content)
    if not len(content):
        return None
    whole = np.array([0]), np.array([len(content)])
    _, triggers, ends = _hits(content, *whole, set(), ruleset, scratch, trace is not None)
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
        return _skip("too_many_candidates")
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
