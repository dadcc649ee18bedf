"""A lab scan: a whole corpus through the one scan there is, on all cores, with what an author wants to know of it.

It differs from a batch in what it keeps. Nothing goes into a store: results stay in memory, contexts are cut while a
blob's bytes are there anyway, and what triggers and checks cost is counted. It stops at a bound, and when interrupted
it leaves nothing half done.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from workbench.corpora.manifest import MANIFEST_NAME
from workbench.corpora.reader import Corpus, Shard, read_batches
from workbench.engine.scan import scan_batches
from workbench.engine.trace import Stage, Trace
from workbench.engine.turns import quick_turns
from workbench.errors import CorpusError, ShardError
from workbench.lab.candidates import Candidates, Gathering, Kept, Triggers, triggers_of
from workbench.lab.metered import Heard, MeteredRules
from workbench.lab.warm import WarmContent
from workbench.rules.rule import RuleSet
from workbench.schemas import SCAN_RESULTS

BATCH_BYTES = 8 << 20
"""Content read and scanned at a time: what was just decompressed is scanned while the processor's cache has it."""

SHARD_BYTES = 64 << 20
_COLUMNS = ("blob_id", "content")
MOST_MATCHES = 200_000
"""A scan stops there: a pattern that matches everything is seen to do so long before."""

Look = Callable[[pa.RecordBatch, Sequence[pa.RecordBatch]], None]
"""What a caller does with a batch of blobs and each rule set's results for it; runs in the scanning threads."""


class _Stopped(Exception):
    """Raised inside the engine, between two candidates, once a scan is to end."""


class _Watch(Trace):
    """A trace of one thread that ends the scan when it is told to, or when its matches pass a bound."""

    __slots__ = ("_most", "_stop")

    def __init__(self, stop: threading.Event, most: int) -> None:
        super().__init__()
        self._stop = stop
        self._most = most

    def add(self, secret_type: str, index: int, stage: Stage, start: int, end: int, detail: str = "") -> None:
        self.counts[secret_type, index, stage] += 1
        if stage == "match":
            self._most -= 1
        if self._most < 0 or self._stop.is_set():
            raise _Stopped


@dataclass(slots=True)
class LabScan:
    """What one rule set found in a corpus.

    ``results`` are batches of ``schemas.SCAN_RESULTS``, in the corpus's order. ``seconds`` is wall time, ``trigger_s``
    and ``confirm_s`` are processor time over all threads. ``stages`` counts candidates by (secret type, format, stage).
    ``from_kept`` says that only blobs with a trigger were read, those an earlier scan had kept; ``trigger_s`` is that
    scan's then. ``stopped`` says why the scan ended early; counts are then lower bounds. ``failures`` are shards that
    could not be read, with the reason.
    """

    rules: RuleSet
    results: list[pa.RecordBatch] = field(default_factory=list)
    blobs: int = 0
    content_bytes: int = 0
    all_bytes: int = 0
    seconds: float = 0.0
    trigger_s: float = 0.0
    confirm_s: float = 0.0
    hits: int = 0
    stages: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    from_kept: bool = False
    stopped: str = ""
    failures: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """What was scanned, in words."""
        how = "; only blobs with a trigger of it, kept from the scan before" if self.from_kept else ""
        return f"{self.blobs:,} blobs, {self.content_bytes / 1e6:,.1f} MB in {self.seconds:.2f} s{how}"

    def __repr__(self) -> str:  # results hold raw tokens
        return f"LabScan({len(self.rules.rules)} rules, {self.blobs:,} blobs, {self.content_bytes:,} bytes)"


class Interrupted(KeyboardInterrupt):
    """A scan was interrupted. A notebook shows the sentence and not what the threads were doing."""

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


def check_there(corpus: Corpus) -> None:
    """Raise CorpusError when an open corpus has gone."""
    if not (corpus.folder / MANIFEST_NAME).is_file():
        raise CorpusError(
            f"Corpus {corpus.folder}: it was there when the session opened it and is not any more. Put it "
            "back and run the cell again, or open a session on another one",
            path=corpus.folder,
        )


class CorpusScan:
    """One pass of several rule sets over a corpus: the content is read once, whatever their number.

    With ``candidates``, only the blobs that can hold anything are read when they are known from an earlier scan; with
    ``warm``, content that an earlier scan read is taken from memory.
    """

    def __init__(self, corpus: Corpus, compiled: Sequence[MeteredRules], *, look: Look | None = None, threads: int = 0,
                 most_matches: int = MOST_MATCHES, candidates: Candidates | None = None,
                 warm: WarmContent | None = None) -> None:
        self._corpus = corpus
        self._compiled = tuple(compiled)
        self._look = look
        self._threads = threads or len(os.sched_getaffinity(0))
        self._most = most_matches
        self._candidates = candidates
        self._warm = warm or WarmContent(0)
        self._gathering = Gathering(candidates.files()) if candidates is not None else None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._left = [most_matches for _ in compiled]
        self._reason = ""

    def run(self, *, progress: bool | None = None) -> list[LabScan]:
        """The scans of all rule sets, in their order. ``progress`` draws a bar on standard error (None: on terminals).

        Raises CorpusError when the corpus has gone meanwhile, ShardError when none of it can be read. An interrupt
        ends all threads within one batch and is passed on.
        """
        started = time.perf_counter()
        meters = [c.meter() for c in self._compiled]
        triggers = triggers_of(self._compiled)
        kept = self._candidates.find(triggers) if self._candidates is not None else None
        if kept is None:
            shards = self._corpus.shards(SHARD_BYTES)
            all_bytes = sum(s.content_bytes for s in shards)
            sources = [_Source(s.content_bytes, partial(self._read, s)) for s in shards]
        else:
            all_bytes = kept.all_bytes
            sources = [_Source(b.nbytes, lambda b=b: iter([b])) for b in kept.batches]
        try:
            parts = self._all(sources, progress)
        except KeyboardInterrupt:
            raise Interrupted("The scan was interrupted; the session is as it was before") from None
        scans = [self._scan(k, parts, all_bytes) for k in range(len(self._compiled))]
        for scan, compiled, meter in zip(scans, self._compiled, meters, strict=True):
            scan.trigger_s, scan.confirm_s, scan.hits = compiled.since(meter)
            if kept is not None:
                scan.blobs, scan.content_bytes, scan.trigger_s = kept.blobs, kept.content_bytes, kept.trigger_s
                scan.results += kept.skipped
                scan.from_kept = True
            scan.seconds = time.perf_counter() - started
        if kept is None:
            self._keep(triggers, scans, [b for part in parts for b in part.candidates])
        return scans

    def _read(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        read = partial(read_batches, shard, batch_bytes=BATCH_BYTES, columns=_COLUMNS)
        return self._warm.batches(shard, read)

    def _scan(self, k: int, parts: Sequence[_Part], all_bytes: int) -> LabScan:
        failures = {f"{n}": p.failure for n, p in enumerate(parts) if p.failure}
        scan = LabScan(self._compiled[k].rules, all_bytes=all_bytes, stopped=self._reason, failures=failures)
        for part in parts:
            scan.blobs += part.blobs
            scan.content_bytes += part.content_bytes
            scan.results += part.results[k]
            scan.stages += part.traces[k].counts
        return scan

    def _keep(self, triggers: Triggers, scans: Sequence[LabScan], batches: Sequence[pa.RecordBatch]) -> None:
        """Leave the candidates for the next scan, if this one saw the whole corpus."""
        gathered, first = self._gathering, scans[0]
        if self._candidates is None or gathered is None or not gathered.whole or first.stopped or first.failures:
            return
        skipped = [b.filter(b.column("skipped").is_valid()) for b in first.results]
        self._candidates.keep(Kept(triggers, tuple(batches), tuple(b for b in skipped if len(b)), first.blobs,
                                   first.content_bytes, first.all_bytes, sum(s.trigger_s for s in scans),
                                   gathered.files))

    def _all(self, sources: Sequence[_Source], progress: bool | None) -> list[_Part]:
        from tqdm import tqdm

        bar = tqdm(total=sum(s.size for s in sources), unit="B", unit_scale=True, leave=False, desc="scan",
                   disable=None if progress is None else not progress, file=sys.stderr, mininterval=0.3)
        with bar, quick_turns(), ThreadPoolExecutor(self._threads, thread_name_prefix="lab") as pool:
            # The largest first, so that no thread is left with one when the others are done.
            by_size = sorted(range(len(sources)), key=lambda k: -sources[k].size)
            begun = {k: pool.submit(self._scan_source, sources[k], bar.update) for k in by_size}
            futures = [begun[k] for k in range(len(sources))]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                # On the way out of an interrupt, or of an accident in one thread, the others end at their next
                # candidate.
                self._stop.set()
                for future in futures:
                    future.cancel()
        for future in futures:
            if not future.cancelled() and future.exception() is not None:
                future.result()
        parts = [f.result() for f in futures]
        if any(p.failure for p in parts):
            self._check_still_there(parts)
        return parts

    def _check_still_there(self, parts: Sequence[_Part]) -> None:
        check_there(self._corpus)
        if all(p.failure for p in parts):
            raise ShardError(parts[0].failure)

    def _scan_source(self, source: _Source, told: Callable[[int], object]) -> _Part:
        part = _Part([_Watch(self._stop, self._most) for _ in self._compiled])
        try:
            for batch in self._batches(source, part, told):
                heard = [hit for k in range(len(self._compiled)) for hit in self._scan_batch(k, batch, part)]
                if self._gathering is not None:
                    self._gathering.take(part.candidates, batch, heard)
                if any(len(out) for out in part.last):
                    for results, out in zip(part.results, part.last, strict=True):
                        results.append(out)
                    if self._look is not None:
                        self._look(batch, part.last)
        except _Stopped:
            self._end()
        except ShardError as error:
            part.failure = str(error)
        return part

    def _scan_batch(self, k: int, batch: pa.RecordBatch, part: _Part) -> Heard:
        compiled = self._compiled[k]
        with compiled.metering() as heard:
            (part.last[k],) = scan_batches([batch], compiled, trace=part.traces[k])
        self._count(k, part.last[k])
        return heard

    def _batches(self, source: _Source, part: _Part, told: Callable[[int], object]) -> Iterator[pa.RecordBatch]:
        for batch in source.batches():
            if self._stop.is_set():
                return
            yield batch
            size = pc.sum(pc.binary_length(batch.column("content"))).as_py() or 0
            part.blobs += batch.num_rows
            part.content_bytes += size
            told(size)

    def _count(self, k: int, out: pa.RecordBatch) -> None:
        if not len(out):
            return
        offsets = out.column("matches").offsets
        with self._lock:
            self._left[k] -= offsets[-1].as_py() - offsets[0].as_py()
            if self._left[k] < 0:
                self._end()

    def _end(self) -> None:
        if not self._stop.is_set():
            self._reason = f"it stopped after {self._most:,} matches; totals are lower bounds"
            self._stop.set()


@dataclass(frozen=True, slots=True)
class _Source:
    """What one thread takes at a time: a shard, or a batch of kept candidates. ``size`` in bytes, roughly."""

    size: int
    batches: Callable[[], Iterator[pa.RecordBatch]]


@dataclass(slots=True)
class _Part:
    """One source's share of a scan; ``last`` are the results of its last batch, ``candidates`` blobs with a trigger."""

    traces: list[_Watch]
    results: list[list[pa.RecordBatch]] = field(default_factory=list)
    last: list[pa.RecordBatch] = field(default_factory=list)
    candidates: list[pa.RecordBatch] = field(default_factory=list)
    blobs: int = 0
    content_bytes: int = 0
    failure: str = ""

    def __post_init__(self) -> None:
        self.results = [[] for _ in self.traces]
        self.last = [_NOTHING for _ in self.traces]


_NOTHING = pa.RecordBatch.from_pylist([], schema=SCAN_RESULTS)
