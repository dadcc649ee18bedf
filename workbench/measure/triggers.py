"""A trigger's rate: how often, in a corpus, the engine is told to look whether a format's token is there.

The engine is as fast as its triggers are rare. One that fires often slows every other rule down, whether or not it finds
anything, so it is measured before a rule is shipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.counting import counted
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.rules import load
from workbench.rules.problem import Problem

MOST_PER_MB = 20.0
"""Times a trigger, or the keywords of a format together, may fire in a megabyte (10^6 bytes) of a corpus."""

_MOST_SCAN_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class TriggerRate:
    """``hits`` of the triggers of format ``index`` of ``secret_type`` in ``scanned_bytes`` of content."""

    secret_type: str
    index: int
    by_keyword: bool
    hits: int
    scanned_bytes: int

    @property
    def per_mb(self) -> float:
        return self.hits * 1e6 / self.scanned_bytes if self.scanned_bytes else 0.0


def trigger_rates(batches: Iterable[pa.RecordBatch], rules: CompiledRules) -> list[TriggerRate]:
    """How often the triggers of every format fire in ``batches`` (with ``content``, ``large_binary``); the oftenest first.

    Formats that are searched only round a partner have no trigger and are left out.
    """
    scratch = rules.scratch()
    counts = np.zeros(len(rules.targets), dtype=np.int64)
    scanned = 0
    for batch in batches:
        content = batch.column(batch.schema.get_field_index("content"))
        for piece in _pieces(content):
            counts += np.bincount(rules.hits(piece, scratch).triggers, minlength=len(counts))
            scanned += len(piece)
    hits: Counter[int] = Counter()
    for number, targets in enumerate(rules.targets):
        for format_number in {t.format for t in targets}:
            hits[format_number] += int(counts[number])
    rates = [TriggerRate(f.secret_type, f.index, f.search == "near", hits[k], scanned)
             for k, f in enumerate(rules.formats) if f.search != "partner"]
    return sorted(rates, key=lambda r: (-r.hits, r.secret_type, r.index))


def _pieces(content: pa.Array) -> Iterable[memoryview]:
    """The content's bytes in pieces that Hyperscan takes; what crosses from one to the next is not counted."""
    buffers = content.buffers()
    if not len(content) or buffers[2] is None:
        return
    offsets = np.frombuffer(buffers[1], dtype=np.int64, count=len(content) + 1, offset=content.offset * 8)
    values = memoryview(buffers[2]).cast("B")
    for low in range(int(offsets[0]), int(offsets[-1]), _MOST_SCAN_BYTES):
        yield values[low : min(low + _MOST_SCAN_BYTES, int(offsets[-1]))]


def too_frequent(loaded: load.Loaded, rates: Sequence[TriggerRate], *, most_per_mb: float = MOST_PER_MB) -> list[Problem]:
    """A problem for every format whose triggers fire more than ``most_per_mb`` times a megabyte."""
    places = {s.type: (f.source, i) for f in loaded.files for i, s in load.numbered(f.text.secrets)}
    problems = []
    for rate in rates:
        if rate.per_mb <= most_per_mb:
            continue
        source, i = places[rate.secret_type]
        what, do = ("keywords", "take longer keywords") if rate.by_keyword else (
            "a trigger", "require a rarer literal, or add near: {keywords: [...]}")
        path = ("secrets", i, "formats", rate.index, "near" if rate.by_keyword else "pattern")
        problems.append(Problem(source.name, source.line(path), rate.secret_type,
                                f"{what} found {rate.per_mb:.0f} times a MB of the corpus", f"at most {most_per_mb:.0f}", do))
    return sorted(problems)


@dataclass(frozen=True, slots=True)
class LiteralRate:
    """How often a string stands in a corpus: ``hits`` in ``blobs`` of ``scanned`` blobs, ``scanned_bytes`` of content."""

    hits: int
    blobs: int
    scanned: int
    scanned_bytes: int

    @property
    def per_mb(self) -> float:
        return self.hits * 1e6 / self.scanned_bytes if self.scanned_bytes else 0.0

    def __str__(self) -> str:
        return (f"{counted(self.hits, 'time')} in {self.scanned_bytes / 1e6:.1f} MB ({self.per_mb:.3g} a MB), "
                f"in {self.blobs} of {counted(self.scanned, 'file')}")


def literal_rate(batches: Iterable[pa.RecordBatch], literal: bytes) -> LiteralRate:
    """How often ``literal`` stands in the ``content`` of ``batches``; overlapping ones count once."""
    hits = blobs = scanned = size = 0
    for batch in batches:
        counts = pc.fill_null(pc.count_substring(batch.column("content"), literal), 0).to_numpy()
        hits, blobs = hits + int(counts.sum()), blobs + int((counts > 0).sum())
        scanned, size = scanned + batch.num_rows, size + sum(len(p) for p in _pieces(batch.column("content")))
    return LiteralRate(hits, blobs, scanned, size)


def match_count(batches: Iterable[pa.RecordBatch], rules: CompiledRules) -> tuple[int, int]:
    """How many matches ``rules`` have in ``batches`` of blobs, and in how many blobs."""
    matches = blobs = 0
    for out in scan_batches(batches, rules):
        blobs += out.num_rows
        matches += sum(len(m) for m in out.column("matches").to_pylist())
    return matches, blobs
